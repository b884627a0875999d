"""An inventory of cryptography (CBOM) as CycloneDX 1.6 or 1.7 (ECMA-424), for tools that plan the migration to
post-quantum algorithms.

Each server is a protocol, with its algorithms by their names of SSH as cipher suites. Each host key is key material.
Each primitive that any server offers is an algorithm: "X25519", "ML-KEM-768", "RSA-3072". Tools misread SSH names:
cbomctl reads "curve25519-sha256" as a hash. Servers without lists are left out, and their number is noted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from functools import partial
from typing import IO, Any, Literal

import msgspec

from sshprobe.model import timestamps
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.observation import HostKey, endpoint
from sshprobe.model.primitive import Primitive, with_size
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.terminal import printable
from sshprobe.views.host_stats import letter
from sshprobe.views.offers import is_group_exchange, offered_names

Version = Literal["1.6", "1.7"]

_MOST_PRIMITIVES = 10_000
"""The most primitives, because the sizes of keys and groups come from servers."""

_FUNCTIONS = {
    "kem": ["encapsulate", "decapsulate"],
    "signature": ["sign", "verify"],
    "ae": ["encrypt", "decrypt"],
    "block-cipher": ["encrypt", "decrypt"],
    "stream-cipher": ["encrypt", "decrypt"],
    "mac": ["tag"],
    "hash": ["digest"],
}
"""Purpose to `cryptoFunctions`. There is none for a key agreement: "keyderive" means a KDF."""

_MODES = frozenset({"cbc", "ecb", "ccm", "gcm", "cfb", "ofb", "ctr"})

_FAMILIES = {
    **{name: name for name in ("3DES", "AES", "Blowfish", "DES", "DSA", "ECDH", "ECDSA", "HMAC", "IDEA", "MD5")},
    **{name: name for name in ("ML-DSA", "ML-KEM", "RC2", "RC4", "SEED", "SHA-1", "SM2", "SM4", "Serpent", "Twofish")},
    "UMAC": "UMAC",
    "XMSS": "XMSS",
    "DH": "FFDH",
    "RSA": "RSASSA-PKCS1",
    "Ed25519": "EdDSA",
    "Ed448": "EdDSA",
    "Camellia": "CAMELLIA",
    "CAST-128": "CAST5",
    "CAST-256": "CAST6",
    "ChaCha20-Poly1305": "ChaCha20",
    **dict.fromkeys(("SHA-224", "SHA-256", "SHA-384", "SHA-512"), "SHA-2"),
}
"""Families to `algorithmFamily` of CycloneDX 1.7. Others have none there."""

_CURVES = {
    "X25519": "other/Curve25519",
    "X448": "other/Curve448",
    "Ed25519": "other/Ed25519",
    "Ed448": "other/Ed448",
    **{name: f"nist/{name}" for name in ("P-192", "P-224", "P-256", "P-384", "P-521")},
    **{name: f"brainpool/{name}" for name in ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")},
    "secp256k1": "secg/secp256k1",
}
"""Curves to `ellipticCurve` of CycloneDX 1.7."""

_encode = msgspec.json.Encoder().encode


class CycloneDxWriter(HostWriter):
    """Writes servers and keys one by one, and primitives at the end."""

    def __init__(self, stream: IO[bytes], context: ReportContext, *, version: Version) -> None:
        self._stream = stream
        self._context = context
        self._version = version
        self._header: SweepRecord | None = None
        self._servers = self._left_out = 0
        self._primitives: dict[str, Primitive] = {}
        self._separator = b""

    def header(self, record: SweepRecord) -> None:
        """Keep the first header."""
        self._header = self._header or printable(record)

    def add(self, host: HostRecord) -> None:
        """Write one server and its keys."""
        if host.kex_algorithms is None:
            self._left_out += 1
            return
        host = printable(host)
        self._servers += 1
        ref, name = f"server-{self._servers}", endpoint(host.host, host.port)
        keys = [key for key in host.host_keys or () if key.signature_verified is not False]
        suites, used = self._suites(host, keys)
        key_refs = []
        for number, key in enumerate(keys, start=1):
            key_refs.append(f"{ref}-key-{number}")
            self._write_component(self._key(key, key_refs[-1], name))
        protocol: dict[str, Any] = {"type": "ssh", "version": "2.0", "cipherSuites": suites}
        if self._version == "1.6":
            protocol["cryptoRefArray"] = [*used, *key_refs]
        else:
            assets = [("algorithm", used), ("publicKey", key_refs)]
            protocol["relatedCryptographicAssets"] = [
                {"type": kind, "ref": each} for kind, refs in assets for each in refs
            ]
        server = _component(ref, f"SSH server {name}", {"assetType": "protocol", "protocolProperties": protocol})
        self._write_component(server | {"properties": list(_properties(host))})

    def finish(self, summary: SummaryRecord) -> None:
        """Write all primitives, and the metadata."""
        for primitive in self._primitives.values():
            self._write_component(self._algorithm(primitive))
        self._begin()
        self._stream.write(b"\n]," + _encode(self._head())[1:-1] + b"}\n")
        if self._left_out:
            self._context.note(f"hosts left out, because no list of algorithms was seen there: {self._left_out:,}")

    def _begin(self) -> None:
        if not self._separator:
            self._stream.write(b'{"bomFormat":"CycloneDX","specVersion":%s,"components":[' % _encode(self._version))
            self._separator = b"\n"

    def _write_component(self, component: dict[str, Any]) -> None:
        self._begin()
        self._stream.write(self._separator + _encode(component))
        self._separator = b",\n"

    def _head(self) -> dict[str, Any]:
        name, _, version = ("sshprobe" if self._header is None else self._header.tool).partition(" ")
        tool = {"type": "application", "name": name} | ({"version": version} if version else {})
        metadata: dict[str, Any] = {"lifecycles": [{"phase": "operations"}], "tools": {"components": [tool]}}
        if self._header is not None and timestamps.parse(self._header.started_at) is not None:
            metadata["timestamp"] = self._header.started_at
        if self._left_out:
            metadata["properties"] = [{"name": "sshprobe:hosts_left_out", "value": str(self._left_out)}]
        return {"version": 1, "metadata": metadata}

    def _suites(self, host: HostRecord, keys: Iterable[HostKey]) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the names that a server offers as cipher suites, and the references of all their primitives."""
        suites: list[dict[str, Any]] = []
        used: dict[str, None] = {}
        for category, names in offered_names(host).items():
            if category == "compression":
                continue
            for name in names:
                if not self._context.describe(category, name).marker:
                    refs = list(self._refs(category, name, host, keys))
                    used |= dict.fromkeys(refs)
                    suites.append({"name": name, "algorithms": refs} if refs else {"name": name})
        return suites, list(used)

    def _refs(self, category: AlgorithmType, name: str, host: HostRecord, keys: Iterable[HostKey]) -> Iterable[str]:
        for primitive in self._context.primitives(category, name):
            sizes: list[int | None] = [None]
            if primitive.family == "DH" and is_group_exchange(name):
                sizes = [each.modulus_bits for each in host.group_exchange or () if each.algorithm == name]
            elif primitive.family in ("RSA", "DSA") and category == "host_key":
                sizes = [key.bits for key in keys if primitive.family in self._families(key)]
            for size in dict.fromkeys(sizes or [None]):
                yield self._ref(with_size(primitive, size))

    def _families(self, key: HostKey) -> set[str]:
        return {each.family for each in self._context.primitives("host_key", key.type)}

    def _ref(self, primitive: Primitive) -> str:
        if primitive.name not in self._primitives and len(self._primitives) >= _MOST_PRIMITIVES:
            primitive = primitive._replace(name=primitive.family, parameter="")
        self._primitives.setdefault(primitive.name, primitive)
        return f"algorithm-{primitive.name}"

    def _algorithm(self, primitive: Primitive) -> dict[str, Any]:
        properties: dict[str, Any] = {"primitive": primitive.purpose}
        if primitive.parameter:
            properties["parameterSetIdentifier"] = primitive.parameter
        if primitive.mode:
            properties["mode"] = primitive.mode if primitive.mode in _MODES else "other"
        if primitive.purpose in _FUNCTIONS:
            properties["cryptoFunctions"] = _FUNCTIONS[primitive.purpose]
        if primitive.quantum_level is not None:
            properties["nistQuantumSecurityLevel"] = primitive.quantum_level
        if self._version == "1.6" and primitive.curve:
            properties["curve"] = primitive.curve
        if self._version == "1.7" and primitive.curve in _CURVES:
            properties["ellipticCurve"] = _CURVES[primitive.curve]
        if self._version == "1.7" and primitive.family in _FAMILIES:
            properties["algorithmFamily"] = _FAMILIES[primitive.family]
        asset = {"assetType": "algorithm", "algorithmProperties": properties}
        return _component(f"algorithm-{primitive.name}", primitive.name, asset)

    def _key(self, key: HostKey, ref: str, host: str) -> dict[str, Any]:
        signs_with = [each for each in self._context.primitives("host_key", key.type) if each.purpose == "signature"]
        material: dict[str, Any] = {"type": "public-key", "id": key.fingerprint, "format": key.type}
        if key.bits is not None:
            material["size"] = key.bits
        sized = [with_size(each, key.bits) if each.family in ("RSA", "DSA") else each for each in signs_with]
        refs = [self._ref(each) for each in sized]
        if self._version == "1.6":
            material |= {"algorithmRef": refs[0]} if refs else {}
        else:
            digest = _digest(key.fingerprint)
            material |= {"fingerprint": {"alg": "SHA-256", "content": digest}} if digest else {}
            material["relatedCryptographicAssets"] = [{"type": "algorithm", "ref": each} for each in refs]
        name = " + ".join(each.name for each in sized) or "unknown type"
        asset = {"assetType": "related-crypto-material", "relatedCryptoMaterialProperties": material}
        return _component(ref, f"{name} host key of {host}", asset)


def _component(ref: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "cryptographic-asset", "bom-ref": ref, "name": name, "cryptoProperties": properties}


def _properties(host: HostRecord) -> Iterable[dict[str, str]]:
    values = [("status", host.status), ("address", host.address or ""), ("started_at", host.started_at)]
    values += [("label", label) for label in host.labels]
    values += [(f"grade:{verdict.profile}", letter(verdict)) for verdict in host.verdicts]
    return ({"name": f"sshprobe:{name}", "value": value} for name, value in values if value)


def _digest(fingerprint: str) -> str | None:
    """Return the SHA-256 of a fingerprint in hex, or None: records are not trusted."""
    text = fingerprint.removeprefix("SHA256:")
    try:
        digest = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return digest.hex() if len(digest) == 32 else None


VERSION_1_6 = HostFormat(partial(CycloneDxWriter, version="1.6"))
VERSION_1_7 = HostFormat(partial(CycloneDxWriter, version="1.7"))
