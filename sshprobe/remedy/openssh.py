"""Steps that fix an OpenSSH server: lines of sshd_config, moduli, host keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, in_openssh, lookup
from sshprobe.grading.users import accepted_without_credential
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.remedy.kept_names import (
    NOT_ALONE,
    added_reasons,
    config_line,
    has_keyword,
    host_key_plan,
    kept_names,
    no_gss_refused,
    proves_keys,
    removed_names,
)
from sshprobe.remedy.login_methods import CHAIN, PUBLIC_KEYS, authentication_lines, beside, caution
from sshprobe.remedy.platforms import UNNAMED
from sshprobe.remedy.remedy_context import NEW_KEY, NO_GSS, SSH1, RemedyContext
from sshprobe.remedy.shell_commands import TELL_CLIENTS, key_commands, least_moduli, moduli_command, new_key
from sshprobe.remedy.steps import Step, config_step, quantum_goes, reasons, reasons_to_go
from sshprobe.remedy.what_if import (
    with_a_refusal_of_none,
    with_methods,
    with_moduli,
    with_names,
    with_new_keys,
    with_one_key,
    with_protocol_2,
    with_unchecked_keys,
    without_banner,
    without_names,
)

FORGET = "remove all other HostKey lines, they add up"


def openssh_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield all steps that may help. `minimal_steps` selects from them."""
    yield from _protocol(context, before)
    for category in ALGORITHM_TYPES:
        if category == "kex":
            yield from _gss(context, before)
        if category == "host_key" and context.to_remove["host_key"]:
            yield from _host_key_steps(context, before)
        elif category == "compression" and context.to_remove["compression"]:
            yield from _compression(context, before)
        elif category in context.lines and config_line(context, category) is not None:
            yield _list(context, before, category)
    yield from _authentication(context, before)
    yield from _banner(before)
    yield from _moduli(context, before)
    yield from _new_key_steps(context, before)


