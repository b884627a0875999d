"""What one hostile server is, and what must come of asking it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sshprobe.model.observation import Stage, Status
from sshprobe.model.records import HostRecord
from tests.hostile.server import Script

KERNEL_BUFFERS = 1024 * 1024
"""What a kernel may take from a flooding server for a client that has long stopped reading."""


@dataclass(frozen=True)
class Case:
    """The status, and words of the error, that the server must get, and what it may have cost at most."""

    name: str
    script: Script
    status: Status
    error: str = ""
    """Words in the error, or in a warning."""
    stage: Stage | None = None
    connections: int = 1
    bytes_accepted: int = 16_384
    compliant: bool = False
    """Whether there is nothing wrong with it after all."""
    also: Callable[[HostRecord], bool] | None = None
    """What else must be true of the record."""


def flooding(limit: int = 1) -> int:
    """Bytes that a server which sends for ever may get rid of in `limit` connections."""
    return limit * (200_000 + KERNEL_BUFFERS)
