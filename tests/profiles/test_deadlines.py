"""`[[deadline]]` in a profile: required keys, and possible algorithms."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.errors import InputError
from sshprobe.profiles import Deadline, load_profile, parse_profile
from tests.profiles.sample_profile import HEAD

MODERN = "a803c76811400357"
"""The beginning of the digest of mozilla-modern, from before deadlines existed."""

DEADLINE = """\
[[deadline]]
section = "kex"
kinds = ["classical"]
names = ["mlkem768x25519-sha256"]
until = 2030-12-31
document = "The Order"
where = "section 4"
"""


def test_a_deadline() -> None:
    profile = parse_profile(HEAD + DEADLINE, source="ours.toml")
    assert profile.deadline == (
        Deadline(
            section="kex",
            kinds=("classical",),
            names=("mlkem768x25519-sha256",),
            until=date(2030, 12, 31),
            document="The Order",
            where="section 4",
        ),
    )
    assert profile.cite_deadline(profile.deadline[0]) == "The Order, section 4 [not verified]"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('section = "kex"\n', "", 7, "deadline.section: is missing"),
        ('"kex"', '"compression"', 8, "deadline.section: invalid enum value 'compression'"),
        ("until = 2030-12-31\n", "", 7, "deadline.until: is missing"),
        ('document = "The Order"\n', "", 7, "deadline.document: is missing"),
        ('"section 4"', '" "', 13, "deadline.where: is empty"),
        ('"classical"', '"quantum"', 9, "deadline.kinds: invalid enum value 'quantum'"),
        ('kinds = ["classical"]\nnames = ["mlkem768x25519-sha256"]\n', "", 7, "deadline.kinds: is empty, and so is"),
        ('"kex"', '"mac"', 9, "deadline.kinds: is for the sections kex and host_key"),
        ('"mlkem768x25519-sha256"', '"a b"', 10, "deadline.names: `a b` is not a name"),
        ('document = "The', 'binding = 7\ndocument = "The', 12, "deadline.binding: expected `str`, got `int`"),
        ('section = "kex"', 'section = "kex"\nat = 2030-01-01', 9, "deadline.at: unknown field"),
    ],
)
def test_an_error_in_a_deadline_names_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in DEADLINE
    with pytest.raises(InputError) as caught:
        parse_profile(HEAD + DEADLINE.replace(old, new, 1), source="ours.toml")
    assert str(caught.value).startswith(f"ours.toml:{line}: {message}")


def test_the_day_of_a_verdict_does_not_come_from_a_file() -> None:
    with pytest.raises(InputError, match="at: is not for files"):
        parse_profile(HEAD + "at = 2030-01-01\n" + DEADLINE, source="ours.toml")


def test_a_deadline_needs_its_section() -> None:
    head = HEAD.replace('extends = "mozilla-modern"', '[protocol]\nwhere = "page 1"\nallowed = ["2.0"]')
    with pytest.raises(InputError, match=r"ours\.toml:10: deadline\.section: the profile has no section \[kex\]"):
        parse_profile(head + DEADLINE, source="ours.toml")


def test_deadlines_add_up_and_a_remark_stays(tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(HEAD.replace("mozilla-modern", "cnsa-2.0") + DEADLINE)
    profile = load_profile(str(ours))
    assert [each.until.year for each in profile.deadline] == [2030, 2031, 2031]
    assert profile.remark == "it is for inventory, and no OpenSSH meets it today"


def test_the_digest_of_a_profile_without_deadlines_stays() -> None:
    """Records have it, and `--resume` compares it."""
    assert load_profile("mozilla-modern").digest.startswith(MODERN)
    ours = parse_profile(HEAD + DEADLINE, source="ours.toml")
    others = [msgspec.structs.replace(ours, at=date(2031, 1, 1)), parse_profile(HEAD, source="ours.toml")]
    assert len({each.digest for each in (ours, *others)}) == 3
