"""Two network namespaces with a cable between them: the scanner's, and a router's with servers behind it.

    scanner: va, 10.8.0.2/24, default route by 10.8.0.1     router: vb, 10.8.0.1/24, and all of 10.9.0.0/24

Every `ip` command runs inside these namespaces: this machine's interfaces, routes and rules stay unchanged.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
ENVIRONMENT = {**os.environ, "PATH": PATH, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}
WHOLE = os.environ.get("SSHPROBE_LIVE_MATRIX") == "1"
long = pytest.mark.skipif(not WHOLE, reason="takes long: `make live-matrix` runs it")
"""The network tests of `make test` take less than 15 s."""
TOOLS = ("unshare", "nsenter", "ip")

SERVERS = """
import asyncio, sys
from tests.hostile.server import ScriptedServer

async def slow(peer):
    await asyncio.sleep(float(sys.argv[1]))
    await peer.identify()
    await asyncio.sleep(float(sys.argv[1]))
    await peer.serve_from_kexinit()

async def main():
    async with ScriptedServer("0.0.0.0", slow) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class Namespace:
    """A network namespace, kept by a sleeping process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid

    def command(self, *words: str) -> list[str]:
        """Return the command that runs `words` inside."""
        return ["nsenter", "--target", str(self.pid), "--user", "--net", "--preserve-credentials", *words]

    def ip(self, words: str) -> None:
        """Run ip(8) inside."""
        subprocess.run(self.command("ip", *words.split()), check=True, capture_output=True, env=ENVIRONMENT)

    def nft(self, words: str) -> None:
        """Run nft(8) inside; skip the test where it is not installed or the kernel has no netfilter."""
        if shutil.which("nft", path=PATH) is None:
            pytest.skip("needs nft (package nftables)")
        subprocess.run(self.command("nft", words), check=True, capture_output=True, env=ENVIRONMENT)

    def python(self, code: str) -> str:
        """Run a program of Python inside, and return its output."""
        command = self.command(sys.executable, "-c", code)
        return subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout

    def start(self, code: str) -> subprocess.Popen[bytes]:
        """Start a program of Python inside, with pipes."""
        command = self.command(sys.executable, "-c", code)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT)


class Network:
    """The two namespaces."""

    def __init__(self, scanner: Namespace, router: Namespace, stack: ExitStack) -> None:
        self.scanner = scanner
        self.router = router
        self._stack = stack

    def serve(self, delay: float) -> int:
        """Start a slow server at all addresses of the router, and return its port."""
        command = self.router.command(sys.executable, "-c", SERVERS, str(delay))
        server = self._stack.enter_context(_running(command, stdout=subprocess.PIPE))
        assert server.stdout is not None
        return int(server.stdout.readline())


@contextmanager
def _running(command: list[str], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, env=ENVIRONMENT) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _namespace(command: list[str]) -> Iterator[Namespace]:
    """`command` unshares and runs cat(1), which answers once it runs."""
    with _running(command, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        if not process.stdout.readline():
            pytest.skip("this system allows no network namespaces (unshare --user --net)")
        yield Namespace(process)


@contextmanager
def two_namespaces() -> Iterator[Network]:
    """Make the namespaces; skip the test if that is not allowed."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (packages util-linux, iproute2)")
    with ExitStack() as stack:
        scanner = stack.enter_context(_namespace(["unshare", "--user", "--map-root-user", "--net", "cat"]))
        inside = [
            "nsenter",
            "--target",
            str(scanner.pid),
            "--user",
            "--preserve-credentials",
            "unshare",
            "--net",
            "cat",
        ]
        router = stack.enter_context(_namespace(inside))
        try:
            scanner.ip(f"link add name va type veth peer name vb netns {router.pid}")
        except subprocess.CalledProcessError as error:
            if b"nknown device type" not in error.stderr and b"not supported" not in error.stderr:
                raise
            pytest.skip(f"this system has no veth pairs: {error.stderr.decode().strip()}")
        for namespace, name, last in ((scanner, "va", 2), (router, "vb", 1)):
            namespace.ip("link set lo up")
            namespace.ip(f"link set {name} up")
            namespace.ip(f"address add 10.8.0.{last}/24 dev {name}")
        scanner.ip("route add default via 10.8.0.1")
        router.ip("route add local 10.9.0.0/24 dev lo")
        yield Network(scanner, router, stack)
