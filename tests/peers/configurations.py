"""Servers as observations, made from captured bytes and from stored scans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.wire.identification import parse_identification
from sshprobe.wire.messages import NAME_LISTS, KexInit
from tests.grading.observations import CAPTURES, captured

RECORDED = Path(__file__).parent / "configurations.jsonl"
"""Scans of live servers with the configurations of `tests.peers.recording`, one record a line."""

_TITLES = {
    "asyncssh-2.24.1": "asyncssh 2.24.1, default",
    "conch-26.10.0": "Twisted Conch 26.10.0, default",
    "dropbear-2022.83": "Dropbear 2022.83, default",
    "dropbear-2025.89": "Dropbear 2025.89, default",
    "openssh-5.3p1": "OpenSSH 5.3, default",
    "openssh-5.3p1-ssh1": "OpenSSH 5.3, SSH-1 too",
    "openssh-6.7p1": "OpenSSH 6.7, default",
    "openssh-7.4p1": "OpenSSH 7.4, default",
    "openssh-9.9p2": "OpenSSH 9.9, default",
    "openssh-debian11-8.4p1": "OpenSSH 8.4 (Debian 11), default",
    "openssh-debian12-9.2p1": "OpenSSH 9.2 (Debian 12), default",
    "openssh-debian13-10.0p2": "OpenSSH 10.0 (Debian 13), default",
    "paramiko-5.1.0": "paramiko 5.1.0, default",
    "proftpd-1.3.8": "ProFTPD 1.3.8 mod_sftp, default",
    "tinysshd-20230101": "TinySSH 20230101, default",
    "tinysshd-20250501": "TinySSH 20250501, default",
}


def from_bytes(data: bytes) -> Observation:
    """Return the observation of a capture: identification and lists, without keys, groups and methods."""
    facts = ObservationBuilder()
    while True:
        line, _, data = data.partition(b"\n")
        if line.startswith(b"SSH-"):
            facts.add_identification(parse_identification(line.rstrip(b"\r")))
            break
        facts.add_line(line.rstrip(b"\r"))
    length, padding = int.from_bytes(data[:4], "big"), data[4]
    facts.add_kexinit(KexInit.parse(data[5 : 4 + length - padding]))
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


def configurations() -> dict[str, Observation]:
    """Return every configuration of docs/scores.md by its title: captures, and stored scans of live servers.

    Authentication methods are left out: captures do not have them, and ssh-audit does not ask for them.
    """
    found: dict[str, Observation] = {}
    for path in CAPTURES:
        title = _TITLES.get(path.stem, path.stem)
        found[title] = msgspec.structs.replace(
            captured(path), authentication_methods=None, authentication_none_accepted=None
        )
    found["lshd 2.1"] = from_bytes((CAPTURES[0].parent / "extra" / "lshd-2.1-bannerfile.bin").read_bytes())
    for line in RECORDED.read_bytes().splitlines():
        record = msgspec.json.decode(line, type=HostRecord)
        found[record.target] = record
    return found
