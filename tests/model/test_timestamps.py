"""Times in records: one reader and one writer for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.model.timestamps import encode, encode_seconds, format_day, format_minutes, format_seconds, parse


@given(st.integers(86400, 253402214400), st.integers(-14 * 60, 14 * 60))
def test_moments_agree_with_the_calendar(seconds: int, minutes: int) -> None:
    """Compare with the standard library, which grading does not import."""
    utc = datetime.fromtimestamp(seconds, UTC)
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    local = utc + timedelta(minutes=minutes)
    text = f"{local.replace(tzinfo=None).isoformat()}.5{sign}{size // 60:02}:{size % 60:02}"
    assert parse(text) == seconds
    assert parse(f"{utc.replace(tzinfo=None).isoformat()}Z") == seconds
    assert format_minutes(seconds) == f"{utc.date().isoformat()} {utc.hour:02}:{utc.minute:02} UTC"
    assert format_seconds(seconds) == f"{utc.date().isoformat()} {utc.time().isoformat()} UTC"


def test_a_moment_beyond_the_calendar_is_a_number() -> None:
    assert format_minutes(2**64 - 1) == f"second {2**64 - 1}"


@pytest.mark.parametrize(
    "text",
    [
        *("never", "", "2026-11-21", "2026-11-21T10:19:51", "2026-02-30T10:19:51Z", "2026-11-21T24:00:00Z", "9" * 99),
        *("9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"),  # no day in UTC
    ],
)
def test_other_text_is_not_a_time(text: str) -> None:
    assert parse(text) is None


def test_an_offset_can_change_the_day() -> None:
    """A waiver until the 21st covers observations of that day in UTC."""
    seconds = parse("2026-11-22T00:30:00+01:00")
    assert seconds is not None
    assert format_day(seconds) == "2026-11-21"


def test_days_of_early_years_sort_as_text() -> None:
    seconds = parse("0500-01-01T00:00:00Z")
    assert seconds is not None
    assert format_day(seconds) == "0500-01-01"


def test_a_leap_second_is_the_second_before() -> None:
    assert parse("2016-12-31T23:59:60Z") == parse("2016-12-31T23:59:59Z")


@given(st.integers(0, 253402214400), st.integers(0, 999))
def test_both_writers_agree_and_can_be_read(seconds: int, milliseconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)
    assert encode(moment)[:-5] == encode_seconds(seconds)[:-5]
    assert parse(encode(moment)) == parse(encode_seconds(seconds)) == seconds
