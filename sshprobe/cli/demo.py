"""`sshprobe demo`: start real servers on loopback, scan and grade them, stop them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.options.grading import DEFAULT_PROFILE
from sshprobe.cli.output import ScanOutput
from sshprobe.cli.run import Ending, on_loop, scan_here
from sshprobe.cli.standard_streams import forgive_standard_output, terminal
from sshprobe.model.errors import InputError
from sshprobe.scan.sinks import JsonLinesSink, Sink

if TYPE_CHECKING:
    from sshprobe.lab.server import LabServer
    from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
    from sshprobe.profiles import Profile
    from sshprobe.render.formats.format import HostWriter
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.scan.results import HostBatch


GUIDES = ("mozilla-modern", "mozilla-intermediate", "alibaba-ecs")
"""Profiles in addition to the default. Each has a column in the table, and more would not fit."""


@click.command()
@click.option(
    "--output", metavar="DIR", default="demo-output", show_default=True, help="Write the records and the report to DIR."
)
def demo(output: str) -> int:
    """Start a small mixed fleet on loopback, scan it, show the report.

    Writes the records, the report and, with the extra `report`, a page for a browser into a folder. Contacts only this
    machine.
    """
    from sshprobe.cli.sweep_header import sweep_header
    from sshprobe.profiles import load_profile
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.store.files import appending_lines, replacing

    profiles = [load_profile(name) for name in dict.fromkeys((DEFAULT_PROFILE, *GUIDES))]
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a file name"
        raise InputError(f"cannot be made: {reason}", source=output) from None
    forgive_standard_output()
    with appending_lines(str(folder / "records.jsonl")) as records, replacing(str(folder / "report.txt")) as file:
        report = DemoReport(profiles)
        sinks = ScanOutput([JsonLinesSink(records)], [report])
        header = sweep_header(profiles, strict=False)
        sinks.header(header)
        ending = on_loop(_sweep_fleet(profiles, sinks, report), hosts=None)
        file.write(report.text(Terminal()).encode("utf-8", "backslashreplace"))
    sys.stdout.write(report.text(terminal()))
    click.echo(f"\nRecords: {folder / 'records.jsonl'}\nReport:  {folder / 'report.txt'}")
    click.echo(f"Page:    {write_page(folder / 'report.html', header, report, profiles)}")
    return exit_code(interrupted=ending.interrupted, graded=sinks.counting.graded, failed=False)


def write_page(path: Path, header: SweepRecord, report: DemoReport, profiles: Sequence[Profile]) -> str:
    """Write the page for a browser. Return its path, or why there is none."""
    from sshprobe.cli.report_writer import check_format, open_writer, report_context

    try:
        check_format("html", str(path))
    except InputError as error:
        return f"not written: {error.message}"
    with open_writer("html", str(path), report_context(profiles=profiles)) as writer:
        writer.header(header)
        report.write(writer)
    return str(path)


async def _sweep_fleet(profiles: Sequence[Profile], sinks: ScanOutput, report: DemoReport) -> Ending:
    from sshprobe.lab.fleet import demo_fleet, missing_servers
    from sshprobe.lab.server import LabError
    from sshprobe.scan.scan_context import ScanContext
    from sshprobe.scan.settings import ScanSettings
    from sshprobe.targets import Target

    print("Starting servers on loopback ...", file=sys.stderr, flush=True)
    async with contextlib.AsyncExitStack() as stack:
        fleet = demo_fleet()
        outcomes = await asyncio.gather(*map(stack.enter_async_context, fleet), return_exceptions=True)
        for server, outcome in zip(fleet, outcomes, strict=True):
            if isinstance(outcome, LabError):
                report.absent.append(f"{server.name} did not start: {' '.join(str(outcome).split())}")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                report.servers.append(server)
        report.absent += map(str, missing_servers())
        print(f"Scanning {len(report.servers)} servers ...", file=sys.stderr, flush=True)
        start = time.monotonic()
        targets = [Target(server.name, server.host, server.port) for server in report.servers]
        context = ScanContext(ScanSettings(profiles=tuple(profiles)))
        ending = await scan_here(context, targets, sinks)
        sinks.finish(duration_ms=round((time.monotonic() - start) * 1000, 3), interrupted=not ending.complete)
        report.note_endpoints()
    return ending


class DemoReport(Sink):
    """What the demo shows: the servers, the table, and the block of the worst host."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._profiles = profiles
        self._hosts: list[HostRecord] = []
        self._summary: SummaryRecord | None = None
        self._endpoints: list[str] = []
        self.servers: list[LabServer] = []
        self.absent: list[str] = []
        """The reasons why servers are not in the fleet."""

    def add(self, batch: HostBatch) -> None:
        """Keep the records of hosts."""
        self._hosts += [result.record for result in batch.results]

    def finish(self, summary: SummaryRecord) -> None:
        """Keep the summary."""
        self._summary = summary

    def note_endpoints(self) -> None:
        """Store the addresses of the servers before they stop."""
        from sshprobe.model.observation import endpoint

        rows = [(endpoint(server.host, server.port), server.name, server.description) for server in self.servers]
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        self._endpoints = [f"  {place:<{widths[0]}}  {name:<{widths[1]}}  {what}" for place, name, what in rows]

    def write(self, writer: HostWriter) -> None:
        """Write the hosts and the summary in a format of hosts."""
        for host in self._hosts:
            writer.add(host)
        if self._summary is not None:
            writer.finish(self._summary)

    def text(self, terminal: Terminal) -> str:
        """Return the report for one kind of output."""
        from sshprobe.cli.neutral_profile import describe
        from sshprobe.model.escape import escape_unprintable
        from sshprobe.remedy import remedy
        from sshprobe.render.text.fleet_table import fleet_table
        from sshprobe.render.text.host_block import host_block
        from sshprobe.render.text.phrases import count
        from sshprobe.views.fleet import FleetBuilder
        from sshprobe.views.host import host_view
        from sshprobe.views.host_stats import record_stats, worst_first

        lines = [f"{count(len(self._endpoints), 'server')} on loopback:", *self._endpoints]
        if self.absent:
            lines += ["Not in the fleet:", *(f"  {each}" for each in self.absent)]
        text = "\n".join(map(escape_unprintable, lines)) + "\n"
        fleet = FleetBuilder()
        for record in self._hosts:
            fleet.add(record)
        if self._summary is not None:
            text += "\n" + fleet_table(fleet.build(self._summary), terminal)
        graded = [record for record in self._hosts if record.verdicts]
        if graded:
            worst = min(graded, key=lambda record: (worst_first(record_stats(record)), record.host, record.port))
            text += "\nThe worst of them:\n\n"
            remedies = {each.id: remedy(worst, each) for each in self._profiles[:1]}
            text += host_block(host_view(worst, remedies, describe), terminal)
        return text
