"""Formats of `sshprobe report` are the modules of one folder; CONTRIBUTING.md has an example."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe.render import fix
from sshprobe.render.formats import FORMATS, load_format
from sshprobe.render.formats.format import FolderFormat, HostFormat, ViewFormat
from sshprobe.views.fixes import Plan
from tests.sample_records import HEADER, WANTING, debian12, failed, judged

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from sshprobe.render import formats
formats.__path__.append(sys.argv.pop(1))
exec(sys.argv.pop(1), vars(formats))
from sshprobe.__main__ import run
sys.exit(run())
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in (HEADER, judged(debian12(), WANTING))))
    return path


def report(folder: Path, records: Path, *options: str) -> str:
    command = [sys.executable, "-c", RUN, str(folder), f"FORMATS |= {{{_examples()[0]}}}", "report", str(records)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _examples() -> tuple[str, str]:
    """Return the line of `FORMATS` and the module in "Add an output format" of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add an output format")[2]
    line, module = (each.partition("```")[0] for each in text.split("```python\n")[1:3])
    return line.strip(), module


def test_the_example_of_contributing_is_a_format(tmp_path: Path, records: Path) -> None:
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "plain_list.py").write_text(_examples()[1])
    assert report(folder, records, "--format", "plain-list") == "192.0.2.1:22 C\n1 hosts\n"
    assert report(folder, records, "-o", str(tmp_path / "hosts.list"), "--weakness", "sha1") == ""
    assert (tmp_path / "hosts.list").read_text() == "192.0.2.1:22 C\n1 hosts\n"
    assert "plain-list." in "".join(report(folder, records, "--help").split())


def test_every_format_of_the_table_is_of_the_kind_that_the_table_says() -> None:
    kinds = {"view": ViewFormat, "hosts": HostFormat, "folder": FolderFormat}
    for name, entry in FORMATS.items():
        assert isinstance(load_format(name), kinds[entry.kind])
    named = [suffix for entry in FORMATS.values() for suffix in entry.suffixes]
    assert len(named) == len(set(named)), "a suffix stands for one format"


def test_every_format_of_fix_makes_text_of_a_plan() -> None:
    plan = Plan()
    plan.add(failed("refused", "connection refused"), None)
    for name in fix.FORMATS:
        assert "Not graded: 192.0.2.200:22, refused." in fix.load_format(name)(plan)
