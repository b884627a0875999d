"""The documents agree with the code: their tables are read and computed again."""

from __future__ import annotations

import re
from pathlib import Path

from sshprobe.algorithms import RULES
from sshprobe.algorithms.weakness import UNKNOWN
from sshprobe.grading import CAPS, POINTS, weakness_meanings
from sshprobe.grading.checks.registry import finding_types
from sshprobe.grading.score import LETTERS
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import load_profile, parse_profile
from sshprobe.remedy import grade
from tests.grading.observations import CAPTURES, captured

DOCS = Path(__file__).parents[2] / "docs"
GRADING = (DOCS / "grading.md").read_text()
PROFILES = (DOCS / "profiles.md").read_text()


def table(text: str, header: str) -> list[list[str]]:
    """Return the cells of the table under `header`, without backquotes."""
    _, _, rest = text.partition(f"{header}\n")
    assert rest, header
    rows = []
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def test_points_and_caps() -> None:
    rows = table(GRADING, "| severity | points | cap |")
    expected = [[name, str(POINTS[name]), str(CAPS.get(name, ""))] for name in SEVERITIES]
    assert rows == expected


def test_letters() -> None:
    assert table(GRADING, "| grade | least score |") == [[letter, str(least)] for least, letter in LETTERS]


def test_rules_of_weakness() -> None:
    rows = table(GRADING, "| severity | rule and code | lists, and what is weak | why, and source |")
    assert rows == [
        [
            rule.weakness.severity,
            ", ".join(dict.fromkeys((rule.weakness.reason, rule.weakness.code))),
            f"{', '.join(rule.categories)}: {rule.weakness.words}",
            f"{rule.weakness.why}. {', '.join(rule.weakness.references)}",
        ]
        for rule in RULES
    ]


def test_codes_of_weaknesses() -> None:
    """The table has every code of a finding, and each code is in use."""
    assert dict(table(GRADING, "| code | what is weak |")) == weakness_meanings()
    by_rules = {rule.weakness.code for rule in RULES} | {UNKNOWN.code}
    by_type = {code for each in finding_types().values() for code in each.weaknesses}
    of_judgements = {"small-rsa", "small-exponent", "password", "hostbased"}
    assert by_rules | by_type | of_judgements == set(weakness_meanings())


def test_the_worked_example() -> None:
    rows = table(GRADING, "| finding | points | cap | deviation |")
    path = next(path for path in CAPTURES if path.stem == "openssh-debian12-9.2p1")
    verdict = grade(captured(path), load_profile("mozilla-modern"))
    assert rows == [
        [
            f"{finding.severity}: {finding.id} {finding.algorithm or ''}".strip(),
            str(finding.effect.points),
            "" if finding.effect.cap is None else str(finding.effect.cap),
            "yes" if finding.deviation else "no",
        ]
        for finding in verdict.findings
    ]
    result = dict(table(GRADING, "\n| | |"))
    by_hand = 100 - sum(int(row[1]) for row in rows)
    assert result["raw score"].endswith(f"= {by_hand}")
    assert by_hand == verdict.raw_score
    assert result["cap"] == f"{verdict.cap}, by {verdict.cap_reasons[0]}"
    assert result["score"] == str(verdict.score) == str(min(by_hand, min(int(row[2]) for row in rows if row[2])))
    assert result["grade"] == verdict.grade
    assert result["compliant"] == str(verdict.compliant).lower()


def test_the_example_of_a_profile_is_one() -> None:
    found = [
        parse_profile(text, source="profiles.md")
        for text in re.findall(r"```toml\n(.*?)```", PROFILES, re.DOTALL)
        if text.startswith("id = ")
    ]
    assert [profile.id for profile in found] == ["example-2026", "example-web"]
    assert [profile.unknown_names for profile in found] == [(), ()]
