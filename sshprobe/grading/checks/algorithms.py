"""Each algorithm of the name-lists of a KEXINIT: one judgement each, both directions together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sshprobe.algorithms import (
    AlgorithmType,
    Weakness,
    canonical,
    is_unknown,
    lookup,
    names_aead_cipher,
    weakness_of,
)
from sshprobe.grading.offers import Offer
from sshprobe.grading.score import Judgement
from sshprobe.grading.strength import is_as_strong, weakest_bits
from sshprobe.model.verdict import SEVERITIES, Severity
from sshprobe.profiles import FORBIDDING_WORDS, AlgorithmRule, Profile, is_stock

_CERTIFICATE = re.compile(r"-cert(?:-v0[01]@openssh\.com)?$")
"""The end of a certificate's name: without version and domain since OpenSSH 10.6."""


_RECOMMENDING = ("MUST", "SHOULD+", "SHOULD")


def judge_algorithms(
    profile: Profile, category: AlgorithmType, found: dict[str, Offer], *, strict: bool
) -> Iterator[Judgement]:
    """Judge every algorithm of `found`, and name the recommended ones that are missing."""
    rule = profile.algorithms(category)
    if rule is None:
        for offer in found.values():
            # The profile says nothing of this class; weak is weak all the same.
            weak = _weakness(category, offer)
            if weak is not None:
                yield _weak(category, offer, weak)
        return
    words = {canonical(category, name): word for name, word in rule.words.items()}
    allowed = {canonical(category, name) for name in rule.allowed}
    dated = {canonical(category, name) for name in rule.dated}
    for same, offer in found.items():
        word = words.get(same)
        if word is None and category == "mac" and all(map(names_aead_cipher, offer.names)):
            continue  # no client can negotiate it as a MAC
        if word is None and same in dated:
            yield _dated(profile, rule, category, offer)
            continue
        if word is None and same not in allowed:
            # A certificate is a key of its type: what forbids the type forbids it too, where it is not named.
            word = words.get(_without_certificate(same))
        named = word is not None or same in allowed
        judged = (
            _judge_allowed(category, offer, named=named)
            if word not in FORBIDDING_WORDS and (named or rule.others == "allowed")
            else _judge_other(profile, rule, category, offer, word, strict)
        )
        if judged is not None:
            yield judged
    yield from _missing(profile, category, rule, found)


def _without_certificate(name: str) -> str:
    """The host key algorithm of the key in an OpenSSH certificate (PROTOCOL.certkeys); other names as they are."""
    found = _CERTIFICATE.search(name)
    plain = name if found is None else name[: found.start()]
    return f"{plain}@openssh.com" if plain != name and plain.startswith(("sk-", "webauthn-")) else plain


def _judge_allowed(category: AlgorithmType, offer: Offer, *, named: bool) -> Judgement | None:
    weak = _weakness(category, offer)
    # A name that the catalogue does not know, but a profile lists, is a company's own.
    return None if weak is None or (named and is_unknown(category, offer.name)) else _weak(category, offer, weak)


def _judge_other(
    profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer, word: str | None, strict: bool
) -> Judgement:
    weak = _weakness(category, offer)
    if word is not None:
        return Judgement(
            id=f"{category}.forbidden",
            severity=_worse("medium", weak),
            category=category,
            algorithm=offer.name,
            message=f"{word} in the profile" + ("" if weak is None else f"; {weak.words}"),
            expected=f"{word}: not offered",
            observed=offer.observed(),
            references=(_cite(profile, rule, category, offer.name), *_references(weak)),
            deviation=True,
        )
    if is_as_strong(profile, category, offer.name):
        strict = strict or rule.others == "forbidden"
        return Judgement(
            id=f"{category}.stronger",
            severity="low" if strict else "note",
            category=category,
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
        id=f"{category}.unlisted",
        severity=_worse("low", weak),
        category=category,
        algorithm=offer.name,
        message=_why_unlisted(profile, category, offer, weak),
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(profile.cite(rule), *_references(weak)),
        deviation=True,
    )


def _cite(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, name: str) -> str:
    same = canonical(category, name)
    return profile.cite(rule, next((each for each in rule.places if canonical(category, each) == same), ""))


def _weak(category: AlgorithmType, offer: Offer, weak: Weakness) -> Judgement:
    return Judgement(
        id=f"{category}.weak",
        severity=weak.severity,
        category=category,
        algorithm=offer.name,
        message=weak.words,
        expected="a name that is known"
        if is_unknown(category, offer.name)
        else "not offered, although the profile lets it pass",
        observed=offer.observed(),
        references=weak.references,
    )


def _dated(profile: Profile, rule: AlgorithmRule, category: AlgorithmType, offer: Offer) -> Judgement:
    weak = _weakness(category, offer)
    if weak is not None and weak.reason != "unknown":
        return _weak(category, offer, weak)
    return Judgement(
        id=f"{category}.dated",
        severity="low",
        category=category,
        algorithm=offer.name,
        message=_less_strong(profile, category, offer, "advises") or "passes today, and is to go",
        expected=_one_of(rule),
        observed=offer.observed(),
        references=(_cite(profile, rule, category, offer.name),),
    )


def _missing(
    profile: Profile, category: AlgorithmType, rule: AlgorithmRule, found: dict[str, Offer]
) -> Iterator[Judgement]:
    present = set(found)
    # One name of a key type stands for the type.
    families = {entry.family for name in found if category == "host_key" and (entry := lookup("host_key", name))}
    gss = any(name.startswith("gss-") for name in found)
    wanted = [*rule.recommended, *(name for name, word in rule.words.items() if word in _RECOMMENDING)]
    for same in dict.fromkeys(canonical(category, name) for name in wanted):
        entry = lookup(category, same)
        if same in present or (entry is not None and entry.family in families):
            continue
        if weakness_of(category, same) is not None or (same.startswith("gss-") and not gss):
            # Nobody should add a weak algorithm, nor GSS-API where it is not in use.
            continue
        yield Judgement(
            id=f"{category}.missing",
            severity="note",
            category=category,
            algorithm=same,
            message="stock has it, not offered here"
            if is_stock(profile.id)
            else "recommended, but not offered: some clients may fail",
            expected=same,
            observed="not offered",
            references=(_cite(profile, rule, category, same),),
        )


def _why_unlisted(profile: Profile, category: AlgorithmType, offer: Offer, weak: Weakness | None) -> str:
    if weak is not None:
        return f"{weak.words}; not in the profile"
    return _less_strong(profile, category, offer, "asks for") or "not in the profile, and not known to be as strong"


def _less_strong(profile: Profile, category: AlgorithmType, offer: Offer, asks: str) -> str | None:
    """In words, by how much it is weaker than the weakest that the profile allows."""
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
