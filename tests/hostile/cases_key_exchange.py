"""Servers whose key exchange, host key, proof or certificate is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sshprobe.model.records import HostRecord
from tests.hostile.case import Case
from tests.hostile.server import Peer, Script, number, random_bytes, text, u32

P_512 = 2**512 - 569
P_2048_EVEN = 2**2048 - 2
P_16384 = 2**16_384 - 1
GROUP_14 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
"""RFC 3526 section 3."""

GEX = "diffie-hellman-group-exchange-sha256"


def exchange(
    *,
    keys: list[str] | None = None,
    blob: Callable[[Peer], bytes] | None = None,
    sign: Callable[[Peer], bytes] | None = None,
    point: bytes | None = None,
) -> Script:
    """Run an honest server with these parts of its key exchange changed."""

    async def script(peer: Peer) -> None:
        peer.lists.keys = keys or peer.lists.keys
        await peer.serve("propose")
        await peer.exchange(blob=blob(peer) if blob else None, sign=sign, point=point)
        for step in (peer.newkeys, peer.service, peer.refuse, peer.hang):
            await step()

    return script


def reply(kex: str, public: bytes, *, requested: bool = False) -> Script:
    """Answer the first message of `kex` with this public value and an invalid signature."""

    async def script(peer: Peer) -> None:
        peer.lists.kex = [kex]
        await peer.serve("propose")
        await peer.agree()
        await peer.read()
        await peer.packet(b"\x1f" + text(peer.key_blob()) + public + text(text("ssh-ed25519") + text(bytes(64))))
        await peer.hang()

    return script


def group(p: int, g: int = 2, f: int | None = None) -> Script:
    """Offer a group exchange with this group, beside an honest exchange."""

    async def script(peer: Peer) -> None:
        peer.lists.kex = [*peer.lists.kex, GEX]
        await peer.serve("propose")
        await peer.agree()
        if peer.chosen() == GEX:
            await peer.group_exchange(p, g, f)
        else:
            await peer.exchange()
        for step in (peer.newkeys, peer.service, peer.refuse, peer.hang):
            await step()

    return script


async def group_that_claims_gigabytes(peer: Peer) -> None:
    peer.lists.kex = [*peer.lists.kex, GEX]
    await peer.serve("propose")
    await peer.agree()
    if peer.chosen() == GEX:
        await peer.read()
        await peer.packet(b"\x1f" + b"\xff\xff\xff\xff\x01")
        await peer.hang()
    await peer.exchange()
    for step in (peer.newkeys, peer.service, peer.refuse, peer.hang):
        await step()


def rsa_blob(e: int, n: int) -> bytes:
    return text("ssh-rsa") + number(e) + number(n)


def junk_signature(name: str, size: int = 64) -> Callable[[Peer], bytes]:
    return lambda peer: text(name) + text(random_bytes(size))


CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"


def certificate(**changed: bytes) -> Callable[[Peer], bytes]:
    """Return a certificate of the host's key, signed by an unknown CA, with these fields changed."""

    def build(peer: Peer) -> bytes:
        ca = Ed25519PrivateKey.generate()
        fields = {
            "nonce": text(random_bytes(32)),
            "key": text(peer.host_key.public_key().public_bytes_raw()),
            "serial": b"\xff" * 8,
            "type": u32(2),
            "key_id": text("host"),
            "principals": text(text("host.example.org")),
            "after": bytes(8),
            "before": b"\xff" * 8,
            "critical": text(b""),
            "extensions": text(b""),
            "reserved": text(b""),
            "ca": text(text("ssh-ed25519") + text(ca.public_key().public_bytes_raw())),
        } | {name: value for name, value in changed.items() if name != "signature"}
        signed = text(CERTIFICATE) + b"".join(fields.values())
        return signed + changed.get("signature", text(text("ssh-ed25519") + text(ca.sign(signed))))

    return build


