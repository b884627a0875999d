"""`sshprobe report`: what the hosts of saved records have in common. Nothing is asked of a server."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.fleet_options import fleet_facts, say_which_count, take_hosts, weak_keys_option
from sshprobe.cli.options import standard_input, terminal

if TYPE_CHECKING:
    from sshprobe.model.fleet import FleetReport
    from sshprobe.model.records import HostRecord, Record
    from sshprobe.model.verdict import Severity
    from sshprobe.report.by_algorithm import ByAlgorithm
    from sshprobe.report.by_host import ByHost
    from sshprobe.report.by_key import ByKey


@click.command()
@click.argument("records", metavar="RECORDS...", nargs=-1)
@click.option(
    "--by",
    type=click.Choice(["host", "algorithm", "key"]),
    default="host",
    show_default=True,
    help="Findings on the keys of each host, which algorithm is offered by which hosts, or which key is on which.",
)
@weak_keys_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "ssh-audit"]),
    default="table",
    show_default=True,
    help="ssh-audit: each host as `ssh-audit -j` prints it, for programs that import that; without --by.",
)
@click.option("-v", "--verbose", is_flag=True, help="Every host and every key in the table, not a few.")
@click.pass_context
def report(
    context: click.Context, records: tuple[str, ...], by: str, weak_keys: tuple[str, ...], format_: str, verbose: bool
) -> int:
    """Say what the hosts of saved records have in common.

    Host keys on several machines, RSA keys that share a prime, weak keys and groups, and who offers which algorithm.
    RECORDS are files that `sshprobe scan` wrote, or - for standard input.
    """
    import msgspec

    from sshprobe.cli.grade import SavedSweeps
    from sshprobe.cli.key_search import search_in_processes
    from sshprobe.model.records import HostRecord
    from sshprobe.report.reading import read_records
    from sshprobe.report.summary import SummaryBuilder

    if format_ == "ssh-audit" and context.get_parameter_source("by") is not ParameterSource.DEFAULT:
        raise click.UsageError("`--format ssh-audit` has its own order: leave out `--by`")
    facts = fleet_facts(weak_keys)
    hosts = Counter[type]()
    take = take_hosts(facts)

    def first_pass(record: Record) -> None:
        hosts[type(record)] += 1
        take(record)

    saved = SavedSweeps(read_records(records, stdin=standard_input(), first_pass=first_pass, several=say_which_count))
    fleet = facts.report(search=search_in_processes)
    if format_ == "ssh-audit":
        _as_ssh_audit(saved.hosts(), fleet, several=hosts[HostRecord] > 1)
        return ExitCode.OK
    view, builder = _view(by, fleet), SummaryBuilder()
    for record in saved.hosts():
        builder.add(record)
        view.add(record)
    summary = builder.build(duration_ms=saved.duration_ms, interrupted=saved.interrupted, fleet=fleet)
    if format_ == "json":
        sys.stdout.write(msgspec.json.encode(view.document(summary)).decode("utf-8") + "\n")
    else:
        sys.stdout.write(view.table(summary, terminal(), servers=builder.servers, verbose=verbose))
    return ExitCode.OK


def _view(by: str, fleet: FleetReport) -> ByAlgorithm | ByHost | ByKey:
    if by == "algorithm":
        from sshprobe.report.by_algorithm import ByAlgorithm

        return ByAlgorithm(_assess)
    if by == "key":
        from sshprobe.report.by_key import ByKey

        return ByKey(fleet)
    from sshprobe.grading import FleetIndex, key_findings
    from sshprobe.report.by_host import ByHost

    index = FleetIndex(fleet)
    return ByHost(lambda record: key_findings(record, index))


def _as_ssh_audit(hosts: Iterator[HostRecord], fleet: FleetReport, *, several: bool) -> None:
    """Print hosts in the shape of ssh-audit, with what holds of them whatever a profile asks."""
    from sshprobe.cli.without_profile import describe, findings_of
    from sshprobe.grading import FleetIndex
    from sshprobe.report.ssh_audit import SSHAuditWriter

    index = FleetIndex(fleet)
    writer = SSHAuditWriter(
        sys.stdout.buffer, describe, lambda record: findings_of(record, fleet=index), several=several
    )
    for record in hosts:
        writer.host(record)
    writer.end()
    if writer.left_out:
        words = "1 host is" if writer.left_out == 1 else f"{writer.left_out:,} hosts are"
        print(f"{words} left out: nothing was seen of SSH there", file=sys.stderr)


def _assess(category: Any, name: str) -> tuple[Severity | None, str, bool]:
    """Say how weak an algorithm is, why, and whether it is none but a signal."""
    from sshprobe.algorithms import is_marker, weakness_of

    if is_marker(name):
        return None, "a signal, no algorithm", True
    weakness = weakness_of(category, name)
    return (None, "", False) if weakness is None else (weakness.severity, weakness.words, False)
