"""Patterns of waivers are matched in one pass."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.profiles.host_patterns import HostPattern, _fits


@given(st.text("ab.", max_size=12), st.text("ab*.", max_size=8))
def test_a_pattern_matches_like_a_glob(name: str, pattern: str) -> None:
    assert _fits(name, pattern.split("*")) is fnmatch.fnmatchcase(name, pattern)


class _Counted(str):
    """A name that counts its searches."""

    searched = 0

    def find(self, *arguments: object) -> int:
        self.searched += 1
        return super().find(*arguments)  # type: ignore[arg-type] # any arguments of str.find


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a*a*b", "a*" * 60 + "b", "*a" * 60 + "*.x", "**" * 100 + "b"])
def test_a_pattern_is_matched_in_one_pass(pattern: str) -> None:
    name = _Counted("a" * 5000 + "c")
    assert not _fits(name, pattern.split("*"))
    assert name.searched <= pattern.count("*")
    assert not HostPattern(pattern).matches("a" * 5000 + "c", None)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("*.lab.example", "a.lab.example", True),
        ("*.lab.example", "A.LAB.EXAMPLE.", True),
        ("*.lab.example", "lab.example", False),
        ("web*.example", "web.example", True),
        ("web*.example", "web1.example.org", False),
        ("web*b.example", "web.example", False),
        ("a*a", "a", False),
        ("db-*-*-prod", "db-1-2-prod", True),
        ("db-*-*-prod", "db-1-prod", False),
    ],
)
def test_a_pattern(pattern: str, host: str, matches: bool) -> None:
    assert HostPattern(pattern).matches(host, None) is matches
