"""paramiko with the questions of `sshprobe --depth full`: a key of each type, and the authentication methods.

Usage: paramiko_loop.py HOST:PORT...
"""

from __future__ import annotations

import contextlib
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko

KEYS = ("rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-ed25519")


def ask(target: str) -> None:
    host, _, port = target.partition(":")
    for number, algorithm in enumerate(KEYS):
        transport = paramiko.Transport(socket.create_connection((host, int(port)), timeout=10))
        try:
            transport.get_security_options().key_types = (algorithm,)
            transport.start_client(timeout=10)
            assert transport.get_remote_server_key() is not None
            if number == len(KEYS) - 1:
                with contextlib.suppress(paramiko.BadAuthenticationType):  # which holds the methods
                    transport.auth_none("root")
        finally:
            transport.close()


def main(targets: list[str]) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, targets))
    print(len(targets))


if __name__ == "__main__":
    main(sys.argv[1:])
