"""The rules by which a weakness follows from the facts of an algorithm.

Each rule has a reason, a severity, the words for it and where it is said. The worst rule that holds is the
weakness of the algorithm. A test holds this table against the one in `docs/grading.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from sshprobe.algorithms.catalogue import Algorithm, Class, lookup
from sshprobe.records import SEVERITIES, Severity


class Weakness(msgspec.Struct, frozen=True, kw_only=True):
    """Why an algorithm is weak, whatever a profile says."""

    severity: Severity
    reason: str
    """Id of the rule: "sha1-exchange"."""
    words: str
    references: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: `holds` looks at the facts of an entry and at nothing else."""

    categories: tuple[Class, ...]
    weakness: Weakness
    holds: Callable[[Algorithm], bool]


def _rule(
    severity: Severity,
    reason: str,
    categories: str,
    words: str,
    references: tuple[str, ...],
    holds: Callable[[Algorithm], bool],
) -> Rule:
    return Rule(
        categories=tuple(categories.split()),  # type: ignore[arg-type]
        weakness=Weakness(severity=severity, reason=reason, words=words, references=references),
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
        ("RFC 4253 sections 6.3 and 6.4",),
        lambda a: a.family == "none",
    ),
    _rule(
        "high",
        "short-strength",
        "kex host_key",
        "80 bits of strength or less, within reach of precomputation",
        ("RFC 9142", "https://weakdh.org"),
        lambda a: a.family != "dsa" and _at_most(80)(a),
    ),
    _rule("high", "rc4", "cipher", "RC4, whose output is biased", ("RFC 8758",), lambda a: a.family == "RC4"),
    _rule(
        "high",
        "short-key",
        "cipher",
        "a key of 56 bits or less, found by trying",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.family != "none" and _at_most(56)(a),
    ),
    _rule(
        "high",
        "dsa",
        "host_key",
        "DSA, withdrawn; in SSH mostly of 1024 bits and signed with SHA-1",
        ("FIPS 186-5", "OpenSSH 7.0 release notes"),
        lambda a: a.family == "dsa",
    ),
    _rule(
        "high",
        "short-tag",
        "mac",
        "a tag of 32 bits or less, forged by trying",
        ("RFC 4418 section 6",),
        lambda a: a.family != "none" and _at_most(32)(a),
    ),
    _rule(
        "high",
        "md5-truncated",
        "mac",
        "MD5, cut short",
        ("RFC 6151", "NIST SP 800-131A Rev. 2"),
        lambda a: a.hash == "md5" and a.bits is not None and a.bits < 128,
    ),
    _rule(
        "medium",
        "low-strength",
        "kex host_key",
        "less than 112 bits of strength",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.family != "dsa" and _at_most(111)(a),
    ),
    _rule(
        "medium",
        "sha1-exchange",
        "kex",
        "SHA-1 as exchange hash",
        ("RFC 9142", "CVE-2015-7575"),
        lambda a: a.hash == "sha1",
    ),
    _rule(
        "medium",
        "sha1-signature",
        "host_key",
        "signatures over SHA-1",
        ("RFC 8332", "OpenSSH 8.8 release notes"),
        lambda a: a.hash == "sha1",
    ),
    _rule(
        "medium",
        "no-host-key",
        "host_key",
        "no host key: nothing but GSS-API proves who the server is",
        ("RFC 4462 section 5",),
        lambda a: a.family == "none",
    ),
    _rule(
        "medium",
        "withdrawn",
        "kex host_key",
        "withdrawn, or a name that stands for no method",
        ("OpenSSH 8.5 release notes", "IANA ssh-parameters"),
        lambda a: a.standing in ("withdrawn", "bogus"),
    ),
    _rule(
        "medium",
        "mode",
        "cipher",
        "CBC, or another mode without counter or authentication",
        ("CVE-2008-5161", "RFC 4344"),
        lambda a: a.family != "none" and a.mode not in SOUND_MODES,
    ),
    _rule(
        "medium",
        "64-bit-block",
        "cipher",
        "64-bit blocks, which repeat within one connection",
        ("CVE-2016-2183", "NIST SP 800-131A Rev. 2"),
        lambda a: a.block_bits == 64,
    ),
    _rule("medium", "md5", "mac", "MD5", ("RFC 6151", "NIST SP 800-131A Rev. 2"), lambda a: a.hash == "md5"),
    _rule(
        "medium",
        "sha1-truncated",
        "mac",
        "SHA-1, cut short",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.hash == "sha1" and a.bits is not None and a.bits < 160,
    ),
    _rule(
        "medium",
        "not-hmac",
        "mac",
        "a bare hash or CBC-MAC of early SSH",
        ("RFC 2104",),
        lambda a: a.standing == "obsolete",
    ),
    _rule(
        "low",
        "hmac-sha1",
        "mac",
        "SHA-1, which HMAC still carries but every current list leaves out",
        ("NIST SP 800-131A Rev. 2",),
        lambda a: a.hash == "sha1",
    ),
    _rule(
        "low",
        "truncated",
        "mac",
        "a tag of less than 128 bits",
        ("RFC 4418 section 6", "NIST SP 800-107 Rev. 1 section 5.3"),
        lambda a: a.family != "none" and a.bits is not None and a.bits < 128,
    ),
    _rule(
        "low",
        "unreviewed",
        "kex host_key cipher mac compression",
        "little reviewed, experimental or unregistered",
        ("IANA ssh-parameters",),
        lambda a: a.standing in ("unreviewed", "experimental", "bogus"),
    ),
    _rule(
        "low",
        "early-compression",
        "compression",
        "compression before authentication, open to attack by anyone",
        ("OpenSSH 7.4 release notes",),
        lambda a: a.before_authentication == "yes",
    ),
)
"""Worst first; of equal severity the first that holds gives the words."""

UNKNOWN = Weakness(
    severity="low",
    reason="unknown",
    words="a name that the catalogue does not know",
    references=("IANA ssh-parameters",),
)
"""The weakness of a name without an entry: it cannot pass as strong."""

assert [SEVERITIES.index(rule.weakness.severity) for rule in RULES] == sorted(
    SEVERITIES.index(rule.weakness.severity) for rule in RULES
)


@lru_cache(maxsize=1024)
def weakness(algorithm: Algorithm) -> Weakness | None:
    """The worst weakness that follows from the facts of an entry, or None."""
    for rule in RULES:
        if algorithm.category in rule.categories and rule.holds(algorithm):
            return rule.weakness
    return None


@lru_cache(maxsize=4096)
def weakness_of(category: Class, name: str) -> Weakness | None:
    """The weakness of a name as it stands in a list; `UNKNOWN` for a name without an entry."""
    entry = lookup(category, name)
    return UNKNOWN if entry is None else weakness(entry)
