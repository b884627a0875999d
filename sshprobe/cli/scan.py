"""`sshprobe scan`: probe and grade."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.fix import fix_format
from sshprobe.cli.options import (
    RATE,
    SECONDS,
    WAIT,
    WholeNumber,
    auth_user_option,
    grading_options,
    load_profiles,
    output_options,
    standard_input,
    terminal,
)
from sshprobe.cli.output_file import format_of, hold, note, refuse_inputs
from sshprobe.cli.pace import FAST_CONCURRENCY, FAST_CONNECT_TIMEOUT, pace_of, resumed_pace
from sshprobe.cli.resume import (
    header_of,
    read_resumed,
    refuse_other_settings,
    restored,
    resumed_file,
    say_other_version,
    say_others,
    say_targets,
    settings_of,
)
from sshprobe.cli.saved import NewTable, SavableCommand, saved_options
from sshprobe.cli.target_options import ChosenTargets, target_options
from sshprobe.cli.tracing import refuse_trace, trace_options, tracing
from sshprobe.model.errors import InputError, MachineError
from sshprobe.platform import FILES_OF_A_LOOP, FILES_OF_A_WORKER, affordable_workers, allow_open_sockets, cores

if TYPE_CHECKING:
    from sshprobe.cli.driving import Drive
    from sshprobe.scan.settings import ScanSettings
    from sshprobe.targets import TargetStream

PARALLEL_FROM = 4096
"""Targets from which on several processes are worth their start."""


@click.command(cls=SavableCommand)
@target_options
@grading_options
@click.option(
    "--depth",
    type=click.Choice(["lists", "keys", "full"]),
    default="full",
    show_default=True,
    help="Ask for the algorithm lists, also for the host keys, or for everything.",
)
@click.option("--no-auth-methods", is_flag=True, help="Do not ask for the authentication methods.")
@auth_user_option
@click.option("--client-id", metavar="TEXT", help="Identification string to send, such as one that names a contact.")
@click.option("-4", "ipv4", is_flag=True, help="Use IPv4 addresses of names only.")
@click.option("-6", "ipv6", is_flag=True, help="Use IPv6 addresses of names only.")
@click.option("--all-addresses", is_flag=True, help="Scan every address of a name, not the first that answers.")
@click.option("-c", "--concurrency", type=WholeNumber(1, 100_000), metavar="N", help="Hosts at once.  [default: 100]")
@click.option("--rate", type=RATE, metavar="N", help="Hosts started a second; 0 is no limit.  [default: 200]")
@click.option("--connect-timeout", type=SECONDS, help="Seconds to connect.  [default: 5]")
@click.option(
    "--fast",
    is_flag=True,
    help=f"For a wired network: concurrency {FAST_CONCURRENCY}, no rate limit, {FAST_CONNECT_TIMEOUT:g} s to connect.",
)
@click.option(
    "--workers",
    type=WholeNumber(1, 256),
    metavar="N",
    help="Processes; 1 where there are names.  [default: one a core for large scans, else 1]",
)
@click.option("--timeout", type=SECONDS, default=10.0, show_default=True, help="Seconds for one question.")
@click.option("--host-timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds for one host.")
@click.option(
    "--throttle-wait",
    type=WAIT,
    default=20.0,
    show_default=True,
    help="Seconds before a host that throttles, or whose connection was closed, is asked again.",
)
@output_options
@click.option(
    "--resume",
    metavar="FILE",
    help="Go on with the scan in FILE, which names its targets: hosts that it holds are not scanned again.",
)
@trace_options
@click.option("--stats", type=SECONDS, metavar="SECONDS", help="A line of progress every so often, for logs.")
@click.option("--no-progress", is_flag=True, envvar="NO_PROGRESS", help="No progress on standard error.")
@saved_options
def scan(
    chosen: ChosenTargets,
    profile_names: tuple[str, ...],
    strict: bool,
    thresholds: tuple[str, ...],
    depth: Any,
    no_auth_methods: bool,
    auth_user: tuple[str, ...],
    client_id: str | None,
    ipv4: bool,
    ipv6: bool,
    all_addresses: bool,
    concurrency: int | None,
    rate: float | None,
    connect_timeout: float | None,
    fast: bool,
    workers: int | None,
    timeout: float,
    host_timeout: float,
    throttle_wait: float,
    format_: str | None,
    fix: bool,
    output: str | None,
    verbose: bool,
    resume: str | None,
    steps: bool,
    trace: str | None,
    log_format: str,
    stats: float | None,
    no_progress: bool,
    save_as: str | None,
) -> int:
    """Probe SSH servers and grade them.

    TARGET is a host, host:port, [v6]:port, a network (10.0.0.0/24), a range (10.0.0.5-9, 10.0.1-5.*), or - for standard
    input. Everything is checked before the first connection is opened.
    """
    from sshprobe.cli.header import sweep_header
    from sshprobe.cli.output import BLOCKS_UP_TO, open_output
    from sshprobe.cli.progress import sweep_progress
    from sshprobe.model.observation import endpoint
    from sshprobe.scan.settings import ScanSettings

    verbose = verbose or steps
    if ipv4 and ipv6:
        raise click.UsageError("`-4` and `-6` exclude each other")
    pace = pace_of(
        fast=fast,
        concurrency=concurrency,
        rate=rate,
        connect_timeout=connect_timeout,
        timeout=timeout,
        host_timeout=host_timeout,
        throttle_wait=throttle_wait,
    )
    asked = settings_of(
        chosen,
        profile_names,
        depth=depth,
        auth_methods=not no_auth_methods,
        auth_users=auth_user,
        client_id=client_id,
        family=4 if ipv4 else 6 if ipv6 else None,
        all_addresses=all_addresses,
        pace=pace,
    )
    alone = resume is not None and not chosen.any_named
    if resume is not None:
        if resumed_file(resume, output, format_) == resume:
            output = None
        if chosen.count_only:
            raise click.UsageError("`--count` counts all targets, those of `--resume` too: leave one of them out")
        hold(resume)
        header = header_of(resume)
        if alone:
            chosen, asked = restored(resume, header, chosen, click.get_current_context(), asked)
            pace = resumed_pace(pace, asked.pace, click.get_current_context())
            if is_default("profile_names"):
                profile_names = tuple(asked.profiles)
            strict = strict or bool(header is not None and header.strict)
        elif header is not None and header.settings is not None:
            refuse_other_settings(resume, header.settings, asked)
    profiles = load_profiles(profile_names)
    fixes, format_ = fix_format(fix, format_, profiles, output=output, verbose=verbose)
    refuse_inputs(output, (*chosen.names_of_files(), *profile_names))
    refuse_trace(trace, output or resume)
    refuse_inputs(trace, (*chosen.names_of_files(), *profile_names), option="--trace")
    if output is not None and format_ is None:
        format_ = format_of(output)
    if not chosen.count_only and (save_as is None or chosen.any_named):
        hold(output)
        hold(trace)
    new_table = None if save_as is None else NewTable(click.get_current_context(), save_as)
    if new_table is not None and not chosen.any_named:
        check_without_targets(chosen, client_id)
        new_table.write()
        return 0
    stream, exclusions = chosen.read(stdin=standard_input())
    if new_table is not None:
        check_client_id(client_id)
        new_table.write()
    if chosen.count_only:
        click.echo(stream.count(exclusions))
        return 0
    settings = ScanSettings(
        profiles=tuple(profiles),
        strict=strict,
        depth=asked.depth,
        auth_methods=asked.auth_methods,
        auth_users=tuple(asked.auth_users),
        client_id=asked.client_id,
        connect_timeout=pace.connect_timeout,
        timeout=pace.timeout,
        host_timeout=pace.host_timeout,
        concurrency=pace.concurrency,
        rate=pace.rate,
        throttle_wait=pace.throttle_wait,
        all_addresses=asked.all_addresses,
        family=asked.family,  # type: ignore[arg-type] # checked by the struct
        exclude=exclusions,
    )
    follows = trace is not None or steps
    workers = affordable(usable_workers(workers, stream, follows=follows))
    settings, notice = fit_to_limits(settings, workers)
    click.get_current_context().with_resource(tracing(to_stderr=steps, file=trace, format_=log_format))
    drive = new_drive(settings, workers)
    first = stream.at(0)
    progress = sweep_progress(
        drive.progress, total=stream.total, only=endpoint(first.host, first.port), wanted=not no_progress, stats=stats
    )
    done = read_resumed(resume, profiles, strict=strict, all_addresses=asked.all_addresses)
    if resume is not None and done is not None:
        if alone:
            say_targets(resume, chosen)
        say_other_version(done)
        progress.held = say_others(done, stream)
    elif output is None and format_ in (None, "table") and fixes is None and stream.total > 1:
        note("without `-o FILE`, only the table will remain of this scan")
    with open_output(
        "jsonl" if resume is not None else format_,
        output if resume is None else resume,
        terminal=terminal(),
        profiles=profiles,
        thresholds=thresholds,
        strict=strict,
        verbose=verbose,
        blocks=stream.total <= BLOCKS_UP_TO,
        keep=0 if done is None else done.size,
        pause=progress.pause,
        fix=fixes,
        resumable=True,
    ) as sink:
        if notice:
            progress.say(notice)
        if done is None or not done.size:
            sink.header(sweep_header(profiles, strict=strict, seed=stream.seed, settings=asked))
        else:
            done.replay(sink.replay)
        start = time.monotonic()
        left = (target for target in stream if done is None or (target.host, target.port) not in done)
        failure: Exception | None = None
        try:
            with progress.showing(sink.summary):
                interrupted = drive.run(left, sink, progress.say)
        except MachineError as error:  # what is there is saved
            interrupted, failure = True, error
        except (InputError, OSError):  # nothing can be written, or nobody reads
            raise
        except Exception as error:
            interrupted, failure = True, error
        duration_ms = (time.monotonic() - start) * 1000 + (0 if done is None else done.duration_ms)
        sink.finish(duration_ms=round(duration_ms, 3), interrupted=interrupted)
    if failure is not None:
        raise failure
    return exit_code(interrupted=interrupted, graded=sink.graded, failed=sink.failed)


def is_default(parameter: str) -> bool:
    """Whether an option was not given anywhere."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source in (None, ParameterSource.DEFAULT)


