"""Steps in plain words, one line each, for software whose configuration sshprobe does not write."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sshprobe.algorithms import ALGORITHM_TYPES, lookup
from sshprobe.grading.offers import WORDS
from sshprobe.grading.users import accepted_without_credential, methods_for_everybody
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import Verdict
from sshprobe.remedy.login_methods import NONE_ON_AN_APPLIANCE
from sshprobe.remedy.remedy_context import RemedyContext
from sshprobe.remedy.shell_commands import least_moduli, rsa_key_bits
from sshprobe.remedy.steps import Step, quantum_goes, reasons, reasons_to_go
from sshprobe.remedy.what_if import (
    with_a_refusal_of_none,
    with_methods,
    with_moduli,
    with_new_keys,
    with_others,
    with_protocol_2,
    without_names,
)

COMPILED_IN = {"tinyssh": "TinySSH's algorithms are fixed when it is compiled: update it"}
"""Start of the identification of software without options for algorithms (tinysshd(8)), and the advice."""

PLACES = {"openssh_for_windows": r"its options are in %ProgramData%\ssh\sshd_config; then: Restart-Service sshd"}
"""The place of the options (Microsoft's documentation of OpenSSH for Windows, server configuration)."""


def other_server_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield all steps that may help, in words."""
    yield from _protocol(context, before)
    yield from _algorithms(context, before)
    yield from _sizes(context, before)
    yield from _authentication(context, before)


def preamble(observation: Observation, steps: list[Step]) -> str | None:
    """Return the place of the software's options, or the advice for software without options for algorithms."""
    found = observation.identification
    software = "" if found is None else found.software.lower()
    place = next((words for name, words in PLACES.items() if software.startswith(name)), None)
    if place is not None:
        return place if steps else None
    about = next((words for name, words in COMPILED_IN.items() if software.startswith(name)), None)
    lists = any(text.startswith(tuple(WORDS.values())) for step in steps for text in step.change.text)
    return about if lists else None


def _words(text: str, why: tuple[str, ...] = ()) -> Change:
    return Change(kind="words", text=(text,), reasons=why)


def _protocol(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [finding for finding in before.findings if finding.id == "protocol.ssh1"]
    if found and context.observation.kex_algorithms is not None:
        yield Step(_words("protocol: switch SSH-1 off", reasons(found)), with_protocol_2)


def _algorithms(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    for category in ALGORITHM_TYPES:
        gone = context.to_remove[category]
        found = context.offered[category]
        names = [name for same, offer in found.items() if same in gone for name in offer.names]
        if not names:
            continue
        what = f"{WORDS[category]}: "
        instead = context.lines.get(category)
        chosen = context.instead.get(category) or []
        left = [*chosen, *(name for same, offer in found.items() if same not in gone for name in offer.names)]
        why = (*reasons_to_go(before, category, names), *quantum_goes(context.observation, category, left))
        if instead is None:
            text = f"{what}take out {', '.join(names)}"
            yield Step(_words(text, why), partial(without_names, category=category, gone=gone))
        elif chosen:
            effect = partial(with_others, category=category, names=chosen, gone=gone)
            yield Step(_words(f"{what}{instead}", why), effect)


def _sizes(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [finding for finding in before.findings if finding.id == "group_exchange.modulus"]
    if found:
        least = least_moduli(context.profile)
        text = f"group exchange: use moduli of {least} bits or more"
        yield Step(_words(text, reasons(found)), partial(with_moduli, least=least))
    for finding in before.findings:
        type = finding.algorithm or ""
        entry = lookup("host_key", type)
        keys = [key for key in context.observation.host_keys or () if key.type == type]
        if finding.id == "host_key.size" and entry is not None and entry.family == "rsa" and keys:
            bits = rsa_key_bits(context.profile)
            small = min(key.bits or 0 for key in keys)
            text = f"host key: replace the {small}-bit {type} key by one of {bits} bits or more"
            yield Step(_words(text, reasons([finding])), partial(with_new_keys, type=type, bits=bits))


def _authentication(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    observation = context.observation
    if accepted_without_credential(observation):
        found = [finding for finding in before.findings if finding.id == "authentication.none_accepted"]
        yield Step(_words(f"authentication: {NONE_ON_AN_APPLIANCE}", reasons(found)), with_a_refusal_of_none)
    rule = context.profile.authentication
    about = [finding for finding in before.findings if finding.id == "authentication.unlisted"]
    unlisted = [finding.algorithm or "" for finding in about]
    if rule is None or not unlisted:
        return
    kept = [method for method in methods_for_everybody(observation) if method not in unlisted]
    more = () if kept else (rule.passing[0],)
    first = "".join(f"allow {method}, then " for method in more)
    ways = " or ".join(kept or more)
    text = f"authentication: {first}switch {', '.join(unlisted)} off, once everyone can log in by {ways}"
    yield Step(_words(text, reasons(about)), partial(with_methods, more=more, gone=unlisted))
