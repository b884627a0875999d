"""`sshprobe grade`: grade saved records again. No server is contacted."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.options.filters import HostFilter, SeenValues, filter_options
from sshprobe.cli.options.fleet import fleet_facts, weak_keys_option
from sshprobe.cli.options.grading import GradingOptions, grading_options, load_profiles
from sshprobe.cli.options.output import OutputOptions, fix_format, output_options
from sshprobe.cli.options.values import FILE
from sshprobe.cli.output_file import format_of, lock_output, note, refuse_inputs
from sshprobe.cli.saved_sweeps import SavedSweeps, collect_keys, note_superseded
from sshprobe.cli.standard_streams import standard_input, terminal
from sshprobe.cli.work_line import WorkLine

if TYPE_CHECKING:
    from sshprobe.model.records import HostRecord, Record
    from sshprobe.model.verdict import Finding


_SORTED_UP_TO = 1000
"""Hosts whose blocks come worst first. More are shown as they are read, or they would fill the memory."""


@click.command()
@click.argument("records", type=FILE, metavar="RECORDS...", nargs=-1)
@grading_options
@weak_keys_option
@output_options
@filter_options
def grade(
    records: tuple[str, ...],
    weak_keys: tuple[str, ...],
    grading: GradingOptions,
    written: OutputOptions,
    wanted: HostFilter,
) -> int:
    """Grade saved records again, offline, and compare their host keys.

    RECORDS are files that `sshprobe scan` wrote, as lines or as one JSON document, or - for standard input.
    """
    import msgspec

    from sshprobe.cli.fail_on import reached
    from sshprobe.cli.key_search import search_in_processes
    from sshprobe.cli.output import BLOCKS_UP_TO, open_output
    from sshprobe.cli.sweep_header import TOOL, references, sweep_header
    from sshprobe.grading import FleetIndex, fleet_findings_of, is_gradeable
    from sshprobe.model.observation import endpoint
    from sshprobe.remedy import grade as judge
    from sshprobe.scan.results import HostBatch, HostResult
    from sshprobe.store.reading import read_records
    from sshprobe.views.host_stats import worst_first

    profiles = load_profiles(grading.profile_names)
    output, verbose, strict = written.output, written.verbose, grading.strict
    fixes, format_ = fix_format(written, profiles, verbose=verbose)
    refuse_inputs(output, (*records, *weak_keys, *grading.profile_names))
    if output is not None and format_ is None:
        format_ = format_of(output)
    lock_output(output)
    values, line = SeenValues(wanted), WorkLine()
    facts = fleet_facts(weak_keys)
    take = collect_keys(facts)
    answered: list[str] = []

    def first_pass(record: Record) -> None:
        take(record)
        values.add(record)
        line.count("records read")

    def silence(record: HostRecord) -> None:
        if any(reached(threshold, record) for threshold in grading.thresholds):
            answered.append(endpoint(record.host, record.port))

    saved = SavedSweeps(
        read_records(
            records,
            stdin=standard_input(),
            first_pass=first_pass,
            several=note_superseded,
            silence=silence,
            on_cut=note,
        )
    )
    values.check()
    line.show("comparing keys")
    report = facts.report(search=partial(search_in_processes, on_tested=line.keys))
    line.end()
    fleet = FleetIndex(report)

    def judged() -> Iterator[HostRecord]:
        for record in saved.hosts():
            line.count("hosts graded")
            if not wanted.may_take(record):
                continue
            gradeable = is_gradeable(record)
            verdicts = [judge(record, each, strict=strict) for each in profiles] if gradeable else []
            beside = fleet_findings_of(record, fleet, profiles)
            record = msgspec.structs.replace(record, verdicts=verdicts, fleet_findings=beside)
            if not wanted.is_active or wanted.takes(record, partial(_findings_of, record)):
                yield record

    hosts = judged()
    first_hosts = list(itertools.islice(hosts, _SORTED_UP_TO + 1))
    in_blocks = len(first_hosts) <= BLOCKS_UP_TO
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
        again=f"sshprobe grade {shlex.join(records)} --host",
        pause=line.pause,
    ) as sinks:
        if saved.header is None:
            sinks.header(sweep_header(profiles, strict=strict))
        else:
            sinks.header(msgspec.structs.replace(saved.header, tool=TOOL, profiles=references(profiles), strict=strict))
        if (in_blocks or verbose) and len(first_hosts) <= _SORTED_UP_TO:
            results = [HostResult.of_record(record) for record in first_hosts]
            sinks.write(HostBatch(results))  # the file has them in their order
            sinks.show(HostBatch(sorted(results, key=lambda result: worst_first(result.stats))))
        else:
            for record in itertools.chain(first_hosts, hosts):
                sinks.add(HostBatch([HostResult.of_record(record)]))
        line.end()
        sinks.finish(duration_ms=saved.duration_ms, interrupted=saved.interrupted)
    if answered:
        others = f" and {len(answered) - 1:,} more" if len(answered) > 1 else ""
        note(f"{answered[0]}{others} answered the last time and could not be judged: `--fail-on` counts that")
    return exit_code(interrupted=False, graded=sinks.counting.graded, failed=sinks.fail_on.is_reached or bool(answered))


def _findings_of(record: HostRecord) -> Iterator[Finding]:
    for verdict in record.verdicts:
        yield from verdict.findings
    yield from record.fleet_findings
