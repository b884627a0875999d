"""A server that follows a script, and an independent SSH server side for scripts.

Nothing here uses `sshprobe.wire`: packets, key exchange and encryption are written a second time, from RFC 4253,
4419 and 8731, so that an error of ours on one side is not hidden by the same error on the other.

One method of `Peer` is one step of an honest server. `Peer.serve` does them all; a hostile script leaves some out,
changes what they send, or puts its own bytes between them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

IDENTIFICATION = b"SSH-2.0-Hostile_1.0"

STRICT = "kex-strict-s-v00@openssh.com"


def u32(value: int) -> bytes:
    return struct.pack(">I", value)


def text(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return u32(len(raw)) + raw


def number(value: int) -> bytes:
    """An mpint."""
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True) if value else b"")


@dataclass
class Lists:
    """The fields of KEXINIT. The default complies with mozilla-modern."""

    kex: list[str] = field(default_factory=lambda: ["curve25519-sha256@libssh.org", "curve25519-sha256"])
    keys: list[str] = field(default_factory=lambda: ["ssh-ed25519"])
    ciphers: list[str] = field(default_factory=lambda: ["aes128-ctr"])
    macs: list[str] = field(default_factory=lambda: ["hmac-sha2-256"])
    compression: list[str] = field(default_factory=lambda: ["none"])
    follows: bool = False

    def bodies(self) -> list[bytes]:
        """Return the ten name-lists, each without its length."""
        one = [self.kex, self.keys, self.ciphers, self.ciphers, self.macs, self.macs, self.compression]
        return [",".join(names).encode() for names in [*one, self.compression, [], []]]

    def payload(self) -> bytes:
        return kexinit_payload(self.bodies(), follows=self.follows)


def kexinit_payload(bodies: list[bytes], *, follows: bool = False) -> bytes:
    return b"\x14" + bytes(16) + b"".join(text(body) for body in bodies) + bytes((follows,)) + u32(0)


def plain_packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return u32(1 + len(payload) + padding) + bytes((padding,)) + payload + bytes(padding)


def disconnect_payload(reason: int, words: str) -> bytes:
    return b"\x01" + u32(reason) + text(words) + text("")


class Direction:
    """aes128-ctr with hmac-sha2-256, one way (RFC 4253 section 6.4: the MAC is over the plain packet)."""

    def __init__(self, iv: bytes, key: bytes, mac_key: bytes, *, encrypting: bool) -> None:
        cipher = Cipher(AES(key), CTR(iv))
        self.update = (cipher.encryptor() if encrypting else cipher.decryptor()).update
        self.mac_key = mac_key

    def tag(self, sequence: int, packet: bytes) -> bytes:
        return hmac.digest(self.mac_key, u32(sequence) + packet, "sha256")


class Peer:
    """One connection, seen from the server. `turn` counts the connections to this server from 1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: ScriptedServer) -> None:
        self.reader, self.writer, self.server = reader, writer, server
        self.turn = server.connections
        self.host_key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(server.host.encode()).digest())
        self.lists = Lists()
        self.theirs = self.their_kexinit = b""
        self.secret: bytes = b""
        self.hash: bytes = b""
        self.sent = self.received = 0
        self.sealing: Direction | None = None
        self.opening: Direction | None = None

    # -- bytes ---------------------------------------------------------------------------------------------------

    async def raw(self, data: bytes) -> None:
        """Send bytes, and count them once the kernel has taken them."""
        self.writer.write(data)
        await self.writer.drain()
        self.server.bytes_accepted += len(data)

    async def drip(self, data: bytes, pause: float = 0.05) -> None:
        for at in range(len(data)):
            await self.raw(data[at : at + 1])
            await asyncio.sleep(pause)

    async def flood(self, chunk: bytes) -> None:
        """Send until the other side closes."""
        while True:
            await self.raw(chunk)
            await asyncio.sleep(0)

    async def hang(self) -> None:
        """Stay silent until the other side closes."""
        while await self.reader.read(65_536):
            pass

    def reset(self) -> None:
        """Send an RST (SO_LINGER of zero seconds)."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def half_close(self) -> None:
        self.writer.write_eof()
        await self.hang()

    # -- packets -------------------------------------------------------------------------------------------------

    async def packet(self, payload: bytes) -> None:
        await self.raw(self.seal(payload))

    def seal(self, payload: bytes, *, spoil_mac: bool = False) -> bytes:
        sequence, self.sent = self.sent, self.sent + 1
        if self.sealing is None:
            return plain_packet(payload)
        padding = 16 - (5 + len(payload)) % 16
        padding += 16 if padding < 4 else 0
        plain = u32(1 + len(payload) + padding) + bytes((padding,)) + payload + bytes(padding)
        tag = self.sealing.tag(sequence, plain)
        return self.sealing.update(plain) + (bytes(32) if spoil_mac else tag)

    async def read(self) -> bytes:
        """Return the payload of the client's next packet."""
        sequence, self.received = self.received, self.received + 1
        if self.opening is None:
            length = int.from_bytes(await self.reader.readexactly(4), "big")
            body = await self.reader.readexactly(length)
        else:
            head = self.opening.update(await self.reader.readexactly(16))
            length = int.from_bytes(head[:4], "big")
            rest = self.opening.update(await self.reader.readexactly(length + 4 - 16))
            assert await self.reader.readexactly(32) == self.opening.tag(sequence, head + rest)
            body = (head + rest)[4:]
        payload = body[1 : len(body) - body[0]]
        if payload[:1] == b"\x01":  # DISCONNECT: the client is done
            raise ConnectionAbortedError
        return payload

    # -- the steps of an honest server ---------------------------------------------------------------------------

    async def identify(self, line: bytes = IDENTIFICATION) -> None:
        self.ours = line
        await self.raw(line + b"\r\n")
        self.theirs = (await self.reader.readline()).rstrip(b"\r\n")

    async def said_more(self) -> bool:
        """Return whether more data came with the identification or right behind it."""
        await asyncio.sleep(0.05)
        return bool(self.reader._buffer)  # type: ignore[attr-defined] # asyncio has no public way

    async def propose(self) -> None:
        """Send our KEXINIT."""
        self.our_kexinit = self.lists.payload()
        await self.packet(self.our_kexinit)

    async def agree(self) -> None:
        """Read the client's KEXINIT and negotiate."""
        self.their_kexinit = await self.read()
        self.strict = STRICT in self.lists.kex

    def key_blob(self) -> bytes:
        return text("ssh-ed25519") + text(self.host_key.public_key().public_bytes_raw())

    def signature(self) -> bytes:
        return text("ssh-ed25519") + text(self.host_key.sign(self.hash))

    def hashed(self, blob: bytes, public: bytes, secret: bytes, digest: str = "sha256") -> None:
        fields = (self.theirs, self.ours, self.their_kexinit, self.our_kexinit, blob)
        self.secret = secret
        self.hash = hashlib.new(digest, b"".join(map(text, fields)) + public + secret).digest()

    def chosen(self, at: int = 0) -> str:
        """Return the client's only key exchange (0), or its only host key algorithm (1)."""
        data = self.their_kexinit[17:]
        for _ in range(at):
            data = data[4 + int.from_bytes(data[:4], "big") :]
        return data[4 : 4 + int.from_bytes(data[:4], "big")].split(b",")[0].decode()

    async def exchange(
        self, *, blob: bytes | None = None, sign: Callable[[Peer], bytes] | None = None, point: bytes | None = None
    ) -> None:
        """Run curve25519-sha256, with another host key blob, signature or public value if given."""
        if not self.their_kexinit:
            await self.agree()
        theirs = (await self.read())[5:]
        private = X25519PrivateKey.generate()
        ours = private.public_key().public_bytes_raw() if point is None else point
        shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
        blob = self.key_blob() if blob is None else blob
        self.hashed(blob, text(theirs) + text(ours), number(int.from_bytes(shared, "big")))
        signature = self.signature() if sign is None else sign(self)
        await self.packet(b"\x1f" + text(blob) + text(ours) + text(signature))

    async def group_exchange(
        self,
        p: int,
        g: int = 2,
        f: int | None = None,
        *,
        blob: bytes | None = None,
        sign: Callable[[Peer], bytes] | None = None,
    ) -> None:
        """Run diffie-hellman-group-exchange-sha256 with any group and public value."""
        request = (await self.read())[1:]
        await self.packet(b"\x1f" + number(p) + number(g))
        e = int.from_bytes((await self.read())[5:], "big")
        y = int.from_bytes(os.urandom(32), "big")
        f = pow(g, y, p) if f is None else f
        public = request + number(p) + number(g) + number(e) + number(f)
        blob = self.key_blob() if blob is None else blob
        self.hashed(blob, public, number(pow(e, y, p)))
        signature = self.signature() if sign is None else sign(self)
        await self.packet(b"\x21" + text(blob) + number(f) + text(signature))

    async def newkeys(self) -> None:
        """Exchange NEWKEYS; both sides encrypt from here on."""
        await self.packet(b"\x15")
        if self.strict:
            self.sent = 0
        self.sealing = Direction(self._key("B", 16), self._key("D", 16), self._key("F", 32), encrypting=True)
        assert await self.read() == b"\x15"
        if self.strict:
            self.received = 0
        self.opening = Direction(self._key("A", 16), self._key("C", 16), self._key("E", 32), encrypting=False)

    def _key(self, letter: str, size: int) -> bytes:
        return hashlib.sha256(self.secret + self.hash + letter.encode() + self.hash).digest()[:size]

    async def service(self) -> None:
        """Read SERVICE_REQUEST and accept it."""
        assert (await self.read())[:1] == b"\x05"
        await self.packet(b"\x06" + text("ssh-userauth"))

    async def refuse(self) -> None:
        """Read USERAUTH_REQUEST "none", and send the methods that can continue."""
        assert (await self.read())[:1] == b"\x32"
        await self.packet(b"\x33" + text("publickey") + b"\x00")

    async def serve(self, until: str = "end") -> None:
        """Do the steps in order; stop after the named one."""
        await self.identify()
        if until != "identify":
            await self.serve_from_kexinit(until)

    async def serve_from_kexinit(self, until: str = "end") -> None:
        """Do the steps of `serve` after the identifications."""
        for step in (self.propose, self.exchange, self.newkeys, self.service, self.refuse):
            await step()
            if step.__name__ == until:
                return
        await self.hang()


Script = Callable[[Peer], Awaitable[Any]]


class ScriptedServer:
    """Listens on `host` and runs `script` for each connection. Its counts stay readable after the end."""

    def __init__(self, host: str, script: Script) -> None:
        self.host = host
        self.port = 0
        self.script = script
        self.connections = 0
        self.most_at_once = 0
        self.bytes_accepted = 0
        self.faults: list[BaseException] = []
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        self.most_at_once = max(self.most_at_once, len(self._running))
        # Small buffers, so that accepted bytes are bytes that the client read or its kernel holds.
        writer.transport.set_write_buffer_limits(high=0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        try:
            await self.script(Peer(reader, writer, self))
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        except BaseException as fault:  # shown by the test, not lost in a task
            self.faults.append(fault)
        finally:
            self._running.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def random_bytes(count: int) -> bytes:
    return os.urandom(count)
