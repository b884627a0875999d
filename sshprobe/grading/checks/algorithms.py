"""Algorithms in the KEXINIT of a server, and missing recommended ones. Both directions count as one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sshprobe.algorithms import (
    AlgorithmType,
    Weakness,
    canonical,
    is_unknown,
    lookup,
    names_aead_cipher,
    weakness_codes,
    weakness_of,
)
from sshprobe.grading.checks.key_exchange import would_expose
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.grading.offers import WORDS, Offer, missing_lists
from sshprobe.grading.strength import is_as_strong, less_strong
from sshprobe.model.verdict import SEVERITIES, Finding, Severity
from sshprobe.profiles import FORBIDDING_WORDS, AlgorithmRule, Profile, is_stock

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
    "short-tag": "a MAC tag of less than 128 bits; high for 32 bits or less",
    "sha1": "SHA-1, in an exchange, a signature or a MAC",
    "no-host-key": "no host key",
    "withdrawn": "a withdrawn method, or a misspelled name",
    "sweet32": "64-bit blocks (CVE-2016-2183)",
    "cbc": "CBC mode",
    "old-mode": "CFB, OFB or no stated mode",
    "md5": "MD5 in a MAC",
    "not-hmac": "a MAC from before HMAC",
    "unreviewed": "little reviewed",
    "early-compression": "compression before login",
    "unknown-name": "a name that the catalogue does not know",
}
"""Codes of the rules by which the catalogue calls an algorithm weak (`sshprobe.algorithms.weakness`)."""

_SEE = """`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; so does `nmap --script
    ssh2-enum-algos -p 22 HOST`."""


def _for_each_type(reason: str, *, meaning: str, see: str = _SEE, **texts: Any) -> dict[AlgorithmType, FindingType]:
    """Return a type of finding per type of algorithm: "kex.weak" and so on. "{}" in `meaning` names the type."""
    references = ("RFC 4253 section 7.1",)
    return {
        category: FindingType(
            id=f"{category}.{reason}", meaning=meaning.format(words), see=see, references=references, **texts
        )
        for category, words in WORDS.items()
    }


FORBIDDEN = _for_each_type(
    "forbidden",
    title="Forbidden by the profile",
    severity="medium, or the severity of its weakness if that is worse",
    deviation="yes",
    when="the profile marks it MUST NOT or SHOULD NOT",
    meaning="The profile marks one of the {} on offer with MUST NOT or SHOULD NOT.",
    why="The authors of the profile judged it unsafe. A client that prefers it will get it.",
    fix="Remove it from the server's list. The remediation of the finding has the line with the remaining names.",
)

UNLISTED = _for_each_type(
    "unlisted",
    title="Not in the profile, and not known to be as strong",
    severity="low, or the severity of its weakness if that is worse",
    deviation="yes",
    when="the profile does not list it, and it is weak, unknown or weaker than the weakest listed one",
    meaning="""The profile does not list one of the {} on offer, and that one is weak, unknown, or weaker than the
        weakest that the profile lists.""",
    why="""Client and server pick the client's favourite among the server's offers. Each extra name is one more choice
        for an old or hostile peer.""",
    fix="Remove it from the server's list. If a client needs it, list it in your own profile, with the reason.",
)

STRONGER = _for_each_type(
    "stronger",
    title="Not in the profile, but no weaker than it requires",
    severity="note; low with --strict or a closed list",
    deviation="no; yes with --strict or a closed list",
    when="the profile does not list it, and it is at least as strong as the weakest listed one",
    meaning="""The profile does not list one of the {} on offer, but that one is at least as strong as the weakest that
        the profile lists. Often it is newer than the profile.""",
    why="It costs nothing and the host stays compliant. With --strict, or under a closed list, it is a deviation.",
    fix="Nothing. Remove it only where exactly the profile's list is required.",
)

WEAK = _for_each_type(
    "weak",
    title="Weak, although the profile accepts it",
    severity="the severity of its weakness",
    when="it is weak, and the profile lists it or has no rule for its type",
    meaning="""One of the {} on offer is weak by today's measure. It is not a deviation, because the profile lists it or
        has no rule for its type. A name that the catalogue does not know counts as weak as it looks. Without a closed
        list for its type it can make the verdict `null`.""",
    why="""Guides age, and their mistakes stay. A weak algorithm is weak wherever it is listed. `sshprobe explain NAME`
        states the reason and its source.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal". `ssh -o KexAlgorithms=NAME`,
        `-o Ciphers=NAME`, `-o MACs=NAME` or `-o HostKeyAlgorithms=NAME` shows whether the server agrees to it.""",
    fix="Remove it from the server's list, even though the profile does not require that.",
    codes=_CODES,
    weaknesses=(),
)

DATED = _for_each_type(
    "dated",
    title="Accepted today, due for removal",
    severity="low",
    when="the profile names it as dated, and it has no weakness of its own",
    meaning="The profile accepts one of the {} on offer and advises to remove it.",
    why="""No known attack reaches it, so the host is compliant with it. It is weaker than the other algorithms that the
        profile accepts, and later editions of such lists drop it.""",
    fix="""Remove it from the server's list when no client needs it any more. The remediation of the finding has the
        line with the remaining names.""",
)

MISSING = _for_each_type(
    "missing",
    title="Recommended, but not offered",
    severity="note",
    when="the profile recommends it, and the server does not offer it",
    meaning="One of the {} that the profile recommends is not on offer.",
    why="Clients set up by the same profile may share no algorithm with the server. It is not a weakness.",
    see="`ssh -vv HOST` prints the server's lists; `ssh -Q kex` and its like print the algorithms of a release.",
    fix="Nothing. If your clients need it, add it, or update to a release that has it.",
)

_RECOMMENDING = ("MUST", "SHOULD+", "SHOULD")


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
def algorithms(host: GradedHost) -> list[Finding]:
    """Find algorithms on offer that the profile rejects, or that the catalogue calls weak."""
    found: list[Finding] = []
    for category, offers in host.offers.items():
        rule = host.rules[category]
        if rule is None:
            found += [
                _weak(category, each, weak) for each in offers.values() if (weak := weakness_of(category, each.name))
            ]
        else:
            found += _judge_list(host, rule, category, offers)
    return found


@check(*MISSING.values())
def missing_algorithms(host: GradedHost) -> Iterator[Finding]:
    """Find recommended algorithms that are not on offer, in the lists that were seen."""
    for category, offers in host.offers.items():
        rule = host.rules[category]
        if rule is None:
            continue
        # One of its names is enough for a key type.
        families = {entry.family for name in offers if category == "host_key" and (entry := lookup("host_key", name))}
        gss = any(name.startswith("gss-") for name in offers)
        wanted = [*rule.recommended, *(name for name, word in rule.words.items() if word in _RECOMMENDING)]
        for same in dict.fromkeys(canonical(category, name) for name in wanted):
            entry = lookup(category, same)
            if same in offers or (entry is not None and entry.family in families):
                continue
            # Do not advise a weak algorithm, unused GSS-API, or one that Terrapin can attack.
            if weakness_of(category, same) is not None or (same.startswith("gss-") and not gss):
                continue
            if would_expose(host.observation, category, same):
                continue
            yield MISSING[category].judge(
                algorithm=same,
                message="stock has it, not offered here"
                if is_stock(host.profile.id)
                else "recommended, but not offered: some clients may fail",
                expected=same,
                observed="not offered",
                references=(_cite(host.profile, rule, category, same),),
            )


def _judge_list(
    host: GradedHost, rule: AlgorithmRule, category: AlgorithmType, offers: dict[str, Offer]
) -> Iterator[Finding]:
    words = {canonical(category, name): word for name, word in rule.words.items()}
    allowed = {canonical(category, name) for name in rule.allowed}
    dated = {canonical(category, name) for name in rule.dated}
    for same, offer in offers.items():
        word = words.get(same)
        if word is None and category == "mac" and all(map(names_aead_cipher, offer.names)):
            continue  # an AEAD cipher: no client can negotiate it as a MAC
        if word is None and same in dated:
            yield _dated(host.profile, rule, category, offer)
            continue
        if word is None and same not in allowed:
            # A certificate that the profile does not name is forbidden with the type of its key.
            word = words.get(_without_certificate(same))
        named = word is not None or same in allowed
        if word in FORBIDDING_WORDS or not (named or rule.others == "allowed"):
            yield _judge_other(host.profile, rule, category, offer, word, host.strict)
            continue
        weak = weakness_of(category, offer.name)
        # A name that only the profile knows is a company's private name.
        if weak is not None and not (named and is_unknown(category, offer.name)):
            yield _weak(category, offer, weak)


def _without_certificate(name: str) -> str:
    """Return the key algorithm of an OpenSSH certificate's name (PROTOCOL.certkeys), and other names unchanged."""
    found = _CERTIFICATE.search(name)
    plain = name if found is None else name[: found.start()]
    return f"{plain}@openssh.com" if plain != name and plain.startswith(("sk-", "webauthn-")) else plain


def _judge_other(
    profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer, word: str | None, strict: bool
) -> Finding:
    weak = weakness_of(category, offer.name)
    references = () if weak is None else weak.references
    codes = weakness_codes(category, offer.name)
    if word is not None:
        return FORBIDDEN[category].judge(
            severity=_worse("medium", weak),
            algorithm=offer.name,
            message=f"{word} in the profile" + ("" if weak is None else f"; {weak.words}"),
            expected=f"{word}: not offered",
            observed=offer.observed(),
            references=(_cite(profile, rule, category, offer.name), *references),
            weaknesses=codes,
        )
    if is_as_strong(profile, category, offer.name):
        closed = rule.others == "forbidden"
        return STRONGER[category].judge(
            severity="low" if strict or closed else "note",
            algorithm=offer.name,
            message="not in the profile's closed list"
            if closed
            else "not in the profile, but not weaker than its names",
            expected=_one_of(rule),
            observed=offer.observed(),
            references=(profile.cite(rule),),
            deviation=strict or closed,
        )
    weaker = less_strong(profile, category, offer.name, "asks for")
    return UNLISTED[category].judge(
        severity=_worse("low", weak),
        algorithm=offer.name,
        message=f"{weak.words}; not in the profile"
        if weak is not None
        else weaker or "not in the profile, and not known to be as strong",
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(profile.cite(rule), *references),
        weaknesses=codes,
    )


def _cite(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, name: str) -> str:
    """Return the most exact place in the document for one name, for a finding to cite."""
    same = canonical(category, name)
    return profile.cite(rule, next((each for each in rule.places if canonical(category, each) == same), ""))


def _weak(category: AlgorithmType, offer: Offer, weak: Weakness) -> Finding:
    return WEAK[category].judge(
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


def _dated(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer) -> Finding:
    weak = weakness_of(category, offer.name)
    if weak is not None and weak.reason != "unknown":
        return _weak(category, offer, weak)
    return DATED[category].judge(
        algorithm=offer.name,
        message=less_strong(profile, category, offer.name, "advises") or "accepted today, due for removal",
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(_cite(profile, rule, category, offer.name),),
    )


def _worse(severity: Severity, weak: Weakness | None) -> Severity:
    return severity if weak is None else min(severity, weak.severity, key=SEVERITIES.index)


def _one_of(rule: AlgorithmRule) -> str:
    return f"one of {', '.join(rule.allowed)}"
