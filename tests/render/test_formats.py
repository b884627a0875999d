"""Formats of `sshprobe report` are the modules of one folder; CONTRIBUTING.md has an example."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe.render import fix
from sshprobe.render.formats import format_names, load_format, suffixes
from sshprobe.render.formats.format import HostFormat, ViewFormat
from sshprobe.views.fixes import Plan
from tests.sample_records import HEADER, WANTING, debian12, failed, judged

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from sshprobe.render import formats
formats.__path__.append(sys.argv.pop(1))
from sshprobe.__main__ import run
sys.exit(run())
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in (HEADER, judged(debian12(), WANTING))))
    return path


def report(folder: Path, records: Path, *options: str) -> str:
    command = [sys.executable, "-c", RUN, str(folder), "report", str(records), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_of_contributing_is_a_format(tmp_path: Path, records: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    example = page.partition("## Add an output format")[2].partition("```python\n")[2].partition("```")[0]
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "plain_list.py").write_text(example)
    assert "hmac-sha1 1 hosts\n" in report(folder, records, "--by", "algorithm", "--format", "plain-list")
    assert "SHA256:" in report(folder, records, "--by", "key", "--format", "plain-list")
    assert report(folder, records, "--by", "label", "--format", "plain-list") == " 1 hosts\n"
    assert report(folder, records, "-o", str(tmp_path / "hosts.list"), "--weakness", "sha1") == ""
    assert (tmp_path / "hosts.list").read_text().startswith("192.0.2.1:22 ")
    assert "[table|json|plain-list|ssh-audit]" in report(folder, records, "--help")


def test_every_module_is_a_format() -> None:
    assert format_names() == ["table", "json", "ssh-audit"]
    for name in format_names():
        assert isinstance(load_format(name), (HostFormat, ViewFormat))
    assert suffixes() == {"": "table", ".txt": "table", ".json": "json"}


def test_every_format_of_fix_makes_text_of_a_plan() -> None:
    plan = Plan()
    plan.add(failed("refused", "connection refused"), None)
    for name in fix.FORMATS:
        assert "Not graded: 192.0.2.200:22, refused." in fix.load_format(name)(plan)
