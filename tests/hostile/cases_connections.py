"""Servers that are honest for one connection and hostile in the next."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sshprobe.model.records import HostRecord
from tests.hostile.case import Case
from tests.hostile.server import Peer, Script, kexinit_payload, text


def one_then(rest: Script) -> Script:
    """Send everything but the RSA host key in the first connection; the second asks for it."""

    async def script(peer: Peer) -> None:
        peer.lists.keys = ["ssh-ed25519", "rsa-sha2-512"]
        if peer.turn == 1:
            await peer.serve()
        else:
            await rest(peer)

    return script


def twice(change: Script) -> Script:
    """Fail at the authentication methods, so that the probe repeats all; then apply `change` first."""

    async def script(peer: Peer) -> None:
        if peer.turn == 1:
            await peer.serve("newkeys")
        else:
            await change(peer)
            await peer.serve()

    return script


async def _closes(peer: Peer) -> None:
    pass


async def _resets(peer: Peer) -> None:
    peer.reset()


async def _penalty(peer: Peer) -> None:
    await peer.raw(b"Not allowed at this time\r\n")


async def _http(peer: Peer) -> None:
    await peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def _ssh1(peer: Peer) -> None:
    await peer.identify(b"SSH-1.5-old")
    await peer.hang()


async def _hangs(peer: Peer) -> None:
    await peer.hang()


async def _other_key(peer: Peer) -> None:
    peer.host_key = Ed25519PrivateKey.generate()


async def _weak_lists(peer: Peer) -> None:
    peer.lists.kex = [*peer.lists.kex, "diffie-hellman-group1-sha1"]
    peer.lists.ciphers = [
        *peer.lists.ciphers,
        "blowfish-cbc",
    ]  # names that are not chosen, as the peer does not have them


async def _no_keys(peer: Peer) -> None:
    peer.lists.keys = []


async def max_startups_once(peer: Peer) -> None:
    if peer.turn == 1:
        await peer.raw(b"Exceeded MaxStartups\r\n")
    else:
        await peer.serve()


async def dropped_once(peer: Peer) -> None:
    """Drop excess connections as OpenSSH 6.7 does."""
    if peer.turn > 1:
        await peer.serve()


async def every_other_dropped(peer: Peer) -> None:
    peer.lists.keys = ["ssh-ed25519", "rsa-sha2-512"]
    if peer.turn % 2:
        await peer.serve()


async def answers_nothing_but_lists(peer: Peer) -> None:
    peer.lists.keys = ["ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-dss"]
    await peer.serve("propose")


SHORT = [bytes((one,)) for one in range(33, 127) if one != 44]
SHORT += [one + two for one in SHORT for two in SHORT]
"""Return names of one or two letters, the most that fit into a KEXINIT."""


def crowded(turn: int) -> list[bytes]:
    """Send name-lists of nearly the largest packet: the most names, then the longest, then many new ones."""
    keys = b",".join(b"key-%d@example.com" % number for number in range(12))
    lists = [b"curve25519-sha256", keys, *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2]
    room = (34_800 - sum(map(len, lists))) // len(lists)
    for at, usual in enumerate(lists):
        names = (SHORT if at % 2 else SHORT[::-1])[: room // 3]
        if 1 < turn < 10:
            names = [(b"%d-%d-%d-" % (turn, at, number)).ljust(1024, b"\x80") for number in range(room // 1025)]
        elif turn >= 10:
            names = [b"%d%s" % (turn, name) for name in names[: room // 5]]
        lists[at] = b",".join([usual, *names])
    return [*lists, b"", b""]


async def fills_records(peer: Peer) -> None:
    """Send new names and another host key of the largest size in each connection."""
    await peer.identify()
    peer.our_kexinit = kexinit_payload(crowded(peer.turn))
    await peer.packet(peer.our_kexinit)
    await peer.agree()
    await peer.exchange(blob=text(peer.chosen(1)) + b"\x80" * 34_500)
    await peer.hang()


def is_bounded(record: HostRecord) -> bool:
    """The size in docs/grading.md. Most of it is findings, one for each name of the first KEXINIT."""
    return 1_000_000 < len(msgspec.json.encode(record)) < 4_000_000


def both_keys_warned(record: HostRecord) -> bool:
    return len(record.host_keys or ()) == 2


AFTER = "after earlier"

CASES = [
    Case("answers only the first connection", one_then(_closes), "partial", AFTER, connections=3),
    Case("resets all but the first connection", one_then(_resets), "partial", AFTER, connections=3),
    Case(
        "silent in all but the first connection",
        one_then(_hangs),
        "partial",
        "timed out waiting for an ident",
        connections=2,
    ),
    Case(
        "penalty after the first connection", one_then(_penalty), "partial", "Not allowed at this time", connections=3
    ),
    Case("HTTP after the first connection", one_then(_http), "partial", AFTER, connections=3),
    Case("SSH-1 after the first connection", one_then(_ssh1), "partial", "SSH-1 only", connections=2),
    Case("MaxStartups once", max_startups_once, "ok", connections=2, compliant=True),
    Case("dropped once without a word", dropped_once, "ok", connections=2, compliant=True),
    Case("every other connection dropped", every_other_dropped, "partial", connections=6),
    Case("five host keys and no answers", answers_nothing_but_lists, "partial", "no ssh-dss host key", connections=12),
    Case(
        "a host key that changes",
        twice(_other_key),
        "ok",
        "ssh-ed25519 host key differs",
        connections=2,
        also=both_keys_warned,
    ),
    Case("lists that get worse", twice(_weak_lists), "ok", "differs between connections", connections=2),
    Case(
        "new names and keys in every connection",
        fills_records,
        "partial",
        "unknown names of later connections are left out",
        connections=12,
        bytes_accepted=12 * 71_000,
        also=is_bounded,
    ),
    Case("host keys that are gone", twice(_no_keys), "partial", "differs between connections", connections=2),
]
