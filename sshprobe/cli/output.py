"""Where a sweep goes while it runs: records to a file or standard output, the report to people."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING

from sshprobe.cli.advised_block import block_with_advice
from sshprobe.cli.fail_on import reached, reached_by_fleet
from sshprobe.cli.output_file import format_of, note
from sshprobe.cli.standard_streams import forgive_standard_output
from sshprobe.interrupts import delaying_interrupts
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.cli.audience import Audience
    from sshprobe.grading import FleetIndex
    from sshprobe.model.fleet import FleetReport
    from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
    from sshprobe.profiles import Profile
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.results import HostBatch, HostResult
    from sshprobe.store.jsonl import RecordWriter
    from sshprobe.views.host_stats import HostStats


BLOCKS_UP_TO = 8
"""With more hosts than this, only -v shows a block of each."""


class SweepOutput:
    """Takes hosts as they finish: writes them, shows them, counts them."""

    def __init__(
        self,
        writer: RecordWriter | None,
        audience: Audience | None,
        thresholds: Sequence[str],
        fleet: FleetReport | None = None,
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
        save: Callable[[SummaryRecord], None] | None = None,
    ) -> None:
        from sshprobe.grading import FleetFacts
        from sshprobe.views.summary import SummaryBuilder

        self._writer = writer
        self._audience = audience
        self._thresholds = thresholds
        self.summary = SummaryBuilder()
        self._fleet = fleet
        """What is known of all hosts before the first; else it is found out while they go by."""
        self._facts = FleetFacts()
        self._pause = pause
        """Around what the writer writes."""
        self._save = save
        """Completes the files, before anything of the end is shown."""
        self.graded = 0
        self.failed = False
        """Whether a host reached a `--fail-on`."""

    def header(self, record: SweepRecord) -> None:
        """Begin."""
        if self._writer is not None:
            self._writer.header(record)

    def host(self, record: HostRecord) -> None:
        """Take one host."""
        self.write(record)
        self.replay(record)

    def write(self, record: HostRecord) -> None:
        """Write one host, and leave it to `replay` to count and show it."""
        if self._writer is not None:
            self._writer.host(record)
            self._writer.flush()

    def hosts(self, batch: HostBatch) -> None:
        """Take all hosts that there are at the moment. Those that are alike are counted together."""
        if self._writer is not None:
            with self._pause():
                for host in batch.results:
                    self._writer.line(host.line())
                self._writer.flush()
        for some in batch.groups:
            self._count(some)

    def replay(self, record: HostRecord) -> None:
        """Count and show a host that is written already."""
        from sshprobe.results import HostResult

        self._count([HostResult.of_record(record)])

    def _count(self, hosts: Sequence[HostResult]) -> None:
        """Count and show hosts that are alike."""
        first = hosts[0]
        seen = first.stats
        self.summary.add_alike(seen, len(hosts))
        if self._fleet is None and seen.has_keys:
            for host in hosts:
                self._facts.add(host.observation)
        if seen.verdicts:
            self.graded += len(hosts)
        if self._thresholds and not self.failed:
            self.failed = any(reached(threshold, first.record) for threshold in self._thresholds)
        if self._audience is not None:
            self._audience.hosts(seen, hosts)

    def finish(self, *, duration_ms: float, interrupted: bool = False) -> None:
        """End with the summary. The file is whole before anything of it is shown: that may fail, or block."""
        from sshprobe.model.fleet import FleetReport

        try:
            fleet = self._fleet or self._facts.report(thorough=False)
        except KeyboardInterrupt:  # the search for shared primes takes long where there are many keys
            if self._save is None:
                raise
            note("interrupted: what the hosts have in common was not looked for; `sshprobe grade` finds it")
            interrupted = True
            fleet = FleetReport(shared_host_keys=[], shared_primes=None, weak_keys=[], known_keys_checked=False)
        if self._fleet is None:  # else the records have it
            self.failed = self.failed or any(reached_by_fleet(threshold, fleet) for threshold in self._thresholds)
        summary = self.summary.build(duration_ms=duration_ms, interrupted=interrupted, fleet=fleet)
        with delaying_interrupts():
            if self._writer is not None:
                self._writer.summary(summary)
            if self._save is not None:
                self._save(summary)
        if self._audience is not None:
            self._audience.finish(summary)


class Human:
    """Prints blocks as hosts finish and the table at the end, to standard output and, if given, into a file."""

    def __init__(
        self,
        terminal: Terminal,
        profiles: Sequence[Profile],
        *,
        strict: bool,
        verbose: bool,
        blocks: bool,
        copy_to: IO[bytes] | None = None,
        fleet: FleetIndex | None = None,
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
        in_full: str = "add `-v`",
        kept_in: str | None = None,
        resumable: bool = False,
    ) -> None:
        from sshprobe.views.fleet import FleetBuilder

        self._terminal = terminal
        self._profiles = profiles if verbose else profiles[:1]
        self._unverified = {each.id: each.not_verified for each in profiles if each.not_verified}
        self._strict = strict
        self._verbose = verbose
        self._blocks = blocks or verbose
        self._few = blocks
        self._shown = 0
        self._copy_to = copy_to
        self._fleet = fleet
        self._pause = pause
        self._in_full = in_full
        """What to do to see the blocks that are not shown."""
        self._hosts = 0
        self._judged = False
        self._kept_in = kept_in
        self._resumable = resumable
        self._seen = FleetBuilder(verbose=verbose)

    def hosts(self, seen: HostStats, hosts: Sequence[HostResult]) -> None:
        """Show hosts; see `Audience`."""
        self._hosts += len(hosts)
        self._judged = self._judged or bool(seen.verdicts)
        self._seen.add_alike(seen, [host.target for host in hosts])
        if self._blocks:
            for host in hosts:
                self._show(host.record)

    def _show(self, record: HostRecord) -> None:
        from sshprobe.render.text.host_details import saw_nothing
        from sshprobe.render.text.terminal import Terminal

        if saw_nothing(record) and not self._few:
            return  # the table says it all; in a sweep of dead networks there are thousands
        gap = "\n" if self._shown else ""
        self._shown += 1
        with self._pause():
            sys.stdout.write(gap + self._block(record, self._terminal))
            sys.stdout.flush()
        if self._copy_to is not None:
            self._copy_to.write((gap + self._block(record, Terminal())).encode("utf-8", "backslashreplace"))

    def finish(self, summary: SummaryRecord) -> None:
        """Show the fleet, unless it is one host whose block says it all; then what was not verified of the profiles."""
        self._write(self._end(summary, self._terminal))

    def copy(self, summary: SummaryRecord) -> None:
        """Write the same into the file that gets a copy."""
        from sshprobe.render.text.terminal import Terminal

        if self._copy_to is not None:
            self._copy(self._end(summary, Terminal()))

    def _end(self, summary: SummaryRecord, terminal: Terminal) -> str:
        from sshprobe.render.text.fleet_table import fleet_table

        text = ""
        if self._hosts != 1 or not self._blocks or summary.interrupted:
            text += "\n" if self._shown else ""
            text += fleet_table(
                self._seen.build(summary),
                terminal,
                verbose=self._verbose,
                kept_in=self._kept_in,
                resumable=self._resumable,
            )
        if self._judged and not self._blocks and terminal is self._terminal:
            words = escape_unprintable(f"What was found on each host, and what to change there: {self._in_full}.")
            text += "\n".join(terminal.wrap(words, indent="")) + "\n"
        if self._unverified and self._hosts:
            text += _not_verified(self._unverified, terminal)
        return text

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _copy(self, text: str) -> None:
        if self._copy_to is not None:
            self._copy_to.write(text.encode("utf-8", "backslashreplace"))

    def _block(self, record: HostRecord, terminal: Terminal) -> str:
        return block_with_advice(
            record, terminal, self._profiles, strict=self._strict, verbose=self._verbose, fleet=self._fleet
        )


def _not_verified(profiles: Mapping[str, str], terminal: Terminal) -> str:
    lines = [
        line for id, what in profiles.items() for line in terminal.wrap(f"{id}, not verified: {what}", indent="  ")
    ]
    return "\n" + "\n".join(map(escape_unprintable, lines)) + "\n"


@contextlib.contextmanager
def open_output(
    format_: str | None,
    name: str | None,
    *,
    terminal: Terminal,
    profiles: Sequence[Profile],
    thresholds: Sequence[str],
    strict: bool,
    verbose: bool,
    blocks: bool,
    keep: int = 0,
    fleet: FleetReport | None = None,
    pause: Callable[[], AbstractContextManager[None]] = nullcontext,
    fix: str | None = None,
    resumable: bool = False,
) -> Iterator[SweepOutput]:
    """Open all that a sweep is written to. A JSON document or report file appears only when the block ends well.

    What the file held before is kept beside it, and standard error told so (`sshprobe.store.files`).

    `keep`: bytes at the beginning of a file of lines that stay.
    `fleet` is what the keys of all hosts say together, where it is known before the first host comes.
    `fix`: standard output gets what fixes the hosts, in this format, in place of the report.
    `resumable`: a sweep that is interrupted can go on in a file of lines, which gets each host as it comes, and the
    report says how. Otherwise a file appears only when the block ends well.

    Raises:
        InputError: the file cannot be written.
    """
    from sshprobe.grading import FleetIndex
    from sshprobe.store.files import appending_lines, replacing
    from sshprobe.store.json_document import JsonDocumentWriter
    from sshprobe.store.jsonl import JsonLinesWriter

    if name is not None:
        format_ = format_ or format_of(name)
        forgive_standard_output()
    in_full = "add `-v`"
    kept_in = name if format_ != "table" else None
    if kept_in is not None:
        in_full = f"`sshprobe grade {shlex.quote(kept_in)} -v`"
    with contextlib.ExitStack() as stack:
        writer: RecordWriter | None = None
        copy_to: IO[bytes] | None = None
        stream: IO[bytes]
        if format_ == "jsonl":
            stream = sys.stdout.buffer
            if name is not None:
                opened = appending_lines(name, keep, keeping=note) if resumable else replacing(name, keeping=note)
                stream = stack.enter_context(opened)
            writer = JsonLinesWriter(stream)
        elif format_ == "json":
            stream = sys.stdout.buffer
            if name is not None:
                stream = stack.enter_context(replacing(name, keeping=note))
            writer = JsonDocumentWriter(stream)
        elif name is not None:
            copy_to = stack.enter_context(replacing(name, keeping=note))
        audience: Audience | None = None
        human: Human | None = None
        index = None if fleet is None else FleetIndex(fleet)
        if fix is not None:
            from sshprobe.cli.fix import Fixes

            audience = Fixes(fix, profiles[0], strict=strict, fleet=index)
        elif writer is None or name is not None:
            audience = human = Human(
                terminal,
                profiles,
                strict=strict,
                verbose=verbose,
                blocks=blocks,
                copy_to=copy_to,
                fleet=index,
                pause=pause,
                in_full=in_full,
                kept_in=kept_in,
                resumable=resumable and format_ == "jsonl",
            )

        def save(summary: SummaryRecord) -> None:
            if human is not None:
                human.copy(summary)
            stack.close()

        on_screen = name is None and sys.stdout.isatty()
        yield SweepOutput(
            writer,
            audience,
            thresholds,
            fleet,
            pause if on_screen else nullcontext,
            None if name is None else save,
        )
