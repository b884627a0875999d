"""The report of a scan as text: blocks of hosts and a table, or with --fix the lines to paste."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from sshprobe.cli.output_file import BLOCKS_UP_TO
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.scan.sinks import Sink
from sshprobe.views.fleet import FleetBuilder

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import HostRecord, SummaryRecord
    from sshprobe.profiles import Profile
    from sshprobe.remedy import RemedyCache
    from sshprobe.render.text.terminal import Terminal
    from sshprobe.scan.results import HostBatch, HostResult


class TextSink(Sink):
    """Writes the report with `write`, as `terminal` can show it.

    - `blocks`: a block of each host, for few hosts; with `verbose`, of each one that was seen. None: blocks at the end
      if there are at most `BLOCKS_UP_TO` hosts then.
    - `fleet`: the comparison of all keys, if it is known before the first host.
    - `again`: the command that shows one host, without the host; None: no hint.
    - `kept_in`: the file that gets the records. `resumable`: an interrupted scan can continue in it.
    - `is_cut_off`: hosts are missing because a file that was read is cut off.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        terminal: Terminal,
        profiles: Sequence[Profile],
        *,
        strict: bool,
        verbose: bool,
        blocks: bool | None,
        fleet: FleetIndex | None = None,
        again: str | None = None,
        kept_in: str | None = None,
        resumable: bool = False,
        is_cut_off: bool = False,
    ) -> None:
        self._write = write
        self._terminal = terminal
        self._advised = profiles if verbose else profiles[:1]
        self._strict = strict
        self._fleet = fleet
        self._unverified = {each.id: each.not_verified for each in profiles if each.not_verified}
        self._verbose = verbose
        self._blocks = blocks or verbose
        self._shows_silent = bool(blocks)
        self._held: list[HostResult] | None = [] if blocks is None and not verbose else None
        self._again = again
        self._kept_in = kept_in
        self._resumable = resumable
        self._is_cut_off = is_cut_off
        self._hosts = self._shown = 0
        self._is_graded = False
        self._view = FleetBuilder(verbose=verbose)

    @cached_property
    def _remedies(self) -> dict[str, RemedyCache]:
        from sshprobe.remedy import RemedyCache  # imported ahead, in cli.run

        return {each.id: RemedyCache(each, strict=self._strict, fleet=self._fleet) for each in self._advised}

    def add(self, batch: HostBatch) -> None:
        """Write blocks, and keep the data for the table."""
        for group in batch.groups:
            stats = group[0].stats
            self._hosts += len(group)
            self._is_graded = self._is_graded or bool(stats.verdicts)
            self._view.add_alike(stats, [result.target for result in group])
        if self._blocks:
            for result in batch.results:
                self._show(result.record)
        elif self._held is not None:
            self._held += batch.results
            if len(self._held) > BLOCKS_UP_TO:
                self._held = None

    def _show(self, record: HostRecord) -> None:
        from sshprobe.cli.neutral_profile import describe
        from sshprobe.render.text.host_block import host_block  # imported ahead, in cli.run
        from sshprobe.render.text.host_details import saw_nothing
        from sshprobe.views.host import host_view

        if saw_nothing(record) and not self._shows_silent:
            return  # the table has everything, and a scan of dead networks has thousands of such hosts
        gap = "\n" if self._shown else ""
        self._shown += 1
        known = {each.profile: self._remedies.get(each.profile) for each in record.verdicts}
        remedies = {profile: cache.remedy_for(record) for profile, cache in known.items() if cache is not None}
        self._write(gap + host_block(host_view(record, remedies, describe), self._terminal, verbose=self._verbose))

    def finish(self, summary: SummaryRecord) -> None:
        """Write the table and the fleet, unless the block of a single host shows all; then the unverified parts of
        profiles."""
        if self._held is not None:
            self._blocks = self._shows_silent = True
            for result in self._held:
                self._show(result.record)
        text, view = "", self._view.build(summary)
        if self._hosts != 1 or not self._blocks or summary.interrupted:
            from sshprobe.render.text.fleet_table import fleet_table

            text += "\n" if self._shown else ""
            text += fleet_table(
                view,
                self._terminal,
                verbose=self._verbose,
                kept_in=self._kept_in,
                resumable=self._resumable,
                is_cut_off=self._is_cut_off,
            )
        if self._is_graded and not self._blocks and self._again is not None:
            worst = view.rows[0]
            place = worst.host if worst.port == 22 else endpoint(worst.host, worst.port)
            text += (
                f"One host, why, and what to change:\n  {escape_unprintable(f'{self._again} {shlex.quote(place)}')}\n"
            )
        if self._unverified and self._hosts:
            text += _not_verified(self._unverified, self._terminal)
        self._write(text)


def _not_verified(profiles: Mapping[str, str], terminal: Terminal) -> str:
    lines = [
        line for id, what in profiles.items() for line in terminal.wrap(f"{id}, not verified: {what}", indent="  ")
    ]
    return "\n" + "\n".join(map(escape_unprintable, lines)) + "\n"


class FixSink(Sink):
    """Prints the fixes at the end. Hosts that need the same changes are grouped."""

    def __init__(self, format_: str, profile: Profile, *, strict: bool, fleet: FleetIndex | None = None) -> None:
        from sshprobe.remedy import RemedyCache
        from sshprobe.views.fixes import Plan  # only for --fix

        self._format = format_
        self._remedies = RemedyCache(profile, strict=strict, fleet=fleet)
        self._plan = Plan()

    def add(self, batch: HostBatch) -> None:
        """Compute the fixes for these hosts."""
        for result in batch.results:
            record = result.record
            self._plan.add(record, self._remedies.remedy_for(record) if record.verdicts else None)

    def finish(self, summary: SummaryRecord) -> None:
        """Print the results so far, also after an interrupted scan."""
        from sshprobe.render.fix import load_format

        sys.stdout.write(load_format(self._format)(self._plan))
        sys.stdout.flush()
