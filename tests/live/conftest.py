"""Running servers for the live tests, each with an own folder, keys and log, ended after the test.

`openssh` and `openssh10` are factories: `await openssh(config_lines=[...], host_keys=("rsa:2048",))`; so are
`asyncssh_server` and `paramiko_server`. `dropbear` and `tinyssh` are one server each, as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer, Preset
from sshprobe.lab.dropbear import DropbearServer, find_dropbear
from sshprobe.lab.openssh import OpenSSH, OpenSSHServer, find_openssh
from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.lab.tinyssh import TinySSHServer, find_tinyssh
from tests.installed import need, need_program


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
    """The system's OpenSSH, whatever its version."""
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
