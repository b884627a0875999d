"""A folder of files appears as a whole, and replaces only a folder of the same kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.store.folders import replacing_folder


def make(folder: Path, text: str) -> None:
    with replacing_folder(str(folder), ".parquet") as path:
        assert not any(Path(path).iterdir())
        (Path(path) / "hosts.parquet").write_text(text)


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    make(folder, "first")
    (folder / "old.parquet").write_text("only the first has it")
    with pytest.raises(UnicodeEncodeError):
        make(folder, "\ud800")
    assert (folder / "hosts.parquet").read_text() == "first"
    make(folder, "second")
    assert [(each.name, each.read_text()) for each in folder.iterdir()] == [("hosts.parquet", "second")]
    assert [each.name for each in tmp_path.iterdir()] == ["fleet"]
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["file", "mixed", "nested", "link", "nowhere"])
def test_nothing_else_is_replaced(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "fleet"
    if content == "file":
        folder.write_text("notes")
    elif content == "link":
        folder.symlink_to(tmp_path / "gone" / "deeper")
    elif content != "nowhere":
        folder.mkdir()
        (folder / "hosts.parquet").write_text("ours")
        (folder / "sub.parquet").mkdir() if content == "nested" else (folder / "thesis.txt").write_text("not ours")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError):
        make(tmp_path / "none" / "fleet" if content == "nowhere" else folder, "new")
    assert sorted(tmp_path.rglob("*")) == before
