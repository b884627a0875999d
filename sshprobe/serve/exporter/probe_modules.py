"""Modules of /probe: named sets of a profile, a depth and a port, from the tables `[module.NAME]` of a config file.

[module.router]
profile = "mozilla-intermediate"
depth = "lists"
port = 2222
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, get_args

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.model.observation import Depth
from sshprobe.profiles import Profile, load_profile

DEFAULT = "default"
"""The module for requests without one. A table of this name replaces it."""

SSH_PORT = 22


class ProbeModule(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for probing and grading the host of a request."""

    name: str
    profile: Profile
    depth: Depth = "full"
    port: int = SSH_PORT
    """For targets without a port."""


TABLE = "module"
"""The first word of the tables."""

Fail = Callable[[tuple[str, ...], str], NoReturn]
"""Takes the place of a key and a message, and raises an `InputError` that names the line."""


def read_modules(tables: Mapping[str, Mapping[str, Any]], fail: Fail) -> dict[str, ProbeModule]:
    """Return the modules of a config file by name, with the default one. Raises `InputError` for a wrong value."""
    modules = {} if DEFAULT in tables else {DEFAULT: ProbeModule(name=DEFAULT, profile=load_profile())}
    for name, table in tables.items():
        modules[name] = _read(name, table, fail)
    return modules


def _read(name: str, table: Mapping[str, Any], fail: Fail) -> ProbeModule:
    fields: dict[str, Any] = {"name": name}
    for key, value in table.items():
        match key:
            case "profile" if isinstance(value, str):
                fields["profile"] = _profile(name, value, fail)
            case "depth" if value in get_args(Depth):
                fields["depth"] = value
            case "port" if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
                fields["port"] = value
            case "profile":
                fail((TABLE, name, key), "`profile` is the id or the file of a profile")
            case "depth":
                fail((TABLE, name, key), f"`depth` is one of {', '.join(get_args(Depth))}")
            case "port":
                fail((TABLE, name, key), "`port` is a number from 1 to 65535")
            case _:
                fail((TABLE, name, key), f"`{key}` is not a key of a module: those are profile, depth and port")
    fields.setdefault("profile", load_profile())
    return ProbeModule(**fields)


def _profile(name: str, value: str, fail: Fail) -> Profile:
    try:
        profile = load_profile(value)
        profile.need_server()
    except InputError as error:
        fail((TABLE, name, "profile"), str(error))
    return profile
