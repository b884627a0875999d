"""Tests that share a set-up run in one process of xdist."""

from __future__ import annotations

from tests.conftest import group_of


def test_groups() -> None:
    hostile = "tests/hostile/test_hostile.py"
    kex = f"{hostile} key exchange"
    assert group_of(f"{hostile}::test_the_records_are_the_kept_ones[key exchange-full-epoll]") == kex
    assert group_of(f"{hostile}::test_a_hostile_server[key exchange-a [b]-c-asyncio]") == kex
    assert group_of(f"{hostile}::test_the_lists_of_the_other_hosts_are_unharmed[early]") == f"{hostile} early"
    assert group_of("tests/live/test_other_servers.py::test_x[go]") == "tests/live/test_other_servers.py"
    assert group_of("tests/live/test_fixing.py::test_x[12-a-b]") == "tests/live/test_fixing.py 12"
    assert group_of("tests/wire/test_codec.py::test_x[a]") == "tests/wire/test_codec.py::test_x[a]"
