"""`sshprobe serve`: dashboard, API, exporter for Prometheus, and scheduled scans."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.options.config_file import ConfigFile, config_file, config_option
from sshprobe.cli.options.history import DEFAULT, history_option, open_database
from sshprobe.cli.options.values import WholeNumber
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError, missing_extra

if TYPE_CHECKING:
    from sshprobe.cli.configuration import Configuration
    from sshprobe.serve.schedule.runner import Runner
    from sshprobe.store.history.database import Database
    from sshprobe.views.changes import Changes

_DEFAULT_LISTEN = "127.0.0.1:9622"

_DEFAULT_PROBES = 20


@click.command()
@click.option(
    "--listen", metavar="ADDRESS:PORT", help=f"Accept requests on this address.  [default: {_DEFAULT_LISTEN}]"
)
@click.option("--allow", metavar="NETWORK|NAME", multiple=True, help="Allow probes of these hosts. Repeatable.")
@click.option("--name", "names", metavar="NAME", multiple=True, help="Also answer under this host name. Repeatable.")
@click.option(
    "--max-probes", type=WholeNumber(1, 1000), help=f"Run at most N probes at once.  [default: {_DEFAULT_PROBES}]"
)
@click.option("--client-id", metavar="STRING", help="Send this identification string to servers.")
@history_option("Show this history.  [default: the file in the state folder]")
@config_option
def serve(
    listen: str | None,
    allow: tuple[str, ...],
    names: tuple[str, ...],
    max_probes: int | None,
    client_id: str | None,
    history: str | None,
) -> int:
    """Serve a dashboard, an API, and metrics for Prometheus.

    The dashboard is at /, its API at /api/v1. /probe?target=HOST probes a host that --allow names. /metrics has
    metrics of this process and of the last scans. With --config it also runs the scheduled scans of the file.
    Example: sshprobe serve --history fleet.db
    """
    try:
        from sshprobe.cli.configuration import read_configuration
        from sshprobe.serve.exporter.allow_list import AllowList
        from sshprobe.serve.http.server import listen as open_listener
    except ModuleNotFoundError as error:
        raise missing_extra((error.name or "starlette").partition(".")[0], "serve", source="serve") from None

    configuration, errors = read_configuration(ConfigFile(config_file()))
    if errors:
        for other in errors[1:]:
            click.echo(f"error: {other}", err=True)
        raise errors[0]
    table = configuration.serve
    allowed = AllowList([*allow, *table.allow])
    host, port = _listen_address(listen or table.listen or _DEFAULT_LISTEN)
    with contextlib.ExitStack() as stack:
        database = _database(history or configuration.history)
        if database is not None:
            stack.callback(database.close)
        listener = stack.enter_context(open_listener(host, port, configuration.access))
        own = (f"[{host}]" if ":" in host else host, "localhost", *names, *table.name)
        asyncio.run(
            _serve(
                configuration,
                database,
                allowed,
                listener,
                own,
                most=max_probes or table.max_probes or _DEFAULT_PROBES,
                client_id=client_id or table.client_id,
            )
        )
    return 0


def _database(words: str | None) -> Database | None:
    """Open the history, or create it: the dashboard then says what to do. Without a name it may be unusable."""
    if words is not None:
        return open_database(words, create=True)
    try:
        return open_database(DEFAULT, create=True)
    except InputError as error:
        note(f"no dashboard: {error}")
        return None


async def _serve(
    configuration: Configuration,
    database: Database | None,
    allowed: Any,
    listener: Any,
    names: Sequence[str],
    *,
    most: int,
    client_id: str | None,
) -> None:
    from starlette.routing import BaseRoute, Route

    from sshprobe.serve.exporter.metrics_pages import Exporter
    from sshprobe.serve.exporter.prober import Prober
    from sshprobe.serve.http.server import application, serve
    from sshprobe.serve.schedule.metrics import schedule_metrics
    from sshprobe.serve.schedule.runner import Runner

    async with contextlib.AsyncExitStack() as stack:
        prober = await stack.enter_async_context(Prober(allowed, most=most, client_id=client_id))
        runner = Runner(configuration.file.path, configuration.schedules, partial(_last_runs, database))
        hosts = None
        if database is not None:
            from sshprobe.serve.exporter.last_hosts import last_hosts

            hosts = partial(last_hosts, database)
        exporter = Exporter(prober, configuration.modules, hosts, lambda: schedule_metrics(runner.states()))
        routes: list[BaseRoute] = [*exporter.routes()]
        error_pages: list[Any] = []
        if database is None:
            routes.append(Route("/", exporter.index))
        else:
            fleet, more, error_pages = _dashboard(database, runner)
            stack.push_async_callback(fleet.close)
            routes += more
        if configuration.schedules:
            task = asyncio.create_task(runner.run())
            stack.push_async_callback(_cancelled, task)
        stack.enter_context(_reloading(configuration, runner))
        app = application(routes, names, configuration.access, error_pages)
        await serve(app, listener, on_start=lambda url: click.echo(f"Listening on {url}", err=True))


def _dashboard(database: Database, runner: Runner) -> tuple[Any, list[Any], list[Any]]:
    """Return the fleet, and the routes and error pages of dashboard and API."""
    from sshprobe.cli.report_writer import report_context
    from sshprobe.serve.api.routes import problem_page
    from sshprobe.serve.api.routes import routes as api_routes
    from sshprobe.serve.fleet.holder import Fleet
    from sshprobe.serve.pages.rendering import error_page
    from sshprobe.serve.pages.routes import routes as page_routes
    from sshprobe.serve.pages.schedules import schedule_rows

    fleet = Fleet(database, partial(_changes, database))
    context = report_context()
    pages = page_routes(fleet, context, lambda: schedule_rows(runner.states()))
    apart = ("/probe", "/metrics", "/healthz")
    errors = [("/api/", problem_page), *((path, _text_error) for path in apart), ("/", error_page)]
    return fleet, [*api_routes(fleet, runner), *pages], errors


async def _text_error(request: Any, error: Any) -> Any:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def _changes(database: Database, new: str, old: str | None) -> Changes:
    """Return what changed from a scan, by default the last of the same targets, to another. Raises `InputError`."""
    from sshprobe.cli.compared_scans import changes_between, read_stored

    builder, number = read_stored(database, (new,) if old is None else (old, new), None)
    return changes_between(builder, number)


def _last_runs(database: Database | None) -> dict[str, Any]:
    if database is None:
        return {}
    from sshprobe.store.history.queries import last_runs

    return last_runs(database)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _reloading(configuration: Configuration, runner: Runner) -> Any:
    """Read the schedules again at SIGHUP. A file with errors changes nothing."""
    from sshprobe.cli.configuration import read_configuration

    def reload() -> None:
        try:
            found, errors = read_configuration(ConfigFile(configuration.file.path))
        except InputError as error:
            errors = [error]
        if errors:
            for each in errors:
                click.echo(f"error: {each}", err=True)
            click.echo("the old configuration stays in use", err=True)
            return
        runner.replace(found.schedules)
        click.echo(f"read {configuration.file.path} again: {len(found.schedules)} scheduled scans", err=True)

    loop = asyncio.get_running_loop()
    number: int | None = getattr(signal, "SIGHUP", None)
    if number is None:
        yield
        return
    loop.add_signal_handler(number, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def _listen_address(words: str) -> tuple[str, int]:
    host, _, port = words.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise InputError(f'"{words}" is not an address with a port, such as {_DEFAULT_LISTEN}', source="--listen")
    return host.removeprefix("[").removesuffix("]"), int(port)
