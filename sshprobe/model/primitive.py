"""The cryptographic primitives of an SSH algorithm name, in the terms of an inventory of cryptography (CBOM)."""

from __future__ import annotations

from typing import Literal, NamedTuple

Purpose = Literal["key-agree", "kem", "signature", "ae", "block-cipher", "stream-cipher", "mac", "hash"]
"""The purpose of a primitive, in the words of CycloneDX (`primitive` of `algorithmProperties`)."""


class Primitive(NamedTuple):
    """One primitive: "X25519", "ML-KEM-768", "DH-2048", "AES-256-GCM"."""

    name: str
    purpose: Purpose
    family: str
    """The name without parameters: "ECDH", "ML-KEM", "DH", "RSA", "AES"."""
    parameter: str = ""
    """Its parameter set or size: "768", "2048". Empty: not fixed by the name."""
    curve: str = ""
    """"X25519", "P-256". Empty: it has no curve."""
    mode: str = ""
    """Of a block cipher: "cbc", "ctr", "gcm"."""
    quantum_level: int | None = None
    """Category of NIST's post-quantum standardization, 1 to 5. 0: a quantum computer breaks it. None: not known."""


def with_size(primitive: Primitive, bits: int | None) -> Primitive:
    """Return a primitive whose name fixes no size, such as RSA or a server-chosen group, with the size of one host."""
    if bits is None or primitive.parameter:
        return primitive
    return primitive._replace(name=f"{primitive.name}-{bits}", parameter=str(bits))
