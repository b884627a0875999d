"""Conversations as scripts: the server's messages and the expected results.

    Playbook() << client_sends(b"SSH-2.0-test\r\n")
        >> server_line(b"SSH-2.0-there")      << IdentificationReceived
        >> server_sends(kexinit())            << KexInitReceived
        >> client_starts("curve25519-sha256") << client_sends(KEXINIT, 30)

`>>` is an input: bytes of the server, or a call. `<<` is the expected result: an event (its type, or an equal
event), messages of the client, or an error of the server. An unexpected result fails
at the next `>>` or at `done()`.

`ScriptedServer` is the other side where cryptography is needed: curve25519-sha256, ssh-ed25519, aes128-ctr and
hmac-sha2-256, written for these tests with `cryptography` and hashlib alone. It shares no code with `sshprobe.wire`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import Event
from sshprobe.wire.suites import Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport

CLIENT = b"SSH-2.0-playbook"
SUITE = Suite("aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256")

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = range(1, 8)
KEXINIT, NEWKEYS = 20, 21
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_BANNER = range(50, 54)

STRICT = b"kex-strict-s-v00@openssh.com"


def take_outgoing(client: ClientTransport) -> bytes:
    """Return the bytes that the client has to send, and mark them as sent."""
    data, client.outgoing = client.outgoing, b""
    return data


# -- RFC 4251 and 4253 section 6, independently -----------------------------------------------------------------------


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def text(value: bytes) -> bytes:
    return u32(len(value)) + value


def number(value: int) -> bytes:
    """Return the mpint of a positive number."""
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big")) if value else u32(0)


def packet(payload: bytes, *, padding: int | None = None, length: int | None = None, block: int = 8) -> bytes:
    """Return an unencrypted packet with this length of padding, and `length` as packet_length."""
    if padding is None:
        padding = block - (5 + len(payload)) % block
        padding += block if padding < 4 else 0
    body = bytes((padding,)) + payload + bytes(padding)
    return u32(len(body) if length is None else length) + body


KEXINIT_LISTS: dict[str, bytes] = {
    "kex_algorithms": b"curve25519-sha256," + STRICT,
    "server_host_key_algorithms": b"ssh-ed25519",
    "encryption_algorithms_client_to_server": b"aes128-ctr",
    "encryption_algorithms_server_to_client": b"aes128-ctr",
    "mac_algorithms_client_to_server": b"hmac-sha2-256",
    "mac_algorithms_server_to_client": b"hmac-sha2-256",
    "compression_algorithms_client_to_server": b"none",
    "compression_algorithms_server_to_client": b"none",
    "languages_client_to_server": b"",
    "languages_server_to_client": b"",
}


def kexinit(*, follows: bool = False, reserved: int = 0, **lists: Any) -> bytes:
    """Return the payload of a server's KEXINIT: `KEXINIT_LISTS` with some lists replaced."""
    assert lists.keys() <= KEXINIT_LISTS.keys()
    raw = b"".join(text(lists.get(name, usual)) for name, usual in KEXINIT_LISTS.items())
    return bytes((KEXINIT,)) + bytes(range(16)) + raw + bytes((follows,)) + u32(reserved)


def relaxed(**lists: Any) -> bytes:
    """Return the `kexinit` of a server without strict key exchange."""
    return kexinit(**{"kex_algorithms": b"curve25519-sha256", **lists})


IGNORED = bytes((IGNORE,)) + text(b"nothing")
DEBUGGING = bytes((DEBUG, 1)) + text(b"a word") + text(b"en")


def disconnect_message(code: int, words: bytes) -> bytes:
    return bytes((DISCONNECT,)) + u32(code) + text(words) + text(b"")


def unimplemented_message(sequence: int) -> bytes:
    return bytes((UNIMPLEMENTED,)) + u32(sequence)


# -- the playbook ------------------------------------------------------------------------------------------------------

Action = Callable[["Playbook"], None]
Expectation = Callable[["Playbook"], None]


