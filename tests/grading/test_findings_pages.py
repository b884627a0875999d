"""Every finding has a page, and agrees with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.grading import CAPS, explain_finding, finding_types
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import available_profiles, load_profile
from sshprobe.remedy import grade
from tests.grading.observations import CAPTURES, captured

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "findings"


def test_pages_are_made_from_the_texts() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "findings", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in PAGES.glob("*.md")} == {*finding_types(), "README"}


@pytest.mark.parametrize("id", finding_types())
def test_a_page_says_what_it_should(id: str) -> None:
    text = explain_finding(id)
    page = (PAGES / f"{id}.md").read_text()
    for part in (text.title, text.meaning, text.why, text.see, text.fix, text.severity, text.cost, *text.references):
        assert part
        assert part in page
    assert "{}" not in page
    assert f"({id}.md)" in (PAGES / "README.md").read_text()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_findings_are_of_a_severity_that_their_page_names(path: Path) -> None:
    for profile in map(load_profile, available_profiles()):
        if profile.kind == "client":
            continue
        for finding in grade(captured(path), profile).findings:
            text = explain_finding(finding.id)
            if "weakness" not in text.severity:
                assert re.search(rf"\b{finding.severity}\b", text.severity), finding.id
            assert finding.effect.cap == CAPS.get(finding.severity, text.cap) or text.cap is None
            assert finding.deviation is False or text.deviation != "no"


def test_costs_are_those_of_the_score() -> None:
    assert explain_finding("protocol.ssh1").cost == (
        "critical: 100 points, and a score of 10 at most; high: 25 points, and a score of 54 at most"
    )
    assert explain_finding("kex.no_post_quantum").cost == (
        "medium: 10 points, and a score of 89 at most; note: no points, and a score of 97 at most"
    )
    assert explain_finding("protocol.version_hint").cost == "note: no points"
    assert all(
        any(each in explain_finding(id).severity for each in (*SEVERITIES, "weakness")) for id in finding_types()
    )
