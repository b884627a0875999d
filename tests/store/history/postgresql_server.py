"""A real PostgreSQL on loopback, as an ordinary user, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sshprobe.lab.process import ServerProcess, find_program, free_port

HOST = "127.0.0.1"
USER = "nobody"
"""PostgreSQL does not run as root."""


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, None if they are not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = find_program("postgres")
    return folders[-1] if folders else None if found is None else found.parent


def as_user(*words: str | Path) -> list[str | Path]:
    if os.geteuid() != 0:
        return list(words)
    # The signal for the end of its parent is lost when the user changes, so it is set here once more.
    change = ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", "--pdeathsig=TERM", "--"]
    return [*change, *words]


class PostgreSQL:
    """A server. `start` and `stop` it as often as needed: the port and the data stay."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None
        self._programs = folder
        self._folder = Path(tempfile.mkdtemp(prefix="sshprobe-postgresql-"))
        self._data = self._folder / "data"
        self._port = free_port(HOST)
        self._process: ServerProcess | None = None
        self._starts = 0
        self._databases = 0
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER, "nogroup")
        made = as_user(self._programs / "initdb", "-D", self._data, "-U", "sshprobe", "-A", "trust", "-E", "UTF8")
        subprocess.run([*map(str, made), "--no-sync", "--no-locale"], check=True, capture_output=True, cwd=self._folder)

    async def start(self) -> None:
        self._starts += 1
        words = as_user(self._programs / "postgres", "-D", self._data, "-h", HOST, "-p", str(self._port))
        settings = ("fsync=off", f"unix_socket_directories={self._folder}", "deadlock_timeout=100ms")
        words += [word for setting in settings for word in ("-c", setting)]
        self._process = ServerProcess(words, self._folder / f"log{self._starts}")
        await self._process.wait_for_line("database system is ready to accept connections")

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def close(self) -> None:
        await self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        import psycopg

        self._databases += 1
        name = f"fleet{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://sshprobe@{HOST}:{self._port}/{database}"
