"""Servers that pretend to be OpenSSH and are honest once. The second connection begins with our KEXINIT and the
first message of the exchange. The result may cost one connection, but no answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sshprobe.model.records import HostRecord
from tests.hostile.case import Case
from tests.hostile.cases_key_exchange import GEX, GROUP_14, P_2048_EVEN
from tests.hostile.server import STRICT, Lists, Peer, Script, disconnect_payload, number, text, u32

OPENSSH = b"SSH-2.0-OpenSSH_0.2"
LIBSSH = "curve25519-sha256@libssh.org"
ECDSA = "ecdsa-sha2-nistp256"
KEY = ec.derive_private_key(0x5EC2E7, ec.SECP256R1())


def blob(peer: Peer) -> bytes:
    point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return text(ECDSA) + text("nistp256") + text(point)


def sign(peer: Peer) -> bytes:
    r, s = decode_dss_signature(KEY.sign(peer.hash, ec.ECDSA(SHA256())))
    return text(ECDSA) + text(number(r) + number(s))


async def answer(peer: Peer, p: int = GROUP_14) -> None:
    """Answer the client's lists: a host key, with a group if needed; the methods in the first connection."""
    ecdsa = peer.chosen(1) == ECDSA
    if peer.chosen() == GEX:
        await peer.group_exchange(p, blob=blob(peer), sign=sign)
    else:
        await peer.exchange(blob=blob(peer) if ecdsa else None, sign=sign if ecdsa else None)
    if peer.turn == 1:
        for step in (peer.newkeys, peer.service, peer.refuse):
            await step()
    await peer.hang()


def lists(**others: Any) -> Lists:
    """The lists of a server with two host keys."""
    return Lists(**{"keys": ["ssh-ed25519", ECDSA], **others})


async def nothing(peer: Peer) -> None:
    pass


def then(
    change: Script = nothing,
    *,
    line: bytes = OPENSSH,
    first: Lists | None = None,
    other: Lists | None = None,
    behind_lists: bool = False,
    ever_since: bool = False,
    p: int = GROUP_14,
) -> Script:
    """In the second connection, send the lists `other`, and apply `change` before or behind them; or from then on.

    A `change` that raises ends the connection.
    """

    async def script(peer: Peer) -> None:
        changed = peer.turn == 2 or (ever_since and peer.turn > 2)
        peer.lists = (other if changed else None) or first or lists()
        await peer.identify(line if changed else OPENSSH)
        assert await peer.said_more() == (peer.turn == 2)
        if changed and not behind_lists:
            await change(peer)
        await peer.propose()
        if changed and behind_lists:
            await change(peer)
        await peer.agree()
        await answer(peer, p)

    return script


async def closes(peer: Peer) -> None:
    raise ConnectionAbortedError


async def resets(peer: Peer) -> None:
    peer.reset()
    raise ConnectionAbortedError


async def disconnects(peer: Peer) -> None:
    await peer.packet(disconnect_payload(2, "no packet had to come"))
    raise ConnectionAbortedError


async def is_silent(peer: Peer) -> None:
    await peer.hang()
    raise ConnectionAbortedError


async def unimplemented(peer: Peer) -> None:
    await peer.packet(b"\x03" + u32(0))


async def ignore(peer: Peer) -> None:
    await peer.packet(b"\x02" + text("nothing"))


async def guess(peer: Peer) -> None:
    await peer.packet(b"\x1f" + text("a guess"))


async def closes_twice(peer: Peer) -> None:
    if peer.turn < 4:
        raise ConnectionAbortedError


async def late(peer: Peer) -> None:
    await asyncio.sleep(0.3)


async def later_than_it_is_waited_for(peer: Peer) -> None:
    await asyncio.sleep(1.5)


async def half_closes(peer: Peer) -> None:
    peer.writer.write_eof()
    await is_silent(peer)


async def welcome(peer: Peer) -> None:
    """Send lines before the identification in the first connection only."""
    if peer.turn == 1:
        await peer.raw(b"Welcome, and take your time.\r\n" * 40)
    await then()(peer)


