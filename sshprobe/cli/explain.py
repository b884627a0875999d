"""`sshprobe explain`: what an algorithm or a finding is, why it matters, and who says so."""

from __future__ import annotations

import difflib

import click

from sshprobe.cli.options import terminal
from sshprobe.cli.profiles import fields
from sshprobe.errors import InputError


@click.command()
@click.argument("name", metavar="ALGORITHM|FINDING")
def explain(name: str) -> None:
    """Say what an algorithm or a finding is.

    The name is that of an algorithm as a server sends it, such as hmac-sha1, or the id of a finding from a report.
    """
    import msgspec

    from sshprobe.algorithms import CLASSES, lookup, names
    from sshprobe.grading import explain_finding, finding_ids

    ids = finding_ids()
    found = [(category, entry) for category in CLASSES if (entry := lookup(category, name)) is not None]
    if name in ids:
        click.echo("\n".join(fields(msgspec.to_builtins(explain_finding(name)), terminal())))
    for category, entry in found:
        known = msgspec.to_builtins(entry)
        known["category"] = category
        click.echo("\n".join(fields(known, terminal())))
    if not found and name not in ids:
        known_names = {*ids, *(each for category in CLASSES for each in names(category))}
        close = difflib.get_close_matches(name.lower(), sorted(known_names), n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else "no name comes close"
        shown = name if len(name) <= 80 else name[:77] + "..."
        raise InputError(f"`{shown}` is no algorithm and no finding that we know: {hint}")
