"""Algorithms that a server offers in the name-lists of its KEXINIT: one judgement each, both directions together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sshprobe.algorithms import (
    ALGORITHM_TYPES,
    AlgorithmType,
    Weakness,
    canonical,
    is_unknown,
    lookup,
    names_aead_cipher,
    weakness_codes,
    weakness_of,
)
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.grading.offers import WORDS, Offer, missing_lists
from sshprobe.grading.strength import is_as_strong, weakest_bits
from sshprobe.model.verdict import SEVERITIES, Severity
from sshprobe.profiles import FORBIDDING_WORDS, AlgorithmRule, Profile

_CERTIFICATE = re.compile(r"-cert(?:-v0[01]@openssh\.com)?$")
"""The end of a certificate's name: without version and domain since OpenSSH 10.6."""


_CODES = {
    "no-protection": "no encryption, or no protection against changes",
    "logjam": "a Diffie-Hellman group of 1024 bits or less (CVE-2015-4000)",
    "short-strength": "80 bits of strength or less",
    "low-strength": "less than 112 bits of strength: a group of less than 2048 bits",
    "rc4": "RC4",
    "short-key": "a cipher key of 56 bits or less",
    "ecb": "ECB mode",
    "dsa": "DSA, of the host or of its certificate authority",
    "short-tag": "a MAC tag of less than 128 bits; high if it has 32 or less",
    "sha1": "SHA-1, in an exchange, a signature or a MAC",
    "no-host-key": "no host key",
    "withdrawn": "a withdrawn method, or a name that is a slip",
    "sweet32": "64-bit blocks (CVE-2016-2183)",
    "cbc": "CBC mode",
    "old-mode": "CFB, OFB or no stated mode",
    "md5": "MD5 in a MAC",
    "not-hmac": "a MAC made before HMAC",
    "unreviewed": "little reviewed",
    "early-compression": "compression before login",
    "unknown-name": "a name that the catalogue does not know",
}
"""Codes of the rules by which the catalogue calls an algorithm weak (`sshprobe.algorithms.weakness`)."""


def for_each_type(reason: str, **texts: Any) -> dict[AlgorithmType, FindingType]:
    """Return a type of finding for each type of algorithm: "kex.weak" and so on. "{}" in a text names the type."""
    return {
        category: FindingType(
            id=f"{category}.{reason}", **{**texts, "meaning": texts["meaning"].format(WORDS[category])}
        )
        for category in ALGORITHM_TYPES
    }