def certified(**changed: bytes) -> Script:
    return exchange(keys=[CERTIFICATE], blob=certificate(**changed))


def key_is(**expected: Any) -> Callable[[HostRecord], bool]:
    """The observed host key has these values."""

    def check(record: HostRecord) -> bool:
        [key] = record.host_keys or []
        return all(getattr(key, name) == value for name, value in expected.items())

    return check


def no_key(record: HostRecord) -> bool:
    return record.host_keys == []


def another_key(record: HostRecord) -> bool:
    """The server sent another key than requested: it proves nothing, so nothing is compliant."""
    [key] = record.host_keys or []
    refused = key.type != key.signature_algorithm and key.signature_verified is False
    return refused and all(verdict.compliant is not True for verdict in record.verdicts)


def no_group(record: HostRecord) -> bool:
    """The record has no size that could pass: none, or a small one."""
    asked = record.group_exchange or []
    return bool(asked) and all(each.modulus_bits is None or each.modulus_bits < 1024 for each in asked)


UNPROVEN = key_is(signature_verified=False)
UNKNOWN = key_is(signature_verified=None)
HOSTILE_TEXT = b"\x1b]0;t\x07\xe2\x80\xae\xff\x00" * 20


def hostile_certificate(record: HostRecord) -> bool:
    [key] = record.host_keys or []
    seen = key.certificate
    return (
        seen is not None
        and all(text.isprintable() for text in [seen.key_id, *seen.principals, *seen.critical_options, seen.kind])
        and seen.ca_signature_verified is True
        and (seen.valid_after, seen.valid_before, seen.kind) == (2**64 - 1, 0, "4294967295")
    )


# A key that cannot be verified is a note, and mozilla-modern does not judge certificates. So a server without
# another fault complies.