def check_client_id(client_id: str | None) -> None:
    """Raise `InputError` for one that a server would drop."""
    from sshprobe.scan.settings import ScanSettings

    ScanSettings(client_id=client_id)


def check_without_targets(chosen: ChosenTargets, client_id: str | None) -> None:
    """Raise what a scan with these options would raise, whatever its targets."""
    chosen.check()
    chosen.exclusions(stdin=standard_input())
    check_client_id(client_id)


def new_drive(settings: ScanSettings, workers: int) -> Drive:
    """Return what runs the sweep. Raises `InputError` for settings that cannot be used."""
    from sshprobe.cli.driving import OneProcess, SeveralProcesses

    if workers > 1:
        try:
            return SeveralProcesses(settings, workers)
        except MachineError as error:
            note(f"one process, not {workers}: {error}")
    return OneProcess(settings)


def affordable(wanted: int) -> int:
    """Return how many workers this machine takes, and say so if they are fewer. Raises `MachineError` for none."""
    from sshprobe.cli.driving import need_files

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


def usable_workers(wanted: int | None, stream: TargetStream, *, follows: bool = False) -> int:
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
            note(f"one process, not {wanted}: there are names among the targets, and two might ask one address at once")
        return 1
    return wanted or (cores() if stream.total >= PARALLEL_FROM else 1)


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
