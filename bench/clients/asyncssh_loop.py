"""asyncssh with the questions of `sshprobe --depth full`: a key of each type, and the authentication methods.

Usage: asyncssh_loop.py HOST:PORT...
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh

KEYS = ("rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-ed25519")


async def ask(host: str, port: int) -> None:
    for algorithm in KEYS:
        key = await asyncssh.get_server_host_key(host, port, server_host_key_algs=[algorithm], config=None)
        assert key is not None, algorithm
    methods = await asyncssh.get_server_auth_methods(host, port, username="root", config=None)
    assert methods


async def main(targets: list[str]) -> None:
    limit = asyncio.Semaphore(16)

    async def one(target: str) -> None:
        host, _, port = target.partition(":")
        async with limit:
            await ask(host, int(port))

    await asyncio.gather(*map(one, targets))
    print(len(targets))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
