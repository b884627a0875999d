"""English, UTC and ASCII: output does not depend on the locale, and text of a server never stops a command."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from tests.sample_records import HEADER, captured, failed

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from sshprobe.cli import main
saved = sys.argv[1]
for command in (["grade", saved, "-v"], ["report", saved, "--by", "key"], ["profiles", "list"], ["grade", "no-such"]):
    print(main(command), flush=True)
"""


def printed(record: HostRecord, folder: Path, **environment: str) -> tuple[bytes, bytes]:
    path = folder / "saved.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in (HEADER, record, failed("timeout", None))))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON", "TZ"))}
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], env={**clean, **environment}, cwd=ROOT, capture_output=True, check=True
    )
    return run.stdout, run.stderr


@pytest.mark.parametrize(
    ("environment", "banner"),
    [
        ({"LANG": "C"}, "Größe → café"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "Gr\\xf6\\xdfe \\u2192 caf\\xe9"),
        ({"PYTHONIOENCODING": "ascii", "LANG": "de_DE.UTF-8", "TZ": "Asia/Tokyo"}, "Gr\\xf6\\xdfe \\u2192 caf\\xe9"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, dict) else "",
)
def test_output_is_the_same_in_each_locale_except_for_text_of_servers(
    environment: dict[str, str], banner: str, tmp_path: Path
) -> None:
    record = msgspec.structs.replace(captured("openssh-6.7p1"), authentication_banner="Größe → café")
    out, err = printed(record, tmp_path, **environment)
    reference, errors = printed(record, tmp_path, LANG="C.UTF-8", TZ="UTC")
    assert f"\n    {banner}\n" in out.decode("utf-8")
    assert out.decode("utf-8").replace(banner, "") == reference.decode("utf-8").replace("Größe → café", "")
    assert err == errors
    assert err.endswith(b"no-such: cannot be read: No such file or directory\n")


def test_our_own_text_is_ascii() -> None:
    for room in ("cli", "render", "views"):
        for path in (ROOT / "sshprobe" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert node.value.isascii(), (path, node.lineno)
