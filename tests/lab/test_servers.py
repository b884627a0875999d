"""Every kind of server starts, has the promised keys, and ends."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sshprobe.lab import LabError, LabServer
from sshprobe.lab.asyncssh_server import PRESETS, AsyncSSHServer, Preset
from sshprobe.lab.dropbear import DropbearServer, find_dropbear
from sshprobe.lab.openssh import (
    MOZILLA_MODERN,
    MOZILLA_MODERN_KEYS,
    WEAK,
    Certificate,
    OpenSSHServer,
    find_openssh,
)
from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.lab.process import descendants, free_port, is_alive, make_key
from sshprobe.lab.tinyssh import TinySSHServer, find_tinyssh
from tests.installed import need, need_program
from tests.live.conftest import other_server

pytestmark = pytest.mark.live


def _openssh() -> LabServer:
    need(find_openssh(), "OpenSSH's sshd", "openssh-server")
    return OpenSSHServer()


def _openssh_modern() -> LabServer:
    need(find_openssh(), "OpenSSH's sshd", "openssh-server")
    return OpenSSHServer(config_lines=MOZILLA_MODERN, host_keys=MOZILLA_MODERN_KEYS, minimum_modulus_bits=3072)


def _openssh_weak() -> LabServer:
    need(find_openssh(), "OpenSSH's sshd", "openssh-server")
    return OpenSSHServer(config_lines=WEAK, host_keys=("rsa:1024", "ecdsa:384"))


def _openssh10() -> LabServer:
    found = find_openssh(minimum=(9, 8))
    need(found, "OpenSSH 10", "openssh-server of bookworm-backports")
    return OpenSSHServer(found[0])


def _dropbear() -> LabServer:
    need(find_dropbear(), "Dropbear", "dropbear-bin")
    return DropbearServer()


def _tinyssh() -> LabServer:
    need(find_tinyssh(), "TinySSH", "tinysshd")
    return TinySSHServer()


KINDS: dict[str, tuple[Callable[[], LabServer], str]] = {
    "openssh": (_openssh, "SSH-2.0-OpenSSH_"),
    "openssh-modern": (_openssh_modern, "SSH-2.0-OpenSSH_"),
    "openssh-weak": (_openssh_weak, "SSH-2.0-OpenSSH_"),
    "openssh10": (_openssh10, "SSH-2.0-OpenSSH_"),
    "dropbear": (_dropbear, "SSH-2.0-dropbear"),
    "tinyssh": (_tinyssh, "SSH-2.0-tinyssh"),
    "paramiko": (ParamikoServer, "SSH-2.0-paramiko_"),
    "proftpd": (lambda: other_server("proftpd"), "SSH-2.0-mod_sftp"),
    "lsh": (lambda: other_server("lsh"), "SSH-2.0-lshd-"),
    "erlang": (lambda: other_server("erlang"), "SSH-2.0-Erlang/"),
    "conch": (lambda: other_server("conch"), "SSH-2.0-Twisted_"),
    "libssh": (lambda: other_server("libssh"), "SSH-2.0-libssh_"),
    "go": (lambda: other_server("go"), "SSH-2.0-Go"),
    **{f"asyncssh-{name}": (lambda name=name: AsyncSSHServer(name), "SSH-2.0-AsyncSSH_") for name in PRESETS},  # type: ignore[misc] # a default binds the name
}
SERVED_BY_ONE_PROCESS = {"lsh", "conch", "go"}
each_kind = pytest.mark.parametrize("kind", KINDS)


async def _first_line(server: LabServer) -> str:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    line = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    await writer.wait_closed()
    return line.decode("ascii")


async def _is_closed(server: LabServer) -> bool:
    try:
        _, writer = await asyncio.open_connection(server.host, server.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def _served(server: LabServer, count: int) -> None:
    """Wait until the server's log has `count` connections."""
    async with asyncio.timeout(20):
        while server.connections() < count:  # noqa: ASYNC110  it is another process that counts
            await asyncio.sleep(0.01)


def _ssh_keygen(*arguments: str | Path) -> str:
    program = need_program("ssh-keygen", "openssh-client")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


@each_kind
async def test_a_server_runs_inside_its_context(kind: str) -> None:
    make, identification = KINDS[kind]
    server = make()
    async with server:
        assert server.port > 0
        assert server.connections() == 0, "finding out that it is ready cost a connection"
        assert (await _first_line(server)).startswith(identification)
        await _served(server, 1)
        assert server.connections() == 1
        directory, pid = server.directory, server.pid
        assert pid is None or is_alive(pid)
    assert await _is_closed(server)
    assert pid is None or not is_alive(pid)
    assert not directory.exists()
    assert server.connections() == 1, "the log is still there to be read"


@each_kind
async def test_fingerprints_equal_those_of_ssh_keygen(kind: str) -> None:
    async with KINDS[kind][0]() as server:
        assert server.host_keys
        for key in server.host_keys:
            assert _ssh_keygen("-lf", key.path).split()[1] == key.fingerprint
            assert server.fingerprints[key.type] == key.fingerprint


@each_kind
async def test_a_server_ends_after_an_exception(kind: str) -> None:
    server = KINDS[kind][0]()
    pids: list[int] = []
    writer: asyncio.StreamWriter | None = None

    async def body() -> None:
        nonlocal writer
        async with server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            await reader.readline()
            if server.pid is not None:
                pids.extend([server.pid, *descendants(server.pid)])
                if kind not in SERVED_BY_ONE_PROCESS:
                    assert len(pids) > 1, "a process serves the open connection"
            if isinstance(server, TinySSHServer):
                pids.extend(child.pid for child in server.children)
                assert pids
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    assert writer is not None
    writer.close()
    assert await _is_closed(server)
    assert [pid for pid in pids if is_alive(pid)] == []