class Playbook:
    """A client transport and its results so far. `pieces`: the size of pieces of the server's bytes.

    What else is given goes to the transport.
    """

    def __init__(self, *, pieces: int | None = None, **arguments: Any) -> None:
        self.client = ClientTransport(CLIENT, **arguments)
        self.pieces = pieces
        self.events: list[Event | RemoteProtocolError] = []
        self.sent = bytearray()
        self._collect()

    def __rshift__(self, action: Action) -> Self:
        self._nothing_left()
        action(self)
        self._collect()
        return self

    def __lshift__(self, expected: Expectation | Event | type[Event]) -> Self:
        if isinstance(expected, Event | type):
            assert self.events, f"nothing came where {expected} was expected"
            event = self.events.pop(0)
            if isinstance(event, RemoteProtocolError):
                raise event
            assert event == expected if isinstance(expected, Event) else type(event) is expected, event
        else:
            expected(self)
        return self

    def done(self) -> None:
        """Check that there is no further result."""
        self._nothing_left()

    def feed(self, data: bytes) -> None:
        size = self.pieces or max(1, len(data))
        for at in range(0, len(data), size):
            self.client.receive_data(data[at : at + size])
            self._collect()

    def _nothing_left(self) -> None:
        assert self.events == []
        assert bytes(self.sent) == b""

    def _collect(self) -> None:
        while True:
            try:
                event = self.client.next_event()
            except RemoteProtocolError as error:
                self.events.append(error)
                continue
            finally:
                self.sent += take_outgoing(self.client)
            if not isinstance(event, Event):
                assert event is NEED_DATA
                return
            self.events.append(event)


def raw(data: bytes) -> Action:
    """The server sends these bytes."""
    return lambda play: play.feed(data)


def server_line(line: bytes, end: bytes = b"\r\n") -> Action:
    return raw(line + end)


def server_sends(*payloads: bytes) -> Action:
    """The server sends packets without encryption."""
    return raw(b"".join(map(packet, payloads)))


def server_closes() -> Action:
    return lambda play: play.client.receive_eof()


def client_starts(
    kex: str = "curve25519-sha256", key: str = "ssh-ed25519", *, suite: Suite | None = SUITE, **more: Any
) -> Action:
    return lambda play: play.client.start_key_exchange(kex, key, suite=suite, **more)


def client_asks(user: bytes = b"root") -> Action:
    return lambda play: play.client.request_authentication_methods(user)


def client_leaves(words: bytes = b"bye") -> Action:
    return lambda play: play.client.disconnect(words)


def client_sends(*expected: bytes | int) -> Expectation:
    """The client has sent exactly this: a line, or clear packets by message number or payload."""

    def check(play: Playbook) -> None:
        for one in expected:
            if isinstance(one, bytes) and one.endswith(b"\r\n"):
                assert play.sent.startswith(one)
                del play.sent[: len(one)]
                continue
            assert play.sent, f"nothing was sent where {one!r} was expected"
            payload = take_packet(play.sent)
            assert (payload[0] if isinstance(one, int) else payload) == one, payload
        assert bytes(play.sent) == b""

    return check


def breaks(words: str) -> Expectation:
    """The server broke the protocol: there is one error, and the transport is silent afterwards."""

    def check(play: Playbook) -> None:
        assert play.events, f"nothing came where an error with {words!r} was expected"
        error = play.events.pop(0)
        assert isinstance(error, RemoteProtocolError), error
        assert words in str(error)
        assert play.client.next_event() is NEED_DATA
        play.client.disconnect(b"bye")
        assert take_outgoing(play.client) == b""

    return check


def take_packet(buffer: bytearray) -> bytes:
    """Remove one unencrypted packet, check it by RFC 4253, and return its payload."""
    length = int.from_bytes(buffer[:4], "big")
    assert (4 + length) % 8 == 0
    assert 16 <= 4 + length <= len(buffer)
    padding = buffer[4]
    assert padding >= 4
    payload = bytes(buffer[5 : 4 + length - padding])
    del buffer[: 4 + length]
    assert payload
    return payload


def opened(server: bytes = b"SSH-2.0-there", payload: bytes | None = None, **arguments: Any) -> Playbook:
    """Return a playbook up to the server's KEXINIT, with its two events read."""
    play = Playbook(**arguments)
    play.feed(server + b"\r\n" + packet(kexinit() if payload is None else payload))
    play.events.clear()
    play.sent.clear()
    return play


# -- a server ----------------------------------------------------------------------------------------------------------


