"""What a format of `sshprobe report` is: one of views, or one of hosts that come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, NamedTuple, Protocol

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding, Severity
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.by_algorithm import AlgorithmView
from sshprobe.views.by_host import HostView
from sshprobe.views.by_key import KeyView

View = AlgorithmView | HostView | KeyView
"""What `--by` chooses."""


class ViewFormat(NamedTuple):
    """A format of a view."""

    render: Callable[[View, Terminal, bool], str]
    """A view, what the output can show, and whether -v was given, to text that ends with a line end."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of the files of `-o` that are in this format, such as ".json"."""


class AlgorithmNotes(NamedTuple):
    """What there is to say of one algorithm by its name alone."""

    severity: Severity | None = None
    """Of its weakness. None: it has none."""
    weakness: str = ""
    facts: tuple[str, ...] = ()
    marker: bool = False
    """It is a marker in a list, and not an algorithm that could be agreed on."""


class HostFacts(NamedTuple):
    """What a format of hosts can ask about them, whatever a profile says."""

    describe: Callable[[str, str], AlgorithmNotes]
    """Class ("kex", "host_key", "cipher", "mac") and name to notes."""
    findings: Callable[[HostRecord], Iterable[Finding]]
    """A host to its findings."""


class HostWriter(Protocol):
    """Writes hosts as they come: `host` for each, then `end`."""

    left_out: int
    """Hosts of which nothing is known that the format has a place for."""

    def host(self, record: HostRecord) -> None:
        """Write one host, or count it in `left_out`."""

    def end(self) -> None:
        """Write what closes the document."""


class HostFormat(NamedTuple):
    """A format of hosts, which has its own order: it goes without `--by`."""

    open: Callable[[IO[bytes], HostFacts, bool], HostWriter]
    """A stream, what there is to know, and whether there are several hosts, to a writer."""
    suffixes: tuple[str, ...] = ()
