"""`sshprobe scan`: probe and grade."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sshprobe.cli.exit_codes import exit_code
from sshprobe.cli.options import (
    RATE,
    SECONDS,
    WAIT,
    UserName,
    grading_options,
    load_profiles,
    output_options,
    standard_input,
    terminal,
)

if TYPE_CHECKING:
    from sshprobe.cli.output import SweepOutput
    from sshprobe.scanner import Scanner
    from sshprobe.targets import Target

Result = TypeVar("Result")


@click.command()
@click.argument("targets", metavar="TARGET...", nargs=-1)
@click.option("-f", "--file", "files", metavar="FILE", multiple=True, help="Targets, one a line; - is standard input.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), default=22, show_default=True, help="Where none is named.")
@click.option("--exclude", metavar="HOST", multiple=True, help="Never contact this address, network, range or name.")
@click.option("--exclude-file", metavar="FILE", multiple=True, help="The same, one a line.")
@grading_options
@click.option(
    "--depth",
    type=click.Choice(["lists", "keys", "full"]),
    default="full",
    show_default=True,
    help="Ask for the algorithm lists, also for the host keys, or for everything.",
)
@click.option("--no-auth-methods", is_flag=True, help="Do not ask for the authentication methods.")
@click.option("--auth-user", type=UserName(), default="root", show_default=True, help="Whose methods to ask for.")
@click.option("--client-id", metavar="TEXT", help="Identification string to send, such as one that names a contact.")
@click.option("-4", "ipv4", is_flag=True, help="Use IPv4 addresses of names only.")
@click.option("-6", "ipv6", is_flag=True, help="Use IPv6 addresses of names only.")
@click.option("--all-addresses", is_flag=True, help="Scan every address of a name, not the first that answers.")
@click.option(
    "-c", "--concurrency", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Hosts at once."
)
@click.option("--rate", type=RATE, metavar="N", help="At most N new connections a second.")
@click.option("--connect-timeout", type=SECONDS, default=5.0, show_default=True, help="Seconds to connect.")
@click.option("--timeout", type=SECONDS, default=10.0, show_default=True, help="Seconds for one question.")
@click.option("--host-timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds for one host.")
@click.option(
    "--throttle-wait",
    type=WAIT,
    default=20.0,
    show_default=True,
    help="Seconds before a throttling host is asked again.",
)
@output_options
@click.option("--no-progress", is_flag=True, envvar="NO_PROGRESS", help="No progress on standard error.")
def scan(
    targets: tuple[str, ...],
    files: tuple[str, ...],
    port: int,
    exclude: tuple[str, ...],
    exclude_file: tuple[str, ...],
    profile_names: tuple[str, ...],
    strict: bool,
    thresholds: tuple[str, ...],
    depth: Any,
    no_auth_methods: bool,
    auth_user: str,
    client_id: str | None,
    ipv4: bool,
    ipv6: bool,
    all_addresses: bool,
    concurrency: int,
    rate: float | None,
    connect_timeout: float,
    timeout: float,
    host_timeout: float,
    throttle_wait: float,
    format_: str | None,
    output: str | None,
    verbose: bool,
    no_progress: bool,
) -> int:
    """Probe SSH servers and grade them.

    TARGET is a host, host:port, [v6]:port, a network (10.0.0.0/24), a range (10.0.0.5-9), or - for standard input.
    Everything is checked before the first connection is opened.
    """
    from sshprobe.cli.header import sweep_header
    from sshprobe.cli.output import BLOCKS_UP_TO, open_output
    from sshprobe.cli.progress import sweep_progress
    from sshprobe.scanner import Scanner
    from sshprobe.targets import Exclusions, parse_targets

    if ipv4 and ipv6:
        raise click.UsageError("`-4` and `-6` exclude each other")
    profiles = load_profiles(profile_names)
    stream = parse_targets(targets, files=files, port=port, stdin=standard_input())
    exclusions = Exclusions.parse(exclude, files=exclude_file, stdin=standard_input())
    scanner = Scanner(
        profiles=profiles,
        strict=strict,
        depth=depth,
        auth_methods=not no_auth_methods,
        auth_user=auth_user,
        client_id=client_id,
        connect_timeout=connect_timeout,
        timeout=timeout,
        host_timeout=host_timeout,
        concurrency=concurrency,
        rate=rate,
        throttle_wait=throttle_wait,
        all_addresses=all_addresses,
        family=4 if ipv4 else 6 if ipv6 else None,
        exclude=exclusions,
    )
    progress = sweep_progress(scanner, total=stream.total, wanted=not no_progress)
    with open_output(
        format_,
        output,
        terminal=terminal(),
        profiles=profiles,
        thresholds=thresholds,
        strict=strict,
        verbose=verbose,
        blocks=stream.total <= BLOCKS_UP_TO,
        pause=progress.pause,
    ) as sink:
        sink.header(sweep_header(profiles))
        start = time.monotonic()
        with progress.showing(sink.summary):
            interrupted = run(sweep(scanner, stream, sink))
        sink.finish(duration_ms=round((time.monotonic() - start) * 1000, 3), interrupted=interrupted)
    return exit_code(interrupted=interrupted, graded=sink.graded, failed=sink.failed)


async def sweep(scanner: Scanner, targets: Iterable[Target], sink: SweepOutput) -> bool:
    """Scan all targets into `sink`. Returns whether Ctrl-C or SIGTERM ended it early; what finished before is kept."""
    task = asyncio.current_task()
    assert task is not None
    async with scanner:
        try:
            with _terminating(task):
                async for record in scanner.scan(targets):
                    sink.host(record)
        except asyncio.CancelledError:
            task.uncancel()
            return True
    return False


@contextlib.contextmanager
def _terminating(task: asyncio.Task[Any]) -> Iterator[None]:
    """Let SIGTERM, as `docker stop` sends it, end `task` as Ctrl-C does."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    except NotImplementedError:  # Windows
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on uvloop where there is one. Ctrl-C cancels it once, and a second time ends it at once."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop
    except ImportError:  # Windows
        pass
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
