"""Exchanges of one string each way: ECDH (RFC 5656, 8731) and its hybrids with a post-quantum KEM (RFC 10042, 9941).

    30 Q_C, 31 K_S Q_S signature

ECDH encodes K as mpint. The hybrids hash both secrets together and encode the digest as string; their public strings
are the KEM part followed by the curve part.

sntrup761 is not computed. A server takes any 1158 bytes for a public key and shows its host key; the secret stays
unknown and the signature unverified.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sshprobe.wire.codec import byte, mpint, read_strings, string
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.kex.exchange import HASHES, Curve, KeyExchange, KeyPairs, Reply
from sshprobe.wire.messages import KEX_ECDH_INIT

_REPLY = ("K_S", "Q_S", "signature")

_INIT = byte(KEX_ECDH_INIT)

_BAD_POINT = "the server's public value is not a point on the curve"


class _Montgomery:
    """X25519 and X448 (RFC 7748)."""

    def __init__(self, *, wide: bool) -> None:
        self._private: Any = (X448PrivateKey if wide else X25519PrivateKey).generate()
        self._read = (X448PublicKey if wide else X25519PublicKey).from_public_bytes
        self.public: bytes = self._private.public_key().public_bytes_raw()
        self.size = len(self.public)

    def secret(self, theirs: bytes) -> bytes:
        try:
            shared: bytes = self._private.exchange(self._read(theirs))
        except (ValueError, InvalidKey):  # a wrong length, or a secret of zeros (RFC 8731 section 3)
            raise RemoteProtocolError(_BAD_POINT) from None
        return shared


class _Nist:
    """The NIST curves, with uncompressed points (RFC 5656 section 3.1)."""

    _CURVES: dict[str, type[ec.EllipticCurve]] = {  # noqa: RUF012 - a constant table
        "nistp256": ec.SECP256R1,
        "nistp384": ec.SECP384R1,
        "nistp521": ec.SECP521R1,
    }

    def __init__(self, name: str) -> None:
        self._curve = self._CURVES[name]()
        self._private = ec.generate_private_key(self._curve)
        numbers = self._private.public_key().public_numbers()
        octets = (self._curve.key_size + 7) // 8
        self.public = b"\x04" + numbers.x.to_bytes(octets, "big") + numbers.y.to_bytes(octets, "big")
        self.size = len(self.public)

    def secret(self, theirs: bytes) -> bytes:
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, theirs)
            return self._private.exchange(ec.ECDH(), point)
        except ValueError:
            raise RemoteProtocolError(_BAD_POINT) from None


def _key_pair(name: str) -> Curve:
    if name in ("x25519", "x448"):
        return _Montgomery(wide=name == "x448")
    return _Nist(name)


class Kem(Protocol):
    """Our half of a key encapsulation."""

    public: bytes
    ciphertext_size: int

    def secret(self, ciphertext: bytes) -> bytes | None:
        """Return the shared secret, or None if we cannot compute it."""


class _MlKem:
    """ML-KEM (FIPS 203)."""

    def __init__(self, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import mlkem

        wide = name == "mlkem1024"
        self._private = (mlkem.MLKEM1024PrivateKey if wide else mlkem.MLKEM768PrivateKey).generate()
        self.public = self._private.public_key().public_bytes_raw()
        self.ciphertext_size = 1568 if wide else 1088

    def secret(self, ciphertext: bytes) -> bytes:
        return self._private.decapsulate(ciphertext)


class _Sntrup761:
    """Random bytes in place of a public key: we cannot compute the secret."""

    def __init__(self) -> None:
        self.public = os.urandom(1158)
        self.ciphertext_size = 1039

    def secret(self, ciphertext: bytes) -> None:
        return None


@lru_cache(maxsize=16)  # all connections of a scan have the same key pairs
def _ours(kem: bytes, curve: bytes) -> bytes:
    return string(kem + curve)


class CurveExchange(KeyExchange):
    """An exchange of one string each way. `detail`: "x25519", "mlkem768+nistp256", "sntrup761+x25519"."""

    def __init__(self, name: str, hash_name: str, detail: str, key_pairs: KeyPairs) -> None:
        self.name, self.exchange_hash = name, hash_name
        kem, _, curve = detail.rpartition("+")
        if curve not in key_pairs:
            key_pairs[curve] = _key_pair(curve)
        if kem and kem not in key_pairs:
            key_pairs[kem] = _Sntrup761() if kem == "sntrup761" else _MlKem(kem)
        self._curve: Curve = key_pairs[curve]
        self._kem: Kem | None = key_pairs[kem] if kem else None
        self._ours = _ours(self._kem.public if self._kem else b"", self._curve.public)
        self.first = _INIT + self._ours

    def read_reply(self, payload: bytes) -> Reply:
        """Read KEX_ECDH_REPLY."""
        host_key, theirs, signature = read_strings(payload, "KEX_ECDH_REPLY", _REPLY, 1)
        public_at = 5 + len(host_key)
        signature_at = public_at + 4 + len(theirs)
        public = payload[1:public_at] + self._ours + payload[public_at:signature_at]
        return Reply(host_key, signature, public, self._secret(theirs))

    def _secret(self, theirs: bytes) -> bytes | None:
        if self._kem is None:
            return mpint(int.from_bytes(self._curve.secret(theirs), "big"))
        cut = self._kem.ciphertext_size
        if len(theirs) != cut + self._curve.size:
            raise RemoteProtocolError("the server's public value has the wrong length")
        classical = self._curve.secret(theirs[cut:])
        quantum = self._kem.secret(theirs[:cut])
        if quantum is None:
            return None
        return string(HASHES[self.exchange_hash](quantum + classical).digest())
