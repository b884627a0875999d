"""A run of a saved scan: one at a time, whether cron, systemd or `sshprobe serve` starts it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError
from sshprobe.platform.file_access import OPEN_SAFELY, try_lock
from sshprobe.platform.system import state_directory


@contextlib.contextmanager
def only_run(config: Path, name: str) -> Iterator[None]:
    """Hold the lock of a saved scan during the block. Raises `InputError` if it is running already.

    The lock is of the kernel, so a killed process leaves none. Without a folder for it, the scan runs with a note.
    """
    try:
        folder = state_directory()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        of_file = hashlib.sha256(os.fsencode(config.resolve())).hexdigest()[:16]
        number = os.open(folder / f"{of_file}-{name}.lock", os.O_RDWR | os.O_CREAT | OPEN_SAFELY, 0o600)
    except (OSError, RuntimeError) as error:
        note(f"other runs of `{name}` are not noticed: {getattr(error, 'strerror', None) or error}")
        yield
        return
    try:
        try:
            is_ours = try_lock(number)
        except OSError as error:
            note(f"other runs of `{name}` are not noticed: {error.strerror}")
            is_ours = True
        if not is_ours:
            raise InputError(f"`{name}` is running already: this run did not start", source=str(config))
        yield
    finally:
        os.close(number)