def _protocol(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [finding for finding in before.findings if finding.id == "protocol.ssh1"]
    heeds_it = in_openssh(SSH1, context.version) is not False
    if found and heeds_it and context.observation.kex_algorithms is not None:
        yield config_step("Protocol 2", with_protocol_2, comment="SSH-1 off", reasons=reasons(found))


def _gss(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield the step for all key exchanges by GSS-API, which have one option."""
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
    # GSS-API methods are not in KexAlgorithms; only their own option removes them.
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
        yield config_step(line, with_a_refusal_of_none, comment="no login without a credential", reasons=reasons(found))
    about = [finding for finding in before.findings if finding.id == "authentication.unlisted"]
    unlisted = [finding.algorithm or "" for finding in about]
    if not unlisted:
        return
    lines = authentication_lines(context, unlisted)
    # One step with the lines that switch off the rest: without it, nobody could log in.
    before_it, more = ([PUBLIC_KEYS], ["publickey"]) if lines[:1] == [PUBLIC_KEYS] else ([], [])
    added = ("publickey: off until now, and no other method is sure to let you in",) if more else ()
    comment = f"without {', '.join(unlisted)}: {caution(lines)}"
    known = {"comment": comment, "caution": caution(lines)}
    if lines and lines[-1].startswith(f"{CHAIN} "):
        # A server lists only the first step of its chain.
        effect = partial(with_methods, more=more, only="publickey")
        yield config_step(lines, effect, reasons=(*added, *reasons(about)), beside=tuple(beside(lines)), **known)
        return
    for line in lines[len(before_it) :]:
        gone = [method for method in unlisted if line in authentication_lines(context, [method])]
        effect = partial(with_methods, more=more, gone=gone)
        why = (*added, *reasons(about, gone))
        # The warning names all methods, because it is shown once above all their lines.
        yield config_step([*before_it, line], effect, reasons=why, beside=tuple(beside(lines)), **known)
        before_it = []


def _banner(before: Verdict) -> Iterator[Step]:
    """Yield the line against a banner. No line adds a banner, because its text is up to the owner."""
    found = [finding for finding in before.findings if finding.id == "authentication.banner"]
    if found:
        yield config_step("Banner none", without_banner, comment="no text before login", reasons=reasons(found))


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


def _host_key_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield the step that removes host key algorithms: a line with the others, or a new key for one of them."""
    names, made = host_key_plan(context)
    gone = removed_names(context, "host_key")
    why = reasons_to_go(before, "host_key", gone)
    if made is not None:
        yield _made_key(context, names, made, gone, why)
    elif names and has_keyword(context, "host_key"):
        effect = partial(with_names, category="host_key", names=names)
        why = (*why, *added_reasons(context, "host_key", names))
        line = f"HostKeyAlgorithms {','.join(names)}"
        yield config_step(line, effect, comment=f"without {', '.join(gone)}", reasons=why)
    elif names:
        # Before 7.0 there is no HostKeyAlgorithms: removing the HostKey line removes the key type.
        families = list(dict.fromkeys(_family(name) for name in names if _is_plain(name)))
        kept = [name for name in context.observation.server_host_key_algorithms or () if _family(name) in families]
        out = sorted(set(context.observation.server_host_key_algorithms or ()) - set(kept))
        if kept and out:
            yield config_step(
                [f"HostKey {(context.platform or UNNAMED).key_file(family)}" for family in families],
                partial(with_names, category="host_key", names=kept),
                comment=f"without {', '.join(out)}: {FORGET}",
                reasons=(*why, FORGET),
            )


def _made_key(context: RemedyContext, names: list[str], made: str, gone: list[str], why: tuple[str, ...]) -> Step:
    """Return one step that makes a key, adds its HostKey line and removes the rest. No part helps without the
    others."""
    platform = context.platform or UNNAMED
    key = new_key(made, context.profile, replaces=False, platform=platform)
    there = context.observation.server_host_key_algorithms or ()
    families = list(dict.fromkeys(_family(name) for name in names if _is_plain(name) and name in there))
    # sshd uses the first of two keys of one type.
    text = [f"HostKey {key.file}", *(f"HostKey {platform.key_file(family)}" for family in families)]
    if has_keyword(context, "host_key"):
        text.append(f"HostKeyAlgorithms {','.join(names)}")
    note = () if has_keyword(context, "host_key") else (FORGET,)
    type = next((name for name in names if name == made and key.type != "rsa"), "ssh-rsa")
    effect = partial(with_one_key, names=names, type=type, bits=_bits(key.type, key.bits))
    change = Change(
        kind="host_key",
        text=tuple(text),
        commands=key_commands(key),
        comment=f"without {', '.join(gone)}" + "".join(f": {words}" for words in note),
        reasons=(
            *why,
            f"{made}: a new key, {NOT_ALONE if families else 'because no present key may stay'}",
            *note,
        ),
        caution=TELL_CLIENTS,
        key=key,
    )
    return Step(change, effect)


def _new_key_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield a step for each type of host key that must be replaced."""
    about: dict[str, list[Finding]] = {}
    for finding in before.findings:
        if finding.id in NEW_KEY and finding.severity != "note":
            about.setdefault(finding.algorithm or "", []).append(finding)
    for type, found in about.items():
        if not _is_plain(type) or _family(type) not in ("rsa", "ecdsa", "ed25519"):
            continue
        if not any(key.type == type for key in context.observation.host_keys or ()):
            continue
        key = new_key(type, context.profile, replaces=True, platform=context.platform or UNNAMED)
        change = Change(
            kind="host_key",
            commands=key_commands(key),
            comment=f"a new {type} host key",
            reasons=reasons(found),
            caution=TELL_CLIENTS,
            key=key,
        )
        yield Step(change, partial(with_new_keys, type=type, bits=_bits(key.type, key.bits)))


def _bits(family: str, bits: int | None) -> int:
    return 256 if bits is None or family == "ed25519" else bits


def _family(name: str) -> str:
    entry = lookup("host_key", name)
    return "" if entry is None else entry.family


def _is_plain(name: str) -> bool:
    entry = lookup("host_key", name)
    return entry is not None and entry.format == "plain"