def in_pieces(pause: float, size: int) -> Script:
    """Send the start of the second connection in small pieces."""

    async def script(peer: Peer) -> None:
        if peer.turn == 2:
            whole = peer.raw

            async def raw(data: bytes) -> None:
                for at in range(0, len(data), size):
                    await whole(data[at : at + size])
                    await asyncio.sleep(pause)

            peer.raw = raw  # type: ignore[method-assign] # the case replaces a method
        await then()(peer)

    return script


async def drips(peer: Peer) -> None:
    """Be a tarpit from the second connection on."""
    pause = 0.0505  # not a divisor of the timeout: the last one would be random
    if peer.turn == 1:
        await then()(peer)
        pause = 0.01  # to see that we closed before we connect again
    while True:
        await peer.raw(b"x")
        await asyncio.sleep(pause)


async def penalty(peer: Peer) -> None:
    """Send the line of OpenSSH 9.8 and later instead of an identification, once."""
    if peer.turn == 2:
        await peer.raw(b"Not allowed at this time\r\n")
        return
    await then()(peer)


async def no_methods(peer: Peer) -> None:
    """Close instead of sending the methods, once; so the client sends nothing early."""
    peer.lists = lists()
    await peer.identify(OPENSSH)
    assert not await peer.said_more()
    await peer.propose()
    await peer.agree()
    ecdsa = peer.chosen(1) == ECDSA
    await peer.exchange(blob=blob(peer) if ecdsa else None, sign=sign if ecdsa else None)
    if peer.turn == 2:
        for step in (peer.newkeys, peer.service, peer.refuse, peer.hang):
            await step()


def answered(record: HostRecord) -> bool:
    keys = {key.type: key.signature_verified for key in record.host_keys or ()}
    return keys == {"ssh-ed25519": True, ECDSA: True} and record.authentication_methods == ["publickey"]


def alone(record: HostRecord) -> bool:
    return answered(record) and record.several_servers is False and record.warnings == []


def several(record: HostRecord) -> bool:
    return answered(record) and record.several_servers is True


def without_a_key(record: HostRecord) -> bool:
    return [key.type for key in record.host_keys or ()] == ["ssh-ed25519"]


def with_a_group(record: HostRecord) -> bool:
    groups = [(group.modulus_bits, group.refused) for group in record.group_exchange or ()]
    return alone(record) and groups == [(2048, False)]


def with_a_faulty_group(record: HostRecord) -> bool:
    groups = [(group.modulus_bits, group.refused) for group in record.group_exchange or ()]
    return answered(record) and groups == [(None, False)]


def with_a_group_at_last(record: HostRecord) -> bool:
    return alone(record) and [group.refused for group in record.group_exchange or ()] == [True, False]


def taken(name: str, script: Script, **more: Any) -> Case:
    """The early message is answered."""
    usual: dict[str, Any] = {"status": "ok", "connections": 2, "compliant": True, "also": alone}
    return Case(f"early: {name}", script, **usual | more)


def asked_again(name: str, script: Script, **more: Any) -> Case:
    """The early message is not answered, and the question is repeated."""
    return taken(name, script, **{"connections": 3, **more})


def given_up(name: str, script: Script, error: str, connections: int, **more: Any) -> Case:
    """As with any other server, one more connection. The facts comply, but the other key was not seen."""
    usual = {"status": "partial", "error": error, "connections": connections, "also": without_a_key, "compliant": False}
    return taken(name, script, **usual | more)


STRICTLY = lists(kex=["curve25519-sha256", STRICT])
TWO = ["curve25519-sha256", LIBSSH]
GROUPS = {"kex": ["curve25519-sha256", GEX]}
BREACH = "something came before KEXINIT under strict key exchange"
SEVERAL: dict[str, Any] = {"error": "differs between connections", "also": several, "compliant": False}
MORE = lists(kex=[LIBSSH, "curve25519-sha256"])
LESS = lists(kex=[LIBSSH])