async def test_a_server_ends_after_a_cancellation() -> None:
    server = _openssh()
    started = asyncio.Event()

    async def body() -> None:
        async with server:
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await started.wait()
    pid = server.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pid is not None
    assert not is_alive(pid)
    assert await _is_closed(server)


async def test_a_server_can_be_started_again() -> None:
    server = AsyncSSHServer("hardened")
    async with server:
        first = server.fingerprints
        await _first_line(server)
    async with server:
        assert server.connections() == 0
        assert (await _first_line(server)).startswith("SSH-2.0-")
        assert server.fingerprints != first


def test_free_ports_are_distinct() -> None:
    ports = [free_port("127.0.0.1") for _ in range(300)]
    assert len(set(ports)) == 300


def test_servers_listen_on_loopback_only() -> None:
    with pytest.raises(ValueError, match=r"127\.x\.y\.z only"):
        ParamikoServer(host="0.0.0.0")


async def test_a_failed_start_quotes_the_server() -> None:
    _openssh()
    server = OpenSSHServer(config_lines=["Ciphers rot13"], host_keys=("ed25519",))
    with pytest.raises(LabError, match="Bad SSH2 cipher spec 'rot13'"):
        await server.__aenter__()
    assert server.pid is None


async def test_host_certificates_and_key_files() -> None:
    _openssh()
    certificate = Certificate(key="ed25519", principals=("a.example.org", "b.example.org"), serial=42)
    async with OpenSSHServer(host_keys=("ed25519", "rsa:2048"), certificates=[certificate]) as server:
        assert [one.type for one in server.certificates] == ["ssh-ed25519-cert-v01@openssh.com"]
        shown = _ssh_keygen("-L", "-f", server.certificates[0].path)
        assert "host certificate" in shown
        assert "Serial: 42" in shown
        assert "a.example.org" in shown
        assert "b.example.org" in shown


async def test_a_server_takes_a_given_key(tmp_path: Path) -> None:
    _openssh()
    private = make_key("ed25519", tmp_path / "mine")
    async with OpenSSHServer(host_keys=(private,)) as server:
        assert server.host_key_files == [tmp_path / "mine.pub"]
    assert private.exists()


async def test_a_server_with_long_moduli_only() -> None:
    async with _openssh_modern() as server:
        sizes = {int(line.split()[4]) for line in (server.directory / "moduli").read_text("ascii").splitlines()}
    assert sizes
    assert min(sizes) >= 3071


@pytest.mark.parametrize("accept_none", [False, True])
@pytest.mark.parametrize("kind", ["asyncssh", "paramiko"])
async def test_none_is_accepted_only_if_configured(kind: str, accept_none: bool) -> None:
    import asyncssh

    modern = Preset("modern", host_keys=("ssh-ed25519",), kex=("curve25519-sha256", "curve25519-sha256@libssh.org"))
    server = (
        AsyncSSHServer(modern, accept_none=accept_none, banner="Welcome\n")
        if kind == "asyncssh"
        else ParamikoServer(accept_none=accept_none)
    )
    async with server:
        methods = await asyncssh.get_server_auth_methods(server.host, server.port, username="root", config=None)
        if accept_none:
            assert list(methods) == ["none"]
        else:
            assert "publickey" in methods
            assert "password" in methods


@pytest.mark.parametrize("kind", ["openssh", "dropbear", "asyncssh-default", "asyncssh-legacy", "paramiko"])
async def test_nobody_can_log_in_with_a_password(kind: str) -> None:
    import asyncssh

    preset = PRESETS["legacy"]
    offer: dict[str, object] = {}
    if kind == "asyncssh-legacy":
        offer = {
            "kex_algs": preset.kex,
            "encryption_algs": preset.ciphers,
            "mac_algs": preset.macs,
            "server_host_key_algs": ["ssh-rsa"],
        }
    async with KINDS[kind][0]() as server:
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                server.host,
                server.port,
                username="root",
                password="",
                known_hosts=None,
                config=None,
                client_keys=None,
                agent_path=None,
                **offer,
            )


@pytest.mark.parametrize("preset", PRESETS)
async def test_each_preset_shows_its_host_keys_to_a_client(preset: str) -> None:
    import asyncssh

    async with AsyncSSHServer(preset) as server:
        for key in server.host_keys:
            algorithms = {"ssh-rsa": ["rsa-sha2-512", "ssh-rsa"]}.get(key.type, [key.type])
            kex = server.preset.kex or ()
            options = asyncssh.SSHClientConnectionOptions(
                config=None,
                encryption_algs=server.preset.ciphers or (),
                mac_algs=server.preset.macs or (),
            )
            seen = await asyncssh.get_server_host_key(
                server.host, server.port, kex_algs=kex, server_host_key_algs=algorithms, config=None, options=options
            )
            assert seen is not None
            assert seen.get_fingerprint() == key.fingerprint


async def test_a_server_ends_when_its_parent_is_killed() -> None:
    _openssh()
    need_program("setpriv", "util-linux")
    program = (
        "import asyncio\n"
        "from sshprobe.lab.openssh import OpenSSHServer\n"
        "async def main():\n"
        "    async with OpenSSHServer(host_keys=('ed25519',)) as server:\n"
        "        print(server.pid, server.directory, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    words = (await process.stdout.readline()).split()
    pid, directory = int(words[0]), words[1].decode()
    try:
        assert is_alive(pid)
        process.kill()
        await process.wait()
        async with asyncio.timeout(20):
            while is_alive(pid):  # noqa: ASYNC110  the kernel notifies only its parent, which is dead
                await asyncio.sleep(0.01)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
