"""Makes the JSON Schema of sshprobe.toml: tables from their structs, scans from the options of `sshprobe scan`."""

from __future__ import annotations

from typing import Any

import click
import msgspec
from field_docs import field_docs

from sshprobe.cli.configuration import HistoryTable, ProxyTable, ServeTable, TokenTable
from sshprobe.cli.options.saved_values import JOINED, NOT_SAVED, key_of
from sshprobe.cli.options.values import WholeNumber
from sshprobe.cli.scan import scan

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """Return the schema."""
    history, serve, token, proxy = (_table(kind) for kind in (HistoryTable, ServeTable, TokenTable, ProxyTable))
    serve["properties"] |= {"token": {"type": "object", "additionalProperties": token}, "proxy": proxy}
    module = {
        "type": "object",
        "description": "`[module.NAME]`: settings of /probe.",
        "properties": {
            "profile": {"type": "string", "description": "Id or file of a profile."},
            "depth": {"enum": ["lists", "keys", "full"], "description": "The questions of the scan."},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "For targets without a port."},
        },
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "sshprobe.toml",
        "description": "The configuration file of sshprobe: `sshprobe config check` checks it.",
        "type": "object",
        "properties": {
            "history": history,
            "scan": {"type": "object", "additionalProperties": _scan()},
            "grade": {"type": "object", "description": "Saved options of `sshprobe grade`."},
            "serve": serve,
            "module": {"type": "object", "additionalProperties": module},
        },
        "additionalProperties": False,
    }


def _table(kind: type[msgspec.Struct]) -> dict[str, Any]:
    (_,), definitions = msgspec.json.schema_components([kind])
    found: dict[str, Any] = definitions[kind.__name__]
    docs = field_docs_of(kind)
    for field in msgspec.structs.fields(kind):
        described = found["properties"][field.encode_name]
        described["description"] = docs[field.name]
        described.pop("default", None)
    found["additionalProperties"] = False
    return found


def field_docs_of(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text below each field."""
    return field_docs("cli")[kind.__name__]


def _scan() -> dict[str, Any]:
    properties: dict[str, Any] = {
        "schedule": {
            "type": "string",
            "description": "Minute, hour, day, month, weekday: `sshprobe serve` runs the scan then.",
        },
        "timezone": {
            "type": "string",
            "description": "Time zone of the schedule, such as Europe/Berlin; UTC without it.",
        },
    }
    for param in scan.params:
        if param.name not in NOT_SAVED:
            properties[key_of(param)] = _value(param)
    return {
        "type": "object",
        "description": "`[scan.NAME]`: saved options of `sshprobe scan`.",
        "properties": dict(sorted(properties.items())),
        "additionalProperties": False,
    }


def _value(param: click.Parameter) -> dict[str, Any]:
    words = getattr(param, "help", None) or "Hosts, networks and ranges."
    if getattr(param, "is_flag", False):
        return {"type": "boolean", "description": words}
    value: dict[str, Any] = {"type": ["string", "number"]}
    if isinstance(param.type, click.Choice):
        value = {"enum": list(param.type.choices)}
    elif isinstance(param.type, WholeNumber):
        value = {"type": "integer"}
    if (param.multiple or param.nargs == -1) and param.name not in JOINED:
        return {"type": "array", "items": value, "description": words}
    return {**value, "description": words}
