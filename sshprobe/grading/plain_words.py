"""What to change on software whose configuration we do not write, in plain words, one line for each matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from sshprobe.algorithms import CLASSES, Class, is_marker, lookup, weakness_of
from sshprobe.grading.advice import Context, rsa_key_bits
from sshprobe.grading.checks import minimum_bits, offers_group_exchange
from sshprobe.grading.hypothetical import (
    with_a_refusal_of_none,
    with_moduli,
    with_names,
    with_new_keys,
    with_protocol_2,
    without_names,
)
from sshprobe.grading.lists import FIELDS, WORDS, offers
from sshprobe.records import Observation, Verdict

COMPILED_IN = {
    "dropbear": "Dropbear's algorithms are fixed when it is compiled (localoptions.h): build it anew or update",
    "tinyssh": "TinySSH's algorithms are fixed when it is compiled: update it",
}
"""Software that has no options for algorithms, by how its identification begins (dropbear(8), tinysshd(8))."""

Change = tuple[str, Observation]
"""A line of advice, and the observation when it was followed."""


def plain_advice(context: Context, before: Verdict) -> tuple[list[str], Observation]:
    """Lines of advice, and the observation when all of them were followed."""
    after = context.observation
    lines: list[str] = []
    steps: tuple[Callable[[Context, Verdict, Observation], Iterator[Change]], ...] = (
        _protocol,
        _algorithms,
        _sizes,
        _authentication,
    )
    for step in steps:
        for line, changed in step(context, before, after):
            lines.append(line)
            after = changed
    found = context.observation.identification
    software = "" if found is None else found.software.lower()
    about = next((words for name, words in COMPILED_IN.items() if software.startswith(name)), None)
    if about is not None and any(line.startswith(tuple(WORDS.values())) for line in lines):
        lines.insert(0, about)
    return lines, after


def _protocol(context: Context, before: Verdict, after: Observation) -> Iterator[Change]:
    if any(finding.id == "protocol.ssh1" for finding in before.findings) and after.kex_algorithms is not None:
        yield "protocol: switch SSH-1 off", with_protocol_2(after)


def _algorithms(context: Context, before: Verdict, after: Observation) -> Iterator[Change]:
    for category in CLASSES:
        gone = context.costly[category]
        found = offers(after, category)
        names = [name for same, offer in found.items() if same in gone for name in offer.names]
        if not names:
            continue
        changed = without_names(after, category, gone)
        what = f"{WORDS[category]}: "
        if not _is_empty(changed, category):
            after = changed
            yield f"{what}take out {', '.join(names)}", after
            continue
        others = _others(context, category)
        if others:
            after = with_names(after, category, others)
            yield f"{what}offer {' or '.join(others)} in place of {', '.join(names)}", after


def _is_empty(observation: Observation, category: Class) -> bool:
    """Whether some list that was seen has nothing left to negotiate."""
    lists = [getattr(observation, field) for _, field in FIELDS[category]]
    return any(names is not None and all(is_marker(name) for name in names) for names in lists)


def _others(context: Context, category: Class) -> list[str]:
    """One or two that the profile allows, sound, and of no size that would have to be seen."""
    rule = context.profile.algorithms(category)
    sound = [name for name in (() if rule is None else rule.allowed) if weakness_of(category, name) is None]
    entries = [entry for name in sound if (entry := lookup(category, name)) is not None]
    fixed = [
        entry.name
        for entry in entries
        if entry.bits is not None and minimum_bits(context.profile, entry.family) is None
    ]
    return fixed[:1] if category == "host_key" else fixed[:2]


def _sizes(context: Context, before: Verdict, after: Observation) -> Iterator[Change]:
    if offers_group_exchange(after) and any(finding.id == "group_exchange.modulus" for finding in before.findings):
        rule = context.profile.group_exchange
        least = max(2048, 0 if rule is None else rule.min_bits)
        after = with_moduli(after, least)
        yield f"group exchange: use moduli of {least} bits or more", after
    for finding in before.findings:
        type = finding.algorithm or ""
        entry = lookup("host_key", type)
        keys = [key for key in after.host_keys or () if key.type == type]
        if finding.id == "host_key.size" and entry is not None and entry.family == "rsa" and keys:
            bits = rsa_key_bits(context.profile)
            after = with_new_keys(after, type, bits)
            small = min(key.bits or 0 for key in keys)
            yield f"host key: replace the {small}-bit {type} key by one of {bits} bits or more", after


def _authentication(context: Context, before: Verdict, after: Observation) -> Iterator[Change]:
    if after.authentication_none_accepted:
        after = with_a_refusal_of_none(after)
        yield "authentication: refuse logins without a credential", after
    rule = context.profile.authentication
    unlisted = [finding.algorithm or "" for finding in before.findings if finding.id == "authentication.unlisted"]
    if rule is None or not unlisted:
        return
    kept = [method for method in after.authentication_methods or () if method not in unlisted]
    first = "" if kept else f"allow {rule.allowed[0]}, then "
    after = msgspec.structs.replace(after, authentication_methods=kept or [rule.allowed[0]])
    yield f"authentication: {first}switch {', '.join(unlisted)} off", after
