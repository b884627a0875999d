"""Databases that a history opens, refuses or migrates."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine

from sshprobe.model.errors import InputError
from sshprobe.store.history.database import REVISIONS, history_url, open_history, upgrade
from sshprobe.store.history.tables import METADATA, VERSION_TABLE


def test_migrations_make_the_tables_of_the_code(tmp_path: Path) -> None:
    database = open_history(str(tmp_path / "history.db"), create=True)
    with database.writing() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_the_list_of_revisions_equals_the_modules() -> None:
    config = Config()
    config.set_main_option("script_location", "sshprobe.store.history:migrations")
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("history.db", "sqlite:///history.db"),
        ("sqlite:////var/lib/history.db", "sqlite:////var/lib/history.db"),
        ("postgresql://me@db.example.org/fleet", "postgresql+psycopg://me@db.example.org/fleet"),
        ("postgres://db.example.org/fleet", "postgresql+psycopg://db.example.org/fleet"),
    ],
)
def test_words_for_a_database(words: str, url: str) -> None:
    assert history_url(words).render_as_string() == url


def test_the_default_is_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_url("default").database == "/state/sshprobe/history.db"


@pytest.mark.parametrize("words", ["mysql://db/fleet", "sqlite://", "sqlite:///:memory:", "://", "x y://z"])
def test_databases_that_cannot_hold_a_history(words: str) -> None:
    with pytest.raises(InputError, match="--history"):
        history_url(words)


@pytest.mark.parametrize(
    "words",
    [
        "mysql://me:secret@db/fleet",
        "mysql://me@db/fleet?password=secret",
        "postgresql://me@127.0.0.1:1/fleet?password=secret",
        "postgresql://me:my@secret@127.0.0.1:1/fleet",
        "postgresql://me:secret@127.0.0.1:port/fleet",
    ],
)
def test_a_password_is_in_no_message(words: str) -> None:
    with pytest.raises(InputError) as refused:
        open_history(words, create=False)
    assert "secret" not in str(refused.value)


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        open_history(str(path), create=True)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_a_history(tmp_path: Path) -> None:
    text, other, folder = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "folder"
    text.write_text("Dear diary, " * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    folder.mkdir()
    refused(text, "file is not a database")
    refused(other, "the database of another program")
    refused(folder, "unable to open database file")
    assert text.read_text().startswith("Dear diary")


def test_a_history_that_does_not_exist_is_not_made_to_read_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no history here yet"):
        open_history(str(tmp_path / "history.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    open_history(str(path), create=True).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()
    refused(path, "a newer version of sshprobe")


def test_an_older_history_is_migrated_after_a_backup(tmp_path: Path) -> None:
    path, url = tmp_path / "history.db", URL.create("sqlite", database=str(tmp_path / "history.db"))
    old = create_engine(url)
    upgrade(old, REVISIONS[0])
    old.dispose()
    open_history(str(path), create=False).close()
    backup = tmp_path / f"history.db.before-{REVISIONS[0]}"
    assert backup.stat().st_mode & 0o777 == 0o600
    for file, revision in ((path, REVISIONS[-1]), (backup, REVISIONS[0])):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(revision,)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
def test_a_backup_without_room_is_removed_and_nothing_is_migrated(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "history.db"
    old = create_engine(URL.create("sqlite", database=str(path)))
    upgrade(old, REVISIONS[0])
    old.dispose()
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(InputError, match="disk"):
            open_history(str(path), create=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.glob("*.before-*"))
    assert path.read_bytes()[100:] == before[100:]  # the header has the journal mode


def test_a_locked_history_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    open_history(str(path), create=True).close()
    monkeypatch.setattr("sshprobe.store.history.database.LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database = open_history(str(path), create=False)
        with pytest.raises(InputError, match="database is locked") as error, database.writing():
            pass
        assert str(path) in str(error.value)
        database.close()


def test_a_scan_without_history_imports_none_of_it() -> None:
    """Neither SQLAlchemy nor Alembic, psycopg or platformdirs, and no module of the history."""
    code = (
        "import sys, sshprobe.__main__\n"
        "sys.argv = ['sshprobe', 'scan', '--timeout', '1', '--host-timeout', '1', '--connect-timeout', '1', "
        "'127.0.0.1:1', '--color', 'never']\n"
        "sshprobe.__main__.run()\n"
        "heavy = ('sqlalchemy', 'alembic', 'psycopg', 'platformdirs', 'sqlite3', 'sshprobe.store.history')\n"
        "found = [name for name in sys.modules if name.startswith(heavy)]\n"
        "assert 'sshprobe.scan.engine' in sys.modules\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
