"""Servers for the live tests, each with its own folder, keys and log. They end with the test.

`openssh` and `openssh10` are factories: `await openssh(config_lines=[...], host_keys=("rsa:2048",))`; so are
`asyncssh_server` and `paramiko_server`. `dropbear` and `tinyssh` are one default server each.
`other_server` makes a server of OTHER_SERVERS: ProFTPD, lsh, and the libraries of Erlang, Twisted, libssh and Go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer, Preset
from sshprobe.lab.dropbear import DropbearServer, find_dropbear
from sshprobe.lab.openssh import OpenSSH, OpenSSHServer, find_openssh
from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer, find_tinyssh
from tests.installed import need, need_program
from tests.live.other_servers import (
    ConchServer,
    ErlangServer,
    GoServer,
    LibsshServer,
    LshServer,
    ProFTPDServer,
    find_conch,
    find_erlang,
    find_go,
    find_libssh,
    find_lsh,
    find_proftpd,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.live)


class StartOpenSSH(Protocol):
    """Starts an OpenSSHServer with its keyword arguments."""

    async def __call__(self, **arguments: Any) -> OpenSSHServer: ...


class StartAsyncSSH(Protocol):
    """Starts an AsyncSSHServer with its arguments."""

    async def __call__(self, preset: str | Preset = "default", **arguments: Any) -> AsyncSSHServer: ...


class StartParamiko(Protocol):
    """Starts a ParamikoServer with its keyword arguments."""

    async def __call__(self, **arguments: Any) -> ParamikoServer: ...


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as servers:
        yield servers


def _starter(stack: AsyncExitStack, sshd: OpenSSH) -> StartOpenSSH:
    async def start(**arguments: Any) -> OpenSSHServer:
        return await stack.enter_async_context(OpenSSHServer(sshd, **arguments))

    return start


@pytest.fixture
async def openssh(stack: AsyncExitStack) -> StartOpenSSH:
    """The system's OpenSSH, of any version."""
    need_program("ssh-keygen", "openssh-client")
    found = find_openssh()
    need(found and found[0].root is None, "OpenSSH's sshd", "openssh-server")
    return _starter(stack, found[0])


@pytest.fixture
async def openssh10(stack: AsyncExitStack) -> StartOpenSSH:
    """An OpenSSH of 10.0 or later: with PerSourcePenalties, ML-KEM, and no finite-field groups by default."""
    need_program("ssh-keygen", "openssh-client")
    found = find_openssh(minimum=(10, 0))
    need(found, "OpenSSH 10", "openssh-server of bookworm-backports")
    return _starter(stack, found[0])


@pytest.fixture
async def dropbear(stack: AsyncExitStack) -> DropbearServer:
    need(find_dropbear(), "Dropbear", "dropbear-bin")
    return await stack.enter_async_context(DropbearServer())


@pytest.fixture
async def tinyssh(stack: AsyncExitStack) -> TinySSHServer:
    need(find_tinyssh(), "TinySSH", "tinysshd")
    return await stack.enter_async_context(TinySSHServer())


@pytest.fixture
async def asyncssh_server(stack: AsyncExitStack) -> StartAsyncSSH:
    async def start(preset: str | Preset = "default", **arguments: Any) -> AsyncSSHServer:
        return await stack.enter_async_context(AsyncSSHServer(preset, **arguments))

    return start


@pytest.fixture
async def paramiko_server(stack: AsyncExitStack) -> StartParamiko:
    async def start(**arguments: Any) -> ParamikoServer:
        return await stack.enter_async_context(ParamikoServer(**arguments))

    return start


OTHER_SERVERS: dict[str, tuple[Callable[[], object], str, Callable[[], LabServer]]] = {
    "proftpd": (find_proftpd, "proftpd-core proftpd-mod-crypto", ProFTPDServer),
    "lsh": (find_lsh, "lsh-server lsh-utils", LshServer),
    "erlang": (find_erlang, "erlang-base erlang-ssh", ErlangServer),
    "conch": (find_conch, "python3-twisted", ConchServer),
    "libssh": (find_libssh, "libssh-dev", LibsshServer),
    "go": (find_go, "golang-go golang-golang-x-crypto-dev", GoServer),
}
"""Name to how it is found, its packages, and the class that runs it."""


def other_server(name: str) -> LabServer:
    find, packages, make = OTHER_SERVERS[name]
    need(find(), name, packages)
    need_program("ssh-keygen", "openssh-client")
    return make()
