"""Servers as observations, from the bytes that they sent."""

from __future__ import annotations

from typing import Any

from sshprobe.probe.facts import Facts
from sshprobe.records import Observation
from sshprobe.wire.identification import parse_identification
from sshprobe.wire.messages import NAME_LISTS, KexInit


def from_bytes(data: bytes) -> Observation:
    """Of a capture alone: identification and lists; no key, no group, no method is known."""
    facts = Facts()
    while True:
        line, _, data = data.partition(b"\n")
        if line.startswith(b"SSH-"):
            facts.saw_identification(parse_identification(line.rstrip(b"\r")))
            break
        facts.saw_line(line.rstrip(b"\r"))
    length, padding = int.from_bytes(data[:4], "big"), data[4]
    facts.saw_kexinit(KexInit.parse(data[5 : 4 + length - padding]))
    lists: dict[str, Any] = {name: facts.lists()[name] for name in NAME_LISTS}
    return Observation(
        target="captured",
        host="captured",
        address="192.0.2.1",
        port=22,
        status="ok",
        depth="lists",
        started_at="2026-11-21T00:00:00Z",
        duration_ms=1.0,
        connections=1,
        lines_before_identification=facts.lines,
        identification=facts.identification,
        **lists,
    )
