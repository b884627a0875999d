"""Lines and commands to paste: for sshd_config, for a file in sshd_config.d, or for Dropbear's localoptions.h.

All other text is in comments, so the output can be pasted or saved to a file as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.remedy import Change, Platform
from sshprobe.render.fix.comments import (
    cautions,
    comment,
    heading,
    is_windows,
    left,
    left_out,
    not_for,
    ungraded,
    wrapped,
)
from sshprobe.views.fixes import Group, Plan

DROP_IN = "{}/sshd_config.d/00-sshprobe.conf"
FIRST_LINES = (
    "First in {}/sshd_config: sshd uses the first line of each keyword. "
    "Check its Match blocks too: they override these lines."
)


def sshd_config(plan: Plan) -> str:
    """Return what to paste for every group, of any software."""
    # Dropbear gets C comments: "#" would start a directive of the preprocessor.
    return _pasted(plan, lambda group: _localoptions(group) if _is_dropbear(group) else _block(group), comment)


def group_steps(group: Group) -> str:
    """Return the lines to paste on the hosts of one group, without their names and grades."""
    if _is_dropbear(group):
        lines = [*_c_comment(cautions(group)), *_definitions(group)]
    else:
        lines = [*comment(cautions(group)), *_steps(group)]
    return "\n".join(lines).strip("\n") + "\n"


def drop_in(plan: Plan) -> str:
    """Return a file for sshd_config.d for every group of OpenSSH servers."""

    def block(group: Group) -> Iterable[str]:
        platform = group.platform
        return comment(left_out(group, not_for(group))) if platform is None else _drop_in(group, platform)

    return _pasted(plan, block, comment)


def dropbear(plan: Plan) -> str:
    """Return definitions for localoptions.h for every group of Dropbear servers."""

    def block(group: Group) -> Iterable[str]:
        return _localoptions(group) if _is_dropbear(group) else _c_comment(left_out(group, "not a Dropbear"))

    return _pasted(plan, block, _c_comment)


def _pasted(
    plan: Plan, block: Callable[[Group], Iterable[str]], comment: Callable[[Iterable[str]], Iterable[str]]
) -> str:
    blocks = ["\n".join(each) for each in (*map(block, plan.groups()), comment(ungraded(plan)))]
    text = "\n\n".join(filter(None, blocks))
    return text + "\n" if text else ""


def _is_dropbear(group: Group) -> bool:
    return group.software.lower().startswith("dropbear")


def _block(group: Group) -> Iterator[str]:
    yield from comment([*heading(group), *cautions(group)])
    yield from _steps(group)


def _steps(group: Group) -> Iterator[str]:
    changes = group.changes
    yield from _commands(changes)
    platform = group.platform
    if platform is not None:
        yield from _section([change for change in changes if change.text], FIRST_LINES.format(platform.folder))
        if changes:
            yield ""
            yield from comment(["Check and reload, then log in once more from a second terminal:"])
            yield from comment(line for note in platform.notes for line in wrapped(note))
            yield platform.check
    else:
        words = [change for change in changes if change.kind == "words"]
        if words:
            yield ""
            where = r"Change in %ProgramData%\ssh\sshd_config, then Restart-Service sshd:"
            yield from comment([where if is_windows(group) else "Changes on this server:"])
            for change in words:
                yield from comment(wrapped(change.text[0], indent="    ", first="  "))
                yield from comment(f"      {line}" for reason in change.reasons for line in wrapped(reason))
    yield from _left(group)


def _left(group: Group) -> Iterator[str]:
    lines = comment(left(group))
    if lines:
        yield ""
        yield from lines


def _commands(changes: Iterable[Change]) -> Iterator[str]:
    first = True
    for change in changes:
        if change.commands:
            if first:
                yield ""
                yield from comment(["As root:"])
                first = False
            yield from _reasons(change)
            yield from map(escape_unprintable, change.commands)


def _section(changes: list[Change], title: str) -> Iterator[str]:
    if changes:
        yield ""
        yield from comment(wrapped(title))
        yield from _lines(changes)


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    said: set[str] = set()
    for change in changes:
        yield from _reasons(change)
        for words in change.beside:
            if words not in said:
                said.add(words)
                indent = words[: len(words) - len(words.lstrip())]
                yield from comment(wrapped(words.lstrip(), indent=indent, first=indent))
        yield from map(escape_unprintable, change.text)


def _reasons(change: Change) -> Iterator[str]:
    for reason in change.reasons:
        yield from comment(wrapped(reason, indent="  "))


def _drop_in(group: Group, platform: Platform) -> Iterator[str]:
    file = DROP_IN.format(platform.folder)
    changes = [change for change in group.changes if change.text]
    old = not _has_include(group.software)
    if changes:
        yield f"# {file}"
    yield from comment([*heading(group), *cautions(group)])
    if changes:
        yield "#"
        if old:
            yield from comment(
                wrapped("This release has no Include (OpenSSH 8.2 and later): put the lines first in sshd_config.")
            )
        else:
            yield from comment(
                wrapped(
                    f"Save as {file}: the first value wins. {platform.folder}/sshd_config has to begin with "
                    f"`Include {platform.folder}/sshd_config.d/*.conf`, as Debian's and Red Hat's do. A Match "
                    "block counts before this file. If the file is there from an earlier run, put these lines above "
                    "the old ones and keep those: without them, what they fixed comes back."
                )
            )
    with_commands = [change for change in group.changes if change.commands]
    if with_commands:
        yield from comment(["First, as root:"])
    for change in with_commands:
        yield from _reasons(change)
        yield from comment(f"    {command}" for command in change.commands)
    if group.changes:
        yield from comment(["Then check and reload, and log in once more from a second terminal:"])
        yield from comment([*(line for note in platform.notes for line in wrapped(note)), f"    {platform.check}"])
    if changes:
        yield ""
    yield from _lines(changes)
    yield from _left(group)


def _has_include(software: str) -> bool:
    found = re.search(r"_(\d{1,9})\.(\d{1,9})", software)
    return found is None or (int(found[1]), int(found[2])) >= (8, 2)


def _c_comment(lines: Iterable[str]) -> list[str]:
    """Return C comments. Text of a server cannot end them."""
    return [f"/* {escape_unprintable(line).replace('*/', '* /')} */" for line in lines]


def _localoptions(group: Group) -> Iterator[str]:
    yield from _c_comment([*heading(group), *cautions(group)])
    yield from _definitions(group)


def _definitions(group: Group) -> Iterator[str]:
    defined = [change for change in group.changes if change.kind == "localoptions.h"]
    if defined:
        yield from _c_comment(["localoptions.h, where Dropbear is built; then `make clean` and build it again:"])
    for change in defined:
        yield from _c_comment(line for reason in change.reasons for line in wrapped(reason))
        yield from map(escape_unprintable, change.text)
    arguments = [change for change in group.changes if change.kind == "argument"]
    if arguments:
        words = " ".join(text for change in arguments for text in change.text)
        yield from _c_comment(line for change in arguments for reason in change.reasons for line in wrapped(reason))
        where = "In /etc/default/dropbear (Debian), besides what it holds"
        yield from _c_comment([f'{where}: DROPBEAR_EXTRA_ARGS="{words}"'])
        yield from _c_comment(["On OpenWrt: uci set dropbear.@dropbear[0].PasswordAuth=off; uci commit dropbear"])
    for change in group.changes:
        if change.commands:
            yield from _c_comment([*change.reasons, *(f"As root: {command}" for command in change.commands)])
        if change.kind == "words":
            yield from _c_comment([*change.reasons, *change.text])
    if group.changes:
        yield from _c_comment(["Then start it again, and log in once more from a second terminal."])
    yield from _c_comment(left(group))