CASES = [
    # proofs
    Case(
        "a signature of zeros",
        exchange(sign=lambda peer: text("ssh-ed25519") + text(bytes(64))),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case("a signature of other data", exchange(sign=junk_signature("ssh-ed25519")), "ok", also=UNPROVEN, connections=2),
    Case(
        "a signature of another algorithm",
        exchange(sign=junk_signature("rsa-sha2-512")),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case("no signature", exchange(sign=lambda peer: b""), "ok", also=UNPROVEN, connections=2),
    Case(
        "a signature that claims gigabytes",
        exchange(sign=lambda peer: b"\xff" * 20),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case(
        "a signature with a tail",
        exchange(sign=lambda peer: peer.signature() + b"x"),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case(
        "a signature by another key",
        exchange(sign=lambda peer: text("ssh-ed25519") + text(Ed25519PrivateKey.generate().sign(peer.hash))),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case(
        "a key of small order, for which anyone can sign",
        exchange(blob=lambda peer: text("ssh-ed25519") + text(bytes(32)), sign=junk_signature("ssh-ed25519")),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case(
        "RSA with exponent 1",
        exchange(
            keys=["rsa-sha2-512"],
            blob=lambda peer: rsa_blob(1, 2**4096 - 1),
            sign=lambda peer: text("rsa-sha2-512") + text(bytes(512)),
        ),
        "ok",
        also=UNPROVEN,
        connections=2,
    ),
    Case(
        "RSA of 20,000 bits, which nobody verifies",
        exchange(
            keys=["rsa-sha2-512"],
            blob=lambda peer: rsa_blob(65_537, 2**20_000 - 1),
            sign=junk_signature("rsa-sha2-512"),
        ),
        "ok",
        also=UNKNOWN,
    ),
    Case(
        "RSA with an exponent of 200,000 bits",
        exchange(
            keys=["rsa-sha2-512"],
            blob=lambda peer: rsa_blob(2**100_000 + 1, 2**130_000 - 1),
            sign=junk_signature("rsa-sha2-512"),
        ),
        "ok",
        also=UNKNOWN,
        bytes_accepted=40_000,
    ),
    Case(
        "DSA with numbers of 60,000 bits",
        exchange(
            keys=["ssh-dss"],
            blob=lambda peer: text("ssh-dss") + number(2**60_000 + 1) * 2 + number(2) + number(3),
            sign=junk_signature("ssh-dss", 40),
        ),
        "ok",
        bytes_accepted=40_000,
    ),
    # host keys
    Case(
        "no host key", exchange(blob=lambda peer: b""), "partial", "no ssh-ed25519 host key", connections=2, also=no_key
    ),
    Case(
        "a host key that claims gigabytes",
        exchange(blob=lambda peer: b"\xff" * 51),
        "partial",
        "host key ends within",
        connections=2,
        also=no_key,
    ),
    Case(
        "a host key whose number claims gigabytes",
        exchange(blob=lambda peer: text("ssh-ed25519") + b"\x7f\xff\xff\xff" + bytes(32)),
        "partial",
        "host key ends within public key",
        connections=2,
        also=no_key,
    ),
    Case(
        "a host key of 31 bytes",
        exchange(blob=lambda peer: text("ssh-ed25519") + text(bytes(31))),
        "partial",
        "31 bytes",
        connections=2,
        also=no_key,
    ),
    Case(
        "a host key of another type than asked",
        exchange(blob=lambda peer: rsa_blob(65_537, 2**2048 + 1)),
        "partial",
        "another type than was asked for",
        connections=2,
        also=another_key,
    ),
    Case(
        "a host key of a type that nobody knows",
        exchange(blob=lambda peer: text("\x1b[2Jkey") + text(bytes(31))),
        "partial",
        "another type than was asked for",
        connections=2,
        also=another_key,
    ),
    Case(
        "RSA with a negative modulus",
        exchange(keys=["rsa-sha2-512"], blob=lambda peer: text("ssh-rsa") + number(65_537) + number(-5)),
        "partial",
        "not positive",
        connections=2,
        also=no_key,
    ),
    # certificates
    Case("a certificate in order", certified(), "ok", compliant=True, also=key_is(signature_verified=True)),
    Case(
        "a certificate with hostile fields",
        certified(
            type=b"\xff" * 4,
            key_id=text(HOSTILE_TEXT),
            principals=text(text(HOSTILE_TEXT) * 9),
            after=b"\xff" * 8,
            before=bytes(8),
            critical=text((text(HOSTILE_TEXT) + text(b"")) * 9),
        ),
        "ok",
        compliant=True,
        also=hostile_certificate,
    ),
    Case(
        "a certificate signed by nobody",
        certified(signature=text(text("ssh-ed25519") + text(bytes(64)))),
        "ok",
        "the CA's signature of the ssh-ed25519-cert-v01@openssh.com host key is wrong",
        compliant=True,
        also=lambda record: (
            [key.certificate.ca_signature_verified for key in record.host_keys or () if key.certificate] == [False]
        ),
    ),
    Case(
        "a certificate with 1000 principals",
        certified(principals=text(text("a") * 1000)),
        "partial",
        "more than 256 principals",
        connections=2,
        bytes_accepted=40_000,
    ),
    Case(
        "a certificate with principals cut",
        certified(principals=text(b"\xff\xff\xff\xff")),
        "partial",
        "ends within a principal",
        connections=2,
    ),
    Case(
        "a certificate whose CA claims gigabytes",
        certified(ca=text(b"\xff" * 9)),
        "partial",
        "CA key ends within",
        connections=2,
    ),
    Case(
        "a certificate whose CA is a certificate",
        certified(ca=text(text(CERTIFICATE))),
        "partial",
        "is itself a certificate",
        connections=2,
    ),
    # elliptic curves
    Case("x25519 of zeros", exchange(point=bytes(32)), "partial", "not a point on the curve", connections=2),
    Case("x25519 of 31 bytes", exchange(point=bytes(31)), "partial", "not a point on the curve", connections=2),
    Case("x25519 of nothing", exchange(point=b""), "partial", "not a point on the curve", connections=2),
    Case(
        "P-256 off the curve",
        reply("ecdh-sha2-nistp256", text(b"\x04" + b"\x05" * 64)),
        "partial",
        "not a point on the curve",
        connections=2,
    ),
    Case(
        "P-256 at infinity",
        reply("ecdh-sha2-nistp256", text(b"\x00")),
        "partial",
        "not a point on the curve",
        connections=2,
    ),
    Case(
        "P-521 of P-256's length",
        reply("ecdh-sha2-nistp521", text(b"\x04" + bytes(64))),
        "partial",
        "not a point on the curve",
        connections=2,
    ),
    Case(
        "ML-KEM of the wrong length",
        reply("mlkem768x25519-sha256", text(bytes(99))),
        "partial",
        "wrong length",
        connections=2,
    ),
    Case(
        "a point that claims gigabytes",
        reply("ecdh-sha2-nistp256", b"\xff" * 9),
        "partial",
        "ends within Q_S",
        connections=2,
    ),
    Case(
        "sntrup761, whose proof cannot be checked",
        reply("sntrup761x25519-sha512", text(bytes(1039) + b"\x09" + bytes(31))),
        "partial",
        "no authentication methods",
        connections=2,
        also=UNKNOWN,
    ),
    # finite fields
    Case(
        "f = 0",
        reply("diffie-hellman-group14-sha256", number(0)),
        "partial",
        "public value is out of range",
        connections=2,
    ),
    Case(
        "f = 1",
        reply("diffie-hellman-group14-sha256", number(1)),
        "partial",
        "public value is out of range",
        connections=2,
    ),
    Case(
        "f = -1",
        reply("diffie-hellman-group14-sha256", number(-1)),
        "partial",
        "public value is out of range",
        connections=2,
    ),
    Case(
        "f = p - 1",
        reply("diffie-hellman-group14-sha256", number(GROUP_14 - 1)),
        "partial",
        "public value is out of range",
        connections=2,
    ),
    Case(
        "f = p",
        reply("diffie-hellman-group14-sha256", number(GROUP_14)),
        "partial",
        "public value is out of range",
        connections=2,
    ),
    Case(
        "f of 200,000 bits",
        reply("diffie-hellman-group14-sha256", number(2**200_000)),
        "partial",
        "public value is out of range",
        connections=2,
        bytes_accepted=120_000,
    ),
    Case("a group of 16,384 bits", group(P_16384), "ok", "(16384 bits)", connections=2, also=no_group),
    Case("an even modulus", group(P_2048_EVEN), "ok", "even or tiny", connections=2, also=no_group),
    Case("an even modulus of 4096 bits", group(2**4095), "ok", "even or tiny", connections=2, also=no_group),
    Case("p = 1", group(1), "ok", "even or tiny", connections=2, also=no_group),
    Case("p = 0", group(0), "ok", "even or tiny", connections=2, also=no_group),
    Case("p = -7", group(-7), "ok", "even or tiny", connections=2, also=no_group),
    Case("g = 1", group(GROUP_14, 1), "ok", "no group", connections=2, also=no_group),
    Case("g = p - 1", group(GROUP_14, GROUP_14 - 1), "ok", "no group", connections=2, also=no_group),
    Case("a modulus that claims gigabytes", group_that_claims_gigabytes, "ok", connections=3, also=no_group),
    Case(
        "a modulus of 512 bits",
        group(P_512),
        "ok",
        also=lambda record: [asked.modulus_bits for asked in record.group_exchange or ()] == [512],
    ),
    Case("f = 0 in a group of the server's", group(GROUP_14, f=0), "ok", connections=3),
    Case("f = p in a group of the server's", group(GROUP_14, f=GROUP_14), "ok", connections=3),
]
