"""Opens the output of a format of hosts, for `report`, `scan` and `grade`, and makes the context of formats."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError
from sshprobe.render.formats import FORMATS, WRITERS, format_names, load_format

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.profiles import Profile
    from sshprobe.render.formats.format import HostWriter, ReportContext
    from sshprobe.views.host_findings import FindingText


def check_format(format_: str | None, output: str | None) -> None:
    """Raise an error before the work begins if a format cannot be written to `output`, or lacks a library.

    Formats that are not in `WRITERS`, and None, pass.

    Raises:
        click.UsageError: a format of several files has no folder.
        InputError: a library is not installed.
    """
    if format_ not in format_names(WRITERS):
        return
    if output is None and FORMATS[format_].kind == "folder":
        raise click.UsageError(f"`--format {format_}` writes several files: add `-o FOLDER`")
    load_format(format_)


def report_context(
    *,
    several: bool = True,
    fleet: FleetIndex | None = None,
    profiles: Sequence[Profile] = (),
    strict: Callable[[], bool] = lambda: False,
    place: Callable[[], tuple[str, int] | None] = lambda: None,
) -> ReportContext:
    """Return the context of a format.

    `fleet`: an index of the findings on keys of all hosts, if it is known. `profiles` and `strict`: as for `Remedies`.
    `place`: as in `ReportContext`.
    """
    from sshprobe.algorithms import openssh_release, primitives_of
    from sshprobe.cli.deadline_report import deadlines_of
    from sshprobe.cli.inventory_lines import find_lines
    from sshprobe.cli.neutral_profile import describe, findings_of
    from sshprobe.cli.remedies import Remedies
    from sshprobe.render.formats.format import ReportContext

    return ReportContext(
        describe=describe,
        findings=lambda record: findings_of(record, fleet=fleet),
        note=note,
        primitives=primitives_of,
        explain=_explain,
        release=openssh_release,
        remedy=Remedies(profiles, strict, fleet).remedy_for,
        place=place,
        find_lines=find_lines,
        several=several,
        deadlines=deadlines_of,
    )


def _explain(id_: str) -> FindingText | None:
    from sshprobe.grading import finding_types
    from sshprobe.views.host_findings import FindingText

    found = finding_types().get(id_)
    return None if found is None else FindingText(found.title, found.meaning, found.why, found.fix)


@contextlib.contextmanager
def open_writer(format_: str, output: str | None, context: ReportContext) -> Iterator[HostWriter]:
    """Open the file, folder or standard output of a format. A file appears only if the block succeeds.

    Raises:
        InputError: it cannot be written, or a library is not installed.
    """
    from sshprobe.compression import codec_of_name, compressing
    from sshprobe.render.formats.format import FolderFormat, HostFormat
    from sshprobe.store.files import replacing

    entry, found = FORMATS[format_], load_format(format_)
    with contextlib.ExitStack() as stack:
        if isinstance(found, FolderFormat):
            if output is None:
                raise InputError("writes several files: add `-o FOLDER`", source=f"--format {format_}")
            from sshprobe.store.folders import replacing_folder

            yield found.writer(stack.enter_context(replacing_folder(output, f".{format_}")), context)
            return
        assert isinstance(found, HostFormat)
        stream = sys.stdout.buffer
        if output is not None:
            keeping = None if entry.is_shared else note
            opened = stack.enter_context(replacing(output, keeping=keeping, private=not entry.is_shared))
            stream = stack.enter_context(compressing(opened, codec_of_name(output)))
        yield found.writer(stream, context)
        stream.flush()
