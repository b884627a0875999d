"""A hostile server, and the expected result of scanning it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sshprobe.model.observation import Stage, Status
from sshprobe.model.records import HostRecord
from tests.hostile.server import Script

KERNEL_BUFFERS = 1024 * 1024
"""Bytes that a kernel may buffer for a client that has stopped reading."""


@dataclass(frozen=True)
class Case:
    """The status and a part of the error that the server must get, and its maximum cost."""

    name: str
    script: Script
    status: Status
    error: str = ""
    """Words in the error, or in a warning."""
    stage: Stage | None = None
    connections: int = 1
    bytes_accepted: int = 16_384
    compliant: bool = False
    """Whether nothing is wrong with the server."""
    also: Callable[[HostRecord], bool] | None = None
    """Further condition on the record."""


def flooding(limit: int = 1) -> int:
    """Return the bytes that an endless server may send in `limit` connections."""
    return limit * (200_000 + KERNEL_BUFFERS)
