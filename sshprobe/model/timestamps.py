"""Reads and writes the times in records: RFC 3339, in UTC. Seconds are since 1970-01-01 UTC. It reads no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC_3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:)(\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def parse(text: str) -> int | None:
    """Return the seconds of an RFC 3339 time with any offset. None: another text, as records come from anywhere, or a
    time that is not in the years 1 to 9999 in UTC.

    Fractions are dropped. A leap second counts as the second before, because POSIX has no number for it.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    day, minute, second, offset = match.groups()
    second = "59" if second == "60" else second
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{second}{offset.upper()}")
        return int(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def encode(moment: datetime) -> str:
    """Return a time in UTC as records have it: "2026-11-21T10:19:51.613Z"."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_seconds(seconds: float) -> str:
    """Return a time in seconds as records have it."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_to_the_second(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=16)  # thousands of hosts are started per second
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def format_minutes(seconds: int) -> str:
    """Return a time for people, "2026-11-21 13:00 UTC", or "second N" outside of the years 1970 to 9999."""
    return _for_people(seconds, "%Y-%m-%d %H:%M UTC")


def format_seconds(seconds: int) -> str:
    """Return a time for people as `format_minutes` does, with its second: "2026-11-21 13:00:05 UTC"."""
    return _for_people(seconds, "%Y-%m-%d %H:%M:%S UTC")


def _for_people(seconds: int, pattern: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(pattern) if seconds >= 0 else f"second {seconds}"
    except (ValueError, OverflowError, OSError):
        return f"second {seconds}"


def format_day(seconds: int) -> str:
    """Return the day in UTC, "2026-11-21", which sorts as text. Raises ValueError past the year 9999."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()  # strftime drops the zeros of early years
