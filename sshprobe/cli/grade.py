"""`sshprobe grade`: grade saved records again. No server is contacted."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import click

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.options.filters import HostFilter, filter_options, weak_keys_option
from sshprobe.cli.options.grading import GradingOptions, at_option, grading_options, load_profiles
from sshprobe.cli.options.history import history_option
from sshprobe.cli.options.output import OutputOptions, fix_format, output_options
from sshprobe.cli.options.values import FILE, WholeNumber
from sshprobe.cli.output_file import BLOCKS_UP_TO, format_of, lock_output, note, note_superseded, refuse_inputs
from sshprobe.cli.report_writer import check_format
from sshprobe.cli.saved_sweeps import read_and_compare
from sshprobe.cli.standard_streams import terminal

if TYPE_CHECKING:
    from sshprobe.model.records import HostRecord
    from sshprobe.model.verdict import Finding
    from sshprobe.store.latest import LatestRecords


_SORTED_UP_TO = 1000
"""Up to this many hosts, blocks are sorted worst first. More are shown in the order of the file, to limit memory."""

_BATCH = 256
"""Hosts that are written and shown together."""


@click.command()
@click.argument("records", type=FILE, metavar="RECORDS...", nargs=-1)
@grading_options
@at_option
@weak_keys_option
@click.option(
    "--workers",
    type=WholeNumber(1, 256),
    metavar="N",
    help="Grade in N processes.  [default: one per core for many hosts, else 1]",
)
@output_options
@history_option("Keep the new verdicts in this history: they replace those of the scan.")
@filter_options
def grade(
    records: tuple[str, ...],
    at: date | None,
    weak_keys: tuple[str, ...],
    workers: int | None,
    grading: GradingOptions,
    written: OutputOptions,
    history: str | None,
    wanted: HostFilter,
) -> int:
    """Grade saved records again, offline, and compare their host keys.

    RECORDS are files that `sshprobe scan` wrote, as lines or as one JSON document, or - for standard input.
    """
    import msgspec

    from sshprobe.cli.exit_codes import reached
    from sshprobe.cli.output import open_output
    from sshprobe.cli.run import PARALLEL_FROM
    from sshprobe.cli.sweep_header import TOOL, references, sweep_header
    from sshprobe.grading import FleetIndex, fleet_findings_of
    from sshprobe.model.observation import endpoint
    from sshprobe.platform.system import cores
    from sshprobe.scan.regrading import Regrader
    from sshprobe.scan.results import HostBatch, HostResult
    from sshprobe.views.host_stats import worst_first

    profiles = load_profiles(grading.profile_names, at=at)
    output, verbose, strict = written.output, written.verbose, grading.strict
    fixes, format_ = fix_format(written, profiles, verbose=verbose)
    refuse_inputs(output, (*records, *weak_keys, *grading.profile_names))
    if output is not None and format_ is None:
        format_ = format_of(output)
    check_format(format_, output)
    lock_output(output)
    if history is not None and wanted.is_active:
        raise click.UsageError("`--history` keeps all hosts of a scan: omit the filters")
    answered: list[str] = []

    def silence(record: HostRecord) -> None:
        if any(reached(threshold, record) for threshold in grading.thresholds):
            answered.append(endpoint(record.host, record.port))

    def several(latest: LatestRecords) -> None:
        if history is not None:
            raise click.UsageError("`--history` keeps one scan: grade the records of one")
        note_superseded(latest)

    saved, report, hosts, line = read_and_compare(records, wanted, weak_keys, several=several, silence=silence)
    fleet = FleetIndex(report)

    regrader = click.get_current_context().with_resource(
        Regrader(
            profiles,
            strict=strict,
            findings_of=lambda record: fleet_findings_of(record, fleet, profiles),
            workers=workers or (cores() if hosts >= PARALLEL_FROM else 1),
        )
    )

    def regraded() -> Iterator[HostResult]:
        for result in regrader.results(filter(wanted.may_take, saved.hosts())):
            line.count("hosts graded")
            if not wanted.is_active or wanted.takes(result.record, partial(_findings_of, result.record)):
                yield result

    results = regraded()
    first = list(itertools.islice(results, _SORTED_UP_TO + 1))
    in_blocks = len(first) <= BLOCKS_UP_TO
    if saved.header is None:
        header = sweep_header(profiles, strict=strict)
    else:
        header = msgspec.structs.replace(saved.header, tool=TOOL, profiles=references(profiles), strict=strict)
    kept = None
    if history is not None:
        from sshprobe.cli.history_sink import HistorySink

        kept = HistorySink(history)
        click.get_current_context().call_on_close(kept.close)
        kept.header(header)
    with open_output(
        format_,
        output,
        terminal=terminal(),
        profiles=profiles,
        thresholds=grading.thresholds,
        strict=strict,
        verbose=verbose,
        blocks=in_blocks,
        fleet=report,
        fix=fixes,
        quiet=written.quiet,
        several=hosts > 1,
        again=f"sshprobe grade {shlex.join(records)} --host",
        pause=line.pause,
        followers=[] if kept is None else [kept],
        is_cut_off=saved.is_cut_off,
    ) as sinks:
        sinks.header(header)
        if (in_blocks or verbose) and len(first) <= _SORTED_UP_TO:
            sinks.write(HostBatch(first))  # the file has its own order
            sinks.show(HostBatch(sorted(first, key=lambda result: worst_first(result.stats))))
        else:
            sinks.add(HostBatch(first))
            while batch := list(itertools.islice(results, _BATCH)):
                sinks.add(HostBatch(batch))
        line.end()
        sinks.counting.counts.silent.update(saved.silent)
        sinks.finish(duration_ms=saved.duration_ms, interrupted=saved.interrupted)
    if kept is not None:
        kept.check()
    if answered:
        others = f" and {len(answered) - 1:,} more" if len(answered) > 1 else ""
        note(f"{answered[0]}{others} answered last time but could not be judged: `--fail-on` counts that")
    return exit_code(interrupted=False, graded=sinks.counting.graded, failed=sinks.fail_on.is_reached or bool(answered))


def _findings_of(record: HostRecord) -> Iterator[Finding]:
    for verdict in record.verdicts:
        yield from verdict.findings
    yield from record.fleet_findings