class ScriptedServer:
    """The server's side of one curve25519-sha256 exchange with `play`, and its packets after NEWKEYS.

    Drive it with `key_reply`, then `go_encrypted`; `sealed` makes packets, `client_payloads` reads the client's.
    """

    def __init__(self, *, strict: bool = True, line: bytes = b"SSH-2.0-scripted", **lists: Any) -> None:
        self.strict = strict
        self.line = line
        self.client_line = CLIENT
        self.kexinit = kexinit(**lists) if strict else relaxed(**lists)
        self.host_key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"host key").digest())
        self.blob = text(b"ssh-ed25519") + text(self.host_key.public_key().public_bytes_raw())
        self.sent = 0
        self.received = 0

    def opening(self) -> bytes:
        self.sent += 1
        return self.line + b"\r\n" + packet(self.kexinit)

    def clear(self, payload: bytes) -> bytes:
        """Return a packet before NEWKEYS."""
        self.sent += 1
        return packet(payload)

    def read_exchange(self, play: Playbook) -> None:
        """Read the client's KEXINIT and share from its bytes."""
        self.client_kexinit = take_packet(play.sent)
        share = take_packet(play.sent)
        assert share[:1] == b"\x1e"
        self.client_share = share[5:]
        self.received += 2

    def reply(
        self, *, blob: bytes | None = None, share: bytes | None = None, sign: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        """Return the payload of KEX_ECDH_REPLY; `sign` makes the signature blob from the exchange hash."""
        ours = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"share").digest())
        public = ours.public_key().public_bytes_raw() if share is None else share
        blob = self.blob if blob is None else blob
        k = ours.exchange(X25519PublicKey.from_public_bytes(self.client_share))
        self.k = number(int.from_bytes(k, "big"))
        strings = (self.client_line, self.line, self.client_kexinit, self.kexinit, blob, self.client_share, public)
        self.hash = hashlib.sha256(b"".join(map(text, strings)) + self.k).digest()
        signature = (sign or self._sign)(self.hash)
        return bytes((31,)) + text(blob) + text(public) + text(signature)

    def _sign(self, data: bytes) -> bytes:
        return text(b"ssh-ed25519") + text(self.host_key.sign(data))

    def _key(self, letter: bytes, size: int) -> bytes:
        return hashlib.sha256(self.k + self.hash + letter + self.hash).digest()[:size]

    def go_encrypted(self) -> bytes:
        """Return the NEWKEYS packet; packets of `sealed` follow it."""
        packets = self.clear(bytes((NEWKEYS,)))
        self._encrypt = Cipher(AES(self._key(b"D", 16)), CTR(self._key(b"B", 16))).encryptor()
        self._decrypt = Cipher(AES(self._key(b"C", 16)), CTR(self._key(b"A", 16))).decryptor()
        if self.strict:
            self.sent = 0
        return packets

    def sealed(self, *payloads: bytes) -> bytes:
        out = b""
        for payload in payloads:
            plain = packet(payload, block=16)
            tag = hmac.digest(self._key(b"F", 32), u32(self.sent) + plain, "sha256")
            out += self._encrypt.update(plain) + tag
            self.sent += 1
        return out

    def client_payloads(self, play: Playbook) -> list[bytes]:
        """Read the client's packets after its NEWKEYS, and check their MACs with our own count."""
        payloads = []
        while play.sent:
            head = self._decrypt.update(bytes(play.sent[:16]))
            length = int.from_bytes(head[:4], "big")
            plain = head + self._decrypt.update(bytes(play.sent[16 : 4 + length]))
            tag = bytes(play.sent[4 + length : 36 + length])
            assert tag == hmac.digest(self._key(b"E", 32), u32(self.received) + plain, "sha256")
            assert plain[4] >= 4
            payloads.append(plain[5 : 4 + length - plain[4]])
            del play.sent[: 36 + length]
            self.received += 1
        return payloads

    def client_newkeys(self, play: Playbook) -> None:
        assert take_packet(play.sent) == bytes((NEWKEYS,))
        self.received = 0 if self.strict else self.received + 1


def splits(data: bytes, sizes: Iterable[int]) -> Sequence[bytes]:
    """Return `data` in pieces of these sizes, and the rest."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]
