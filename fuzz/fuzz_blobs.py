"""Everything that is parsed out of one string: host keys, certificates, signatures, messages, lines, the data types.

The first byte of an input chooses the parser, the rest is what it gets. For messages the second byte of the input is
not the message number: that is put in front, so that no input is spent on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sshprobe.wire import events
from sshprobe.wire import messages as msg
from sshprobe.wire.codec import Reader, boolean, byte, mpint, name_list, string, uint32, uint64
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import OPTIONS, PRINCIPALS, parse_host_key
from sshprobe.wire.identification import IdentificationReader, parse_identification
from sshprobe.wire.public_keys import EdDSAParameters, HostKey, RSAParameters
from sshprobe.wire.signatures import verify, verify_certificate

ALGORITHMS = (
    "ssh-rsa",
    "rsa-sha2-512",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)


def _host_key(data: bytes) -> None:
    key = parse_host_key(data)
    assert key.blob == data
    assert key.type.isascii() and key.type.isprintable()
    assert key.fingerprint.startswith("SHA256:")
    repr(key)
    certificate = key.certificate
    if certificate is not None:
        assert len(certificate.principals) <= PRINCIPALS
        assert len(certificate.critical_options) <= OPTIONS
        assert len(certificate.extensions) <= OPTIONS
        assert certificate.signed_data + string(certificate.signature) == data
        plain = parse_host_key(key.plain_blob)
        assert plain.certificate is None
        assert plain.parameters == key.parameters
        assert certificate.ca_key.certificate is None
        if _cheap(certificate.ca_key):
            assert verify_certificate(certificate) in (True, False, None)


def _cheap(key: HostKey) -> bool:
    """Whether checking a signature of this key takes microseconds, not milliseconds."""
    parameters = key.parameters
    if isinstance(parameters, RSAParameters):
        return parameters.n.bit_length() <= 512 and parameters.e.bit_length() <= 32
    return parameters is None or isinstance(parameters, EdDSAParameters)


def _signature(data: bytes) -> None:
    """A host key, a signature (as strings), and one byte that chooses the algorithm."""
    reader = Reader(data, "input")
    blob, signature, choice = reader.string("key"), reader.string("signature"), reader.byte("algorithm")
    key = parse_host_key(blob)
    if _cheap(key):
        verified = verify(key, ALGORITHMS[choice % len(ALGORITHMS)], signature, b"an exchange hash")
        assert verified in (True, False, None)


def _line(data: bytes) -> None:
    found = parse_identification(data)
    assert found.raw == data
    parts = b"SSH-" + found.protocol + b"-" + found.software
    assert data == (parts if found.comments is None else parts + b" " + found.comments)


def _lines(data: bytes) -> None:
    """The same lines come out whole and in two pieces; the first byte says where the cut is."""
    cut = data[0] if data else 0
    whole = _read_lines([data[1:]])
    assert _read_lines([data[1 : 1 + cut], data[1 + cut :]]) == whole


def _read_lines(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    reader, buffer, lines = IdentificationReader(), bytearray(), []
    try:
        for piece in pieces:
            buffer += piece
            while (line := reader.next_line(buffer)) is not None:
                lines.append(line)
    except RemoteProtocolError as error:
        return lines, str(error)
    return lines, None


def _kexinit(data: bytes) -> None:
    parsed = msg.KexInit.parse(byte(msg.KEXINIT) + data)
    again = msg.KexInit.parse(parsed.encode())
    assert again == parsed


def _fields(data: bytes) -> None:
    """A byte for each field to read, then what to read them from."""
    count = data[0] % 32 if data else 0
    reader = Reader(data[1 + count :], "input")
    for choice in data[1 : 1 + count]:
        before = reader.remaining
        match choice % 8:
            case 0:
                number = reader.mpint("it")
                assert Reader(mpint(number), "again").mpint("it") == number
            case 1:
                names = reader.name_list("it")
                assert Reader(name_list(names), "again").name_list("it") == names or names == (b"",)
            case 2:
                reader.string("it")
            case 3:
                assert uint32(reader.uint32("it"))
            case 4:
                assert uint64(reader.uint64("it"))
            case 5:
                assert boolean(reader.boolean("it"))
            case 6:
                reader.byte("it")
            case 7:
                reader.rest()
                reader.end()
        assert 0 <= reader.remaining <= before


def _with_number(number: int, parse: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def parser(data: bytes) -> None:
        repr(parse(byte(number) + data))

    return parser


PARSERS: tuple[Callable[[bytes], None], ...] = (
    _host_key,
    _signature,
    _line,
    _lines,
    _kexinit,
    _fields,
    _with_number(msg.DISCONNECT, events.DisconnectReceived.parse),
    _with_number(msg.EXT_INFO, events.ExtensionsReceived.parse),
    _with_number(msg.USERAUTH_FAILURE, events.AuthenticationFailed.parse),
    _with_number(msg.USERAUTH_BANNER, events.AuthenticationBanner.parse),
)


def one_input(data: bytes) -> None:
    """Parse; only `RemoteProtocolError` may be raised."""
    if not data:
        return
    try:
        PARSERS[data[0] % len(PARSERS)](data[1:])
    except RemoteProtocolError as error:
        assert str(error).isascii() and str(error).isprintable()


def _for(parser: Callable[[bytes], None], data: bytes) -> bytes:
    return byte(PARSERS.index(parser)) + data


def example_keys() -> dict[str, bytes]:
    """A small, well-formed key blob of every type, of fixed bytes."""
    point = b"\x04" + bytes(range(64))
    application = string(b"ssh:")
    return {
        "ssh-rsa": string(b"ssh-rsa") + mpint(65537) + mpint((1 << 511) + 111),
        "ssh-dss": string(b"ssh-dss") + mpint((1 << 1023) + 9) + mpint((1 << 159) + 7) + mpint(2) + mpint(4),
        "ecdsa-sha2-nistp256": string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(point),
        "ecdsa-sha2-nistp384": string(b"ecdsa-sha2-nistp384") + string(b"nistp384") + string(b"\x02" + bytes(48)),
        "ecdsa-sha2-nistp521": string(b"ecdsa-sha2-nistp521") + string(b"nistp521") + string(b"\x04" + bytes(132)),
        "ssh-ed25519": string(b"ssh-ed25519") + string(bytes(range(32))),
        "ssh-ed448": string(b"ssh-ed448") + string(bytes(range(57))),
        "sk-ssh-ed25519@openssh.com": string(b"sk-ssh-ed25519@openssh.com") + string(bytes(range(32))) + application,
        "sk-ecdsa-sha2-nistp256@openssh.com": string(b"sk-ecdsa-sha2-nistp256@openssh.com")
        + string(b"nistp256")
        + string(point)
        + application,
        "ssh-foo@example.org": string(b"ssh-foo@example.org") + b"anything",
    }


def example_certificate(plain: bytes, ca_key: bytes) -> bytes:
    """A certificate around a key blob, with one of everything; its signature is wrong."""
    reader = Reader(plain, "key")
    name = reader.string("type").removesuffix(b"@openssh.com") + b"-cert-v01@openssh.com"
    option = string(b"force-command") + string(string(b"true"))
    return (
        string(name)
        + string(bytes(32))
        + reader.rest()
        + uint64(1)
        + uint32(2)
        + string(b"id")
        + string(string(b"a.example.org") + string(b"b.example.org"))
        + uint64(0)
        + uint64(2**64 - 1)
        + string(option)
        + string(string(b"no-touch-required") + string(b""))
        + string(b"")
        + string(ca_key)
        + string(string(b"ssh-ed25519") + string(bytes(64)))
    )


def seeds() -> Iterator[bytes]:
    """Well-formed inputs of every kind, the captured servers among them."""
    keys = example_keys()
    for name, blob in keys.items():
        yield _for(_host_key, blob)
        signature = string(name.encode()) + string(bytes(64)) + (bytes(5) if name.startswith("sk-") else b"")
        for choice in range(len(ALGORITHMS)):
            yield _for(_signature, string(blob) + string(signature) + byte(choice))
        if "foo" not in name:
            yield _for(_host_key, example_certificate(blob, keys["ssh-ed25519"]))
            yield _for(_host_key, example_certificate(blob, keys["ssh-rsa"]))
    numbers = string(mpint(5) + mpint(7))
    yield _for(
        _signature, string(keys["ecdsa-sha2-nistp256"]) + string(string(b"ecdsa-sha2-nistp256") + numbers) + b"\3"
    )
    for capture in sorted((Path(__file__).parents[1] / "tests" / "captures").rglob("*.bin")):
        line, _, packet = capture.read_bytes().partition(b"\n")
        yield _for(_line, line.rstrip(b"\r"))
        yield _for(_lines, b"\x05" + line + b"\n" + packet[:40])
        if len(packet) > 6 and packet[5] == msg.KEXINIT:
            yield _for(_kexinit, packet[6 : len(packet) - packet[4]])
    yield _for(_fields, bytes((8, *range(8))) + mpint(-5) + name_list([b"a", b"b"]) + string(b"x") + bytes(20))
    yield byte(6) + uint32(11) + string(b"bye") + string(b"")
    yield byte(7) + uint32(1) + string(b"server-sig-algs") + string(b"ssh-ed25519")
    yield byte(8) + name_list([b"publickey", b"password"]) + boolean(False)
    yield byte(9) + string(b"hello") + string(b"")
