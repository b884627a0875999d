"""`scan --resume FILE`: what its header says of its sweep, and what would make two kinds of records of one file."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sshprobe.cli.output_file import note
from sshprobe.cli.target_options import LARGE_SWEEP, ChosenTargets
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.model.records import PaceSettings, SourceFile, SweepRecord, SweepSettings
    from sshprobe.profiles import Profile
    from sshprobe.store.resuming import Resumption
    from sshprobe.targets import TargetStream

SHOWN = 8
"""Targets that are printed before a sweep goes on."""

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
"""Field of the settings to option, its parameters, and how a value is said. Profiles and --strict: see below."""

_TARGETS = ("targets", "files", "inventories", "records", "statuses", "grades")


def settings_of(
    chosen: ChosenTargets,
    profiles: Sequence[str],
    *,
    depth: Any,
    auth_methods: bool,
    auth_users: Sequence[str],
    client_id: str | None,
    family: int | None,
    all_addresses: bool,
    pace: PaceSettings,
) -> SweepSettings:
    """Return what the header says of the options of this sweep."""
    from sshprobe.model.records import SweepSettings

    return SweepSettings(
        targets=_clean(chosen.targets),
        files=_sources(chosen.files),
        inventories=_sources(chosen.inventories),
        inventory_format=chosen.inventory_format,
        records=_sources(chosen.records),
        statuses=list(chosen.statuses),
        grades=list(chosen.grades),
        ports=list(chosen.ports),
        exclude=_clean(chosen.exclude),
        exclude_files=_sources(chosen.exclude_files),
        profiles=_clean(profiles),
        depth=depth,
        auth_methods=auth_methods,
        auth_users=list(auth_users),
        client_id=client_id,
        family=family,
        all_addresses=all_addresses,
        pace=pace,
    )


def _clean(words: Sequence[str]) -> list[str]:
    return [escape_unprintable(word) for word in words]


def _sources(names: Sequence[str]) -> list[SourceFile]:
    from sshprobe.model.records import SourceFile

    return [SourceFile(name=escape_unprintable(name), digest=_digest(name)) for name in names]


def _digest(name: str) -> str | None:
    """Return the digest of a file; None of what is no regular file, or cannot be read."""
    try:
        if name == "-" or not stat.S_ISREG(Path(name).stat().st_mode):
            return None
        with Path(name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def resumed_file(resume: str | None, output: str | None, format_: str | None) -> str | None:
    """Return the file to go on with. `-o` may name it too. Raises `click.UsageError` if it names another one."""
    if resume is None:
        return None
    same = output is None or os.path.realpath(output) == os.path.realpath(resume)
    if not same or format_ not in (None, "jsonl"):
        raise click.UsageError("`--resume FILE` names the output, as lines: leave `-o` and `--format` out")
    return resume


def header_of(name: str) -> SweepRecord | None:
    """Return the header of a sweep to go on with; None where it was never written. Raises `InputError`."""
    import msgspec

    from sshprobe.model.records import Record, SweepRecord

    try:
        if not stat.S_ISREG(Path(name).stat().st_mode) and not Path(name).is_dir():  # a FIFO would wait for a writer
            raise InputError("is not a file that can be written on", source=name)
        with Path(name).open("rb") as stream:
            line = stream.readline(2**24)
        record = msgspec.json.decode(line, type=Record) if line.endswith(b"\n") else None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=name) from None
    except InputError:
        raise
    except (ValueError, RecursionError):
        return None  # which is said when the whole file is read
    return record if isinstance(record, SweepRecord) else None


def restored(
    name: str, header: SweepRecord | None, chosen: ChosenTargets, context: click.Context, now: SweepSettings
) -> tuple[ChosenTargets, SweepSettings]:
    """Return targets and settings of the sweep in a file. Exclusions that are given here are added to its own.

    Raises:
        InputError: the file does not say them, they came from standard input, a file of them has changed, or an
            option was given that makes other records.
        click.UsageError: an option was given that is one of other targets.
    """
    chosen.check()
    settings = None if header is None else header.settings
    if header is None or settings is None:
        _refuse_foreign(name, now)
        raise InputError("does not say its targets in full: give them again, with the same options", source=name)
    _refuse_unknown(name, settings)
    refuse_other_settings(name, settings, now, only_given=context)
    for field in ("files", "inventories", "records", "exclude_files"):
        for source in getattr(settings, field):
            _refuse_changed(name, source)
    if "-" in settings.targets:
        raise InputError("had targets from standard input: give them again", source=name)
    values: dict[str, Any] = {field: tuple(_names(getattr(settings, field))) for field in _TARGETS}
    there = dataclasses.replace(
        chosen,
        **values,
        inventory_format=settings.inventory_format,
        exclude=_joined(settings.exclude, chosen.exclude),
        exclude_files=_joined(_names(settings.exclude_files), chosen.exclude_files),
        ports=tuple(settings.ports),
        seed=header.seed if chosen.seed is None else chosen.seed,
    )
    if not there.any_named:
        raise InputError("does not say its targets: give them again", source=name)
    return there, settings


def say_targets(name: str, chosen: ChosenTargets) -> None:
    """Say which targets a file goes on with, where nobody typed them."""
    note(f"{name} goes on with {_told(chosen)}")


def _refuse_foreign(name: str, now: SweepSettings) -> None:
    """Raise `InputError` if a file is not a sweep that can be resumed: that says more than missing targets."""
    from sshprobe.store.resuming import Resumption

    Resumption(name, all_addresses=now.all_addresses)


def _refuse_unknown(name: str, settings: SweepSettings) -> None:
    """Raise `InputError` for settings that no option gives: somebody wrote the header."""
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
        raise InputError("had targets from standard input: give them again", source=name)
    if source.digest is None or not Path(source.name).exists():
        raise InputError(f"had targets from {source.name}, which cannot be read again: give them again", source=name)
    if _digest(source.name) != source.digest:
        raise InputError(f"had targets from {source.name}, which has changed since: give them again", source=name)


def _told(chosen: ChosenTargets) -> str:
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
    return f"{' '.join(words[:SHOWN])}{more}, port {','.join(map(str, chosen.ports))}"


def refuse_other_settings(
    name: str, before: SweepSettings, now: SweepSettings, *, only_given: click.Context | None = None
) -> None:
    """Raise `InputError`, naming the option, where a file would hold two kinds of records.

    `only_given`: compare the options that were given here, in the environment or as saved options, alone.
    """
    for field, (option, parameters, told) in _OPTIONS.items():
        then, is_now = getattr(before, field), getattr(now, field)
        sources = [] if only_given is None else map(only_given.get_parameter_source, parameters)
        if only_given is not None and all(source in (None, ParameterSource.DEFAULT) for source in sources):
            continue
        if then != is_now:
            raise InputError(
                f"was scanned with {told(then)}, and {told(is_now)} would make other records: use {option} as before, "
                "or write to another file with `-o`",
                source=name,
            )


def say_other_version(done: Resumption) -> None:
    """Say that a file will hold what two versions saw and how each graded it: a file says one in its header."""
    from sshprobe.cli.header import TOOL

    if done.header is not None and done.header.tool != TOOL:
        again = f"`sshprobe grade {shlex.quote(done.name)} -o NEW` grades all of it alike"
        note(f"{done.name} was begun by {done.header.tool} and goes on with {TOOL}: {again}")


def say_others(done: Resumption, stream: TargetStream) -> int:
    """Return how many targets a file to go on with holds, and say that it holds other hosts: hardly one sweep."""
    if stream.total > LARGE_SWEEP:  # as many would take long to look up
        return min(len(done), stream.total)
    known = {(target.host, target.port) for target in map(stream.at, range(stream.total))}
    held = sum(place in done for place in known)
    others = len(done) - held
    if others > 0:
        words = "1 host that is no target" if others == 1 else f"{others:,} hosts that are no targets"
        note(f"{done.name} holds {words} now: its sweep had others")
    return held


def read_resumed(
    name: str | None, profiles: Sequence[Profile], *, strict: bool, all_addresses: bool
) -> Resumption | None:
    """Read the sweep to go on with. Raises `InputError` if it is none, or was graded by other rules."""
    if name is None:
        return None
    from sshprobe.store.resuming import Resumption

    done = Resumption(name, all_addresses=all_addresses)
    if done.header is not None:
        refuse_other_rules(done.header, profiles, strict=strict, source=name)
    return done


def refuse_other_rules(header: SweepRecord, profiles: Sequence[Profile], *, strict: bool, source: str) -> None:
    """Raise `InputError` where a file would hold verdicts by two rules. Old files do not say all of theirs."""
    before = [(profile.id, profile.version) for profile in header.profiles]
    if before != [(profile.id, profile.version) for profile in profiles]:
        words = ", ".join(identifier for identifier, _ in before) or "no profile"
        raise InputError(f"was graded against {words}: name the same with `--profile`", source=source)
    if header.strict is not None and header.strict != strict:
        words = "with `--strict`: give it again" if header.strict else "without `--strict`: leave it out"
        raise InputError(f"was graded {words}", source=source)
    pairs = zip(header.profiles, profiles, strict=True)
    edited = [now.id for then, now in pairs if then.digest not in ("", now.digest)]
    if edited:
        raise InputError(
            f"was graded against {', '.join(edited)}, of which the text has changed since: put it back, or let "
            "`sshprobe grade` with `-o NEW` grade the file by what it is now, and `--resume NEW`",
            source=source,
        )
