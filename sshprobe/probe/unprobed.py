"""The record of a target to which no connection was made."""

from __future__ import annotations

from datetime import UTC, datetime

from sshprobe.model import timestamps
from sshprobe.model.observation import Depth, Observation, Status


def unprobed(target: str, host: str, port: int, depth: Depth, status: Status, error: str) -> Observation:
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
        started_at=timestamps.encode(datetime.now(UTC)),
        duration_ms=0.0,
        connections=0,
    )
