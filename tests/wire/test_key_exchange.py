"""Every method, cipher, MAC and host key type, against servers that share no code with us.

asyncssh supports all except `curve448-sha512@libssh.org` (another name of `curve448-sha512`),
`rijndael-cbc@lysator.liu.se` (another name of `aes256-cbc`) and both names of sntrup761x25519. OpenSSH has the last
two. asyncssh uses the same library for ML-KEM as we do, so OpenSSH 10 must agree too.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sshprobe.lab.asyncssh_server import AsyncSSHServer, Preset
from sshprobe.lab.openssh import OpenSSHServer, find_openssh
from sshprobe.wire.errors import LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import (
    AuthenticationFailed,
    Event,
    ExtensionsReceived,
    GroupReceived,
    HostKeyReceived,
)
from sshprobe.wire.handshake import new_key_exchange
from sshprobe.wire.host_keys import expected_blob_type
from sshprobe.wire.kex.dh import GroupExchange
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import unimplemented
from sshprobe.wire.public_keys import HOST
from sshprobe.wire.signatures import verify_certificate
from sshprobe.wire.suites import CIPHERS, MACS, Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.installed import need
from tests.wire.interview import interview, only
from tests.wire.playbook import ScriptedServer, client_starts, number, opened, packet, take_outgoing, take_packet, text

# asyncssh's side raises it; the filter of `AsyncSSHServer` does not outlive the test in which the server started.
pytestmark = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
on_one_loop = pytest.mark.asyncio(loop_scope="module")

OF_ASYNCSSH = {name.decode("ascii") for name in (*get_kex_algs(), *get_encryption_algs(), *get_mac_algs())}
KEX = [name for name in METHODS if name in OF_ASYNCSSH]
KEYS = ["ssh-rsa:2048", "ssh-dss", "ssh-ed25519", "ssh-ed448", *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521))]
KEY_ALGORITHMS = [
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
    *(f"ssh-rsa-sha{bits}@ssh.com" for bits in (224, 256, 384, 512)),
    "ssh-dss",
    "ssh-ed25519",
    "ssh-ed448",
    *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)),
]
CERTIFIED = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448", *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521))]
GCM = Suite("aes128-gcm@openssh.com", "aes128-gcm@openssh.com", "hmac-sha2-256", "hmac-sha2-256")
EVERYTHING = Preset(
    "every algorithm that asyncssh and we speak",
    host_keys=KEYS,
    kex=KEX,
    ciphers=[name for name in CIPHERS if name in OF_ASYNCSSH],
    macs=[name for name in MACS if name in OF_ASYNCSSH],
    compression=("none",),
    options={"signature_algs": [name.decode("ascii") for name in get_public_key_algs()]},
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[AsyncSSHServer]:
    async with AsyncSSHServer(EVERYTHING) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as running:
        yield running


def address(server: Any) -> tuple[str, int]:
    return server.host, server.port


def check_answers(events: list[Event]) -> None:
    """EXT_INFO and the methods arrived, so both directions were encrypted and every MAC was right."""
    names = [name for event in events if isinstance(event, ExtensionsReceived) for name, _ in event.extensions]
    assert b"server-sig-algs" in names
    assert b"publickey" in only(events, AuthenticationFailed).methods


def test_what_asyncssh_lacks() -> None:
    assert set(METHODS) - OF_ASYNCSSH == {
        "curve448-sha512@libssh.org",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
    }
    assert METHODS["curve448-sha512@libssh.org"].detail == METHODS["curve448-sha512"].detail
    assert METHODS["curve448-sha512@libssh.org"].hash == METHODS["curve448-sha512"].hash
    assert set(CIPHERS) - OF_ASYNCSSH == {"rijndael-cbc@lysator.liu.se"}
    assert CIPHERS["rijndael-cbc@lysator.liu.se"] == CIPHERS["aes256-cbc"]
    assert set(MACS) <= OF_ASYNCSSH


@on_one_loop
@pytest.mark.parametrize("kex", KEX)
async def test_method(server: AsyncSSHServer, kex: str) -> None:
    events = await interview(address(server), kex, "ssh-ed25519", suite=GCM)
    shown = only(events, HostKeyReceived)
    assert shown.signature_verified is True
    assert shown.kex_algorithm == kex
    assert shown.host_key.fingerprint == server.fingerprints["ssh-ed25519"]
    check_answers(events)


@on_one_loop
@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
async def test_host_key(server: AsyncSSHServer, algorithm: str) -> None:
    events = await interview(address(server), "curve25519-sha256", algorithm)
    shown = only(events, HostKeyReceived)
    assert shown.signature_verified is True
    assert shown.signature_algorithm == algorithm
    assert shown.host_key.type == expected_blob_type(algorithm)
    assert shown.host_key.fingerprint == server.fingerprints[shown.host_key.type]


@on_one_loop
@pytest.mark.parametrize("cipher", EVERYTHING.ciphers or ())
async def test_cipher(server: AsyncSSHServer, cipher: str) -> None:
    """Each direction alone, so that a double mistake does not cancel out, and byte by byte."""
    plain = "hmac-sha2-512"
    for suite in (Suite(cipher, "aes128-ctr", plain, plain), Suite("aes128-ctr", cipher, plain, plain)):
        events = await interview(address(server), "curve25519-sha256", "ssh-ed25519", suite=suite)
        check_answers(events)
    both = Suite(cipher, cipher, "hmac-sha1-etm@openssh.com", "hmac-sha1-etm@openssh.com")
    check_answers(await interview(address(server), "curve25519-sha256", "ssh-ed25519", suite=both, pieces=1))


@on_one_loop
@pytest.mark.parametrize("mac", EVERYTHING.macs or ())
@pytest.mark.parametrize("cipher", ["aes192-ctr", "3des-cbc"])
async def test_mac(server: AsyncSSHServer, mac: str, cipher: str) -> None:
    other = "hmac-sha2-256"
    for suite in (Suite(cipher, cipher, mac, other), Suite(cipher, cipher, other, mac)):
        check_answers(await interview(address(server), "curve25519-sha256", "ssh-ed25519", suite=suite))


@on_one_loop
@pytest.mark.parametrize("kex", [name for name in KEX if METHODS[name].kind == "gex"])
async def test_group_exchange_shows_the_group(server: AsyncSSHServer, kex: str) -> None:
    events = await interview(address(server), kex, "ssh-ed25519", request=GroupExchangeRequest(2048, 2048, 2048))
    assert only(events, GroupReceived).modulus.bit_length() == 2048
    assert only(events, HostKeyReceived).signature_verified is True


@on_one_loop
async def test_old_request_form(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server from before RFC 4419: asyncssh still supports message 30, and the relay rejects 34."""
    # Strict key exchange, which no such server has, would forbid the UNIMPLEMENTED.
    monkeypatch.setattr(asyncssh.SSHServerConnection, "_get_extra_kex_algs", lambda self: [b"ext-info-s"])
    kex = "diffie-hellman-group-exchange-sha1"
    old = await stack.enter_async_context(AsyncSSHServer(Preset("old", host_keys=("ssh-ed25519",), kex=(kex,))))
    refused: list[int] = []

    def meddler(data: bytes, client: ClientTransport) -> bytes:
        if not data or data.startswith(b"SSH-") or refused:
            return data
        buffer = bytearray(data)
        first, second = take_packet(buffer), take_packet(buffer)
        assert (first[0], second[0]) == (20, 34)
        refused.append(second[0])
        client.receive_data(packet(unimplemented(1)))
        assert client.next_event() is NEED_DATA
        return packet(first) + take_outgoing(client)

    events = await interview(address(old), kex, "ssh-ed25519", meddler=meddler)
    assert refused == [34]
    # Our request is (n), and so is the hash: for 1024 bits, asyncssh sends its smallest group.
    assert only(events, GroupReceived).modulus.bit_length() >= 1024
    assert only(events, HostKeyReceived).signature_verified is True


