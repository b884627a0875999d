"""The changes between two scans, as a table, Markdown or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.views.changes import Changes

FORMATS = {"table": ".txt", "json": ".json", "markdown": ".md"}
"""Formats, and the suffix of files in it."""


def render(changes: Changes, format_: str, terminal: Terminal, *, verbose: bool) -> str:
    """Return the changes in one of `FORMATS`. `verbose`: with every host, also in a table or in Markdown."""
    if format_ == "json":
        import msgspec

        from sshprobe.render.text.terminal import printable

        return msgspec.json.format(msgspec.json.encode(printable(changes))).decode() + "\n"
    if format_ == "markdown":
        from sshprobe.render.changes.markdown import markdown

        return markdown(changes, verbose=verbose)
    from sshprobe.render.changes.table import table

    return table(changes, terminal, verbose=verbose)
