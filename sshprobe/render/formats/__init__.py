"""Formats of `sshprobe report`, one module each. A module here is a format: its name is the name, `FORMAT` the rest."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.render.formats.format import HostFormat, ViewFormat

DEFAULT = "table"

_FORMAT_MODULE = "format"
"""Holds the types, and is not a format."""


def format_names() -> list[str]:
    """Return the names of all formats, the default first. No format is imported."""
    found = {each.name.replace("_", "-") for each in pkgutil.iter_modules(__path__)} - {_FORMAT_MODULE}
    return sorted(found, key=lambda name: (name != DEFAULT, name))


def load_format(name: str) -> ViewFormat | HostFormat:
    """Return a format of `format_names`."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    found: ViewFormat | HostFormat = module.FORMAT
    return found


def suffixes() -> dict[str, str]:
    """Return the suffixes of files, as in ".json", and the name of the format that each stands for."""
    return {suffix: name for name in format_names() for suffix in load_format(name).suffixes}
