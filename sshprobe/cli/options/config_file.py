"""The configuration file: its place, its tables, and their lines for errors.

Without `--config FILE` it is `config.toml` in the user's configuration folder, where `--save-as` writes. A file that
the user names may be anywhere, and relative paths in it begin at its folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import click

from sshprobe.cli.options.values import FILE, Command
from sshprobe.model.errors import InputError
from sshprobe.platform.system import config_directory

VARIABLE = "SSHPROBE_CONFIG"
"""The environment variable that names the file for all commands."""

_META = "sshprobe.config"


def config_option(command: Command) -> Command:
    """Add --config FILE."""
    return click.option(
        "--config",
        type=FILE,
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=lambda context, parameter, value: choose_config_file(context, value),
        help=f"Read FILE, e.g. sshprobe.toml, not the user's file; or set {VARIABLE}.",
    )(command)


def choose_config_file(context: click.Context, name: str | None) -> None:
    """Read this file for the rest of the command. None: no change."""
    if name is not None:
        context.find_root().meta[_META] = name


def named_config_file() -> Path | None:
    """Return the file that the user named, or None."""
    context = click.get_current_context(silent=True)
    chosen = None if context is None else context.find_root().meta.get(_META)
    chosen = chosen or os.environ.get(VARIABLE)
    return Path(chosen) if chosen else None


def config_file() -> Path:
    """Return the path of the file. Raises `InputError` if there is no home folder."""
    named = named_config_file()
    if named is not None:
        return named
    try:
        return config_directory() / "sshprobe" / "config.toml"
    except RuntimeError:
        raise InputError("there is no home folder for saved options: set XDG_CONFIG_HOME") from None


class ConfigFile:
    """The tables of the file. Raises `InputError` with the faulty line.

    A file that the user did not name may be missing: then it is empty.
    """

    def __init__(self, path: Path) -> None:
        from sshprobe.profiles.toml_files import LARGEST_FILE, TomlText, toml_document, toml_text
        from sshprobe.small_files import read_small_file

        self.path = path
        self.is_named = path == named_config_file()
        """Whether the user named it."""
        try:
            data = read_small_file(path, most=LARGEST_FILE, advice="remove unused tables")
        except FileNotFoundError:
            if self.is_named:
                raise InputError("there is no such file", source=str(path)) from None
            data = b""
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
        self.text = toml_text(data, source=str(path))
        self._document = toml_document(self.text, source=str(path))
        self._lines = TomlText(self.text, str(path))

    def tables(self, command: str) -> dict[str, dict[str, Any]]:
        """Return the tables of one command, by their names."""
        found: dict[str, dict[str, Any]] = self._document.get(command, {})
        if not isinstance(found, dict):
            self.fail((command,), "is not a table")
        for name, table in found.items():
            if not isinstance(table, dict):
                self.fail((command, name), "is not a table")
        return found

    @property
    def document(self) -> dict[str, Any]:
        """Everything in the file."""
        return self._document

    def resolved(self, path: str) -> str:
        """Return a path in the file as the command needs it: in a named file it begins at the folder of the file."""
        return str(self.path.parent / path) if self.is_named else path

    def line(self, *place: str) -> int:
        """Return the line of a table or key, from 1."""
        return self._lines.line(place)

    def fail(self, place: tuple[str, ...], message: str) -> NoReturn:
        """Raise the `InputError` for a place in the file."""
        self._lines.fail(place, message)
