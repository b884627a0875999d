"""What a format of `sshprobe report` is: one of views, or one of hosts that come one after the other."""

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
    """A view, what the output can show, and whether -v was given, to text that ends with a line end."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of the files of `-o` that are in this format, such as ".json"."""


class HostFacts(NamedTuple):
    """What a format of hosts can ask about them, whatever a profile says."""

    describe: Describe
    findings: Callable[[HostRecord], Iterable[Finding]]
    """A host to its findings."""


class HostFormat(NamedTuple):
    """A format of hosts one after the other, which has its own order: it goes without `--by`."""

    write: Callable[[Iterable[HostRecord], IO[bytes], HostFacts, bool], int]
    """Hosts, a stream, facts about them, and whether there are several, to the number of hosts that it left out."""
    suffixes: tuple[str, ...] = ()
