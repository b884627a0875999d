"""Servers that send an identification, and then no packet, a wrong packet, or a wrong KEXINIT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.hostile.case import Case, flooding
from tests.hostile.server import (
    STRICT,
    Lists,
    Peer,
    Script,
    disconnect_payload,
    kexinit_payload,
    plain_packet,
    text,
    u32,
)


def after_identification(data: bytes, *, close: bool = False) -> Script:
    """Send `data` instead of a KEXINIT."""

    async def script(peer: Peer) -> None:
        await peer.identify()
        await peer.raw(data)
        if not close:
            await peer.hang()

    return script


def identified_by(line: bytes) -> Script:
    """Run an honest server with another identification."""

    async def script(peer: Peer) -> None:
        await peer.identify(line)
        for step in (peer.propose, peer.exchange, peer.newkeys, peer.service, peer.refuse, peer.hang):
            await step()

    return script


async def honest(peer: Peer) -> None:
    await peer.serve()


async def in_single_bytes(peer: Peer) -> None:
    """Run an honest server on a very slow line, with pauses."""
    whole = peer.raw

    async def dripping(data: bytes) -> None:
        for at in range(len(data)):
            await whole(data[at : at + 1])
            await asyncio.sleep(0)

    peer.raw = dripping  # type: ignore[method-assign] # the case replaces a method
    await peer.serve()


async def flood_of_ignore(peer: Peer) -> None:
    await peer.identify()
    await peer.flood(plain_packet(b"\x02" + text(bytes(1000))))


async def flood_of_tiny_ignore(peer: Peer) -> None:
    await peer.identify()
    await peer.flood(plain_packet(b"\x02" + text(b"")) * 50)


async def flood_of_unimplemented(peer: Peer) -> None:
    await peer.identify()
    await peer.flood(plain_packet(b"\x03" + u32(0)) * 50)


async def slow_kexinit(peer: Peer) -> None:
    await peer.identify()
    await peer.drip(plain_packet(peer.lists.payload()))


async def kexinit_twice(peer: Peer) -> None:
    await peer.identify()
    await peer.propose()
    await peer.propose()
    await peer.hang()


async def ignore_before_strict_kexinit(peer: Peer) -> None:
    peer.lists.kex = [*peer.lists.kex, STRICT]
    await peer.identify()
    await peer.packet(b"\x02" + text(b"padding"))
    await peer.serve_from_kexinit()


async def unimplemented_always(peer: Peer) -> None:
    await peer.serve("propose")
    while await peer.read():
        await peer.packet(b"\x03" + u32(peer.received - 1))


LISTS = (
    "kex_algorithms",
    "server_host_key_algorithms",
    "encryption_algorithms_client_to_server",
    "encryption_algorithms_server_to_client",
    "mac_algorithms_client_to_server",
    "mac_algorithms_server_to_client",
    "compression_algorithms_client_to_server",
    "compression_algorithms_server_to_client",
    "languages_client_to_server",
    "languages_server_to_client",
)


def truncated() -> list[Case]:
    """Cut KEXINIT within each of its fields, in a complete packet."""
    payload = Lists().payload()
    cases = [Case("KEXINIT cut in cookie", after_identification(plain_packet(payload[:9])), "protocol_error", "cookie")]
    at = 17
    for name in LISTS:
        length = int.from_bytes(payload[at : at + 4], "big")
        inside = payload[: at + 4 + length // 2] if length else payload[: at + 2]
        cases.append(
            Case(
                f"KEXINIT cut in {name}", after_identification(plain_packet(inside)), "protocol_error", f"within {name}"
            )
        )
        at += 4 + length
    for count, name in ((0, "first_kex_packet_follows"), (3, "reserved")):
        cut = plain_packet(payload[: at + count])
        cases.append(Case(f"KEXINIT cut in {name}", after_identification(cut), "protocol_error", f"within {name}"))
    return cases


def lists_of(change: Callable[[Lists], None]) -> Script:
    """Run an honest server with other lists."""

    async def script(peer: Peer) -> None:
        change(peer.lists)
        await peer.serve()

    return script


def bodies(**changed: bytes) -> bytes:
    """Return a KEXINIT packet whose name-lists are these bytes."""
    ours = dict(zip(LISTS, Lists().bodies(), strict=True))
    return plain_packet(kexinit_payload(list((ours | changed).values())))


def _hostile_names(lists: Lists) -> None:
    lists.kex = [*lists.kex, "\x1b[2Jkex\u202e", "é" * 30, "\x00", "a b"]
    lists.keys = [*lists.keys, "\x1b]0;t\x07key"]


def _commas(lists: Lists) -> None:
    lists.kex = ["", *lists.kex, ""]
    lists.keys = ["", *lists.keys, "", ""]
    lists.ciphers = [*lists.ciphers, ""]
    lists.macs = ["", *lists.macs]


def _empty(lists: Lists) -> None:
    lists.kex, lists.keys, lists.ciphers, lists.macs, lists.compression = [], [], [], [], []


def _many_names(lists: Lists) -> None:
    lists.kex = [*lists.kex, *(f"k{number}@example.org" for number in range(1000))]
    lists.keys = [*lists.keys, *(f"h{number}" for number in range(500))]


PLAIN = Lists().payload()

CASES = [
    Case("an honest server, for comparison", honest, "ok", compliant=True),
    Case("an honest server in single bytes", in_single_bytes, "ok", compliant=True),
    Case("identification of 8 kB", identified_by(b"SSH-2.0-" + b"A" * 8000), "ok", compliant=True),
    Case("identification with NUL and escapes", identified_by(b"SSH-2.0-A\x00\x1b[31m \x00\xff"), "ok", compliant=True),
    Case("a gigabyte announced", after_identification(u32(2**30)), "protocol_error", "1073741824"),
    Case("four gigabytes announced", after_identification(u32(2**32 - 1)), "protocol_error", "4294967295"),
    Case("packet_length 0", after_identification(u32(0) + bytes(16)), "protocol_error", "too small"),
    Case("packet_length 5", after_identification(u32(5) + bytes(16)), "protocol_error", "too small"),
    Case("packet_length 13", after_identification(u32(13) + bytes(32)), "protocol_error", "multiple of the block"),
    Case("padding 0", after_identification(u32(12) + b"\x00" + bytes(32)), "protocol_error", "padding_length 0"),
    Case("padding 3", after_identification(u32(12) + b"\x03" + bytes(32)), "protocol_error", "padding_length 3"),
    Case("padding all", after_identification(u32(12) + b"\x0b" + bytes(32)), "protocol_error", "leaves no payload"),
    Case("padding 255", after_identification(u32(12) + b"\xff" + bytes(32)), "protocol_error", "leaves no payload"),
    *truncated(),
    Case("KEXINIT too long", after_identification(plain_packet(PLAIN + b"more")), "protocol_error", "4 bytes too many"),
    Case(
        "a name-list that claims gigabytes",
        after_identification(plain_packet(PLAIN[:17] + b"\xff" * 4 + PLAIN[21:])),
        "protocol_error",
        "within kex_algorithms",
    ),
    Case(
        "a million names",
        after_identification(bodies(kex_algorithms=b",".join([b"a"] * 1_000_000))),
        "protocol_error",
        "at most 35000",
        bytes_accepted=2_500_000,
    ),
    Case(
        "seventeen thousand empty names",
        after_identification(bodies(kex_algorithms=b"," * 17_000)),
        "protocol_error",
        "more than 2048 names",
        bytes_accepted=40_000,
    ),
    Case(
        "a name of 20,000 bytes",
        after_identification(bodies(kex_algorithms=b"a" * 20_000)),
        "protocol_error",
        "more than 1024 bytes",
        bytes_accepted=40_000,
    ),
    Case("lists with commas at their ends", lists_of(_commas), "ok", compliant=True),
    Case(
        "names with escapes and not of ASCII",
        lists_of(_hostile_names),
        "ok",
        also=lambda record: r"\x1b[2Jkex\u202e" in (record.kex_algorithms or ()),
    ),
    Case("empty lists", lists_of(_empty), "partial"),
    Case("1500 unknown names", lists_of(_many_names), "partial", connections=12, bytes_accepted=800_000),
    Case("NEWKEYS in place of KEXINIT", after_identification(plain_packet(b"\x15")), "protocol_error", "message 21"),
    Case("USERAUTH_SUCCESS in place of KEXINIT", after_identification(plain_packet(b"\x34")), "protocol_error", "52"),
    Case("KEXINIT twice", kexinit_twice, "partial", "message 20 during key exchange", connections=2),
    Case("IGNORE for ever", flood_of_ignore, "protocol_error", "more than 131072 bytes", bytes_accepted=flooding()),
    Case("tiny IGNORE for ever", flood_of_tiny_ignore, "protocol_error", "131072", bytes_accepted=flooding()),
    Case("UNIMPLEMENTED for ever", flood_of_unimplemented, "protocol_error", "131072", bytes_accepted=flooding()),
    Case("UNIMPLEMENTED for everything", unimplemented_always, "partial", "does not implement", connections=2),
    Case("KEXINIT, a byte at a time and too late", slow_kexinit, "partial", "timed out waiting for KEXINIT", "kexinit"),
    Case(
        "IGNORE before a KEXINIT with strict key exchange",
        ignore_before_strict_kexinit,
        "partial",
        "before KEXINIT under strict key exchange",
        connections=2,
    ),
    Case(
        "DISCONNECT cut short",
        after_identification(plain_packet(disconnect_payload(2, "bye")[:7])),
        "protocol_error",
        "DISCONNECT ends within",
    ),
    Case(
        "packets after DISCONNECT",
        after_identification(plain_packet(disconnect_payload(2, "\x1b[2Jbye")) + plain_packet(PLAIN)),
        "partial",
        r'reason 2: "\x1b[2Jbye"',
        connections=2,
        also=lambda record: record.kex_algorithms is None,
    ),
]
