"""The whole configuration file: its tables as structs, and all their errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from ipaddress import ip_network
from typing import Any, TypeVar, get_type_hints

import click
import msgspec

from sshprobe.cli.options.config_file import ConfigFile
from sshprobe.cli.options.saved_values import SCHEDULE_KEYS, did_you_mean, history_place, saved_values
from sshprobe.model.errors import InputError
from sshprobe.serve.exporter.probe_modules import TABLE as MODULE
from sshprobe.serve.exporter.probe_modules import ProbeModule, read_modules
from sshprobe.serve.http.access import Access, Proxy, Token, TokenScope
from sshprobe.serve.schedule.planner import Schedule, parse_schedule


class HistoryTable(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`[history]`: where scans are kept, and for how long."""

    url: str | None = None
    """`default`, a file, or postgresql://USER@HOST/NAME. ${NAME} is the environment variable NAME."""
    keep_days: float | None = None
    """Remove scans older than this many days after each scan."""
    spool: str | None = None
    """A folder for scans while the history cannot be written."""


class TokenTable(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`[serve.token.NAME]`: a token that `sshprobe config token` made."""

    sha256: str
    """SHA-256 of the token in hex."""
    scopes: tuple[TokenScope, ...] = ("read",)
    """`read` for pages, API and metrics; `scan` for probes and scans."""
    expires: date | None = None
    """The last day, in UTC."""


class ProxyTable(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`[serve.proxy]`: a reverse proxy that logs users in, and names them in a header."""

    header: str
    """The header with the name of the user, such as X-Remote-User."""
    addresses: list[str]
    """Addresses and networks of the proxy."""
    scopes: tuple[TokenScope, ...] = ("read",)
    """The scopes of its users."""


class ServeTable(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`[serve]`: the options of `sshprobe serve`."""

    listen: str | None = None
    """Address and port."""
    allow: list[str] = []
    """Hosts that may be probed."""
    name: list[str] = []
    """Further host names of the server."""
    max_probes: int | None = None
    """The most probes at once."""
    client_id: str | None = None
    """The identification string for servers."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says, for `sshprobe serve` and `sshprobe config check`."""

    file: ConfigFile
    history: str | None
    """The name of the history. None: the file names none."""
    serve: ServeTable
    access: Access
    modules: dict[str, ProbeModule]
    scans: dict[str, dict[str, Any]]
    """Name to the values of the options of `[scan.NAME]`."""
    schedules: dict[str, Schedule]
    """Name to the times of a scan that has some."""


TABLES = {"history": HistoryTable, "serve": ServeTable}
"""The tables that are one struct."""

_NAMED = ("scan", "grade", MODULE)
"""The tables of tables."""

_Table = TypeVar("_Table", bound=msgspec.Struct)


def read_configuration(file: ConfigFile) -> tuple[Configuration, list[InputError]]:
    """Return the configuration, and its errors in the order of their lines. With errors, parts of it are missing."""
    errors = _Errors(file)
    document = file.document
    known = [*TABLES, *_NAMED]
    for name, value in document.items():
        if name not in known:
            errors.add((name,), f"is not a table{did_you_mean(name, known)}")
        elif not isinstance(value, dict):
            errors.add((name,), "is not a table")
    served = _table(document, "serve")
    options = {key: value for key, value in served.items() if key not in ("token", "proxy")}
    serve = _read(("serve",), options, ServeTable, errors)
    kept = _read(("history",), _table(document, "history"), HistoryTable, errors)
    scans, schedules = _scans(file, errors)
    modules: dict[str, ProbeModule] = {}
    try:
        modules.update(read_modules(_named_tables(document, MODULE), file.fail))
    except InputError as error:
        errors.found.append(error)
    found = Configuration(
        file=file,
        history=None if kept is None or kept.url is None else history_place(file, kept.url),
        serve=serve or ServeTable(),
        access=Access(_tokens(_table(served, "token"), errors), _proxy(served, errors)),
        modules=modules,
        scans=scans,
        schedules=schedules,
    )
    return found, sorted(errors.found, key=lambda error: error.line or 0)


class _Errors:
    """Collects errors."""

    def __init__(self, file: ConfigFile) -> None:
        self.found: list[InputError] = []
        self._file = file

    def add(self, place: tuple[str, ...], message: str) -> None:
        """Add the error of a place in the file."""
        try:
            self._file.fail(place, message)
        except InputError as error:
            self.found.append(error)


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _named_tables(document: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {each: value for each, value in _table(document, name).items() if isinstance(value, dict)}


def _read(place: tuple[str, ...], table: Mapping[str, Any], kind: type[_Table], errors: _Errors) -> _Table | None:
    """Return a table as a struct, or None with errors."""
    types = get_type_hints(kind)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(errors.found)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            errors.add((*place, key), f"is not a key here{did_you_mean(key, fields)}")
            continue
        try:
            values[fields[key].name] = msgspec.convert(value, types[fields[key].name])
        except msgspec.ValidationError as error:
            words = str(error).partition(" - at ")[0].replace(" | null", "")
            errors.add((*place, key), f"{words[0].lower()}{words[1:]}")
    for key, field in fields.items():
        if field.required and key not in table:
            errors.add((*place, key), "is missing")
    return None if len(errors.found) > before else kind(**values)


def _tokens(tables: Mapping[str, Any], errors: _Errors) -> list[Token]:
    found = []
    for name, table in tables.items():
        place = ("serve", "token", name)
        if not isinstance(table, dict):
            errors.add(place, "is not a table")
            continue
        token = _read(place, table, TokenTable, errors)
        if token is None:
            continue
        if len(token.sha256) != 64 or set(token.sha256) - set("0123456789abcdef"):
            errors.add((*place, "sha256"), "is not 64 hexadecimal digits")
        found.append(Token(name=name, sha256=token.sha256, scopes=tuple(token.scopes), expires=token.expires))
    return found


def _proxy(served: Mapping[str, Any], errors: _Errors) -> Proxy | None:
    if "proxy" not in served:
        return None
    place = ("serve", "proxy")
    table = _read(place, _table(served, "proxy"), ProxyTable, errors)
    if table is None:
        return None
    networks = []
    for each in table.addresses:
        try:
            networks.append(ip_network(each, strict=False))
        except ValueError:
            errors.add((*place, "addresses"), f"{each!r} is not an address or a network")
    return Proxy(header=table.header.lower(), addresses=tuple(networks), scopes=tuple(table.scopes))


def _scans(file: ConfigFile, errors: _Errors) -> tuple[dict[str, dict[str, Any]], dict[str, Schedule]]:
    from sshprobe.cli.scan import scan

    context = click.Context(scan, info_name="scan")
    scans: dict[str, dict[str, Any]] = {}
    schedules = {}
    for name, table in _table(file.document, "scan").items():
        if not isinstance(table, dict):
            errors.add(("scan", name), "is not a table")
            continue
        scans[name] = saved_values(file, context, "scan", name, errors.found)
        when, zone = (table.get(key) for key in SCHEDULE_KEYS)
        try:
            schedule = parse_schedule(when, zone)
        except InputError as error:
            key = error.source or "schedule"
            errors.add(("scan", name, key), error.message)
            continue
        if schedule is not None:
            schedules[name] = schedule
            if not any(scans[name].get(key) for key in ("targets", "files", "inventories")):
                errors.add(("scan", name), "has a schedule, but no targets")
    return scans, schedules
