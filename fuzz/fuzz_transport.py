"""A whole connection: a fuzzed server against `ClientTransport`, up to the answer to the "none" request.

Arbitrary bytes would end at the identification, so most inputs are a script:

    byte 0      bits 0-1  the key exchange method; bits 2-3 the host key algorithm; bit 4 continue encrypted;
                bit 5     also feed it in other pieces and expect the same; bit 6 the server closes at the end;
                bit 7     the rest is the raw data of the server: no script
    the rest    a line up to LF (none: a usual identification), then steps:
                a tag modulo 8:  0 a payload, 1 raw bytes, 2 a payload with other padding, 3 a KEXINIT,
                4 a KEXINIT with the strict marker, 5 the reply of the method, 6 a group, 7 one of `SMALL`
                for 0 to 2 two bytes of length and as many of data follow, for 5 to 7 one byte

Payloads become unencrypted packets, after NEWKEYS too: keys are disabled, and `fuzz_ciphers` tests them. The group of a
group exchange is tiny, so that an input costs no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.fuzz_blobs import example_certificate, example_keys
from sshprobe.wire import messages as msg
from sshprobe.wire.codec import byte, mpint, name_list, string, uint32
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import Event, HostKeyReceived, KexInitReceived
from sshprobe.wire.kex.exchange import Secrets
from sshprobe.wire.limits import CONNECTION_BYTES, IDENTIFICATION_LINE, PACKET_LENGTH
from sshprobe.wire.messages import KexInit
from sshprobe.wire.states import State
from sshprobe.wire.suites import Suite, choose_suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport, open_plain, strip_padding

METHODS = (
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group-exchange-sha1",
    "sntrup761x25519-sha512",
    "curve25519-sha256",
)
HOST_KEY_ALGORITHMS = ("ssh-ed25519", "rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com", "ssh-foo@example.org")
BYTE_LIMIT = 16_384
"""Low, so that inputs of a few kilobytes can pass it."""

_KEYS = example_keys()
_CERTIFICATE = example_certificate(_KEYS["ssh-ed25519"], _KEYS["ssh-rsa"])
_BASE_POINT = byte(9) + bytes(31)  # of X25519

SMALL = (
    byte(msg.NEWKEYS),
    byte(msg.IGNORE) + string(b"x"),
    byte(msg.DEBUG) + b"\x01" + string(b"x") + string(b""),
    msg.unimplemented(1),
    byte(msg.SERVICE_ACCEPT) + string(b"ssh-userauth"),
    byte(msg.EXT_INFO) + uint32(1) + string(b"server-sig-algs") + string(b"ssh-ed25519"),
    byte(msg.USERAUTH_BANNER) + string(b"hello") + string(b""),
    byte(msg.USERAUTH_FAILURE) + name_list([b"publickey"]) + b"\x00",
    byte(msg.USERAUTH_SUCCESS),
    msg.disconnect(b"bye"),
)


class _WithoutKeys(ClientTransport):
    """Stays in clear after NEWKEYS."""

    @staticmethod
    def _make_ciphers(suite: Suite, secrets: Secrets) -> tuple[None, None]:
        return None, None


def _kexinit(*, strict: bool, guess: bool = False) -> bytes:
    kex = [name.encode() for name in METHODS] + (list(msg.STRICT_KEX_SERVER) if strict else [])
    keys = [name.encode() for name in HOST_KEY_ALGORITHMS]
    lists = [kex, keys, [b"aes128-ctr"], [b"aes128-ctr"], [b"hmac-sha2-256"], [b"hmac-sha2-256"], [b"none"], [b"none"]]
    return byte(20) + bytes(16) + b"".join(map(name_list, lists)) + bytes(8) + byte(guess) + bytes(4)


def _reply(method: str, choice: int) -> bytes:
    host_key = (*_KEYS.values(), _CERTIFICATE)[choice % (len(_KEYS) + 1)]
    signature = string(string(b"ssh-ed25519") + string(bytes(64)))
    if method.startswith("diffie"):
        return byte(33) + string(host_key) + mpint(5 if choice < 240 else choice - 241) + signature
    public = _BASE_POINT if method.startswith("curve") else bytes(1039) + _BASE_POINT
    return byte(31) + string(host_key) + string(public) + signature


def _group(choice: int) -> bytes:
    modulus, generator = ((23, 2), (23, 5), (47, 22), (47, 1), (24, 2), (0, 0), (-23, 2), (1 << 8192, 3))[choice % 8]
    return byte(31) + mpint(modulus) + mpint(generator)


def packet(payload: bytes, extra: int = 0) -> bytes:
    """A packet without encryption, with `extra` blocks of padding, all of it zeros."""
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 * (extra % 30) + (8 if padding < 4 else 0)
    return (1 + len(payload) + padding).to_bytes(4, "big") + byte(padding) + payload + bytes(padding)


def stream(data: bytes) -> bytes:
    """What the server of the script `data` sends."""
    flags, rest = data[0], data[1:]
    if flags & 0x80:
        return rest
    line, newline, rest = rest.partition(b"\n")
    out = [line + newline if newline and line else b"SSH-2.0-fuzzed\r\n"]
    if not newline:
        rest = line
    method, at = METHODS[flags & 3], 0
    while at < len(rest):
        tag = rest[at] % 8
        at += 1
        if tag < 3:
            length = int.from_bytes(rest[at : at + 2], "big")
            piece = rest[at + 2 : at + 2 + length]
            out.append(packet(piece) if tag == 0 else piece if tag == 1 else packet(piece, length))
            at += 2 + length
        elif tag < 5:
            out.append(packet(_kexinit(strict=tag == 4, guess=rest[at - 1] >= 128)))
        else:
            choice = rest[at] if at < len(rest) else 0
            payload = _reply(method, choice) if tag == 5 else _group(choice) if tag == 6 else SMALL[choice % len(SMALL)]
            out.append(packet(payload))
            at += 1
    return b"".join(out)


def converse(flags: int, pieces: Sequence[bytes], *, early: bool = False) -> tuple[list[Event], str | None, bytes]:
    """Feed the pieces. Returns the events, the error if there was one, and the numbers of the messages we sent.

    `early` starts the key exchange before anything has come.

    Asserts what must hold whatever a server does: no more steps than bytes, no more held than allowed, only
    whole packets sent, and silence once it is over.
    """
    transport = _WithoutKeys(b"SSH-2.0-fuzz", byte_limit=BYTE_LIMIT)
    if early:
        lists = KexInit.parse(_kexinit(strict=False))
        algorithm = HOST_KEY_ALGORITHMS[flags >> 2 & 3]
        transport.start_key_exchange(METHODS[flags & 3], algorithm, suite=choose_suite(lists), expected=lists)
    events: list[Event] = []
    error = None
    received = 0
    for piece in pieces:
        transport.receive_data(piece)
        received += len(piece)
        error = _drain(transport, flags, events, received)
        held = len(transport._in)
        assert held <= BYTE_LIMIT
        if error is None and transport.state not in (State.CHOOSING, State.SERVER_NEWKEYS):
            assert held <= max(PACKET_LENGTH + 4, IDENTIFICATION_LINE) or transport.state is State.CLOSED
        if error is not None:
            break
    if error is None and flags & 0x40:
        transport.receive_eof()
        error = _drain(transport, flags, events, received)
    sent, transport.outgoing = _sent(transport.outgoing), b""
    if transport.state is State.CLOSED:
        assert transport.next_event() is NEED_DATA
        transport.receive_data(b"more")
        assert transport.next_event() is NEED_DATA
        transport.disconnect(b"bye")
        assert transport.outgoing == b""
    return events, error, sent


def _drain(transport: ClientTransport, flags: int, events: list[Event], received: int) -> str | None:
    while True:
        try:
            event = transport.next_event()
        except RemoteProtocolError as error:
            assert transport.state is State.CLOSED
            assert str(error).isascii() and str(error).isprintable()
            return str(error)
        if not isinstance(event, Event):
            assert event is NEED_DATA
            return None
        assert not flags & 0x20 or repr(event)
        events.append(event)
        assert len(events) <= received + 2
        if isinstance(event, KexInitReceived) and transport.state is State.CHOOSING:
            algorithm = HOST_KEY_ALGORITHMS[flags >> 2 & 3]
            transport.start_key_exchange(METHODS[flags & 3], algorithm, suite=choose_suite(event.kexinit))
        elif isinstance(event, HostKeyReceived) and flags & 0x10 and event.can_encrypt:
            transport.request_authentication_methods(b"root")


def _sent(data: bytes) -> bytes:
    line, _, rest = data.partition(b"\r\n")
    assert line == b"SSH-2.0-fuzz"
    buffer, numbers = bytearray(rest), bytearray()
    while (body := open_plain(buffer)) is not None:
        numbers.append(strip_padding(body)[0])
    assert not buffer
    return bytes(numbers)


def one_input(data: bytes) -> None:
    """Run one script; with bit 5 also in about twenty pieces, which must change nothing, and all that started early."""
    if not data:
        return
    sent_by_server = stream(data)
    whole = converse(data[0], [sent_by_server])
    if data[0] & 0x20:
        size = 1 + len(sent_by_server) // 20
        pieces = [sent_by_server[at : at + size] for at in range(0, len(sent_by_server), size)]
        assert converse(data[0], pieces) == whole
        assert converse(data[0], pieces, early=True) == converse(data[0], [sent_by_server], early=True)


def seeds() -> Iterator[bytes]:
    """Every path through a connection that goes well, many that do not, and the captured servers."""
    up_to_key = {0: b"\x03\x06\x00\x05\x05", 1: b"\x03\x06\x01\x05\x05", 2: b"\x03\x05\x05", 3: b"\x03\x05\x05"}
    rest = b"\x07\x00\x07\x05\x07\x04\x07\x06\x07\x07"
    for method, start in up_to_key.items():
        for key, algorithm in ((5, 0), (0, 1), (10, 2), (9, 3)):
            flags = method | algorithm << 2 | 0x70
            steps = start[:-1] + byte(key)
            yield byte(flags) + b"\n" + steps + rest
            yield byte(flags) + b"hello\nSSH-1.99-x y\n" + b"\x04" + steps[1:] + rest
            yield byte(flags) + b"\n\x83\x07\x03" + steps[1:] + rest + b"\x07\x09"
    yield b"\x70\n\x03\x07\x03\x06\x00\x05\x05" + rest  # UNIMPLEMENTED: the old form
    yield b"\x70\n\x07\x01\x04\x07\x01\x06\x00\x05\x05" + rest  # IGNORE before a strict KEXINIT
    yield b"\x70\n\x03\x00\x00\x09\x1f" + bytes(8) + b"\x01\x00\x05hello\x02\x00\x0a\x02" + bytes(9)
    yield b"\xf0" + b"GET / HTTP/1.0\r\n\r\n" * 4
    for capture in sorted((Path(__file__).parents[1] / "tests" / "captures").rglob("*.bin")):
        for flags in range(0xF0, 0xF4):
            yield byte(flags) + capture.read_bytes()


assert BYTE_LIMIT <= CONNECTION_BYTES
