"""How many processes scan, and what the limit on open files allows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshprobe.cli.output_file import note
from sshprobe.model.errors import MachineError
from sshprobe.platform.system import FILES_OF_A_LOOP, FILES_OF_A_WORKER, affordable_workers, allow_open_sockets, cores

if TYPE_CHECKING:
    from sshprobe.cli.run import ScanRun
    from sshprobe.scan.settings import ScanSettings
    from sshprobe.targets import LiveTargets, TargetStream

PARALLEL_FROM = 4096
"""Targets from which on several processes are worth their start."""


def new_run(settings: ScanSettings, workers: int) -> ScanRun:
    """Return what runs the scan. Raises `InputError` for settings that cannot be used."""
    from sshprobe.cli.run import OneProcess, SeveralProcesses

    if workers > 1:
        try:
            return SeveralProcesses(settings, workers)
        except MachineError as error:
            note(f"one process, not {workers}: {error}")
    return OneProcess(settings)


def affordable(wanted: int) -> int:
    """Return how many workers this machine takes, and say so if they are fewer. Raises `MachineError` for none."""
    from sshprobe.cli.run import need_files

    need_files(FILES_OF_A_LOOP + FILES_OF_A_WORKER)
    if wanted == 1:
        return 1
    allow_open_sockets(FILES_OF_A_WORKER * wanted)  # which raises the limit
    workers = affordable_workers(wanted)
    if workers < wanted:
        note(
            f"{'1 worker' if workers == 1 else f'{workers} workers'}, not {wanted}: the limit on open files is too low"
        )
    return workers


def usable_workers(wanted: int | None, stream: TargetStream | LiveTargets, *, follows: bool = False) -> int:
    """Return how many processes a sweep has, and say so where that is not what the user wants.

    `follows`: every step is logged, by this process.

    What a name resolves to may be a target by itself, and two workers know nothing of each other: where there are
    names, only one process can see to it that nobody has two connections at once.
    """
    if follows:
        if wanted is not None and wanted > 1:
            note(f"one process, not {wanted}: `-vv` and `--trace` follow each step here")
        return 1
    if stream.has_names:
        if wanted is not None and wanted > 1:
            note(f"one process, not {wanted}: some targets are names, and two could be one address")
        return 1
    return wanted or (cores() if stream.total is not None and stream.total >= PARALLEL_FROM else 1)


def fit_to_limits(settings: ScanSettings, workers: int) -> tuple[ScanSettings, str | None]:
    """Raise the limit on open files as far as needed. Return settings that fit it, and what was changed in them."""
    import msgspec

    wanted = settings.concurrency
    each = -(-wanted // workers)
    allowed = allow_open_sockets(each)
    if allowed >= each:
        return settings, None
    lowered = msgspec.structs.replace(settings, concurrency=allowed * workers)
    return lowered, f"concurrency lowered from {wanted:,} to {allowed * workers:,}: the limit on open files is too low"
