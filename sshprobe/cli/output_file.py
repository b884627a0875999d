"""The file of `-o`: it never replaces an input, and a note names the backup of its old content."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshprobe.cli.standard_streams import is_quiet, print_message
from sshprobe.model.errors import InputError
from sshprobe.render.formats import WRITERS, suffixes

if TYPE_CHECKING:
    from sshprobe.store.latest import LatestRecords


def note(words: str) -> None:
    """Print a remark on standard error, unless `-q` was given."""
    if not is_quiet():
        print_message("note", words)


BLOCKS_UP_TO = 8
"""With more hosts than this, only -v shows a block of each."""

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".txt": "table"}
"""The format that the suffix of a file means."""


def format_of(name: str) -> str:
    """Return the format that the suffix of a file means; JSON lines without a suffix and for a device.

    A suffix of compression (`sshprobe.compression`) is left out: x.json.gz is a document. Suffixes of reports are those
    of `sshprobe.render.formats`.

    Raises:
        InputError: if no format has this suffix.
    """
    from sshprobe.compression import codec_of_name

    path = Path(name)
    suffix = (path.with_suffix("") if codec_of_name(name) else path).suffix.lower()
    known = FORMATS | suffixes(WRITERS)
    if suffix in known:
        return known[suffix]
    try:
        is_device = not stat.S_ISREG(Path(name).stat().st_mode)
    except (OSError, ValueError):
        is_device = False
    if not suffix or suffix.strip("~.") == "" or is_device:
        return "jsonl"
    raise InputError(
        f"{suffix} is not the suffix of a format: name it .jsonl or .json for records, .txt for the table, "
        f"{', '.join(suffixes(WRITERS))} for a report, or add `--format`",
        source=name,
    )


def lock_output(name: str | None) -> None:
    """Keep other processes from writing a file until this command ends. Raises `InputError` if one does."""
    if name is not None:
        from sshprobe.store.files import writing

        click.get_current_context().with_resource(writing(name, note))


def refuse_inputs(output: str | None, inputs: Iterable[str], *, option: str = "-o") -> None:
    """Raise `InputError` if a file to be written, or its backup, is one of the input files.

    `option`: the option that named it.
    """
    if output is None:
        return
    from sshprobe.store.backups import backup_name, interrupted_backup_name

    named = list(dict.fromkeys(inputs))
    try:
        written = [(output, Path(output).stat())]
        if not stat.S_ISREG(written[0][1].st_mode):
            return  # a FIFO or device has no old content
        for kept in (backup_name(output), interrupted_backup_name(output)):
            with contextlib.suppress(OSError):
                written.append((kept, Path(kept).stat()))
    except (OSError, ValueError):
        return  # it does not exist, or it cannot be written, which raises an error later
    for name in named:
        try:
            read = os.fstat(sys.stdin.fileno()) if name == "-" else Path(name).stat()
        except (OSError, ValueError, AttributeError):
            continue
        for place, there in written:
            if os.path.samestat(there, read):
                words = "is read too" if place == output else "is an input, and would become the backup of the output"
                raise InputError(f"{words}: name another file with `{option}`", source=output)


def note_superseded(latest: LatestRecords) -> None:
    """Note the records of several scans that do not count, because a later record of the same target does."""
    if latest.left_out:
        words = "1 record is" if latest.left_out == 1 else f"{latest.left_out:,} records are"
        note(f"{words} left out: the same target has a later one")
    silent = latest.silent
    if silent:
        from sshprobe.model.observation import endpoint

        first, oldest = endpoint(*next(iter(silent))), min(silent.values())[:10]
        others = "" if len(silent) == 1 else f" and {len(silent) - 1:,} more"
        which = f"its record of {oldest} counts" if not others else f"earlier records count, the oldest of {oldest}"
        it_was = "it was" if not others else "they were"
        note(f"{first}{others} did not answer when {it_was} last scanned: {which}")
