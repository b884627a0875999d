"""`sshprobe report`: what the hosts of saved records have in common. No server is contacted."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sshprobe.cli.deadline_report import dated_profiles, deadline_builder
from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.options.filters import HostFilter, filter_options, weak_keys_option
from sshprobe.cli.options.grading import PROFILE, at_option
from sshprobe.cli.options.history import DEFAULT as DEFAULT_HISTORY
from sshprobe.cli.options.history import history_option, open_database, scan_ids
from sshprobe.cli.options.output import quiet_option, refuse_option_as_file
from sshprobe.cli.options.values import FILE
from sshprobe.cli.output_file import lock_output, note, refuse_inputs
from sshprobe.cli.report_writer import check_format, open_writer, report_context
from sshprobe.cli.saved_sweeps import WorkLine, read_and_compare, stored_scan
from sshprobe.cli.standard_streams import terminal
from sshprobe.model.errors import InputError
from sshprobe.model.observation import endpoint
from sshprobe.render.formats import DEFAULT, FORMATS, WRITERS, format_names, load_format, suffixes

if TYPE_CHECKING:
    from sshprobe.cli.earlier_scans import EarlierScans
    from sshprobe.grading import FleetIndex
    from sshprobe.model.fleet import FleetReport
    from sshprobe.model.records import HostRecord, SummaryRecord
    from sshprobe.model.verdict import Finding, Severity
    from sshprobe.profiles import Profile
    from sshprobe.views.deadlines import DeadlineBuilder
    from sshprobe.views.report import AlgorithmBuilder, HostBuilder, KeyBuilder, LabelBuilder


@click.command()
@click.argument("records", type=FILE, metavar="RECORDS...", nargs=-1)
@click.option(
    "--by",
    type=click.Choice(["host", "algorithm", "key", "label", "deadline"]),
    default="host",
    show_default=True,
    help="Show key findings by host, or hosts by another choice.",
)
@click.option(
    "--profile",
    "profile_names",
    type=PROFILE,
    metavar="ID|FILE",
    multiple=True,
    help="With `--by deadline`, read dates from this profile. Repeatable.  [default: all that have dates]",
)
@at_option
@weak_keys_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(format_names()),
    default=DEFAULT,
    show_default=True,
    metavar="FORMAT",
    help=f"Set the format: {', '.join(format_names())}.",
)
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write the report to FILE, e.g. report.csv or report.txt."
)
@click.option("-v", "--verbose", is_flag=True, is_eager=True, help="Show every host and every key in the table.")
@quiet_option("Print only the report and errors.")
@history_option("Read earlier scans: for an HTML page, and for metrics of changed keys.")
@click.option(
    "--scan", metavar="SCAN", shell_complete=scan_ids, help="Report this scan of the history: `latest`, or its id."
)
@click.option(
    "--compare-with", "older", type=FILE, metavar="OLD", help="Show in an HTML page what changed since these records."
)
@filter_options
@click.pass_context
def report(
    context: click.Context,
    /,
    records: tuple[str, ...],
    by: str,
    profile_names: tuple[str, ...],
    at: date | None,
    weak_keys: tuple[str, ...],
    format_: str,
    output: str | None,
    verbose: bool,
    quiet: bool,
    history: str | None,
    scan: str | None,
    older: str | None,
    wanted: HostFilter,
) -> int:
    """Report what the hosts in saved records have in common.

    Lists host keys on several machines, RSA keys that share a prime, weak keys and groups, and which hosts offer which
    algorithm. RECORDS are files that `sshprobe scan` wrote, or - for standard input. With --scan, they come from the
    history. With a filter, such as `--weakness sha1`, it lists every host that matches.
    """
    from sshprobe.grading import FleetIndex
    from sshprobe.render.formats.format import ViewFormat
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.views.summary import SummaryBuilder

    if scan is not None:
        if records:
            raise click.UsageError("`--scan` reads a history: omit the files")
        history = history or DEFAULT_HISTORY
        records = (context.with_resource(stored_scan(history, scan)),)
    if output is not None and context.get_parameter_source("format_") is ParameterSource.DEFAULT:
        format_ = _format_of(output)
    writes_hosts = FORMATS[format_].kind in WRITERS
    if writes_hosts and context.get_parameter_source("by") is not ParameterSource.DEFAULT:
        raise click.UsageError(f"`--format {format_}` has its own order: omit `--by`")
    if by != "deadline" and (profile_names or at is not None):
        raise click.UsageError("`--profile` and `--at` of `report` are for `--by deadline`: `sshprobe grade` has both")
    dated = dated_profiles(profile_names, at) if by == "deadline" else []
    if output == "-":
        raise click.UsageError("`-o -` is not a file: without `-o` the report goes to standard output")
    refuse_option_as_file(output)
    check_format(format_, output)
    refuse_inputs(output, (*records, *weak_keys, *([] if older is None else [older])))
    _check_earlier_scans(context, format_, records, wanted)
    lock_output(output)
    earlier: EarlierScans | None = None
    if format_ == "html":
        from sshprobe.cli.earlier_scans import EarlierScans

        named = context.get_parameter_source("history") is ParameterSource.COMMANDLINE
        earlier = EarlierScans(records, older, history, lambda: saved.header, optional=not named)
    saved, fleet, count, line = read_and_compare(records, wanted, weak_keys)
    counts, index = SummaryBuilder(), FleetIndex(fleet)
    chosen = _ChosenHosts(wanted, index, line)

    def summary() -> SummaryRecord:
        line.end()
        counts.silent.update(saved.silent)
        about = fleet.of_hosts(chosen.places) if wanted.is_active else fleet
        return counts.build(duration_ms=saved.duration_ms, interrupted=saved.interrupted, fleet=about)

    if writes_hosts:
        asked = report_context(
            several=count > 1,
            fleet=index,
            strict=lambda: saved.header is not None and bool(saved.header.strict),
            place=lambda: saved.place if scan is None else None,
        )
        if earlier is not None:
            asked = asked._replace(changes=earlier.changes, trend=earlier.trend)
        elif format_ == "prometheus" and history is not None:
            asked = asked._replace(keys_changed_at=_key_changes(history))
        with open_writer(format_, output, asked) as writer:
            for record in chosen.among(saved.hosts(writer.header)):
                counts.add(record)
                writer.add(_with_fleet_findings(record, index))
            writer.finish(summary())
        return ExitCode.OK if count or saved.silent else ExitCode.NOTHING_SCANNED
    seen = _builder(by, fleet, index, chosen, dated)
    for record in chosen.among(saved.hosts()):
        counts.add(record)
        seen.add(record)
    verbose = verbose or (wanted.is_active and by != "host")
    view = seen.build(summary(), servers=counts.servers)._replace(is_cut_off=saved.is_cut_off)
    format = load_format(format_)
    assert isinstance(format, ViewFormat)
    text = format.render(view, terminal() if output is None else Terminal(), verbose)
    if output is None:
        sys.stdout.write(text)
    else:
        from sshprobe.store.files import replacing

        with replacing(output, keeping=note) as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
    return ExitCode.OK if count or saved.silent else ExitCode.NOTHING_SCANNED


def _check_earlier_scans(context: click.Context, format_: str, records: Sequence[str], wanted: HostFilter) -> None:
    """Raise an error if earlier scans were named but cannot be shown."""
    for name, option in (("history", "--history"), ("older", "--compare-with")):
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if name == "history" and (format_ == "prometheus" or context.params["scan"] is not None):
            continue
        if format_ != "html":
            raise click.UsageError(f"`{option}` needs `--format html`: `sshprobe diff` shows changes on a terminal")
        if wanted.is_active:
            raise click.UsageError(f"`{option}` compares all hosts: omit the filters")
        if name == "older" and "-" in records:
            raise click.UsageError("`--compare-with` reads the records twice: name a file and not standard input")


def _key_changes(history: str) -> Callable[[HostRecord], float | None]:
    """Return a function from a host to the first scan in a history with its changed keys."""
    with contextlib.closing(open_database(history)) as database:
        from sshprobe.store.history.key_changes import key_changes

        found = key_changes(database)
    return lambda record: found.get((record.host.lower(), record.port))


def _format_of(name: str) -> str:
    from sshprobe.compression import codec_of_name

    path, known = Path(name), suffixes()
    suffix = (path.with_suffix("") if codec_of_name(name) else path).suffix.lower()
    if suffix in known:
        return known[suffix]
    named = ", ".join(filter(None, known))
    raise InputError(f"{suffix} is not the suffix of a report: use one of {named}, or add `--format`", source=name)


class _ChosenHosts:
    """The hosts that a filter selects. The findings of a host, which filter and report need, are made once."""

    def __init__(self, wanted: HostFilter, index: FleetIndex, line: WorkLine) -> None:
        self.wanted = wanted
        self.places: set[str] = set()
        """"address:port" of each so far, with a filter."""
        self._index = index
        self._line = line
        self._last: tuple[HostRecord, list[Finding]] | None = None

    def among(self, hosts: Iterator[HostRecord]) -> Iterator[HostRecord]:
        """Yield the selected hosts."""
        for record in hosts:
            self._line.count("hosts looked at")
            if not self.wanted.is_active:
                yield record
            elif self.wanted.takes(record, partial(self.findings, record)):
                self.places.add(endpoint(record.address or record.host, record.port))
                yield record

    def findings(self, record: HostRecord) -> list[Finding]:
        """Return all findings of a host."""
        if self._last is None or self._last[0] is not record:
            self._last = record, _all_findings(record, self._index)
        return self._last[1]


def _all_findings(record: HostRecord, index: FleetIndex) -> list[Finding]:
    """Return the saved findings and those under no profile: older records have no weakness codes."""
    from sshprobe.cli.neutral_profile import findings_of

    saved = [finding for verdict in record.verdicts for finding in verdict.findings]
    return [*findings_of(record, fleet=index), *saved, *record.fleet_findings]


def _builder(
    by: str, fleet: FleetReport, index: FleetIndex, chosen: _ChosenHosts, dated: Sequence[Profile]
) -> AlgorithmBuilder | DeadlineBuilder | HostBuilder | KeyBuilder | LabelBuilder:
    from sshprobe.views.report import AlgorithmBuilder, HostBuilder, KeyBuilder, LabelBuilder

    if by == "algorithm":
        return AlgorithmBuilder(_assess)
    if by == "key":
        return KeyBuilder(fleet)
    if by == "label":
        return LabelBuilder()
    if by == "deadline":
        return deadline_builder(dated)
    from sshprobe.grading import key_findings

    wanted = chosen.wanted
    if wanted.wants_findings:

        def find(record: HostRecord) -> list[Finding]:
            return _worst_first(filter(wanted.finds, chosen.findings(record)))

        return HostBuilder(find, is_filtered=True)
    return HostBuilder(lambda record: key_findings(record, index), is_filtered=wanted.is_active)


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding per algorithm, even if two profiles judge it."""
    from sshprobe.model.verdict import SEVERITIES

    found: dict[tuple[str, str], Finding] = {}
    for each in sorted(findings, key=lambda each: SEVERITIES.index(each.severity)):
        found.setdefault((each.category, each.algorithm or each.id), each)
    return list(found.values())


def _with_fleet_findings(record: HostRecord, index: FleetIndex) -> HostRecord:
    """Return a record with its findings across the fleet: of these files, and others that `grade` saved in it."""
    import msgspec

    from sshprobe.grading import fleet_findings_of

    found = fleet_findings_of(record, index)
    ids = {each.id for each in found}
    found += [each for each in record.fleet_findings if each.id not in ids]
    return msgspec.structs.replace(record, fleet_findings=found) if found else record


def _assess(category: Any, name: str) -> tuple[Severity | None, str, bool]:
    """Describe the weakness of an algorithm, or say that it is a marker."""
    from sshprobe.algorithms import is_marker, weakness_of

    if is_marker(name):
        return None, "a marker, not an algorithm", True
    weakness = weakness_of(category, name)
    return (None, "", False) if weakness is None else (weakness.severity, weakness.words, False)