@on_one_loop
@pytest.mark.parametrize("plain", CERTIFIED)
async def test_certificate(stack: AsyncExitStack, plain: str) -> None:
    sizes: dict[str, Any] = {"key_size": 2048} if plain == "ssh-rsa" else {}
    key = asyncssh.generate_private_key(plain, **sizes)
    ca = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    certificate = ca.generate_host_certificate(
        key, "the id", serial=7, principals=["a.example.org", "b.example.org"], valid_after=1000, valid_before=2**33
    )
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        config=None,
        server_host_keys=[key],
        server_host_certs=[certificate],
        kex_algs=["curve25519-sha256"],
        encryption_algs=["aes128-gcm@openssh.com"],
        signature_algs=[name.decode("ascii") for name in get_public_key_algs()],
    )
    try:
        names = [f"{plain}-cert-v01@openssh.com"]
        if plain == "ssh-rsa":
            names += ["rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"]
        for name in names:
            events = await interview(("127.0.0.1", acceptor.get_port()), "curve25519-sha256", name, suite=GCM)
            shown = only(events, HostKeyReceived)
            assert shown.signature_verified is True
            found = shown.host_key.certificate
            assert found is not None
            assert (found.kind, found.serial, found.key_id) == (HOST, 7, b"the id")
            assert found.principals == (b"a.example.org", b"b.example.org")
            assert (found.valid_after, found.valid_before) == (1000, 2**33)
            assert found.ca_key.blob == ca.public_data
            assert verify_certificate(found) is True
            assert shown.host_key.fingerprint == key.get_fingerprint()
            only(events, AuthenticationFailed)
    finally:
        acceptor.close()
        await acceptor.wait_closed()


