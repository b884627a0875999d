"""The two kinds of formats of `sshprobe report`: of a view, or of hosts one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, NamedTuple

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.offers import Describe
from sshprobe.views.report import ReportView


class ViewFormat(NamedTuple):
    """A format of a view."""

    render: Callable[[ReportView, Terminal, bool], str]
    """Takes a view, the terminal and whether -v was given. Returns text that ends with a line end."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of the files of `-o` that are in this format, such as ".json"."""


class HostFacts(NamedTuple):
    """Functions that tell a format of hosts about them, independent of profiles."""

    describe: Describe
    findings: Callable[[HostRecord], Iterable[Finding]]
    """A host to its findings."""


class HostFormat(NamedTuple):
    """A format of hosts one after the other. It has its own order, so it does not take `--by`."""

    write: Callable[[Iterable[HostRecord], IO[bytes], HostFacts, bool], int]
    """Takes hosts, a stream, facts, and whether there are several hosts. Returns how many hosts it left out."""
    suffixes: tuple[str, ...] = ()
