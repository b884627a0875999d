"""Comments around lines to paste: the hosts, their grade with these changes, and the findings that remain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.model.escape import escape_unprintable
from sshprobe.render.text.phrases import count, status
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fixes import Group, Plan
from sshprobe.views.host_stats import letter

KEEP_A_SESSION = "Keep a session open until a new login has worked."
UNLESS = (
    "Unless something overrides these lines: a Match block, or an option on sshd's command line "
    "(`ps ax | grep sshd`; Red Hat 8 gives it the crypto policy of /etc/sysconfig/sshd)."
)
OTHER_KEYS = (
    "And if {} is the key in use: if `sshd -T | grep -i ^hostkey` shows another file, replace that one instead."
)
_PAGE = Terminal(76)
"""A comment with its mark fits a terminal of 80 columns."""


def comment(lines: Iterable[str]) -> list[str]:
    """Return comments of a shell, sshd_config or YAML. Text of a server cannot end them."""
    return [f"# {escape_unprintable(line)}".rstrip() for line in lines]


def is_windows(group: Group) -> bool:
    """Return whether the hosts name OpenSSH for Windows."""
    return group.software.startswith("OpenSSH_for_Windows")


def not_for(group: Group) -> str:
    """Return why there are no lines for /etc/ssh/sshd_config."""
    if is_windows(group):
        return "no /etc/ssh on Windows"
    if group.software.startswith("OpenSSH"):
        return "not an OpenSSH of a known system: it may have no /etc/ssh and no shell"
    return "not OpenSSH, and only OpenSSH has sshd_config"


def left_out(group: Group, why: str) -> Iterator[str]:
    """Yield the note that the hosts of a group are left out."""
    for place in group.places():
        yield f"Left out: {place}, {group.about or 'unknown software'}: {why}."


def answer(compliant: bool | None) -> str:
    """Describe compliance."""
    return {True: "compliant", False: "not compliant", None: "not all was seen"}[compliant]


def heading(group: Group) -> Iterator[str]:
    """Yield hosts, their grade, and their grade with the changes."""
    profile, grade, score, compliant = group.verdict
    names = group.places()
    who = names[0] if len(names) == 1 else f"these {count(len(names), 'host')}"
    about = f", {group.about}" if group.about else ""
    yield from wrapped(f"For {who}{about}: {grade} ({score}) under {profile}, {answer(compliant)}.")
    if len(names) > 1:
        yield from wrapped(" ".join(names), indent="  ", first="  ")
    remedy = group.remedy
    if not remedy.changes:
        yield "Nothing to change." if not remedy.left else "Nothing that a change of the configuration could fix."
    else:
        yield f"With these changes: {letter(remedy)} ({remedy.score}), {answer(remedy.compliant)}."
        if remedy.platform is not None:
            yield from wrapped(UNLESS)
            files = [change.key.file for change in remedy.changes if change.key is not None and change.key.replaces]
            if files:
                yield from wrapped(OTHER_KEYS.format(" and ".join(files)))


def cautions(group: Group) -> Iterator[str]:
    """Yield what to check before the changes are applied, each once."""
    yield from dict.fromkeys(_sentence(change.caution) for change in group.changes if change.caution)
    if group.changes:
        yield KEEP_A_SESSION


def left(group: Group) -> Iterator[str]:
    """Yield the findings that the changes do not fix."""
    if group.remedy.left:
        yield "This leaves:" if group.changes else "To change by hand:"
        for line in group.remedy.left:
            yield from wrapped(line, indent="    ", first="  ")


def ungraded(plan: Plan) -> Iterator[str]:
    """Yield hosts without a verdict."""
    for place, host in plan.ungraded:
        yield f"Not graded: {place}, {status(host)}."


def wrapped(text: str, *, indent: str = "", first: str = "") -> list[str]:
    """Return `text` as lines of a comment."""
    return _PAGE.wrap(escape_unprintable(text), indent=indent, first=first)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
