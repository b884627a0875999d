"""The rules that derive the weaknesses of an algorithm from its facts.

Each rule has a reason, a severity, a text and references. The worst rule that applies is the weakness of the algorithm.
Findings have the codes of all rules that apply (`weakness_codes`). A test compares this table with docs/grading.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from sshprobe.algorithms.catalogue import Algorithm
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.verdict import SEVERITIES, Severity


class Weakness(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why an algorithm is weak under any profile."""

    severity: Severity
    reason: str
    """Id of the rule: "sha1-exchange"."""
    code: str
    """Its code in `Finding.weaknesses`: "sha1". Several rules may share one."""
    words: str
    """A short description, for a table."""
    why: str
    """The explanation, for `sshprobe explain`."""
    references: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `holds` uses only the facts of an entry."""

    categories: tuple[AlgorithmType, ...]
    weakness: Weakness
    holds: Callable[[Algorithm], bool]


def _rule(
    severity: Severity,
    reason: str,
    categories: str,
    words: str,
    why: str,
    references: tuple[str, ...],
    holds: Callable[[Algorithm], bool],
    *,
    code: str = "",
) -> Rule:
    return Rule(
        categories=tuple(categories.split()),  # type: ignore[arg-type] # the words are algorithm types
        weakness=Weakness(
            severity=severity, reason=reason, code=code or reason, words=words, why=why, references=references
        ),
        holds=holds,
    )


def _at_most(limit: int) -> Callable[[Algorithm], bool]:
    return lambda a: a.bits is not None and a.bits <= limit


SOUND_MODES = ("ctr", "gcm", "poly1305", "ocb", "stream")

RULES: tuple[Rule, ...] = (
    _rule(
        "critical",
        "no-protection",
        "cipher mac",
        "no protection at all",
        "packets are sent as they are, or can be altered unseen",
        ("RFC 4253 sections 6.3 and 6.4",),
        lambda a: a.family == "none",
    ),
    _rule(
        "high",
        "logjam",
        "kex",
        "1024-bit group (Logjam)",
        "one large computation for a group breaks every exchange in it",
        ("CVE-2015-4000", "https://weakdh.org"),
        lambda a: a.group.startswith("MODP-") and int(a.group[5:]) <= 1024,
    ),
    _rule(
        "high",
        "short-strength",
        "kex host_key",
        "80 bits of strength or less",
        "within reach of states, by precomputation where many share a group",
        ("RFC 9142", "https://weakdh.org"),
        lambda a: a.family != "dsa" and _at_most(80)(a),
    ),
    _rule(
        "high",
        "rc4",
        "cipher",
        "RC4",
        "its output is biased, and what is repeated can be read",
        ("RFC 8758",),
        lambda a: a.family == "RC4",
    ),
    _rule(
        "high",
        "short-key",
        "cipher",
        "a key of 56 bits or less",
        "found by trying every key",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.family != "none" and _at_most(56)(a),
    ),
    _rule(
        "high",
        "ecb",
        "cipher",
        "ECB mode",
        "equal blocks of text are equal on the wire",
        ("NIST SP 800-38A section 6.1",),
        lambda a: a.mode == "ecb",
    ),
    _rule(
        "high",
        "dsa",
        "host_key",
        "DSA",
        "withdrawn; in SSH mostly of 1024 bits and signed with SHA-1",
        ("FIPS 186-5", "OpenSSH 7.0 release notes"),
        lambda a: a.family == "dsa",
    ),
    _rule(
        "high",
        "short-tag",
        "mac",
        "a tag of 32 bits or less",
        "forged by trying",
        ("RFC 4418 section 6",),
        lambda a: a.family != "none" and _at_most(32)(a),
    ),
    _rule(
        "medium",
        "low-strength",
        "kex host_key",
        "less than 112 bits of strength",
        "below what is accepted since 2014",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.family != "dsa" and _at_most(111)(a) and not _at_most(80)(a),
    ),
    _rule(
        "medium",
        "sha1-exchange",
        "kex",
        "SHA-1 as exchange hash",
        "collisions can be made, and with them two exchanges that look the same to a signature",
        ("RFC 9142", "https://www.mitls.org/pages/attacks/SLOTH"),
        lambda a: a.hash == "sha1",
        code="sha1",
    ),
    _rule(
        "medium",
        "sha1-signature",
        "host_key",
        "signatures over SHA-1",
        "collisions cost less than 50,000 dollars in 2020; the same RSA key can sign with SHA-2",
        ("RFC 8332", "OpenSSH 8.8 release notes"),
        lambda a: a.hash == "sha1",
        code="sha1",
    ),
    _rule(
        "medium",
        "no-host-key",
        "host_key",
        "no host key",
        "nothing but GSS-API proves who the server is",
        ("RFC 4462 section 5",),
        lambda a: a.family == "none",
    ),
    _rule(
        "medium",
        "withdrawn",
        "kex host_key",
        "withdrawn, or no method's name",
        "its authors took it back, or it is a slip in some software",
        ("OpenSSH 8.5 release notes", "IANA ssh-parameters"),
        lambda a: a.standing in ("withdrawn", "bogus"),
    ),
    _rule(
        "medium",
        "64-bit-block",
        "cipher",
        "64-bit blocks (Sweet32)",
        "they repeat within one long connection, and tell parts of the text",
        ("CVE-2016-2183", "NIST SP 800-131A Rev. 2"),
        lambda a: a.block_bits == 64,
        code="sweet32",
    ),
    _rule(
        "medium",
        "cbc",
        "cipher",
        "CBC mode",
        "what a server does with a broken packet can give parts of the text away",
        ("CVE-2008-5161", "RFC 4344"),
        lambda a: a.family != "none" and a.mode == "cbc",
    ),
    _rule(
        "medium",
        "mode",
        "cipher",
        "CFB, OFB or no stated mode",
        "without counter or authentication, and hardly used",
        ("RFC 4344",),
        lambda a: a.family != "none" and a.mode not in (*SOUND_MODES, "cbc", "ecb"),
        code="old-mode",
    ),
    _rule(
        "medium",
        "md5",
        "mac",
        "MD5",
        "broken as a hash; no forgery of HMAC-MD5 is known, but nothing new should use it",
        ("RFC 6151",),
        lambda a: a.hash == "md5",
    ),
    _rule(
        "medium",
        "sha1-truncated",
        "mac",
        "SHA-1, cut short",
        "broken as a hash, and with a tag of less than 128 bits",
        ("https://csrc.nist.gov/news/2022/nist-transitioning-away-from-sha-1-for-all-apps",),
        lambda a: a.hash == "sha1" and a.bits is not None and a.bits < 160,
        code="sha1",
    ),
    _rule(
        "medium",
        "not-hmac",
        "mac",
        "a bare hash or CBC-MAC",
        "of early SSH, before HMAC",
        ("RFC 2104",),
        lambda a: a.standing == "obsolete",
    ),
    _rule(
        "low",
        "hmac-sha1",
        "mac",
        "SHA-1",
        "HMAC still carries it, but every current list leaves it out",
        ("https://csrc.nist.gov/news/2022/nist-transitioning-away-from-sha-1-for-all-apps",),
        lambda a: a.hash == "sha1",
        code="sha1",
    ),
    _rule(
        "low",
        "truncated",
        "mac",
        "a tag of less than 128 bits",
        "a forgery is likelier the shorter the tag is",
        ("RFC 4418 section 6", "NIST SP 800-107 Rev. 1 section 5.3"),
        lambda a: a.family != "none" and a.bits is not None and a.bits < 128,
        code="short-tag",
    ),
    _rule(
        "low",
        "unreviewed",
        "kex host_key cipher mac compression",
        "little reviewed",
        "experimental, unregistered, or of one country or vendor",
        ("IANA ssh-parameters",),
        lambda a: a.standing in ("unreviewed", "experimental", "bogus"),
    ),
    _rule(
        "low",
        "early-compression",
        "compression",
        "compression before login",
        "anyone who reaches the port can feed the decompressor",
        ("OpenSSH 7.4 release notes",),
        lambda a: a.before_authentication == "yes",
    ),
)
"""Worst first. Of rules with equal severity, the first that applies supplies the text."""

UNKNOWN = Weakness(
    severity="low",
    reason="unknown",
    code="unknown-name",
    words="an unknown name",
    why="the catalogue does not know it, so it cannot pass as strong",
    references=("IANA ssh-parameters",),
)
"""The weakness of a name without an entry: it cannot pass as strong."""

assert [SEVERITIES.index(rule.weakness.severity) for rule in RULES] == sorted(
    SEVERITIES.index(rule.weakness.severity) for rule in RULES
)


@lru_cache(maxsize=1024)
def weakness(algorithm: Algorithm) -> Weakness | None:
    """Return the worst weakness that follows from the facts of an entry, or None."""
    for rule in RULES:
        if algorithm.category in rule.categories and rule.holds(algorithm):
            return rule.weakness
    return None
