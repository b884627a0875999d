"""The output of a scan: sinks for records, for counts, for `--fail-on` and for people, combined."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING

from sshprobe.cli.exit_codes import reached, reached_by_fleet
from sshprobe.cli.output_file import format_of, note
from sshprobe.cli.standard_streams import forgive_standard_output
from sshprobe.lru_cache import LruCache
from sshprobe.model.fleet import FleetReport
from sshprobe.platform.signals import delaying_interrupts
from sshprobe.render.formats import WRITERS, format_names
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.sinks import CountingSink, FleetSink, JsonDocumentSink, JsonLinesSink, Sink
from sshprobe.views.host_stats import took_no_connection

if TYPE_CHECKING:
    from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
    from sshprobe.profiles import Profile
    from sshprobe.render.formats.format import HostWriter
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.store.files import Kept


class FailOnSink(Sink):
    """Records whether a host reaches a threshold of `--fail-on`."""

    def __init__(self, thresholds: Sequence[str]) -> None:
        self._thresholds = thresholds
        self.is_reached = False
        self._passed: LruCache[Hashable, bool] = LruCache()
        """Keys of verdicts that do not reach any threshold."""

    def add(self, batch: HostBatch) -> None:
        """Check hosts. Equal verdicts are checked once."""
        if not self._thresholds or self.is_reached:
            return
        for result in batch.results:
            if result.stats.verdicts and self._passed.get(result.key):
                continue
            if any(reached(threshold, result.record) for threshold in self._thresholds):
                self.is_reached = True
                return
            self._passed.put(result.key, True, 1)

    def add_fleet(self, fleet: FleetReport) -> None:
        """Check the findings across the fleet."""
        self.is_reached = self.is_reached or any(reached_by_fleet(threshold, fleet) for threshold in self._thresholds)


class FormatSink(Sink):
    """Passes hosts to a format of reports, within the context `pause()`, as `JsonLinesSink` writes lines."""

    def __init__(
        self,
        writer: HostWriter,
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        skip_silent: bool = False,
    ) -> None:
        self._writer = writer
        self._pause = pause
        self._skip_silent = skip_silent

    def header(self, record: SweepRecord) -> None:
        """Pass the header."""
        self._writer.header(record)

    def add(self, batch: HostBatch) -> None:
        """Pass the records of hosts."""
        with self._pause():
            for result in batch.results:
                if not (self._skip_silent and took_no_connection(result.stats)):
                    self._writer.add(result.record)

    def finish(self, summary: SummaryRecord) -> None:
        """Pass the summary."""
        self._writer.finish(summary)


class ScanOutput:
    """Writes hosts as they finish, counts them and shows them.

    - `records`: write records.
    - `reports`: write the report into files.
    - `screen`: show hosts on standard output.
    - `fleet`: the comparison of all keys, if it is known before the first host.
    - `close`: completes the files before the summary is shown; None: there are no files.
    """

    def __init__(
        self,
        records: Sequence[Sink],
        screen: Sequence[Sink],
        thresholds: Sequence[str] = (),
        *,
        reports: Sequence[Sink] = (),
        fleet: FleetReport | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.counting = CountingSink()
        self._fleet = FleetSink(fleet)
        self.fail_on = FailOnSink(thresholds)
        self._records = records
        self._screen = screen
        self._files = [*records, *reports]
        self._shown = [self.counting, self._fleet, self.fail_on, *reports, *screen]
        self._close = close

    def header(self, record: SweepRecord) -> None:
        """Begin."""
        for sink in self._records:
            sink.header(record)

    def add(self, batch: HostBatch) -> None:
        """Write hosts, count them and show them."""
        self.write(batch)
        self.show(batch)

    def write(self, batch: HostBatch) -> None:
        """Write the records of hosts; `show` counts and shows them."""
        for sink in self._records:
            sink.add(batch)

    def show(self, batch: HostBatch) -> None:
        """Count and show hosts whose records are written."""
        for sink in self._shown:
            sink.add(batch)

    def replay(self, record: HostRecord) -> None:
        """Count and show a host whose record is already in the file."""
        self.show(HostBatch([HostResult.of_record(record)]))

    def finish(self, *, duration_ms: float, interrupted: bool = False) -> None:
        """End with the summary. Files are completed before it is shown, because showing it may fail or block."""
        try:
            fleet = self._fleet.report()
        except KeyboardInterrupt:  # the search for shared primes takes long if there are many keys
            if self._close is None:
                raise
            note("interrupted: shared keys and primes were not looked for; `sshprobe grade` finds them")
            interrupted = True
            fleet = FleetReport(shared_host_keys=[], shared_primes=None, weak_keys=[], known_keys_checked=False)
        if not self._fleet.is_known:  # otherwise the records have its findings
            self.fail_on.add_fleet(fleet)
        summary = self.counting.counts.build(duration_ms=duration_ms, interrupted=interrupted, fleet=fleet)
        with delaying_interrupts():
            for sink in self._files:
                sink.finish(summary)
            if self._close is not None:
                self._close()
        for sink in self._screen:
            sink.finish(summary)


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
    blocks: bool | None,
    keep: Kept | None = None,
    fleet: FleetReport | None = None,
    pause: Callable[[], AbstractContextManager[None]] = nullcontext,
    fix: str | None = None,
    resumable: bool = False,
    skip_silent: bool = False,
    several: bool = True,
    quiet: bool = False,
    again: str | None = None,
    followers: Sequence[Sink] = (),
    is_cut_off: bool = False,
) -> Iterator[ScanOutput]:
    """Open the outputs of a scan. A JSON document or report file appears only if the block succeeds.

    An older file becomes a backup, with a note (`sshprobe.store.files`).

    `keep`: the part of a file of lines that stays.
    `fleet`: the comparison of all keys, if it is known before the first host.
    `fix`: standard output gets the fixes in this format instead of the report.
    `skip_silent`: no record of hosts that take no connection is written.
    `several`: whether there is more than one host.
    `resumable`: an interrupted scan can continue in a file of lines, which gets each host when it is finished, and the
    report says how. Otherwise a file appears only if the block succeeds.
    `quiet`: standard output gets a report only with the format "table", and no hints.
    `again`: the command that shows one host, without the host; used if no file has the records.
    `followers`: get each host after the files and the screen. They get no header.
    `is_cut_off`: the hosts come from a file that is cut off, and the report says so.

    Raises:
        InputError: the file cannot be written.
    """
    from sshprobe.cli.text_sink import TextSink
    from sshprobe.render.text.terminal import Terminal

    if name is not None:
        format_ = format_ or format_of(name)
        forgive_standard_output()
    index = None
    if fleet is not None:
        from sshprobe.grading import FleetIndex  # imported ahead, in cli.run

        index = FleetIndex(fleet)
    kept_in = name if format_ in ("jsonl", "json") else None
    shows = not quiet or (name is None and format_ == "table")
    if kept_in is not None:
        again = f"sshprobe grade {shlex.quote(kept_in)} --host"

    def text(write: Callable[[str], None], shown_on: Terminal, again: str | None) -> Sink:
        return TextSink(
            write,
            shown_on,
            profiles,
            strict=strict,
            verbose=verbose,
            blocks=blocks,
            fleet=index,
            again=again,
            kept_in=kept_in,
            resumable=resumable and format_ == "jsonl",
            is_cut_off=is_cut_off,
        )

    def on_screen(words: str) -> None:
        with pause():
            sys.stdout.write(words)
            sys.stdout.flush()

    with contextlib.ExitStack() as stack:
        records: list[Sink] = []
        reports: list[Sink] = []
        screen: list[Sink] = []
        stream: IO[bytes] = sys.stdout.buffer
        is_report = format_ in format_names(WRITERS)
        if name is not None and not is_report:
            from sshprobe.compression import codec_of_name, compressing
            from sshprobe.store.files import Kept, appending_lines, replacing

            lines = format_ == "jsonl" and resumable
            if lines:
                stream = stack.enter_context(appending_lines(name, keep or Kept(), keeping=note))
            else:
                opened = stack.enter_context(replacing(name, keeping=note))
                stream = stack.enter_context(compressing(opened, codec_of_name(name)))
        on_terminal = name is None and sys.stdout.isatty()
        hold = pause if on_terminal else nullcontext
        if is_report:
            from sshprobe.cli.report_writer import open_writer, report_context

            assert format_ is not None
            asked = report_context(several=several, fleet=index, profiles=profiles, strict=lambda: strict)
            writer = stack.enter_context(open_writer(format_, name, asked))
            records.append(FormatSink(writer, hold, skip_silent=skip_silent))
        elif format_ in ("jsonl", "json"):
            make = JsonLinesSink if format_ == "jsonl" else JsonDocumentSink
            records.append(make(stream, hold, skip_silent=skip_silent))
        elif name is not None:
            reports.append(text(lambda words: _write(stream, words), Terminal(), None))
        if fix is not None:
            from sshprobe.cli.text_sink import FixSink

            screen.append(FixSink(fix, profiles[0], strict=strict, fleet=index))
        elif shows and (not records or name is not None):
            screen.append(text(on_screen, terminal, again))
        close = None if name is None else stack.close
        yield ScanOutput(records, [*screen, *followers], thresholds, reports=reports, fleet=fleet, close=close)


def _write(stream: IO[bytes], words: str) -> None:
    stream.write(words.encode("utf-8", "backslashreplace"))
