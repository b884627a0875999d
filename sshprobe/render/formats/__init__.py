"""Formats of `sshprobe report`: `FORMATS` lists them all, and `load_format` imports one."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from sshprobe.model.errors import missing_extra

if TYPE_CHECKING:
    from sshprobe.render.formats.format import FolderFormat, HostFormat, ViewFormat

Kind = Literal["view", "hosts", "folder"]
"""The type of a format: `ViewFormat`, `HostFormat` or `FolderFormat`."""


WRITERS: tuple[Kind, ...] = ("hosts", "folder")
"""Kinds of formats for a sequence of hosts, also from `scan` and `grade`."""


class FormatEntry(NamedTuple):
    """A format of the table, before its module is imported."""

    place: str
    """Module of this package and attribute, "csv:HOSTS"."""
    kind: Kind
    text: str
    """A short description of the content, for lists of formats."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of `-o` files in this format, such as ".csv"."""
    extra: str = ""
    """The extra of sshprobe that installs the libraries of the module. Empty: it needs none."""
    is_shared: bool = False
    """Whether a program of another user reads the file. Then its mode follows the umask, and there is no backup."""


DEFAULT = "table"

FORMATS: dict[str, FormatEntry] = {
    "table": FormatEntry("table:FORMAT", "view", "a table for a terminal", ("", ".txt")),
    "json": FormatEntry("json:FORMAT", "view", "the same for programs", (".json",)),
    "html": FormatEntry("html.page:FORMAT", "hosts", "one page for a browser", (".html", ".htm"), extra="report"),
    "markdown": FormatEntry("markdown:FORMAT", "hosts", "a summary for an issue or a wiki", (".md",), extra="report"),
    "csv": FormatEntry("csv:HOSTS", "hosts", "a row for each host and profile", (".csv",)),
    "csv-findings": FormatEntry("csv:FINDINGS", "hosts", "a row for each finding, with its number of hosts"),
    "csv-host-findings": FormatEntry("csv:HOST_FINDINGS", "hosts", "a row for each finding of each host"),
    "parquet": FormatEntry("parquet:FORMAT", "folder", "tables for DuckDB or Polars", (".parquet",), extra="report"),
    "prometheus": FormatEntry(
        "prometheus:FORMAT", "hosts", "metrics for node_exporter", (".prom",), extra="report", is_shared=True
    ),
    "sarif": FormatEntry("sarif:FORMAT", "hosts", "findings for GitHub code scanning", (".sarif",)),
    "junit": FormatEntry("junit:FORMAT", "hosts", "a test suite for each host", extra="report"),
    "defectdojo": FormatEntry("defectdojo:FORMAT", "hosts", "findings for DefectDojo's Generic Findings Import"),
    "cyclonedx": FormatEntry("cyclonedx:VERSION_1_6", "hosts", "an inventory of cryptography (CBOM) of CycloneDX 1.6"),
    "cyclonedx-1.7": FormatEntry("cyclonedx:VERSION_1_7", "hosts", "the same, of CycloneDX 1.7"),
    "ssh-audit": FormatEntry("ssh_audit:FORMAT", "hosts", "the JSON of `ssh-audit -j`"),
}
"""Name to entry, the default first."""


def format_names(kinds: Iterable[Kind] = ("view", "hosts", "folder")) -> list[str]:
    """Return the names of the formats of some kinds, in the order of the table."""
    return [name for name, entry in FORMATS.items() if entry.kind in kinds]


def load_format(name: str) -> ViewFormat | HostFormat | FolderFormat:
    """Return a format of `FORMATS`. Raises `InputError` if a library is not installed."""
    entry = FORMATS[name]
    module, attribute = entry.place.split(":")
    try:
        loaded = importlib.import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        if not entry.extra:
            raise
        package = (error.name or module).partition(".")[0]
        raise missing_extra(package.replace("_", "-"), entry.extra, source=f"--format {name}") from None
    found: ViewFormat | HostFormat | FolderFormat = getattr(loaded, attribute)
    return found


def suffixes(kinds: Iterable[Kind] = ("view", "hosts", "folder")) -> dict[str, str]:
    """Return the suffixes of files, such as ".json", and the name of the format that each stands for."""
    return {suffix: name for name in format_names(kinds) for suffix in FORMATS[name].suffixes}
