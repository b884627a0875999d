"""A new file is enough for a check: `Add a check` of CONTRIBUTING.md works unchanged."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshprobe.grading import checks as package
from sshprobe.grading.checks.registry import (
    add_types,
    checks,
    finding_types,
    graded_host,
    not_observed,
    weakness_meanings,
)
from sshprobe.grading.findings import FindingType
from sshprobe.profiles import available_profiles, load_profile
from tests.grading.observations import CAPTURES, captured, modern

ROOT = Path(__file__).parents[2]

WITH_THE_FILE = """
import json, sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import sshprobe.grading.checks

sshprobe.grading.checks.__path__.append(sys.argv[1])

from sshprobe.cli import main
from sshprobe.grading import finding_types, weakness_meanings
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.grading.observations import identification, modern

host = modern(identification=identification("SSH-2.0-OpenSSH_9.2p1 " + "x" * 50))
loader = SourceFileLoader("findings", "scripts/findings")
spec = spec_from_loader("findings", loader)
script = module_from_spec(spec)
loader.exec_module(script)
profile = load_profile("mozilla-modern")
print(json.dumps({
    "findings": [(each.id, each.weaknesses) for each in grade(host, profile).findings],
    "advice": [
        each.remediation
        for software in ("OpenSSH_9.2p1", "Other_1.0")
        for named in (identification(f"SSH-2.0-{software} Debian-{'x' * 50}"),)
        for each in grade(modern(identification=named), profile).findings
        if each.id == "protocol.long_comment"
    ],
    "without": [each.id for each in grade(modern(), profile).findings],
    "page": script.page(finding_types()["protocol.long_comment"]),
    "labels": script.module(list(finding_types().values())),
    "table": script.table(list(finding_types().values())),
    "code": weakness_meanings()["long-comment"],
    "codes": script.codes(),
}))
sys.exit(main(["explain", "protocol.long_comment"]))
"""


def test_a_new_file_is_a_new_check(tmp_path: Path) -> None:
    """The example of CONTRIBUTING.md: nothing else in the program names it."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a check\n")[2]
    example = section.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "long_comment.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-c", WITH_THE_FILE, tmp_path], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, _, explained = done.stdout.partition("\n")
    found = json.loads(first)
    assert ["protocol.long_comment", ["long-comment"]] in found["findings"]
    assert "protocol.long_comment" not in found["without"]
    comment = "Debian-" + "x" * 50
    assert found["advice"] == [f"VersionAddendum none, in place of {comment}", f"remove the comment {comment}"]
    assert found["page"].splitlines()[2] == "# protocol.long_comment: A long comment in the identification"
    assert '    "protocol.long_comment": "long comments",' in found["labels"].splitlines()
    assert "| `protocol.long_comment` | low | no | the comment has more than 40 characters |" in found["table"]
    assert "| `long-comment` | a comment of more than 40 characters |" in found["codes"]
    assert found["code"] == "a comment of more than 40 characters"
    assert explained.split()[:2] == ["id", "protocol.long_comment"]


def declared() -> Iterator[FindingType]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            for each in value.values() if isinstance(value, dict) else (value,):
                if isinstance(each, FindingType):
                    yield each


def test_every_declared_type_is_registered() -> None:
    assert {each.id for each in declared()} == set(finding_types())
    assert len(finding_types()) > 60


def test_no_two_types_have_one_id() -> None:
    with pytest.raises(ValueError, match="two types of findings have the id kex"):
        add_types(finding_types()["kex.terrapin"])


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_check_finds_what_it_registered(path: Path) -> None:
    for profile in map(load_profile, available_profiles()):
        if profile.kind == "server":
            host = graded_host(captured(path), profile)
            for each in checks():
                assert {judged.id for judged in each.find(host)} <= {type.id for type in each.types}


def test_missing_facts_are_named_in_a_fixed_order() -> None:
    """By category, and within a category by module: records have this order."""
    modules = [each.find.__module__.rpartition(".")[2] for each in checks()]
    shown = ("protocol", "algorithms", "group_exchange", "host_keys", "banner")
    assert list(dict.fromkeys(name for name in modules if name in shown)) == list(shown)
    nothing = modern(identification=None, kex_algorithms=None, host_keys=None, mac_algorithms_client_to_server=None)
    assert not_observed(graded_host(nothing, load_profile("mozilla-modern")))[:3] == [
        "identification",
        "key exchange methods",
        "MACs client to server",
    ]


def test_every_code_has_one_meaning() -> None:
    brought = [code for codes in {id(each.codes): each.codes for each in declared()}.values() for code in codes]
    assert sorted(brought) == sorted(weakness_meanings())
    assert {code for each in declared() for code in each.weaknesses} <= set(brought)
