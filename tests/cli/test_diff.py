"""`sshprobe diff` on files and on a history."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from sshprobe.cli.compared_scans import _few
from sshprobe.cli.diff import diff as command
from sshprobe.cli.history import history
from sshprobe.store.history.queries import Scan
from tests.cli.test_history import WEEKS, write_scan
from tests.screens import ROOT, on_a_screen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans, a week after each other, in files and in a history."""
    folder = tmp_path_factory.mktemp("weeks")
    names = []
    for number, (scan_id, hosts) in enumerate(WEEKS):
        names.append(str(folder / f"{scan_id}.jsonl"))
        write_scan(Path(names[-1]), scan_id, 7 + 7 * number, hosts)
    done = CliRunner().invoke(history, ["import", *names, "--history", str(folder / "history.db")])
    assert done.exit_code == 0, done.output
    with contextlib.closing(sqlite3.connect(folder / "foreign.db")) as connection:
        connection.execute("CREATE TABLE notes (words)")
    return folder


def diff(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run the command in this process, in `folder`, and return standard output."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(command, arguments, env=environment, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == code, done.output
    return done.stdout


def as_json(folder: Path, *arguments: str, **environment: str) -> Any:
    return json.loads(diff(folder, *arguments, "--format", "json", code=0, **environment))


def test_files(folder: Path) -> None:
    text = diff(folder, "aa02.jsonl", "bb03.jsonl")
    assert "Worse on 1 host: 1 host key changed." in text
    assert text.index("HOST KEYS CHANGED") < text.index("NEW FINDINGS") < text.index("BETTER")
    assert "192.0.2.1  grade F to B" in text
    assert "1 unchanged" in text
    assert "since" not in text  # the two scans say when


def test_fail_on_worse(folder: Path) -> None:
    diff(folder, "aa02.jsonl", "bb03.jsonl", "--fail-on", "worse", code=1)
    diff(folder, "aa01.jsonl", "aa02.jsonl", "--fail-on", "worse")


def test_a_regression_that_was_fixed_once_fails_again(folder: Path, tmp_path: Path) -> None:
    good, bad = [WEEKS[2][1][0]], [WEEKS[0][1][0]]  # an old OpenSSH, and a new one
    names = []
    for number, hosts in enumerate((good, bad, good, bad)):
        names.append(f"{number}.jsonl")
        write_scan(tmp_path / names[-1], f"dd0{number}", 1 + number, hosts)
    CliRunner().invoke(history, ["import", *(str(tmp_path / name) for name in names), "--history", f"{tmp_path}/h.db"])
    for arguments in (["--history", "h.db"], names[2:]):
        text = diff(tmp_path, *arguments, "--fail-on", "worse", code=1)
        assert "Worse on 1 host: " in text
        assert "1 grade fell" in text
    assert "answers alternate: seen before on 2026-11-02" in diff(tmp_path, "--history", "h.db")


def test_scans_without_a_common_profile_do_not_pass(folder: Path) -> None:
    bare = [msgspec.structs.replace(each, verdicts=[]) for each in WEEKS[1][1]]
    write_scan(folder / "bare.jsonl", "cc", 28, bare)
    with pytest.raises(ValueError, match="no host has verdicts of the same profile in both scans"):
        diff(folder, "aa02.jsonl", "bare.jsonl", "--fail-on", "worse")
    write_scan(folder / "none.jsonl", "dd", 20, WEEKS[1][1][2:])
    with pytest.raises(ValueError, match="no host has verdicts of the same profile in both scans"):
        diff(folder, "none.jsonl", "bare.jsonl", "--fail-on", "worse")  # all hosts are new, and not graded
    assert "only the old scan has this profile" in diff(folder, "aa02.jsonl", "bare.jsonl")


def test_a_scan_without_an_answer(folder: Path) -> None:
    silent = WEEKS[1][1][2:]
    write_scan(folder / "silent.jsonl", "dd", 28, silent)
    diff(folder, "aa02.jsonl", "silent.jsonl", "--fail-on", "worse", code=3)


@pytest.mark.parametrize(
    ("arguments", "old"),
    [
        ([], "aa02"),
        (["--since", "2026-11-10"], "aa01"),
        (["--since", "2026-11-14T12:00:00+00:00"], "aa02"),
        (["aa", "bb03"], None),
        (["aa01", "latest"], "aa01"),
        (["aa02"], "aa01"),
        (["--since", "1h"], "aa02"),
    ],
)
def test_scans_of_a_history(folder: Path, arguments: Sequence[str], old: str | None) -> None:
    chosen = [*arguments, "--history", "history.db"]
    if old is None:
        with pytest.raises(ValueError, match="several scans that begin with 'aa'"):
            diff(folder, *chosen)
        return
    changes = as_json(folder, *chosen)
    assert changes["old"]["scan_id"] == old
    assert changes["new"]["scan_id"] == ("aa02" if arguments == ["aa02"] else "bb03")


def test_a_scan_that_is_not_complete_is_not_the_new_one(folder: Path, tmp_path: Path) -> None:
    history_file = str(tmp_path / "history.db")
    shutil.copy(folder / "history.db", history_file)
    write_scan(tmp_path / "cut.jsonl", "dd04", 28, WEEKS[0][1][:1], whole=False)
    CliRunner().invoke(history, ["import", str(tmp_path / "cut.jsonl"), "--history", history_file])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(command, ["--history", history_file, "--format", "json"], standalone_mode=False)
    assert done.stderr == "note: dd04 is not complete: bb03 is the new scan\n"
    assert json.loads(done.stdout)["new"]["scan_id"] == "bb03"
    assert as_json(folder, "bb03", "dd04", "--history", history_file)["notes"] == ["new_incomplete"]


@pytest.mark.parametrize(("number", "kept"), [(0, 0), (3, 3), (100, 100), (101, 50), (364, 91)])
def test_of_many_scans_between_some_are_read(number: int, kept: int, capsys: pytest.CaptureFixture[str]) -> None:
    scans = [Scan(each, f"{each:x}", "", None, 1, True) for each in range(number)]
    found = _few(scans)
    assert len(found) == kept
    assert found == sorted(found, key=lambda scan: scan.id)
    assert (capsys.readouterr().err == "") == (number == kept)


def test_a_history_and_its_files_say_the_same(folder: Path) -> None:
    files = as_json(folder, "aa01.jsonl", "aa02.jsonl", "bb03.jsonl")
    scans = as_json(folder, "aa01", "bb03", "--history", "history.db")
    for side in ("old", "new"):
        del files[side]["name"], scans[side]["name"]
    assert files == scans
    assert files["host_keys"][0]["since"].startswith("2026-11-21")
    assert as_json(folder, "--since", "2026-11-10", SSHPROBE_HISTORY="history.db")["scans"] == 3


def test_json_fits_the_schema(folder: Path) -> None:
    schema = json.loads((ROOT / "docs/change.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(as_json(folder, "aa01.jsonl", "bb03.jsonl"))


def test_files_of_each_format(folder: Path, tmp_path: Path) -> None:
    for name, begin in (("c.md", "# What changed"), ("c.json", "{"), ("c.txt", "old  aa02.jsonl")):
        assert diff(folder, "aa02.jsonl", "bb03.jsonl", "-o", str(tmp_path / name)) == ""
        assert (tmp_path / name).read_text().startswith(begin)
    with pytest.raises(ValueError, match=r"name it \.txt, \.json, \.md"):
        diff(folder, "aa02.jsonl", "bb03.jsonl", "-o", str(tmp_path / "c.html"))
    with pytest.raises(ValueError, match="is read too"):
        diff(folder, "aa02.jsonl", "bb03.jsonl", "-o", "bb03.jsonl", "--format", "json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no scans: name two files of records"),
        (["aa01.jsonl"], "has only one scan: name another file too"),
        (["aa01.jsonl", "missing"], "missing: cannot be read"),
        (["aa01.jsonl", "bb03", "--history", "history.db"], "bb03: is not a file"),
        (["aa01", "bb03", "--history", "missing.db"], "there is no history here yet"),
        (["bb03", "aa01", "--history", "history.db"], "bb03 began after aa01"),
        (["aa01", "aa01", "--history", "history.db"], "aa01 is the old and the new scan"),
        (["aa01", "--history", "history.db"], "no scan before aa01 has the same targets"),
        (["zz", "bb03", "--history", "history.db"], "has no scan 'zz'"),
        (["a", "b", "c", "--history", "history.db"], "compares two scans"),
        (["a", "b", "--since", "7d", "--history", "history.db"], "`--since` finds the old scan"),
        (["aa01.jsonl", "bb03.jsonl", "--since", "7d"], "`--since` needs `--history`"),
        (["--since", "week", "--history", "history.db"], "'week' is not a time: give 12h"),
        (["aa01.jsonl", "bb03.jsonl", "-o", "-"], "`-o -` is not a file"),
        (["--history", "foreign.db"], "foreign.db: is the database of another program"),
        (["--history", "aa01.jsonl"], "aa01.jsonl: file is not a database"),
    ],
)
def test_wrong_usage(folder: Path, arguments: Sequence[str], message: str) -> None:
    with pytest.raises(Exception) as caught:
        diff(folder, *arguments)
    assert message in str(caught.value)


def test_a_screen_of_80_columns(folder: Path) -> None:
    run = [sys.executable, "-m", "sshprobe", "--color", "never", "diff", "aa02.jsonl", "bb03.jsonl"]
    text = on_a_screen(run, folder=folder)
    assert max(map(len, text.splitlines())) <= 80
    assert "was  SHA256:" in text


def test_a_file_that_is_cut_off(folder: Path, tmp_path: Path) -> None:
    import zstandard

    cut = tmp_path / "cut.jsonl.zst"
    lines = (folder / "bb03.jsonl").read_bytes().splitlines(keepends=True)
    blocks = zstandard.ZstdCompressor().compressobj()
    data = b"".join(blocks.compress(line) + blocks.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for line in lines[:2])
    cut.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(command, ["aa02.jsonl", str(cut)], standalone_mode=False)
    assert f"note: {cut} is cut off: hosts read before the cut: 1" in done.output
    assert "The new scan is not complete." in done.output
    assert "not in the new scan" in done.output


def test_a_shell_completes_scans_of_a_history(folder: Path) -> None:
    def suggested(arguments: Sequence[str], incomplete: str) -> list[tuple[str, str]]:
        found = ShellComplete(command, {}, "diff", "_C").get_completions([*arguments], incomplete)
        return [(each.type, each.value) for each in found]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert suggested(["--history", "history.db"], "a") == [("plain", "aa02"), ("plain", "aa01")]
        assert suggested([], "a") == [("file", "a")]
        assert suggested(["--history", "missing.db"], "a") == [("file", "a")]
