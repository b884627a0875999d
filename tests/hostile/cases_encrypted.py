"""Servers that misbehave once both sides encrypt."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from sshprobe.model.records import HostRecord
from tests.hostile.case import Case, flooding
from tests.hostile.server import STRICT, Lists, Peer, Script, text, u32

CONTINUE = b"\x33" + text("publickey") + b"\x00"
BANNER = b"\x35" + text("hello") + text("")


def behind(step: str, then: Callable[[Peer], Awaitable[None]], *, strict: bool = False) -> Script:
    """Run an honest server up to and including `step`."""

    async def script(peer: Peer) -> None:
        if strict:
            peer.lists.kex = [*peer.lists.kex, STRICT]
        await peer.serve(step)
        await then(peer)

    return script


def sending(*payloads: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def then(peer: Peer) -> None:
        for payload in payloads:
            await peer.packet(payload)
        await peer.hang()

    return then


def then_honest(*payloads: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Send these after accepting the service, and then the right answer."""

    async def then(peer: Peer) -> None:
        for payload in payloads:
            await peer.packet(payload)
        await peer.refuse()
        await peer.hang()

    return then


def flooding_with(payload: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def then(peer: Peer) -> None:
        while True:
            await peer.packet(payload)

    return then


def answering(*payloads: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Read the request, and answer with these."""

    async def then(peer: Peer) -> None:
        await peer.read()
        for payload in payloads:
            await peer.packet(payload)
        await peer.hang()

    return then


async def wrong_mac(peer: Peer) -> None:
    await peer.raw(peer.seal(b"\x06" + text("ssh-userauth"), spoil_mac=True))
    await peer.hang()


async def garbage(peer: Peer) -> None:
    await peer.raw(b"\xa5" * 4096)
    await peer.hang()


async def newkeys_early(peer: Peer) -> None:
    await peer.packet(b"\x15")
    await peer.hang()


async def plain_success(peer: Peer) -> None:
    await peer.packet(b"\x34")
    await peer.hang()


async def sequence_goes_on(peer: Peer) -> None:
    """Promise strict key exchange, and do not reset the sequence numbers."""
    await peer.packet(b"\x15")
    peer.strict = False
    sent = peer.sent
    peer.packet, packet = _nothing, peer.packet  # type: ignore[method-assign] # the case replaces a method
    await peer.newkeys()
    peer.packet = packet  # type: ignore[method-assign] # the case replaces a method
    peer.sent, peer.received = sent, 0
    await peer.service()
    await peer.refuse()
    await peer.hang()


async def _nothing(payload: bytes) -> None:
    pass


async def compression_forced(peer: Peer) -> None:
    peer.lists.compression = ["zlib"]
    await peer.serve("newkeys")
    assert peer.theirs.startswith(b"SSH-2.0-sshprobe_")  # asyncssh asks under our name
    await peer.hang()


async def zlib_bomb(peer: Peer) -> None:
    peer.lists.compression = ["zlib"]
    await peer.serve("newkeys")
    deflate = zlib.compressobj()
    while True:
        data = deflate.compress(b"\x02" + bytes(20_000_000)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        await peer.packet(data)


async def compression_forced_flood(peer: Peer) -> None:
    """Offer us no encryption without compression, and send endless data to asyncssh, which is tried next."""
    peer.lists.compression = ["zlib"]
    if peer.turn == 1:
        await peer.serve()
    await peer.identify()
    while True:
        await peer.packet(b"\x02" + text(bytes(30_000)))


async def unknown_ciphers_then_garbage(peer: Peer) -> None:
    peer.lists.ciphers = ["arcfour", "blowfish-cbc"]
    if peer.turn == 1:
        await peer.serve("exchange")
    else:
        await peer.serve("identify")
        await peer.raw(b"\x00\x00\x00\x0c\xff" + b"\xff" * 500)
    await peer.hang()


def nobody(record: HostRecord) -> bool:
    """No login was accepted, and no methods were invented."""
    return record.authentication_none_accepted is None and record.authentication_methods is None


async def drops_what_comes_early(peer: Peer) -> None:
    """Close if the request comes before the service is accepted, else wait for it."""
    await peer.identify(b"SSH-2.0-OpenSSH_0.1")
    await peer.serve_from_kexinit("newkeys")
    assert (await peer.read())[:1] == b"\x05"
    early = asyncio.ensure_future(peer.read())
    await asyncio.sleep(0.05)  # data that came with the previous packet is already here
    if early.done():
        return
    await peer.packet(b"\x06" + text("ssh-userauth"))
    assert (await early)[:1] == b"\x32"
    await peer.packet(b"\x33" + text("publickey") + b"\x00")
    await peer.hang()


CASES = [
    Case("NEWKEYS before the reply", behind("propose", newkeys_early), "partial", "message 21 during", connections=2),
    Case(
        "USERAUTH_SUCCESS before the reply",
        behind("propose", plain_success),
        "partial",
        "message 52 during",
        connections=2,
        also=nobody,
    ),
    Case(
        "USERAUTH_SUCCESS in place of NEWKEYS",
        behind("exchange", plain_success),
        "partial",
        "message 52 where NEWKEYS",
        connections=2,
        also=nobody,
    ),
    Case(
        "NEWKEYS twice", behind("newkeys", sending(b"\x15")), "partial", "a second NEWKEYS", connections=2, also=nobody
    ),
    Case(
        "USERAUTH_SUCCESS unasked",
        behind("newkeys", sending(b"\x34")),
        "partial",
        "timed out waiting for",
        connections=2,
        also=nobody,
    ),
    Case(
        "USERAUTH_FAILURE unasked",
        behind("newkeys", sending(CONTINUE)),
        "partial",
        "timed out waiting for",
        connections=2,
        also=nobody,
    ),
    Case("a wrong MAC", behind("newkeys", wrong_mac), "partial", "wrong MAC", connections=2, also=nobody),
    Case(
        "garbage in place of ciphertext",
        behind("newkeys", garbage),
        "partial",
        "authentication methods: ",
        connections=2,
        also=nobody,
    ),
    Case(
        "UNIMPLEMENTED for the service",
        behind("newkeys", sending(b"\x03" + u32(3))),
        "partial",
        "does not implement",
        connections=2,
        also=nobody,
    ),
    Case(
        "a request for new keys",
        behind("service", sending(Lists().payload())),
        "partial",
        "wants new keys",
        connections=2,
        also=nobody,
    ),
    Case(
        "EXT_INFO for ever",
        behind("newkeys", flooding_with(b"\x07" + u32(1) + text("a") + text("b"))),
        "partial",
        "more than 64 packets",
        connections=2,
        bytes_accepted=flooding(2),
    ),
    Case(
        "EXT_INFO that announces billions",
        behind("newkeys", sending(b"\x07" + b"\xff" * 4)),
        "partial",
        "more than 64 extensions",
        connections=2,
    ),
    Case(
        "EXT_INFO cut short",
        behind("newkeys", sending(b"\x07" + u32(2) + text("a") + text("b"))),
        "partial",
        "EXT_INFO ends within",
        connections=2,
    ),
    Case(
        "EXT_INFO with escapes",
        behind("service", then_honest(b"\x07" + u32(1) + text(b"\x1b[2J\xff") + text(b"\x00\x9b"))),
        "ok",
        compliant=True,
        also=lambda record: record.extensions == {r"\x1b[2J\xff": r"\x00\x9b"},
    ),
    Case(
        "banners for ever",
        behind("newkeys", flooding_with(BANNER)),
        "partial",
        "more than 64 packets",
        connections=2,
        bytes_accepted=flooding(2),
    ),
    Case(
        "long banners for ever",
        behind("newkeys", flooding_with(b"\x35" + text(bytes(30_000)) + text(""))),
        "partial",
        "more than 131072 bytes",
        connections=2,
        bytes_accepted=flooding(2),
    ),
    Case(
        "IGNORE for ever, encrypted",
        behind("newkeys", flooding_with(b"\x02" + text(bytes(2000)))),
        "partial",
        "more than 131072 bytes",
        connections=2,
        bytes_accepted=flooding(2),
    ),
    Case(
        "unknown messages for ever",
        behind("newkeys", flooding_with(b"\xc0")),
        "partial",
        "more than 64 packets",
        connections=2,
        bytes_accepted=flooding(2),
    ),
    Case(
        "a banner with escapes",
        behind("service", then_honest(b"\x35" + text(b"\x1b]0;owned\x07\xe2\x80\xae") + text(""))),
        "ok",
        compliant=True,
        also=lambda record: record.authentication_banner == r"\x1b]0;owned\x07\u202e",
    ),
    Case(
        "methods with escapes",
        behind("service", answering(b"\x33" + text(b"publickey,\x1b[2J,,") + b"\x00")),
        "ok",
        also=lambda record: record.authentication_methods == ["publickey", r"\x1b[2J", "", ""],
    ),
    Case(
        "methods without end",
        behind("service", answering(b"\x33" + text(b"," * 9000) + b"\x00")),
        "partial",
        "more than 2048 names",
        connections=2,
        also=nobody,
        bytes_accepted=40_000,
    ),
    Case(
        "methods cut short",
        behind("service", answering(b"\x33" + b"\xff" * 9)),
        "partial",
        "ends within",
        connections=2,
        also=nobody,
    ),
    Case(
        "lets everyone in",
        behind("service", answering(b"\x34")),
        "ok",
        also=lambda record: (
            record.authentication_none_accepted is True
            and any(finding.id == "authentication.none_accepted" for finding in record.verdicts[0].findings)
        ),
    ),
    Case(
        "called OpenSSH, and drops what comes early",
        drops_what_comes_early,
        "ok",
        "authentication methods: ",
        connections=2,
        compliant=True,
        also=lambda record: record.authentication_methods == ["publickey"] and record.connections == 2,
    ),
    Case("strict key exchange, kept", behind("refuse", Peer.hang, strict=True), "ok", compliant=True),
    Case(
        "strict key exchange, broken by IGNORE",
        behind("propose", sending(b"\x02" + text("")), strict=True),
        "partial",
        "message 2 during strict key exchange",
        connections=2,
    ),
    Case(
        "strict key exchange, broken by DEBUG behind the reply",
        behind("exchange", sending(b"\x04\x00" + text("") * 2), strict=True),
        "partial",
        "message 4 during strict",
        connections=2,
        also=nobody,
    ),
    Case(
        "strict key exchange, sequence numbers that go on",
        behind("exchange", sequence_goes_on, strict=True),
        "partial",
        "wrong MAC",
        connections=2,
        also=nobody,
    ),
    Case("compression forced", compression_forced, "partial", "asyncssh cannot ask", connections=1, also=nobody),
    Case(
        "compression forced, and a bomb",
        zlib_bomb,
        "partial",
        "asyncssh cannot ask",
        connections=1,
        also=nobody,
        bytes_accepted=flooding(2),
    ),
    Case(
        "compression forced, and IGNORE for ever",
        compression_forced_flood,
        "partial",
        "asyncssh cannot ask",
        connections=1,
        also=nobody,
        bytes_accepted=flooding(2),
    ),
    Case(
        "old ciphers, and then garbage",
        unknown_ciphers_then_garbage,
        "partial",
        "asyncssh could not ask",
        connections=2,
        also=nobody,
    ),
]
