"""`scan --resume FILE`: restore the options in its header, and refuse options that would make different records."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sshprobe.cli.options.probing import SET_BY_FAST
from sshprobe.cli.options.targets import LARGE_SWEEP, ChosenTargets
from sshprobe.cli.output_file import note
from sshprobe.cli.sweep_header import TOOL, digest_of
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.cli.options.grading import GradingOptions
    from sshprobe.model.records import SourceFile, SweepRecord, SweepSettings
    from sshprobe.profiles import Profile
    from sshprobe.scan.settings import ScanSettings
    from sshprobe.store.resuming import Resumption
    from sshprobe.targets import TargetStream

_WAS_STREAM = "had targets from standard input: write them to a file and give that, with the same options"

SHOWN = 8
"""The most targets that are printed before a scan is resumed."""

_OPTIONS: dict[str, tuple[str, tuple[str, ...], Callable[[Any], str]]] = {
    "ports": ("--port", ("ports",), lambda value: f"`--port {','.join(map(str, value))}`"),
    "depth": ("--depth", ("depth",), lambda value: f"`--depth {value}`"),
    "auth_methods": (
        "--no-auth-methods",
        ("no_auth_methods",),
        lambda value: "no `--no-auth-methods`" if value else "`--no-auth-methods`",
    ),
    "auth_users": ("--auth-user", ("auth_user",), lambda value: " ".join(f"`--auth-user {each}`" for each in value)),
    "client_id": (
        "--client-id",
        ("client_id",),
        lambda value: "no `--client-id`" if value is None else f"`--client-id {value}`",
    ),
    "family": ("-4 or -6", ("ipv4", "ipv6"), lambda value: "neither `-4` nor `-6`" if value is None else f"`-{value}`"),
    "all_addresses": (
        "--all-addresses",
        ("all_addresses",),
        lambda value: "`--all-addresses`" if value else "no `--all-addresses`",
    ),
}
"""Field of the settings to option, its parameters, and how a value is shown. Profiles and --strict: see below."""

_TARGETS = ("targets", "files", "inventories", "records", "statuses", "grades")


def check_resumed_file(resume: str, output: str | None, format_: str | None) -> None:
    """Raise `click.UsageError` unless `resume` is the only output; `-o` may name it too."""
    same = output is None or os.path.realpath(output) == os.path.realpath(resume)
    if not same or format_ not in (None, "jsonl"):
        raise click.UsageError("`--resume FILE` names the output, in the format jsonl: omit `-o` and `--format`")


def resumed_options(
    name: str, context: click.Context, chosen: ChosenTargets, settings: ScanSettings, grading: GradingOptions
) -> tuple[ChosenTargets, ScanSettings, GradingOptions]:
    """Return the options of the scan in a file: the given ones, or without targets those of its header.

    Exclusions that are given here are added to its own, and the speed options that are given here come first.

    Raises:
        InputError: if an option would make different records. Without targets: if the header does not have them, they
            came from standard input, or a file of them has changed.
        click.UsageError: if an option belongs to other targets.
    """
    header = header_of(name)
    before = None if header is None else header.settings
    if chosen.any_named:
        if before is not None:
            refuse_other_settings(name, before, chosen, settings)
        return chosen, settings, grading
    chosen.check()
    if header is None or before is None:
        _refuse_foreign(name, settings)
        raise InputError("does not have its targets: give them again, with the same options", source=name)
    _refuse_unknown(name, before)
    refuse_other_settings(name, before, chosen, settings, only_given=context)
    profile_names = tuple(before.profiles) if not is_given(context, "profile_names") else grading.profile_names
    return (
        restored_targets(name, header, before, chosen),
        restored_settings(before, settings, context),
        grading._replace(profile_names=profile_names, strict=grading.strict or bool(header.strict)),
    )


def header_of(name: str) -> SweepRecord | None:
    """Return the header of a scan to resume; None if it was never written. Raises `InputError`."""
    import msgspec

    from sshprobe.compression import plain
    from sshprobe.model.records import Record, SweepRecord

    try:
        if not stat.S_ISREG(Path(name).stat().st_mode) and not Path(name).is_dir():  # a FIFO would wait for a writer
            raise InputError("is not a regular file, so no scan can be resumed in it", source=name)
        with plain(Path(name).open("rb")) as stream:
            line = stream.readline(2**24)
        record = msgspec.json.decode(line, type=Record) if line.endswith(b"\n") else None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=name) from None
    except InputError:
        raise
    except (ValueError, RecursionError):
        return None  # an error follows when the whole file is read
    return record if isinstance(record, SweepRecord) else None


def restored_targets(name: str, header: SweepRecord, before: SweepSettings, chosen: ChosenTargets) -> ChosenTargets:
    """Return the targets of a header, with the exclusions of `chosen` too. Raises as `resumed_options` does."""
    for field in ("files", "inventories", "records", "exclude_files"):
        for source in getattr(before, field):
            _refuse_changed(name, source)
    if "-" in before.targets:
        raise InputError(_WAS_STREAM, source=name)
    values: dict[str, Any] = {field: tuple(_names(getattr(before, field))) for field in _TARGETS}
    restored = chosen._replace(
        **values,
        inventory_format=before.inventory_format,
        exclude=_joined(before.exclude, chosen.exclude),
        exclude_files=_joined(_names(before.exclude_files), chosen.exclude_files),
        ports=tuple(before.ports),
        labels=tuple(before.labels),
        seed=header.seed if chosen.seed is None else chosen.seed,
    )
    if not restored.any_named:
        raise InputError("does not have its targets: give them again", source=name)
    return restored


def restored_settings(before: SweepSettings, now: ScanSettings, context: click.Context) -> ScanSettings:
    """Return the settings of a header, with the speed options that were given here.

    A slow rate that was chosen for a network applies again, also with `--resume` alone.
    """
    import msgspec

    fields: dict[str, Any] = {field: getattr(before, field) for field in _OPTIONS if field != "ports"}
    if before.pace is not None:
        for field in before.pace.__struct_fields__:
            if not is_given(context, field) and not (field in SET_BY_FAST and is_given(context, "fast")):
                fields[field] = getattr(before.pace, field)
    return msgspec.structs.replace(now, **{**fields, "auth_users": tuple(before.auth_users)})


def is_given(context: click.Context, parameter: str) -> bool:
    """Whether an option was given: here, in the environment, or as a saved option."""
    return context.get_parameter_source(parameter) not in (None, ParameterSource.DEFAULT)


def _refuse_foreign(name: str, now: ScanSettings) -> None:
    """Raise `InputError` if a file is not a resumable scan: a clearer error than "no targets"."""
    from sshprobe.store.resuming import Resumption

    Resumption(name, all_addresses=now.all_addresses)


def _refuse_unknown(name: str, settings: SweepSettings) -> None:
    """Raise `InputError` for settings that no option can have: the header was edited."""
    ports_are_wrong = not settings.ports or not all(1 <= port <= 65535 for port in settings.ports)
    if ports_are_wrong or settings.family not in (None, 4, 6) or not settings.auth_users:
        raise InputError("has settings that no scan has: give its targets and options again", source=name, line=1)


def _joined(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """Return the exclusions of the header and those given now, together."""
    return tuple(dict.fromkeys((*before, *now)))


def _names(values: Sequence[Any]) -> list[str]:
    return [value if isinstance(value, str) else value.name for value in values]


def _refuse_changed(name: str, source: SourceFile) -> None:
    if source.name == "-":
        raise InputError(_WAS_STREAM, source=name)
    if source.digest is None or not Path(source.name).exists():
        raise InputError(f"had targets from {source.name}, which cannot be read again: give them again", source=name)
    if digest_of(source.name) != source.digest:
        raise InputError(f"had targets from {source.name}, which has changed since: give them again", source=name)


def described(chosen: ChosenTargets) -> str:
    """Describe targets and ports: "10.0.0.0/24 --exclude 10.0.0.7, port 22"."""
    words = list(chosen.targets)
    for option, names in (
        ("-f", chosen.files),
        ("--inventory", chosen.inventories),
        ("--from-records", chosen.records),
        ("--status", chosen.statuses),
        ("--grade", chosen.grades),
        ("--exclude", chosen.exclude),
        ("--exclude-file", chosen.exclude_files),
    ):
        words += [f"{option} {shlex.quote(str(each))}" for each in names]
    more = f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return f"{' '.join(words[:SHOWN])}{more}, default port {','.join(map(str, chosen.ports))}"


def refuse_other_settings(
    name: str,
    before: SweepSettings,
    chosen: ChosenTargets,
    settings: ScanSettings,
    *,
    only_given: click.Context | None = None,
) -> None:
    """Raise `InputError` for an option that would mix two kinds of records in one file.

    `only_given`: compare only the options that were given here, in the environment or as saved options.
    """
    for field, (option, parameters, shown) in _OPTIONS.items():
        if only_given is not None and not any(is_given(only_given, parameter) for parameter in parameters):
            continue
        then, now = getattr(before, field), getattr(chosen if field == "ports" else settings, field)
        now = list(now) if isinstance(now, tuple) else now
        if then != now:
            raise InputError(
                f"was scanned with {shown(then)}, and {shown(now)} would make different records: use {option} as "
                "before, or write to another file with `-o`",
                source=name,
            )


def note_other_version(done: Resumption) -> None:
    """Note that two versions of sshprobe write one file; its header names the first."""
    if done.header is not None and done.header.tool != TOOL:
        again = f"`sshprobe grade {shlex.quote(done.name)} -o NEW` grades all of it alike"
        note(f"{done.name} was begun by {done.header.tool} and is resumed with {TOOL}: {again}")


def note_foreign_hosts(done: Resumption, stream: TargetStream) -> int:
    """Return the number of targets that the file already has, and note hosts in it that are not targets."""
    if stream.total > LARGE_SWEEP:  # looking up as many would take long
        return min(len(done), stream.total)
    known = {(target.host, target.port) for target in map(stream.at, range(stream.total))}
    held = sum(place in done for place in known)
    others = len(done) - held
    if others > 0:
        words = "1 host that is not a target" if others == 1 else f"{others:,} hosts that are not targets"
        note(f"{done.name} has {words} now: its scan had other targets")
    return held


def read_resumed(name: str, profiles: Sequence[Profile], *, strict: bool, all_addresses: bool) -> Resumption:
    """Read the scan to resume. Raises `InputError` if the file has no scan, or one that was graded by other rules."""
    from sshprobe.store.resuming import Resumption

    done = Resumption(name, all_addresses=all_addresses)
    if done.header is not None:
        refuse_other_rules(done.header, profiles, strict=strict, source=name)
    return done


def refuse_other_rules(header: SweepRecord, profiles: Sequence[Profile], *, strict: bool, source: str) -> None:
    """Raise `InputError` if a file would get verdicts of different profiles. Old headers do not name all profiles."""
    before = [(profile.id, profile.version) for profile in header.profiles]
    if before != [(profile.id, profile.version) for profile in profiles]:
        words = ", ".join(identifier for identifier, _ in before) or "no profile"
        raise InputError(f"was graded against {words}: name the same with `--profile`", source=source)
    if header.strict is not None and header.strict != strict:
        words = "with `--strict`: add it" if header.strict else "without `--strict`: omit it"
        raise InputError(f"was graded {words}", source=source)
    pairs = zip(header.profiles, profiles, strict=True)
    edited = [now.id for then, now in pairs if then.digest not in ("", now.digest)]
    if edited:
        raise InputError(
            f"was graded against {', '.join(edited)}, which has changed since: put it back, or grade the file again "
            "with `sshprobe grade -o NEW` and use `--resume NEW`",
            source=source,
        )
