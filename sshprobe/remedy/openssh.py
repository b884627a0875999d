"""Steps that fix an OpenSSH server: lines of sshd_config, moduli; those for host keys are in `openssh_keys`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, in_openssh
from sshprobe.grading.users import accepted_without_credential
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import Verdict
from sshprobe.remedy.kept_names import (
    added_reasons,
    config_line,
    kept_names,
    no_gss_refused,
    proves_keys,
    removed_names,
)
from sshprobe.remedy.login_methods import CHAIN, PUBLIC_KEYS, authentication_lines, beside, caution
from sshprobe.remedy.openssh_keys import host_key_steps, new_key_steps
from sshprobe.remedy.platforms import UNNAMED
from sshprobe.remedy.remedy_context import NO_GSS, SSH1, RemedyContext
from sshprobe.remedy.shell_commands import least_moduli, moduli_command
from sshprobe.remedy.steps import Step, config_step, quantum_goes, reasons, reasons_to_go
from sshprobe.remedy.what_if import (
    with_a_refusal_of_none,
    with_methods,
    with_moduli,
    with_names,
    with_protocol_2,
    with_unchecked_keys,
    without_banner,
    without_names,
)


def openssh_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield all steps that may help: `minimal_steps` finds out which do."""
    yield from _protocol(context, before)
    for category in ALGORITHM_TYPES:
        if category == "kex":
            yield from _gss(context, before)
        if category == "host_key" and context.to_remove["host_key"]:
            yield from host_key_steps(context, before)
        elif category == "compression" and context.to_remove["compression"]:
            yield from _compression(context, before)
        elif category in context.lines and config_line(context, category) is not None:
            yield _list(context, before, category)
    yield from _authentication(context, before)
    yield from _banner(context, before)
    yield from _moduli(context, before)
    yield from new_key_steps(context, before)


def _protocol(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [finding for finding in before.findings if finding.id == "protocol.ssh1"]
    heeds_it = in_openssh(SSH1, context.version) is not False
    if found and heeds_it and context.observation.kex_algorithms is not None:
        yield config_step("Protocol 2", partial(with_protocol_2), comment="SSH-1 off", reasons=reasons(found))


def _gss(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield the step for all key exchanges by GSS-API: they have one option."""
    found = context.offered["kex"]
    gss = {same for same in found if same.startswith("gss-")}
    gone = gss & context.to_remove["kex"]
    if not gone or no_gss_refused(context) is not None:
        return
    too = sorted(name for same in gss - gone for name in found[same].names)
    also = (f"{', '.join(too)}: there is no option for one without the other",) if too else ()
    yield config_step(
        NO_GSS,
        partial(without_names, category="kex", gone=gss),
        comment="without key exchange by GSS-API",
        reasons=(*reasons_to_go(before, "kex", gone), *also),
    )


def _list(context: RemedyContext, before: Verdict, category: AlgorithmType) -> Step:
    names = [name for name in kept_names(context, category) if not name.startswith("gss-")]
    gone = [name for name in removed_names(context, category) if not name.startswith("gss-")]
    return config_step(
        config_line(context, category) or "",
        partial(_with_names, category=category, names=names),
        comment=f"without {', '.join(gone)}" if gone else "with what the profile requires",
        reasons=(
            *reasons_to_go(before, category, gone),
            *added_reasons(context, category, names),
            *quantum_goes(context.observation, category, names),
        ),
    )


def _with_names(observation: Observation, *, category: AlgorithmType, names: list[str]) -> Observation:
    # GSS-API methods are not in KexAlgorithms: they stay until their own option goes.
    gss = [name for name in observation.kex_algorithms or () if name.startswith("gss-")] if category == "kex" else []
    changed = with_names(observation, category, [*gss, *names])
    return with_unchecked_keys(changed) if category == "kex" and not any(map(proves_keys, names)) else changed


def _compression(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    line = config_line(context, "compression")
    if line is not None:
        gone = sorted(context.to_remove["compression"])
        yield config_step(
            line,
            partial(_with_compression, line=line),
            comment=f"without {', '.join(removed_names(context, 'compression'))}",
            reasons=reasons_to_go(before, "compression", gone),
        )


def _with_compression(observation: Observation, *, line: str) -> Observation:
    if line == "Compression no":
        return with_names(observation, "compression", ["none"])
    for _, field in FIELDS["compression"]:
        old = getattr(observation, field) or []
        names = list(dict.fromkeys("zlib@openssh.com" if name == "zlib" else name for name in old))
        observation = msgspec.structs.replace(observation, **{field: names})
    return observation


def _authentication(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    observation = context.observation
    if accepted_without_credential(observation):
        found = [finding for finding in before.findings if finding.id == "authentication.none_accepted"]
        line = "PermitEmptyPasswords no"
        effect = partial(with_a_refusal_of_none)
        yield config_step(line, effect, comment="no login without a credential", reasons=reasons(found))
    about = [finding for finding in before.findings if finding.id == "authentication.unlisted"]
    unlisted = [finding.algorithm or "" for finding in about]
    if not unlisted:
        return
    lines = authentication_lines(context, unlisted)
    # In one step with what switches the rest off: it is never left out where nobody could log in without it.
    before_it, more = ([PUBLIC_KEYS], ["publickey"]) if lines[:1] == [PUBLIC_KEYS] else ([], [])
    added = ("publickey: off until now, and no other method is sure to let you in",) if more else ()
    comment = f"without {', '.join(unlisted)}: {caution(lines)}"
    known = {"comment": comment, "caution": caution(lines)}
    if lines and lines[-1].startswith(f"{CHAIN} "):
        # The first step of the one chain is all that a server then lists.
        effect = partial(with_methods, more=more, only="publickey")
        yield config_step(lines, effect, reasons=(*added, *reasons(about)), beside=tuple(beside(lines)), **known)
        return
    for line in lines[len(before_it) :]:
        gone = [method for method in unlisted if line in authentication_lines(context, [method])]
        effect = partial(with_methods, more=more, gone=gone)
        why = (*added, *reasons(about, gone))
        yield config_step([*before_it, line], effect, reasons=why, beside=tuple(beside([line])), **known)
        before_it = []


def _banner(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield a line where there must be no banner. The text of a banner is up to its owner: no line brings it."""
    found = [finding for finding in before.findings if finding.id == "authentication.banner"]
    if found:
        yield config_step(
            "Banner none", partial(without_banner), comment="no text before login", reasons=reasons(found)
        )


def _moduli(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [finding for finding in before.findings if finding.id == "group_exchange.modulus"]
    if found:
        least = least_moduli(context.profile)
        change = Change(
            kind="moduli",
            commands=(moduli_command(least, context.platform or UNNAMED),),
            comment=f"moduli of {least} bits and more",
            reasons=reasons(found),
            moduli_bits=least,
        )
        yield Step(change, partial(with_moduli, least=least))
