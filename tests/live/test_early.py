"""Messages sent ahead of the lists to real servers change no record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from sshprobe.lab.dropbear import DropbearServer
from sshprobe.lab.openssh import OpenSSHServer, find_debian, find_openssh
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer
from sshprobe.model.observation import Observation
from sshprobe.probe import connections
from tests.installed import need, need_program
from tests.live.asking import CLIENT_ID, ask_address
from tests.live.conftest import StartAsyncSSH, StartParamiko

HERE = "127.0.0.1"


@asynccontextmanager
async def relay(server: LabServer) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield the port of a relay to `server`, and the bytes of clients before the server's first byte."""
    said: list[bytes] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write_eof()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.read(65_536))
        there_reader, there_writer = await asyncio.open_connection(server.host, server.port)
        there_writer.write(said[-1])
        try:
            await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))
        finally:
            for each in (writer, there_writer):
                each.close()

    async with await asyncio.start_server(serve, HERE, 0) as listening:
        yield listening.sockets[0].getsockname()[1], said


def without_chance(observation: Observation) -> Observation:
    """Return a record without times, the relay's port, and the group that sshd picks."""
    groups = [msgspec.structs.replace(group, modulus="", generator="") for group in observation.group_exchange or ()]
    return msgspec.structs.replace(observation, started_at="", duration_ms=0, port=0, group_exchange=groups)


def message_numbers(packets: bytes) -> list[int]:
    numbers = []
    while packets:
        numbers.append(packets[5])
        packets = packets[4 + int.from_bytes(packets[:4], "big") :]
    return numbers


async def asked(server: LabServer, depth: str) -> tuple[Observation, list[list[int]]]:
    """Return the record, and for each connection the messages sent with our identification."""
    async with relay(server) as (port, said):
        observation = await ask_address(HERE, port, depth=depth)
    lines = [first.partition(b"\r\n") for first in said]
    assert [line for line, _, _ in lines] == [CLIENT_ID] * len(said)
    return without_chance(observation), [message_numbers(rest) for _, _, rest in lines]


@pytest.mark.parametrize("depth", ["keys", "full"])
async def test_openssh_gives_the_same_record(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, depth: str
) -> None:
    need_program("ssh-keygen", "openssh-client")
    found = [*find_openssh(), find_debian(11)]
    need(found[0], "OpenSSH's sshd", "openssh-server")
    for sshd in filter(None, found):
        server = await stack.enter_async_context(OpenSSHServer(sshd, log_level="INFO"))
        observation, early = await asked(server, depth)
        assert (observation.status, observation.connections, observation.warnings) == ("ok", 3, [])
        assert early[0] == []
        group = depth == "full" and bool(observation.group_exchange)
        assert early[1:] == [[20, 34 if group else 30], [20, 30]]
        await asyncio.sleep(0.2)
        said = [line for line in server.log().splitlines() if "listening" not in line]
        assert [line.split()[0] for line in said] == ["Received", "Disconnected"] * 3
        with monkeypatch.context() as patch:
            patch.setattr(connections, "READS_AHEAD", b"none that there is")
            waiting, nothing = await asked(server, depth)
        assert nothing == [[]] * 3
        assert waiting == observation


async def test_other_software_gets_no_early_messages(
    dropbear: DropbearServer,
    tinyssh: TinySSHServer,
    asyncssh_server: StartAsyncSSH,
    paramiko_server: StartParamiko,
) -> None:
    for server in (dropbear, tinyssh, await asyncssh_server("default"), await paramiko_server()):
        observation, early = await asked(server, "full")
        assert observation.status == "ok"
        assert early == [[]] * observation.connections
