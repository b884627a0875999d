"""The file of saved options: its place, its tables, and their lines for errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from sshprobe.model.errors import InputError
from sshprobe.platform.system import config_directory


def config_file() -> Path:
    """Return the path of the file. Raises `InputError` if there is no home folder."""
    try:
        return config_directory() / "sshprobe" / "config.toml"
    except RuntimeError:
        raise InputError("there is no home folder for saved options: set XDG_CONFIG_HOME") from None


class ConfigFile:
    """The tables of the file; empty if it does not exist. Raises `InputError` with the faulty line."""

    def __init__(self, path: Path) -> None:
        from sshprobe.profiles.toml_files import LARGEST_FILE, TomlText, toml_document, toml_text
        from sshprobe.small_files import read_small_file

        self.path = path
        try:
            data = read_small_file(path, most=LARGEST_FILE, advice="remove unused tables")
        except FileNotFoundError:
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

    def line(self, *place: str) -> int:
        """Return the line of a table or key, from 1."""
        return self._lines.line(place)

    def fail(self, place: tuple[str, ...], message: str) -> NoReturn:
        """Raise the `InputError` for a place in the file."""
        self._lines.fail(place, message)
