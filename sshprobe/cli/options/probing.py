"""Options for the questions to hosts and the speed. They make one `ScanSettings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.options.values import RATE, SECONDS, WAIT, Command, UserName, WholeNumber, add_together

if TYPE_CHECKING:
    from sshprobe.scan.settings import ScanSettings

DEFAULT_AUTH_USERS = ("root", "nobody")
"""A copy from `sshprobe.probe.probe_options`, so that `--help` need not import it. A test compares them."""

FAST_CONCURRENCY = 2000
FAST_CONNECT_TIMEOUT = 2.0
DEFAULT_RATE = 200.0
"""Hosts started per second by default. The translation table of a home router can handle it."""

SET_BY_FAST = frozenset({"concurrency", "rate", "connect_timeout"})
"""Parameters whose default `--fast` changes."""


def auth_user_option(command: Command) -> Command:
    """Add --auth-user."""
    return click.option(
        "--auth-user",
        type=UserName(),
        multiple=True,
        default=DEFAULT_AUTH_USERS,
        show_default=True,
        help="Query the authentication methods of this user. Repeatable.",
    )(command)


_OPTIONS = (
    click.option(
        "--depth",
        type=click.Choice(["lists", "keys", "full"]),
        default="full",
        show_default=True,
        help="Probe only the algorithm lists, also the host keys, or everything.",
    ),
    click.option("--no-auth-methods", is_flag=True, help="Do not query the authentication methods."),
    auth_user_option,
    click.option(
        "--client-id", metavar="TEXT", help="Send this identification, e.g. 'SSH-2.0-audit security@example.org'."
    ),
    click.option("-4", "ipv4", is_flag=True, help="Use IPv4 addresses of names only."),
    click.option("-6", "ipv6", is_flag=True, help="Use IPv6 addresses of names only."),
    click.option(
        "--all-addresses", is_flag=True, help="Scan all addresses of a name, not only the first that answers."
    ),
    click.option(
        "-c", "--concurrency", type=WholeNumber(1, 100_000), metavar="N", help="Probe N hosts at once.  [default: 100]"
    ),
    click.option("--rate", type=RATE, metavar="N", help="Start N hosts per second; 0 for no limit.  [default: 200]"),
    click.option("--connect-timeout", type=SECONDS, help="Limit each TCP connection attempt.  [default: 5]"),
    click.option(
        "--fast",
        is_flag=True,
        help=f"Scan a wired network: -c {FAST_CONCURRENCY} --rate 0 --connect-timeout {FAST_CONNECT_TIMEOUT:g}.",
    ),
    click.option("--timeout", type=SECONDS, default=10.0, show_default=True, help="Limit each question to a host."),
    click.option(
        "--host-timeout", type=SECONDS, default=60.0, show_default=True, help="Limit all questions to a host together."
    ),
    click.option(
        "--throttle-wait",
        type=WAIT,
        default=20.0,
        show_default=True,
        help="Wait before the second try of a host that refused connections.",
    ),
)

_PARAMETERS = (
    *("depth", "no_auth_methods", "auth_user", "client_id", "ipv4", "ipv6", "all_addresses"),
    *("concurrency", "rate", "connect_timeout", "fast", "timeout", "host_timeout", "throttle_wait"),
)


def probing_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `settings`: a `ScanSettings` without profiles and exclusions."""
    return add_together(command, _OPTIONS, name="settings", parameters=_PARAMETERS, make=_settings)


def _settings(
    *,
    no_auth_methods: bool,
    auth_user: tuple[str, ...],
    ipv4: bool,
    ipv6: bool,
    concurrency: int | None,
    rate: float | None,
    connect_timeout: float | None,
    fast: bool,
    **others: Any,
) -> ScanSettings:
    """Return the settings of options. None is a default that `--fast` changes; a rate of 0 means no limit."""
    from sshprobe.scan.settings import ScanSettings

    if ipv4 and ipv6:
        raise click.UsageError("`-4` and `-6` exclude each other")
    return ScanSettings(
        auth_methods=not no_auth_methods,
        auth_users=tuple(dict.fromkeys(auth_user)),
        family=4 if ipv4 else 6 if ipv6 else None,
        concurrency=concurrency or (FAST_CONCURRENCY if fast else 100),
        rate=(None if fast else DEFAULT_RATE) if rate is None else rate or None,
        connect_timeout=connect_timeout or (FAST_CONNECT_TIMEOUT if fast else 5.0),
        **others,
    )
