"""`-o` on an existing file: nothing is lost silently, and inputs are never written."""

import contextlib
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sshprobe.render.formats import WRITERS, suffixes
from sshprobe.store.files import replacing
from tests.cli.test_cli_commands import sshprobe, write
from tests.sample_records import captured, failed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "mon.jsonl", [captured("openssh-debian12-9.2p1", "192.0.2.1"), failed("timeout", "no answer")])
    return tmp_path


@pytest.fixture
def nobody() -> str:
    """A place without a server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["scan", "--from-records", "mon.jsonl", "--status", "timeout"], "mon.jsonl"),
        (["scan", "--from-records", "mon.jsonl", "--status", "timeout"], "./link"),
        (["scan", "--from-records", "mon.jsonl", "--status", "timeout"], "hard"),
        (["scan", "-f", "hosts.txt"], "hosts.txt"),
        (["scan", "192.0.2.1", "--exclude-file", "hosts.txt"], "hosts.txt"),
        (["scan", "--inventory", "hosts.txt"], "hosts.txt"),
        (["scan", "192.0.2.1", "--profile", "own.toml"], "own.toml"),
        (["grade", "mon.jsonl"], "mon.jsonl"),
        (["grade", "mon.jsonl", "--format", "json"], "mon.jsonl"),
        (["grade", "mon.jsonl", "--format", "table"], "mon.jsonl"),
        (["profiles", "make", "192.0.2.1", "--from-records", "mon.jsonl", "--force"], "mon.jsonl"),
    ],
)
def test_an_input_file_is_never_written(arguments: Sequence[str], output: str, folder: Path) -> None:
    (folder / "hosts.txt").write_text("192.0.2.1\n")
    (folder / "own.toml").write_text(
        'id = "own"\ntitle = "Own"\nversion = "1"\ndate = "2026"\nsource = "s"\nextends = "mozilla-modern"\n'
    )
    (folder / "link").symlink_to("mon.jsonl")
    (folder / "hard").hardlink_to(folder / "mon.jsonl")
    before = contents(folder)
    run = sshprobe(*arguments, "-o", output, cwd=folder)
    assert run.stderr.decode() == f"error: {output}: is read too: name another file with `-o`\n"
    assert run.returncode == 2
    assert contents(folder) == before


def test_standard_input_counts_as_an_input(folder: Path) -> None:
    before = contents(folder)
    command = [sys.executable, "-m", "sshprobe", "grade", "-", "-o", "mon.jsonl"]
    with (folder / "mon.jsonl").open("rb") as stream:
        run = subprocess.run(
            command,
            cwd=folder,
            stdin=stream,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert (run.returncode, contents(folder)) == (2, before)
    assert run.stderr == b"error: mon.jsonl: is read too: name another file with `-o`\n"


def test_a_backup_never_replaces_an_input(folder: Path) -> None:
    (folder / "mon.jsonl~").write_bytes((folder / "mon.jsonl").read_bytes())
    before = contents(folder)
    run = sshprobe("scan", "--from-records", "mon.jsonl~", "--status", "timeout", "-o", "mon.jsonl", cwd=folder)
    assert (run.returncode, contents(folder)) == (2, before)
    assert run.stderr.startswith(b"error: mon.jsonl: is an input, and would become the backup of the output:")


@pytest.mark.parametrize("name", ["mon.jsonl", "mon.json", "mon"])
def test_a_replaced_file_is_backed_up_with_a_note(name: str, folder: Path, nobody: str) -> None:
    before = (folder / "mon.jsonl").read_bytes()
    (folder / "mon.jsonl").rename(folder / name)
    (folder / name).chmod(0o640)
    run = sshprobe("scan", nobody, "-o", name, cwd=folder)
    assert run.returncode == 3
    assert run.stderr.decode() == f"note: {name} is replaced: its 2 records are in {name}~\n"
    assert (folder / f"{name}~").read_bytes() == before
    assert b'"refused"' in (folder / name).read_bytes()
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o640
    again = sshprobe("scan", nobody, "-o", name, cwd=folder)
    held = "what it held is" if name == "mon.json" else "its 1 record is"
    assert again.stderr.decode() == f"note: {name} is replaced: {held} in {name}~\n"
    assert sorted(contents(folder)) == [name, f"{name}~"]


def test_a_scan_without_a_host_keeps_the_backup(folder: Path, nobody: str) -> None:
    before = (folder / "mon.jsonl").read_bytes()
    (folder / "mon.jsonl").rename(folder / "mon.jsonl~")
    write(folder / "mon.jsonl", [])
    run = sshprobe("scan", nobody, "-o", "mon.jsonl", cwd=folder)
    assert (run.returncode, run.stderr) == (3, b"")
    assert (folder / "mon.jsonl~").read_bytes() == before


def test_an_empty_file_and_a_device_need_no_backup(tmp_path: Path, nobody: str) -> None:
    (tmp_path / "new.jsonl").touch()
    for name in ("new.jsonl", os.devnull):
        run = sshprobe("scan", nobody, "-o", name, cwd=tmp_path)
        assert (run.returncode, run.stderr) == (3, b"")
    assert list(contents(tmp_path)) == ["new.jsonl"]


def test_a_failed_backup_does_not_stop_the_scan(folder: Path, nobody: str) -> None:
    (folder / "mon.jsonl~").mkdir()
    run = sshprobe("scan", nobody, "-o", "mon.jsonl", cwd=folder)
    assert run.returncode == 3
    assert run.stderr.startswith(b"note: mon.jsonl is replaced, and its 2 records could not be kept as mon.jsonl~: ")
    assert b'"refused"' in (folder / "mon.jsonl").read_bytes()


def test_a_link_stays_a_link_and_its_file_is_backed_up(folder: Path, nobody: str) -> None:
    (folder / "link").symlink_to("mon.jsonl")
    before = (folder / "mon.jsonl").read_bytes()
    run = sshprobe("scan", nobody, "-o", "link", cwd=folder)
    assert f"its 2 records are in {(folder / 'mon.jsonl').resolve()}~\n" in run.stderr.decode()
    assert (folder / "link").is_symlink()
    assert (folder / "mon.jsonl~").read_bytes() == before


def test_a_failed_report_keeps_file_and_backup(tmp_path: Path) -> None:
    path, said = tmp_path / "r.json", list[str]()
    path.write_bytes(b"old")
    with contextlib.suppress(RuntimeError), replacing(str(path), keeping=said.append) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert (contents(tmp_path), said) == ({"r.json": b"old"}, [])


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def test_a_scan_stopped_at_once_changes_no_file(folder: Path, silent: socket.socket) -> None:
    before = (folder / "mon.jsonl").read_bytes()
    place = "{}:{}".format(*silent.getsockname())
    with subprocess.Popen(
        [sys.executable, "-m", "sshprobe", "scan", place, "-o", "mon.jsonl", "--timeout", "300"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            connection, _ = silent.accept()
            with connection:
                assert process.stderr is not None
                assert process.stderr.readline() == b"note: mon.jsonl is replaced: its 2 records are in mon.jsonl~\n"
                process.send_signal(signal.SIGINT)
                assert process.stderr.readline().startswith(b"interrupted")
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert (folder / "mon.jsonl~").read_bytes() == before


def test_saved_options_overwrite_with_a_note(folder: Path, nobody: str) -> None:
    """A saved `-o`, and other targets on the command line."""
    before = (folder / "mon.jsonl").read_bytes()
    env = {"XDG_CONFIG_HOME": str(folder / "config")}
    sshprobe("scan", "--save-as", "lab", "192.0.2.9", "-o", "mon.jsonl", "--count", cwd=folder, env=env)
    run = sshprobe("scan", "--saved", "lab", nobody, cwd=folder, env=env)
    assert run.stderr == b"note: mon.jsonl is replaced: its 2 records are in mon.jsonl~\n"
    assert (folder / "mon.jsonl~").read_bytes() == before


def test_a_profile_that_was_edited_is_replaced_only_by_force(folder: Path) -> None:
    make = ["profiles", "make", "192.0.2.1", "--from-records", "mon.jsonl", "-o", "golden.toml"]
    (folder / "golden.toml").touch()  # has no finished host
    assert sshprobe(*make, cwd=folder).returncode == 0
    made = (folder / "golden.toml").read_text()
    (folder / "golden.toml").write_text("# edited\n" + made)
    run = sshprobe(*make, cwd=folder)
    assert run.returncode == 2
    assert run.stderr == b"error: golden.toml: exists already: name another file with `-o`, or add `--force`\n"
    assert (folder / "golden.toml").read_text().startswith("# edited\n")
    assert sshprobe(*make, "--force", cwd=folder).returncode == 0
    assert (folder / "golden.toml").read_text() == made


def test_the_suffix_decides_the_format(tmp_path: Path, nobody: str) -> None:
    for name, start in (
        ("a.jsonl", b'{"type":"sweep",'),
        ("a.NDJSON", b'{"type":"sweep",'),
        ("a.json", b'{"sweep":'),
        ("a.txt", b"127.0.0."),
        ("a", b'{"type":"sweep",'),
    ):
        run = sshprobe("scan", nobody, "127.0.0.2:1", "-o", name, cwd=tmp_path)
        assert (run.returncode, run.stderr) == (3, b"")
        assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("command", ["scan", "grade"])
@pytest.mark.parametrize("name", ["mon.tsv", "mon.jsonl.bak", "mon.jsn"])
def test_an_unknown_suffix_is_an_error_before_contact(command: str, name: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        what = "{}:{}".format(*server.getsockname()) if command == "scan" else "mon.jsonl"
        before = contents(folder)
        run = sshprobe(command, what, "-o", name, cwd=folder)
        with pytest.raises(BlockingIOError):
            server.accept()
    suffix = name[name.rindex(".") :]
    assert (run.returncode, contents(folder)) == (2, before)
    assert run.stderr.decode() == (
        f"error: {name}: {suffix} is not the suffix of a format: name it .jsonl or .json for records, .txt for the "
        f"table, {', '.join(suffixes(WRITERS))} for a report, or add `--format`\n"
    )
    assert sshprobe(command, what, "-o", name, "--format", "jsonl", cwd=folder).returncode in (0, 3)


def test_records_and_backups_are_readable_by_their_owner_only(folder: Path, nobody: str) -> None:
    (folder / "mon.jsonl").chmod(0o664)
    for name in ("new.jsonl", "new.json", "new.txt", "mon.jsonl"):
        sshprobe("scan", nobody, "-o", name, cwd=folder)
    sshprobe("grade", "mon.jsonl~", "-o", "graded.jsonl", cwd=folder)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}
    mine = oct(0o600)
    assert modes == {
        **dict.fromkeys(("new.jsonl", "new.json", "new.txt", "mon.jsonl~", "graded.jsonl"), mine),
        "mon.jsonl": oct(0o664),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["mon.jsonl", "mon.json"])
def test_a_file_keeps_its_owner(name: str, folder: Path, nobody: str) -> None:
    sshprobe("scan", nobody, "-o", name, cwd=folder)
    os.chown(folder / name, 1234, 5678)
    for _ in range(2):
        sshprobe("scan", nobody, "-o", name, cwd=folder)
        there = (folder / name).stat()
        assert (there.st_uid, there.st_gid) == (1234, 5678)


def test_a_loop_of_links_is_one_line(tmp_path: Path, nobody: str) -> None:
    (tmp_path / "a.jsonl").symlink_to("b.jsonl")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    run = sshprobe("scan", nobody, "-o", "a.jsonl", cwd=tmp_path)
    words = "error: a.jsonl: cannot be written: Too many levels of symbolic links\n"
    assert (run.returncode, run.stderr.decode()) == (2, words)


def interrupted(folder: Path, name: str) -> None:
    """A scan of two hosts that ends with the first."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.2", 0)) as closed:
        server.settimeout(60)
        refused = f"127.0.0.2:{closed.getsockname()[1]}"
        closed.close()
        command = [sys.executable, "-m", "sshprobe", "scan", refused, "{}:{}".format(*server.getsockname())]
        with subprocess.Popen(
            [*command, "-o", name, "--timeout", "300"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            try:
                with server.accept()[0]:
                    assert process.stdout is not None
                    assert b"refused" in process.stdout.readline()
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGHUP)
                    process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == 130


@pytest.mark.parametrize("name", ["mon.jsonl", "mon.json", "mon.txt"])
def test_an_interrupted_scan_never_replaces_a_finished_one(name: str, tmp_path: Path, nobody: str) -> None:
    sshprobe("scan", nobody, "127.0.0.2:1", "-o", name, cwd=tmp_path)
    finished = (tmp_path / name).read_bytes()
    for _ in range(2):
        interrupted(tmp_path, name)
        assert (tmp_path / f"{name}~").read_bytes() == finished
    second = (tmp_path / name).read_bytes()
    interrupted(tmp_path, name)
    assert contents(tmp_path)[f"{name}.interrupted~"] == second  # no part of it is lost either
    assert contents(tmp_path)[f"{name}~"] == finished
    sshprobe("scan", nobody, "127.0.0.2:1", "-o", name, cwd=tmp_path)
    assert contents(tmp_path)[f"{name}~"] == finished
    last = (tmp_path / name).read_bytes()
    sshprobe("scan", nobody, "-o", name, cwd=tmp_path)
    assert contents(tmp_path)[f"{name}~"] == last  # a finished one does


def test_a_table_without_blocks_names_a_command_that_shows_one_host(tmp_path: Path) -> None:
    hosts = [captured("openssh-debian12-9.2p1", f"192.0.2.{last}") for last in range(1, 10)]
    write(tmp_path / "many.jsonl", hosts)
    write(tmp_path / "few.jsonl", hosts[:8])
    words = "One host, why, and what to change:\n  "
    for arguments, command in (
        (["many.jsonl"], "sshprobe grade many.jsonl --host 192.0.2.1"),
        (["many.jsonl", "-o", "new file.jsonl"], "sshprobe grade 'new file.jsonl' --host 192.0.2.1"),
        (["few.jsonl"], None),
        (["many.jsonl", "-v"], None),
    ):
        out = sshprobe("grade", *arguments, cwd=tmp_path).stdout.decode()
        assert out.count(words) == (command is not None)
        if command is not None:
            assert out.endswith(f"{words}{command}\n")
            one = sshprobe(*shlex.split(command)[1:], cwd=tmp_path).stdout.decode()
            assert "192.0.2.1:22  OpenSSH 9.2p1" in one
            assert "put first in /etc/ssh/sshd_config" in one
    hidden = sshprobe("grade", "many.jsonl", "--format", "table", "-o", "r.txt", cwd=tmp_path).stdout.decode()
    assert hidden.endswith(f"{words}sshprobe grade many.jsonl --host 192.0.2.1\n")
    assert words not in (tmp_path / "r.txt").read_text()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a file system of Linux")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link.jsonl"])
def test_an_open_file_is_written_in_place(name: str, folder: Path, nobody: str) -> None:
    (folder / "link.jsonl").symlink_to("/dev/stdout")
    (folder / "log").write_bytes(b"kept\n")
    with (folder / "log").open("ab") as log:
        command = [sys.executable, "-m", "sshprobe", "scan", nobody, "-o", name]
        subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, check=False)
    written = (folder / "log").read_bytes().splitlines()
    assert written[0] == b"kept"
    assert sum(line.startswith(b'{"type":') for line in written[1:]) == 3


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="a file system of Linux")
def test_a_file_by_way_of_proc_is_a_file(folder: Path, nobody: str) -> None:
    before = (folder / "mon.jsonl").read_bytes()
    assert sshprobe("scan", nobody, "-o", "/proc/self/cwd/mon.jsonl", cwd=folder).returncode == 3
    assert (folder / "mon.jsonl~").read_bytes() == before
