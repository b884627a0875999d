"""asyncssh queries a server that shares no algorithm with us."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer, Preset
from tests.live.asking import ask

# asyncssh supports all of these, but enables none by default.
ANCIENT = Preset(
    "a server of 1999",
    host_keys=("ssh-rsa:1024",),
    kex=("diffie-hellman-group1-sha1",),
    ciphers=("arcfour", "blowfish-cbc"),
    macs=("hmac-md5",),
    compression=("none",),
    options={"signature_algs": ["ssh-rsa"]},
)


async def test_an_ancient_server_shows_its_methods() -> None:
    async with AsyncSSHServer(ANCIENT) as server:
        observation = await ask(server)
    assert (observation.status, observation.error, observation.warnings) == ("ok", None, [])
    assert observation.authentication_methods == ["publickey", "password"]
    assert observation.connections == server.connections() == 2


async def test_an_ancient_server_shows_its_banner() -> None:
    """Without it, "requested and not sent" would look like "sent and not stored"."""
    async with AsyncSSHServer(ANCIENT, banner="Use\x1b[2J only\n") as server:
        observation = await ask(server)
    assert observation.authentication_methods == ["publickey", "password"]
    assert observation.authentication_banner == "Use\\x1b[2J only\\x0a"


async def test_a_missing_descriptor_is_a_resource_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_descriptor(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("sshprobe.probe.asyncssh_fallback._Connector.create_connection", no_descriptor)
    async with AsyncSSHServer(ANCIENT) as server:
        observation = await ask(server)
        assert server.connections() == 1
    assert observation.error == "this machine: too many open files"
    assert (observation.warnings, observation.authentication_methods) == ([], None)


async def test_nothing_is_offered_that_could_be_a_bomb() -> None:
    """A megabyte of zlib is a gigabyte of text, so a server without "none" is not queried."""
    for compression in (("zlib",), ("zlib@openssh.com", "zlib")):
        async with AsyncSSHServer(replace(ANCIENT, compression=compression)) as server:
            observation = await ask(server)
        assert observation.authentication_methods is None
        assert any("asyncssh cannot ask" in warning for warning in observation.warnings)
    async with AsyncSSHServer(replace(ANCIENT, compression=("zlib", "none"))) as server:
        observation = await ask(server)
    assert observation.authentication_methods == ["publickey", "password"]
