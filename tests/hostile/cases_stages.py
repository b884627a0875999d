"""Servers that fall silent, disconnect, reset or half-close after each step of an honest conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sshprobe.model.observation import Stage
from tests.hostile.case import Case
from tests.hostile.server import Peer, Script, disconnect_payload, text

# The last step, our stage then, the awaited message, connections made before we give up.
STEPS: list[tuple[str, Stage, str, int]] = [
    ("identify", "kexinit", "KEXINIT", 1),
    ("propose", "key_exchange", "the key exchange", 2),
    ("exchange", "authentication", "the authentication methods", 2),
    ("newkeys", "authentication", "the authentication methods", 2),
    ("service", "authentication", "the authentication methods", 2),
]


async def _silent(peer: Peer) -> None:
    await peer.hang()


async def _drips(peer: Peer) -> None:
    dripping = asyncio.ensure_future(peer.drip(peer.seal(b"\x02" + text(bytes(200)))))
    await peer.hang()
    dripping.cancel()


async def _closes(peer: Peer) -> None:
    pass


async def _resets(peer: Peer) -> None:
    await asyncio.sleep(0.05)  # so that earlier data is not lost with it
    peer.reset()


async def _disconnects(peer: Peer) -> None:
    await peer.packet(disconnect_payload(2, "go \x1b[1maway"))


ENDINGS: list[tuple[str, Callable[[Peer], Awaitable[None]], str]] = [
    ("silent", _silent, "timed out waiting for {}"),
    ("a byte at a time", _drips, "timed out waiting for {}"),
    ("closed", _closes, "the connection was closed before {}"),
    ("half-closed", Peer.half_close, "the connection was closed before {}"),
    ("reset", _resets, "the connection was closed before {}"),
    ("disconnected", _disconnects, r'reason 2: "go \x1b[1maway"'),
]


def _behind(step: str, end: Callable[[Peer], Awaitable[None]]) -> Script:
    async def script(peer: Peer) -> None:
        await peer.serve(step)
        await end(peer)

    return script


def _connections(step: str, words: str, usual: int) -> int:
    """Return the number of connections: a server that closes before its lists gets a second try."""
    return usual + 1 if step == "identify" and not words.startswith("timed out") else usual


CASES = [
    Case(
        f"{name} behind {step}",
        _behind(step, end),
        "partial",
        words.format(awaited),
        stage,
        _connections(step, words, connections),
    )
    for step, stage, awaited, connections in STEPS
    for name, end, words in ENDINGS
]
