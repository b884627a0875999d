"""The option --notify."""

from __future__ import annotations

from collections.abc import Callable

import click

from sshprobe.cli.options.values import FILE, Command


def notify_option(text: str) -> Callable[[Command], Command]:
    """Return the option --notify with a help text; its value is the argument `notify`."""
    return click.option("--notify", type=FILE, metavar="FILE", help=text)
