"""`--fix`: what to paste on the hosts, and nothing else, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import SummaryRecord
    from sshprobe.profiles import Profile
    from sshprobe.results import HostResult
    from sshprobe.views.host_stats import HostStats

FIX_FORMATS = ("sshd_config", "sshd_config.d", "ansible", "dropbear")
RECORD_FORMATS = ("table", "json", "jsonl")


def fix_format(
    fix: bool, format_: str | None, profiles: Sequence[Profile], *, output: str | None, verbose: bool
) -> tuple[str | None, str | None]:
    """Return the format of the fix, if one is wanted, and that of the records, which go to the file `output`.

    Raises:
        click.UsageError: the two were mixed.
    """
    if not fix:
        if format_ in FIX_FORMATS:
            raise click.UsageError(f"`--format {format_}` is one of `--fix`: add it, or take {_or(RECORD_FORMATS)}")
        return None, format_
    if format_ in RECORD_FORMATS:
        raise click.UsageError(
            f"`--format {format_}` is none of `--fix`: take {_or(FIX_FORMATS)}, or none; records go to `-o FILE`"
        )
    if output is not None and not output.lower().endswith((".json", ".jsonl")):
        raise click.UsageError(
            f"`-o {output}` is for records, not for what `--fix` prints: name it .json or .jsonl, or write `> {output}`"
        )
    if len(profiles) > 1:
        raise click.UsageError("`--fix` fixes for one profile: name one `--profile`")
    if verbose:
        raise click.UsageError("`--fix` prints no report: leave `-v` out")
    return format_ or "sshd_config", None


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


class Fixes:
    """Prints at the end what fixes the hosts, those alike together."""

    def __init__(self, format_: str, profile: Profile, *, strict: bool, fleet: FleetIndex | None = None) -> None:
        from sshprobe.remedy import RemedyCache
        from sshprobe.render.fix.plan import Plan

        self._format = format_
        self._remedies = RemedyCache(profile, strict=strict, fleet=fleet)
        self._plan = Plan()

    def hosts(self, seen: HostStats, hosts: Sequence[HostResult]) -> None:
        """Take hosts; see `sshprobe.cli.audience.Audience`."""
        for host in hosts:
            record = host.record
            self._plan.add(record, self._remedies.remedy_for(record) if record.verdicts else None)

    def finish(self, summary: SummaryRecord) -> None:
        """Print what was found so far, also of a sweep that was interrupted."""
        from sshprobe.render.fix import ansible, pasted

        render = {
            "sshd_config": pasted.sshd_config,
            "sshd_config.d": pasted.drop_in,
            "dropbear": pasted.dropbear,
            "ansible": ansible.playbook,
        }[self._format]
        sys.stdout.write(render(self._plan))
        sys.stdout.flush()