CASES = [
    taken("as it has to be", then()),
    taken("lists that are late", then(late)),
    taken("an answer that is late", then(late, behind_lists=True)),
    taken("lists that are very late", then(later_than_it_is_waited_for)),
    taken("an answer that is very late", then(later_than_it_is_waited_for, behind_lists=True)),
    taken("less than the first time", welcome),
    taken("a little at a time", in_pieces(0.02, 100)),
    taken("a little at a time, and slowly", in_pieces(0.15, 200)),
    taken("a wrong guess", then(guess, first=MORE, other=replace(MORE, follows=True), behind_lists=True)),
    taken("a right guess", then(other=lists(kex=TWO, keys=[ECDSA, "ssh-ed25519"], follows=True)), **SEVERAL),
    taken("IGNORE before the lists", then(ignore)),
    taken("a group", then(first=lists(**GROUPS)), compliant=False, also=with_a_group),
    taken("other software", then(line=b"SSH-2.0-Hostile_1.0"), **SEVERAL),
    taken("more lists", then(first=lists(kex=TWO), other=MORE), **SEVERAL),
    asked_again("fewer lists", then(first=lists(kex=TWO), other=LESS), **SEVERAL),
    asked_again("fewer lists ever since", then(first=lists(kex=TWO), other=LESS, ever_since=True), **SEVERAL),
    asked_again("closes", then(closes)),
    asked_again("closes behind its lists", then(closes, behind_lists=True)),
    asked_again("half-closes", then(half_closes)),
    asked_again("half-closes behind its lists", then(half_closes, behind_lists=True)),
    asked_again("resets", then(resets)),
    asked_again("resets behind its lists", then(resets, behind_lists=True)),
    asked_again("disconnects", then(disconnects)),
    asked_again("disconnects behind its lists", then(disconnects, behind_lists=True)),
    asked_again("UNIMPLEMENTED", then(unimplemented)),
    asked_again("UNIMPLEMENTED behind its lists", then(unimplemented, behind_lists=True)),
    asked_again("silent", then(is_silent)),
    asked_again("silent behind its lists", then(is_silent, behind_lists=True)),
    asked_again("a breach of strict key exchange", then(ignore, first=STRICTLY)),
    asked_again("a later breach of it", then(ignore, first=STRICTLY, behind_lists=True)),
    asked_again("no group", then(closes, first=lists(**GROUPS), behind_lists=True), compliant=False, also=with_a_group),
    asked_again("throttles", penalty),
    asked_again(
        "a group that is none, which is an answer",
        then(first=lists(**GROUPS), p=P_2048_EVEN),
        error="(2048 bits)",
        compliant=False,
        also=with_a_faulty_group,
    ),
    taken("not where the methods failed", no_methods, also=answered),
    Case(
        "early: no group, early or not, and then a larger one",
        then(closes_twice, first=lists(**GROUPS), behind_lists=True, ever_since=True),
        "ok",
        connections=4,
        also=with_a_group_at_last,
    ),
    given_up("closes ever since", then(closes, ever_since=True), "before KEXINIT", 4),
    given_up(
        "closes behind its lists ever since",
        then(closes, behind_lists=True, ever_since=True),
        f"no {ECDSA} host key",
        4,
    ),
    given_up("drips ever since", drips, "as a tarpit does", 2),
    given_up("silent ever since", then(is_silent, ever_since=True), "timed out waiting for KEXINIT", 3),
    given_up("a breach ever since", then(ignore, first=STRICTLY, ever_since=True), BREACH, 4),
    given_up(
        "the key is gone ever since",
        then(other=lists(keys=["ssh-ed25519"]), ever_since=True),
        f"no {ECDSA} host key",
        3,
    ),
    given_up("SSH-1 ever since", then(is_silent, line=b"SSH-1.5-OpenSSH_1", ever_since=True), "SSH-1 only", 2),
]
