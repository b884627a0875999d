"""The recipes of docs/how-to/api.md, run against a server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installed import need_program
from tests.render.formats.html.pages import PROFILES, fleet
from tests.serve.asking import history

PAGE = Path(__file__).parents[3] / "docs/how-to/api.md"
RECIPES = re.findall(r"```sh\n(.*?)```", PAGE.read_text().partition("## Recipes")[2], re.DOTALL)

DUCKDB = f"""#!{sys.executable}
import sys, duckdb
print(duckdb.sql(sys.argv[2]).fetchall())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("recipes") / "history.db"
    history(path).close()
    command = [sys.executable, "-m", "sshprobe", "serve", "--listen", "127.0.0.1:0", "--history", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    yield next(line.rpartition("//")[2].strip() for line in process.stderr if "Listening on" in line)
    process.terminate()
    process.communicate(timeout=30)


def run(recipe: str, place: str, folder: Path) -> str:
    need_program("curl", "curl")
    need_program("jq", "jq")
    (folder / "duckdb").write_text(DUCKDB)  # the package of Python has no command
    (folder / "duckdb").chmod(0o700)
    script = f'PATH="$PWD:$PATH"\n{recipe.replace("127.0.0.1:9622", place)}'
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_names_with_jq(place: str, tmp_path: Path) -> None:
    recipe = next(each for each in RECIPES if "cursor" in each)
    verdicts = {host.host: {each.profile: each for each in host.verdicts} for host in fleet() if host.verdicts}
    wanted = {f"{host}:22" for host, by_profile in verdicts.items() if by_profile[PROFILES[0]].compliant is False}
    for text in (recipe, recipe.replace("limit=1000", "limit=3")):
        found = run(text, place, tmp_path).split()
        assert len(found) == len(wanted)
        assert set(found) == wanted


def test_grades_with_duckdb(place: str, tmp_path: Path) -> None:
    out = run(next(each for each in RECIPES if "duckdb" in each), place, tmp_path)
    assert sum(map(int, re.findall(r", (\d+)\)", out))) == len(fleet())