FORBIDDEN = for_each_type(
    "forbidden",
    title="The profile forbids it",
    severity="medium, or that of its weakness if worse",
    deviation="yes",
    when="the profile has the word MUST NOT or SHOULD NOT for it",
    meaning="Among the {} that the server offers is one that the profile names with MUST NOT or SHOULD NOT.",
    why="The authors of the profile judged it unsafe. A client that prefers it will get it.",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; so does `nmap --script
        ssh2-enum-algos -p 22 HOST`.""",
    fix="Take it out of the server's list. The remediation of the finding has the line that leaves the others.",
    references=("RFC 4253 section 7.1",),
)

UNLISTED = for_each_type(
    "unlisted",
    title="Not in the profile, and not known to be as strong",
    severity="low, or that of its weakness if worse",
    deviation="yes",
    when="the profile does not list it, and it is weak, unknown or weaker than the weakest listed",
    meaning="""Among the {} that the server offers is one that the profile does not list, and that is weak, unknown, or
        weaker than the weakest the profile lists.""",
    why="""Both sides settle on what the client prefers of what the server offers: each extra entry is one more that an
        old or hostile peer can choose.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; so does `nmap --script
        ssh2-enum-algos -p 22 HOST`.""",
    fix="Take it out of the server's list. If some client needs it, list it in a profile of your own, with the reason.",
    references=("RFC 4253 section 7.1",),
)

STRONGER = for_each_type(
    "stronger",
    title="Not in the profile, but no weaker than it asks",
    severity="note; low with --strict or a closed list",
    deviation="no; yes with --strict or a closed list",
    when="the profile does not list it, and it is at least as strong as the weakest listed",
    meaning="""Among the {} that the server offers is one that the profile does not list, but that is at least as
        strong as the weakest it lists: often one newer than the profile.""",
    why="""It costs nothing and leaves the host compliant. With --strict, or where the profile has a closed list, it is
        a deviation.""",
    see='`ssh -vv HOST` prints the server\'s lists under "peer server KEXINIT proposal".',
    fix="Nothing need be done. Where exactly the profile's list is asked for, take it out.",
    references=("RFC 4253 section 7.1",),
)

WEAK = for_each_type(
    "weak",
    title="Weak, although the profile lets it pass",
    severity="that of its weakness",
    when="it is weak, and the profile lists it or has no rule for its type",
    meaning="""Among the {} that the server offers is one that is weak by today's measure. The profile lists it, or
        says nothing of its kind, so it is not a deviation. A name that the catalogue does not know counts as weak as
        it looks; where the profile has no closed list of its kind, it can make the verdict `null`.""",
    why="""A guide grows old and its mistakes stay: weak is weak wherever it is listed. `sshprobe explain NAME` has the
        reason and who gives it.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; `ssh -o KexAlgorithms=NAME`,
        `-o Ciphers=NAME`, `-o MACs=NAME` or `-o HostKeyAlgorithms=NAME` shows whether the server agrees to it.""",
    fix="Take it out of the server's list, even though the profile does not ask for that.",
    references=("RFC 4253 section 7.1",),
    codes=_CODES,
)

DATED = for_each_type(
    "dated",
    title="Passes today, and is to go",
    severity="low",
    when="the profile names it among what passes today and is to go, and it has no weakness of its own",
    meaning="Among the {} that the server offers is one that the profile lets pass and advises to take out.",
    why="""No known attack reaches it, so the host is compliant with it. It is weaker than the rest of what the profile
        allows, and later editions of such lists leave it out.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; so does `nmap --script
        ssh2-enum-algos -p 22 HOST`.""",
    fix="""Take it out of the server's list when no client needs it any more. The remediation of the finding has the
        line that leaves the others.""",
    references=("RFC 4253 section 7.1",),
)


def _lists_not_seen(host: GradedHost) -> Iterator[str]:
    for category, rule in host.rules.items():
        if rule is not None:
            yield from missing_lists(host.observation, category)


@check(
    *FORBIDDEN.values(),
    *UNLISTED.values(),
    *STRONGER.values(),
    *WEAK.values(),
    *DATED.values(),
    missing=_lists_not_seen,
)
def algorithms(host: GradedHost) -> list[Judgement]:
    """Find algorithms on offer that the profile does not want, or that the catalogue calls weak."""
    found: list[Judgement] = []
    for category, offers in host.offers.items():
        rule = host.rules[category]
        if rule is None:
            # The profile has no rule for this type: only the catalogue counts.
            found += [_weak(category, each, weak) for each in offers.values() if (weak := _weakness(category, each))]
        else:
            found += _judge_list(host, rule, category, offers)
    return found


def _judge_list(
    host: GradedHost, rule: AlgorithmRule, category: AlgorithmType, offers: dict[str, Offer]
) -> Iterator[Judgement]:
    words = {canonical(category, name): word for name, word in rule.words.items()}
    allowed = {canonical(category, name) for name in rule.allowed}
    dated = {canonical(category, name) for name in rule.dated}
    for same, offer in offers.items():
        word = words.get(same)
        if word is None and category == "mac" and all(map(names_aead_cipher, offer.names)):
            continue  # no client can negotiate it as a MAC
        if word is None and same in dated:
            yield _dated(host.profile, rule, category, offer)
            continue
        if word is None and same not in allowed:
            # A certificate is a key of its type: what forbids the type forbids it too, where it is not named.
            word = words.get(_without_certificate(same))
        named = word is not None or same in allowed
        if word in FORBIDDING_WORDS or not (named or rule.others == "allowed"):
            yield _judge_other(host.profile, rule, category, offer, word, host.strict)
            continue
        weak = _weakness(category, offer)
        # A name that the catalogue does not know, but a profile lists, is a company's own.
        if weak is not None and not (named and is_unknown(category, offer.name)):
            yield _weak(category, offer, weak)


def _without_certificate(name: str) -> str:
    """Return the key algorithm in the name of an OpenSSH certificate (PROTOCOL.certkeys); other names as they are."""
    found = _CERTIFICATE.search(name)
    plain = name if found is None else name[: found.start()]
    return f"{plain}@openssh.com" if plain != name and plain.startswith(("sk-", "webauthn-")) else plain


def _judge_other(
    profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer, word: str | None, strict: bool
) -> Judgement:
    weak = _weakness(category, offer)
    if word is not None:
        return Judgement(
            FORBIDDEN[category],
            severity=_worse("medium", weak),
            algorithm=offer.name,
            message=f"{word} in the profile" + ("" if weak is None else f"; {weak.words}"),
            expected=f"{word}: not offered",
            observed=offer.observed(),
            references=(cite_name(profile, rule, category, offer.name), *_references(weak)),
            deviation=True,
            weaknesses=weakness_codes(category, offer.name),
        )
    if is_as_strong(profile, category, offer.name):
        strict = strict or rule.others == "forbidden"
        return Judgement(
            STRONGER[category],
            severity="low" if strict else "note",
            algorithm=offer.name,
            message="not in the profile's closed list"
            if rule.others == "forbidden"
            else "not in the profile, but no weaker than it asks",
            expected=_one_of(rule),
            observed=offer.observed(),
            references=(profile.cite(rule),),
            deviation=strict,
        )
    return Judgement(
        UNLISTED[category],
        severity=_worse("low", weak),
        algorithm=offer.name,
        message=_why_unlisted(profile, category, offer, weak),
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(profile.cite(rule), *_references(weak)),
        deviation=True,
        weaknesses=weakness_codes(category, offer.name),
    )


def cite_name(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, name: str) -> str:
    """Return the place in the document that a finding about one name cites."""
    same = canonical(category, name)
    return profile.cite(rule, next((each for each in rule.places if canonical(category, each) == same), ""))


def _weak(category: AlgorithmType, offer: Offer, weak: Weakness) -> Judgement:
    return Judgement(
        WEAK[category],
        severity=weak.severity,
        algorithm=offer.name,
        message=weak.words,
        expected="a name that is known"
        if is_unknown(category, offer.name)
        else "not offered, although the profile lets it pass",
        observed=offer.observed(),
        references=weak.references,
        weaknesses=weakness_codes(category, offer.name),
    )


def _dated(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer) -> Judgement:
    weak = _weakness(category, offer)
    if weak is not None and weak.reason != "unknown":
        return _weak(category, offer, weak)
    return Judgement(
        DATED[category],
        severity="low",
        algorithm=offer.name,
        message=_less_strong(profile, category, offer, "advises") or "passes today, and is to go",
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(cite_name(profile, rule, category, offer.name),),
    )


def _why_unlisted(profile: Profile, category: AlgorithmType, offer: Offer, weak: Weakness | None) -> str:
    if weak is not None:
        return f"{weak.words}; not in the profile"
    return _less_strong(profile, category, offer, "asks for") or "not in the profile, and not known to be as strong"


def _less_strong(profile: Profile, category: AlgorithmType, offer: Offer, asks: str) -> str | None:
    """Return in words by how much an algorithm is weaker than the weakest that the profile allows."""
    entry, least = lookup(category, offer.name), weakest_bits(profile, category)
    if entry is None or entry.bits is None or least is None or entry.bits >= least:
        return None
    group = f"{entry.group[5:]}-bit group, " if entry.group.startswith("MODP-") else ""
    return f"{group}{entry.bits} bits of strength; the profile {asks} {least}"


def _weakness(category: AlgorithmType, offer: Offer) -> Weakness | None:
    return weakness_of(category, offer.name)


def _references(weak: Weakness | None) -> tuple[str, ...]:
    return () if weak is None else weak.references


def _worse(severity: Severity, weak: Weakness | None) -> Severity:
    return severity if weak is None else min(severity, weak.severity, key=SEVERITIES.index)


def _one_of(rule: AlgorithmRule) -> str:
    return f"one of {', '.join(rule.allowed)}"
