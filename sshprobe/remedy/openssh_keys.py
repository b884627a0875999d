"""Steps for the host keys of an OpenSSH server: which algorithms it keeps, and new keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sshprobe.algorithms import lookup
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.remedy.kept_names import NOT_ALONE, added_reasons, has_keyword, host_key_plan, removed_names
from sshprobe.remedy.platforms import UNNAMED
from sshprobe.remedy.remedy_context import NEW_KEY, RemedyContext
from sshprobe.remedy.shell_commands import key_commands, new_key
from sshprobe.remedy.steps import Step, config_step, reasons, reasons_to_go
from sshprobe.remedy.what_if import with_names, with_new_keys, with_one_key

TELL_CLIENTS = "clients that know the old key will warn: tell them the new one"
FORGET = "take every other HostKey line out, they add up"


def host_key_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield the step for the host key algorithms that go: a line for the others, or a new key for one of them."""
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
        # Before 7.0 there is no HostKeyAlgorithms: a key type goes when its HostKey line goes.
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
    """Return one step that makes a key, adds its HostKey line and removes the rest: no part of it helps alone."""
    platform = context.platform or UNNAMED
    key = new_key(made, context.profile, replaces=False, platform=platform)
    there = context.observation.server_host_key_algorithms or ()
    families = list(dict.fromkeys(_family(name) for name in names if _is_plain(name) and name in there))
    # Of two keys of one type sshd takes the first.
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


def new_key_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
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
