"""Opens the database of a history, creates it, and brings its tables up to date.

A history is an SQLite file or a PostgreSQL database. SQLite migrates itself, after a backup beside the file. PostgreSQL
is migrated only on request, since other people use it too. A database of a newer version is refused.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, table, text
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from sshprobe.model.errors import InputError, missing_extra
from sshprobe.store.history.tables import PREFIX, VERSION_TABLE

DEFAULT = "default"
"""In place of a URL: the SQLite file in the user's state folder."""

REVISIONS = ("0001", "0002", "0003")
"""The versions of the tables, oldest first: the modules in `migrations/versions`."""

LOCK_SECONDS = 60.0
"""Seconds to wait for another process that writes to the same SQLite file."""

_HOW = "give `default`, a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def history_url(words: str) -> URL:
    """Return the URL of a database. `words`: "default", a file name, or a URL. Raises `InputError` for others."""
    if words == DEFAULT:
        return URL.create("sqlite", database=str(platformdirs.user_state_path("sshprobe") / "history.db"))
    if "://" not in words:
        return URL.create("sqlite", database=words)
    try:
        url = make_url(words)
    except (ArgumentError, ValueError):
        raise InputError(f"is not the URL of a database: {_HOW}", source="--history") from None
    if "@" in (url.host or ""):
        raise InputError("has an @ in its password: write it as %40", source="--history")
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database not in (None, "", ":memory:"):
        return url.set(drivername="sqlite")
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise InputError(f"{_shown(url)} cannot hold a history: {_HOW}", source="--history")


def _shown(url: URL) -> str:
    """Return a URL for messages: without its password, and without its query, which can hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)


class Database:
    """An open history whose tables have the newest revision. Close it at the end."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        """Its name in messages: a file, or a URL without password."""

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return self.engine.dialect.name == "sqlite"

    def insert(self, into: Any) -> Any:
        """Return an INSERT that can have an ON CONFLICT clause."""
        return sqlite.insert(into) if self.is_sqlite else postgresql.insert(into)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a connection for queries. Raises `InputError` if the database fails."""
        with one_line(self.name), self.engine.connect().execution_options(is_reader=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Return a connection in a transaction, committed at the end. Raises `InputError` if the database fails."""
        with one_line(self.name), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def one_line(name: str) -> Iterator[None]:
    """Turn errors of a database, and of records in it, into an `InputError` of one line. `name`: of the database."""
    try:
        yield
    except DBAPIError as error:
        raise InputError(_first_line(str(error.orig)), source=name) from None
    except SQLAlchemyError as error:
        raise InputError(_first_line(str(error)), source=name) from None
    except sqlite3.Error as error:  # without SQLAlchemy, as in a backup
        raise InputError(_first_line(str(error)), source=name) from None
    except OSError as error:
        raise InputError(error.strerror or str(error), source=name) from None
    except (zlib.error, msgspec.DecodeError):
        raise InputError("is damaged: a record in it cannot be read", source=name) from None


def open_history(words: str, *, create: bool, migrate: bool = False) -> Database:
    """Open a history.

    `words`: see `history_url`. `create`: make an SQLite file that does not exist. `migrate`: bring the tables of a
    PostgreSQL database up to date.

    Raises:
        InputError: the database cannot be opened, belongs to another program or a newer version, or has to be migrated.
    """
    url = history_url(words)
    is_sqlite = url.get_backend_name() == "sqlite"
    name = str(url.database) if is_sqlite else _shown(url.set(drivername="postgresql"))
    with one_line(name):
        if is_sqlite:
            _prepare_file(Path(str(url.database)), create=create)
        engine = _engine(url)
        try:
            _bring_up_to_date(engine, name, migrate=migrate or is_sqlite)
        except BaseException:
            engine.dispose()
            raise
    return Database(engine, name)


def _prepare_file(path: Path, *, create: bool) -> None:
    if path.exists():
        return
    if not create:
        raise InputError("there is no history here yet: scan with `--history`", source=str(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass  # another scan has just made it


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        try:
            return create_engine(url, pool_pre_ping=True)
        except (ImportError, NoSuchModuleError):
            raise missing_extra("psycopg", "postgresql", source="--history") from None
    engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins transactions
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction. A writer locks at once, because upgrading a reader's lock later can fail."""
    is_reader = connection.get_execution_options().get("is_reader", False)
    connection.exec_driver_sql("BEGIN" if is_reader else "BEGIN IMMEDIATE")


def _bring_up_to_date(engine: Engine, name: str, *, migrate: bool) -> None:
    with engine.connect().execution_options(is_reader=True) as connection:
        revision = _revision(connection, name)
    if revision == REVISIONS[-1]:
        return
    if not migrate:
        words = "has no history yet" if revision is None else "is of an older version"
        raise InputError(f"{words}: run `sshprobe history migrate --history URL` first", source=name)
    if revision is not None and engine.dialect.name == "sqlite":
        _back_up(Path(name), revision)
    upgrade(engine, "head")


def _revision(connection: Connection, name: str) -> str | None:
    """Return the revision of the tables, None for a database without any. Raises `InputError` for a foreign one."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE not in tables:
        is_foreign = tables if connection.dialect.name == "sqlite" else [t for t in tables if t.startswith(PREFIX)]
        if is_foreign:
            raise InputError("is the database of another program, not a history of sshprobe", source=name)
        return None
    found = connection.scalar(select(sql_column("version_num")).select_from(table(VERSION_TABLE)))
    if found is not None and found not in REVISIONS:
        raise InputError("was written by a newer version of sshprobe: update this one", source=name)
    return found


def upgrade(engine: Engine, revision: str) -> None:
    """Run the migrations up to `revision` ("head" for all) in one transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "sshprobe.store.history:migrations")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # one migration at a time
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": VERSION_TABLE})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _back_up(path: Path, revision: str) -> Path:
    """Copy an SQLite file to `FILE.before-REVISION` (with a number if that exists) and return its path."""
    names: Iterator[Path] = (
        path.with_name(f"{path.name}.before-{revision}{f'.{number}' if number else ''}") for number in range(10_000)
    )
    backup = next(name for name in names if _is_new(name))
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
    except BaseException:
        backup.unlink(missing_ok=True)  # part of a copy, as on a full disk
        raise
    return backup


def _is_new(path: Path) -> bool:
    """Make an empty file that only its owner can read. Return False if the file exists."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def _first_line(words: str) -> str:
    return next(iter(words.strip().splitlines()), "the database failed")
