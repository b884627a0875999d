"""`sshprobe serve`: an exporter for Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import click

from sshprobe.cli.options.config_file import ConfigFile, config_file
from sshprobe.cli.options.history import history_option, open_database
from sshprobe.cli.options.values import WholeNumber
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError, missing_extra

_DEFAULT_LISTEN = "127.0.0.1:9622"


@click.command()
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    default=_DEFAULT_LISTEN,
    show_default=True,
    help="Accept requests on this loopback address.",
)
@click.option("--allow", metavar="NETWORK|NAME", multiple=True, help="Allow probes of these hosts. Repeatable.")
@click.option("--name", "names", metavar="NAME", multiple=True, help="Also answer under this host name. Repeatable.")
@click.option(
    "--max-probes", type=WholeNumber(1, 1000), default=20, show_default=True, help="Run at most N probes at once."
)
@click.option("--client-id", metavar="STRING", help="Send this identification string to servers.")
@history_option("Show the last scans of this history on /metrics.")
def serve(
    listen: str,
    allow: tuple[str, ...],
    names: tuple[str, ...],
    max_probes: int,
    client_id: str | None,
    history: str | None,
) -> int:
    """Serve metrics of SSH servers to Prometheus.

    /probe?target=HOST probes a host that --allow names. /metrics has metrics of this process and, with --history, of
    the last scans.
    """
    try:
        from sshprobe.serve.allow_list import AllowList
        from sshprobe.serve.exporter import Exporter
        from sshprobe.serve.last_hosts import last_hosts
        from sshprobe.serve.probe_modules import TABLE, read_modules
        from sshprobe.serve.prober import Prober
        from sshprobe.serve.server import application, serve
        from sshprobe.serve.server import listen as open_listener
    except ModuleNotFoundError as error:
        raise missing_extra((error.name or "starlette").partition(".")[0], "serve", source="serve") from None

    file = ConfigFile(config_file())
    modules = read_modules(file.tables(TABLE), file.fail)
    allowed = AllowList(allow)
    if not allowed:
        note("no host may be probed: add --allow NETWORK or --allow NAME")

    async def run() -> None:
        with contextlib.ExitStack() as stack:
            hosts = None
            if history is not None:
                hosts = partial(last_hosts, stack.enter_context(contextlib.closing(open_database(history))))
            host, port = _listen_address(listen)
            listener = stack.enter_context(open_listener(host, port))
            own = (f"[{host}]" if ":" in host else host, "localhost", *names)
            async with Prober(allowed, most=max_probes, client_id=client_id) as prober:
                app = application(Exporter(prober, modules, hosts).routes(), own)
                await serve(app, listener, on_start=lambda url: click.echo(f"Listening on {url}", err=True))

    asyncio.run(run())
    return 0


def _listen_address(words: str) -> tuple[str, int]:
    host, _, port = words.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise InputError(f'"{words}" is not an address with a port, such as {_DEFAULT_LISTEN}', source="--listen")
    return host.removeprefix("[").removesuffix("]"), int(port)
