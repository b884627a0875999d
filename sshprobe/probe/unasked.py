"""The record of a target to which no connection was made, and how records write the time."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from sshprobe.records import Depth, Observation, Status


def not_asked(target: str, host: str, port: int, depth: Depth, status: Status, error: str) -> Observation:
    """Return the record of a target to which no connection was made: "dns_error", "excluded"."""
    return Observation(
        target=target,
        host=host,
        address=None,
        port=port,
        status=status,
        error=error,
        stage="resolve",
        depth=depth,
        started_at=rfc3339(datetime.now(UTC)),
        duration_ms=0.0,
        connections=0,
    )


def rfc3339(moment: datetime) -> str:
    """Return a UTC time as records have it: "2026-11-21T10:19:51.613Z"."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_at(seconds: float) -> str:
    """Return a time in seconds since 1970-01-01 UTC as records have it."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_to_the_second(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=16)  # hosts are begun by the thousand a second
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
