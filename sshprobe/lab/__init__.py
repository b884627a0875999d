"""Real SSH servers on loopback, for `sshprobe demo`, the tests and the benchmarks.

Each server is an async context manager: it listens on a free port of a 127.x.y.z address while the context
lasts, and its processes are gone afterwards, also when the body raises.

    async with OpenSSHServer(host_keys=("ed25519", "rsa:2048")) as server:
        print(server.host, server.port, server.fingerprints, server.log())

The server modules are imported by their own names, so that nothing loads asyncssh or paramiko before it is used:
`openssh`, `dropbear`, `tinyssh`, `asyncssh_server`, `paramiko_server`; `fleet` makes the mixed fleet of the demo.
"""

from __future__ import annotations

from sshprobe.lab.server import HostKey, LabError, LabServer

__all__ = ["HostKey", "LabError", "LabServer"]