@on_one_loop
async def test_openssh(stack: AsyncExitStack) -> None:
    """Everything that the system's OpenSSH and we support, including certificates."""
    found = find_openssh()
    need(found, "OpenSSH's sshd", "openssh-server")
    names = [name for name in METHODS if name in SYSTEM_KEX]
    server = await stack.enter_async_context(
        OpenSSHServer(found[0], host_keys=("ed25519",), config_lines=[f"KexAlgorithms {','.join(names)}"])
    )
    for name in names:
        events = await interview(address(server), name, "ssh-ed25519", suite=GCM if METHODS[name].verifiable else None)
        shown = only(events, HostKeyReceived)
        assert shown.host_key.fingerprint == server.fingerprints["ssh-ed25519"], name
        assert shown.signature_verified is (True if METHODS[name].verifiable else None), name


SYSTEM_KEX = {
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
}
"""Of OpenSSH since 9.0."""


@on_one_loop
async def test_openssh_ciphers(stack: AsyncExitStack) -> None:
    found = find_openssh()
    need(found, "OpenSSH's sshd", "openssh-server")
    ciphers = [name for name in CIPHERS if name != "rijndael-cbc@lysator.liu.se"]
    macs = [name for name in MACS if "-sha1-96" not in name or "etm" not in name]
    lines = [f"Ciphers {','.join(ciphers)}", f"MACs {','.join(macs)}"]
    server = await stack.enter_async_context(OpenSSHServer(found[0], host_keys=("ed25519",), config_lines=lines))
    plain = "hmac-sha2-256"
    suites = [Suite(cipher, cipher, plain, plain) for cipher in ciphers]
    suites += [Suite("aes256-cbc", "aes256-ctr", mac, mac) for mac in macs]
    for suite in suites:
        events = await interview(address(server), "curve25519-sha256", "ssh-ed25519", suite=suite)
        check_answers(events)


@on_one_loop
@pytest.mark.parametrize("kex", ["mlkem768x25519-sha256", "sntrup761x25519-sha512"])
async def test_openssh_10(stack: AsyncExitStack, kex: str) -> None:
    found = find_openssh(minimum=(10, 0))
    need(found, "OpenSSH 10", "openssh-server of bookworm-backports")
    server = await stack.enter_async_context(
        OpenSSHServer(found[0], host_keys=("ed25519",), config_lines=[f"KexAlgorithms {kex}"])
    )
    verifiable = METHODS[kex].verifiable
    events = await interview(address(server), kex, "ssh-ed25519", suite=GCM if verifiable else None)
    shown = only(events, HostKeyReceived)
    assert shown.host_key.fingerprint == server.fingerprints["ssh-ed25519"]
    assert shown.signature_verified is (True if verifiable else None)
    if verifiable:
        check_answers(events)


@pytest.mark.parametrize("tampered", [False, True])
@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
def test_security_key(kind: str, tampered: bool) -> None:
    """No server here can have a security key, so the test signs itself (PROTOCOL.u2f)."""
    server = ScriptedServer()
    private = ec.derive_private_key(7, ec.SECP256R1())
    point = private.public_key().public_numbers()
    q = b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    public = text(server.host_key.public_key().public_bytes_raw()) if "ed25519" in kind else text(b"nistp256") + text(q)
    blob = text(kind.encode()) + public + text(b"ssh:")

    def sign(exchange_hash: bytes) -> bytes:
        tail = b"\x01\x00\x00\x00\x09"
        message = hashlib.sha256(b"ssh:").digest() + tail + hashlib.sha256(exchange_hash).digest()
        if "ed25519" in kind:
            raw = server.host_key.sign(message)
        else:
            r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
            raw = number(r) + number(s)
        return text(kind.encode()) + text(raw) + (b"\x05" + tail[1:] if tampered else tail)

    play = opened(server.line, server.kexinit)
    client_starts(key=kind)(play)
    play._collect()
    server.read_exchange(play)
    play.feed(packet(server.reply(blob=blob, sign=sign)))
    event = play.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert event.host_key.type == kind
    assert event.signature_verified is not tampered


@pytest.mark.parametrize("name", METHODS)
def test_every_method_starts(name: str) -> None:
    method, run = METHODS[name], new_key_exchange(name)
    assert (run.name, run.exchange_hash) == (name, method.hash)
    assert run.first[0] == (34 if method.kind == "gex" else 30)
    read = run.read_group if isinstance(run, GroupExchange) else run.read_reply
    with pytest.raises(RemoteProtocolError, match="ends within"):
        read(b"\x1f")


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("ecdh-sha2-")])
def test_the_name_says_the_hash(name: str) -> None:
    assert name.partition("@")[0].endswith(f"-{METHODS[name].hash}")


def test_an_unknown_method() -> None:
    with pytest.raises(LocalProtocolError, match="no key exchange 'ext-info-s' here"):
        new_key_exchange("ext-info-s")
