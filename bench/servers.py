"""Servers to scan: the canned responder, real sshds, and silent addresses. All on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from bench.measure import BUILD, ROOT, BenchError
from sshprobe.lab.openssh import OpenSSHServer
from sshprobe.lab.process import ServerProcess, free_port

CAPTURES = sorted((ROOT / "tests" / "captures").glob("*.bin"))
ADDRESSES_PER_SSHD = 16
"""MAX_LISTEN_SOCKS of OpenSSH's sshd.c: one more is "Too many listen sockets"."""


def build() -> None:
    """Compile the C programs into bench/build, which git ignores. Raises BenchError."""
    BUILD.mkdir(exist_ok=True)
    for name in ("responder", "floor"):
        source, program = ROOT / "bench" / f"{name}.c", BUILD / name
        newest = max(path.stat().st_mtime for path in (source, *source.parent.glob("*.h")))
        if program.exists() and program.stat().st_mtime > newest:
            continue
        try:
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f"cannot compile {source.name} (Debian: apt-get install gcc libc6-dev): {error}") from None


class Responder:
    """One run against the canned responder. `port`; after the `with`: `accepted`, and `cpu` in seconds."""

    def __init__(
        self, *, sets: int = 0, delay_ms: int = 0, processes: int = 1, hostile: int = 0, seconds: int = 900
    ) -> None:
        self.sets, self.delay_ms, self.processes = sets, delay_ms, processes
        self.hostile, self.seconds = hostile, seconds
        self.port = 0
        self.accepted = 0
        self.cpu = 0.0
        self._running: list[ServerProcess] = []

    async def __aenter__(self) -> Responder:
        self.port = free_port("127.0.0.1")
        command: list[str | Path] = [BUILD / "responder", "--port", str(self.port), "--delay", str(self.delay_ms)]
        command += ["--hostile", str(self.hostile), "--seconds", str(self.seconds)]
        if self.sets:
            command += ["--sets", str(self.sets)]
        try:
            for number in range(self.processes):
                log = BUILD / f"responder-{self.port}-{number}.log"
                log.unlink(missing_ok=True)
                self._running.append(ServerProcess([*command, *CAPTURES], log))
                await self._running[-1].wait_for_line("listening on port")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for number, process in enumerate(self._running):
            await process.stop()
            found = re.search(r"accepted (\d+) cpu_us (\d+)", process.log())
            if found:
                self.accepted += int(found[1])
                self.cpu += int(found[2]) / 1e6
            (BUILD / f"responder-{self.port}-{number}.log").unlink(missing_ok=True)
        self._running = []


class RealServers:
    """Real sshds of this machine with the same three host keys.

    Each listens on 15 addresses of 127.1.0.0/16, and one more that the lab wants.
    """

    def __init__(self, servers: list[OpenSSHServer], targets: list[list[str]]) -> None:
        self._servers = servers
        self.targets = targets
        """Return each server's "address:port". All have one port."""

    def connections(self) -> int:
        """Return the number of connections in the sshds' logs."""
        return sum(server.connections() for server in self._servers)

    def cpu(self) -> float:
        """Return the CPU seconds of the sshds and of their finished connections."""
        total = 0
        for server in self._servers:
            fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # utime, stime, and those of its children
        return total / 100


@contextlib.asynccontextmanager
async def real_servers(count: int) -> AsyncIterator[RealServers]:
    """Run `count` sshds. Raises LabError and BenchError."""
    async with contextlib.AsyncExitStack() as stack:
        servers, targets = [], []
        keys: list[str | Path] = ["rsa", "ecdsa", "ed25519"]
        for number in range(count):
            # The lab's ListenAddress comes first and has a port; the others take `Port`.
            port = free_port("127.0.0.1")
            addresses = [f"127.1.{number}.{last}" for last in range(1, ADDRESSES_PER_SSHD)]
            server = OpenSSHServer(
                host="127.0.0.1",
                host_keys=keys,
                config_lines=["MaxStartups 1000", f"Port {port}", *(f"ListenAddress {a}" for a in addresses)],
            )
            await stack.enter_async_context(server)
            for _ in range(250):
                if server.log().count("Server listening on") == ADDRESSES_PER_SSHD:
                    break
                await asyncio.sleep(0.02)
            else:
                raise BenchError(f"sshd does not listen on {ADDRESSES_PER_SSHD} addresses: {server.log()[-300:]}")
            keys = [path.with_suffix("") for path in server.host_key_files]
            servers.append(server)
            targets.append([f"{address}:{port}" for address in addresses])
        yield RealServers(servers, targets)


@contextlib.contextmanager
def silent_addresses() -> Iterator[int]:
    """Yield a port on which every 127.x.y.z drops connections, as a dead address does.

    Linux drops a SYN when the listener's queue of connections to accept is full. Backlog 0 holds one.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")  # see responder.c
        listener.bind(("0.0.0.0", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(4):
            filler = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.2)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(("127.99.0.1", port))
            except TimeoutError:
                pass
            else:
                raise BenchError("the addresses that should be silent answer")
        yield port
