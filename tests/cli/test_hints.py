"""Hints for words that belong to another command: a weakness code, a profile, a file of records."""

from pathlib import Path

import pytest

from sshprobe.cli import main
from sshprobe.grading import weakness_meanings


@pytest.mark.parametrize("code", sorted(weakness_meanings()))
def test_every_code_of_weakness_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code.upper() if code == "sweet32" else code]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"weakness {code} meaning {weakness_meanings()[code]} " in out
    assert f"`sshprobe report RECORDS --weakness {code}`" in out


def test_a_profile_in_place_of_a_name_is_recognized(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "mozilla-modern"]) == 2
    assert "`sshprobe profiles show mozilla-modern` prints it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--weakness", "SHA-1"), "`SHA-1` is not a weakness: did you mean sha1"),
        (("--weakness", "xyzzy"), "`xyzzy` is not a weakness: use one of bad-generator, cbc, "),
        (("--finding", "mac.week"), "`mac.week` is not a finding: did you mean mac.weak"),
    ],
)
def test_a_filter_proposes_the_intended_value(
    words: tuple[str, ...], hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["report", str(tmp_path / "none.jsonl"), *words]) == 2
    assert hint in capsys.readouterr().err


def test_profiles_make_explains_that_it_needs_a_host(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    records = tmp_path / "monday.jsonl"
    records.write_text("{}\n")
    assert main(["profiles", "make", str(records)]) == 2
    assert f"name a host in it, as in `--from-records {records} HOST`" in capsys.readouterr().err
