"""Real SSH servers on loopback, for `sshprobe demo`, the tests and the benchmarks.

Each server is an async context manager. It listens on a free port of a 127.x.y.z address inside the context, and its
processes have ended afterwards, also if the body raises.

    async with OpenSSHServer(host_keys=("ed25519", "rsa:2048")) as server:
        print(server.host, server.port, server.fingerprints, server.log())

Import a server from its own module, such as `sshprobe.lab.openssh`. `fleet` makes the mixed fleet of the demo.
"""

from __future__ import annotations

from sshprobe.lab.server import HostKey, LabError, LabServer

__all__ = ["HostKey", "LabError", "LabServer"]
