"""The entries of the catalogue, and lookups by name.

The tables in `data/` have one header line; columns are the fields of `Algorithm`, an empty cell is "not known" or
"does not apply". Each table is read on first use.

Sources: RFC texts and drafts named in each entry; the OpenSSH columns were computed from `myproposal.h` and
the algorithm tables of the source at every release tag from 3.0 to 10.5, and for 10.6 from what `ssh -Q` and
`sshd -T` of Debian's package 10.6p1-1 print ("6.2+" since 6.2, "3.0..6.6" from and to, "3.0" meaning 3.0 or older).
Strength in bits follows NIST SP 800-57 Part 1 Rev. 5, Table 2; sizes between its rows are interpolated.

`data/group.tsv` has the first half of the SHA-256 of each known prime (big-endian, no leading zeros): the groups of RFC
2409 and RFC 3526, and the moduli files of OpenSSH 9.2 and 10.0 in Debian, up to 4096 bits. Each was tested when the
table was made.
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
from functools import cache, lru_cache

import msgspec

from sshprobe.model.name_lists import AlgorithmType


class Algorithm(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one name. `category` determines which fields apply; the others are empty."""

    category: str
    name: str
    """As on the wire, but GSS-API key exchanges end in "-*" instead of their mechanism."""
    family: str = ""
    """kex: "ecdh", "dh", "dh-gex", "gss-dh", "ml-kem+ecdh" ...; host_key: "rsa", "ecdsa", "ed25519" ...;
    cipher: the primitive, "AES"; mac: the construction's base, "HMAC"."""
    group: str = ""
    """kex: the group, curve or KEM: "MODP-2048", "X25519"."""
    curve: str = ""
    """host_key: the curve, where the name fixes one."""
    bits: int | None = None
    """kex, host_key: strength against a classical computer; None: the peer chooses (group exchange, RSA).
    cipher: effective key bits. mac: bits of the tag. None: not known."""
    hash: str = ""
    """kex: the exchange hash; host_key: the signature hash; mac: the hash in it. "sha1", "sha256" ..."""
    post_quantum: str = "no"
    """kex, host_key: "no", "hybrid", "pure", or "experimental" (a KEM that was never standardised)."""
    forward_secrecy: str = ""
    """kex: "yes", or "if-fresh" if it needs a transient key that is not used again."""
    format: str = ""
    """host_key: "plain", "openssh-cert", "x509", "pgp", "spki"."""
    hardware: str = ""
    """host_key: "yes" for keys of a FIDO token."""
    block_bits: int | None = None
    """cipher: 0 for a stream cipher."""
    mode: str = ""
    """cipher: "cbc", "ctr", "gcm", "poly1305", "stream" ..., empty where the name states none."""
    aead: str = ""
    """cipher: "yes" or "no"."""
    construction: str = ""
    """mac: "etm" (encrypt then MAC), "e&m" (RFC 4253), "aead" (the cipher protects)."""
    before_authentication: str = ""
    """compression: "yes" if it starts before the user is known."""
    alias_of: str = ""
    """The canonical name of this algorithm."""
    standing: str = ""
    """Empty, or "withdrawn", "bogus" (a mistake in some software), "experimental", "unreviewed", "obsolete"."""
    references: str = ""
    rfc9142: str = ""
    """kex: the word in RFC 9142, Table 12."""
    openssh_in_code: str = ""
    """Releases of OpenSSH that know the name."""
    openssh_default: str = ""
    """Releases whose server offers it by default."""
    notes: str = ""


def read_table(name: str, *, package: str = "sshprobe.algorithms") -> list[list[str]]:
    """Return the cells of `data/<name>.tsv` in `package`, header first."""
    data = pkgutil.get_data(package, f"data/{name}.tsv")
    assert data is not None
    return [line.split("\t") for line in data.decode("utf-8").splitlines()]


@cache
def _table(category: str) -> dict[str, Algorithm]:
    columns, *rows = read_table(category)
    table: dict[str, Algorithm] = {}
    for row in rows:
        known: dict[str, str | int] = {}
        for column, cell in zip(columns, row, strict=True):
            if cell:
                known[column] = int(cell) if column in ("bits", "block_bits") else cell
        table[str(known["name"])] = Algorithm(category=category, **known)  # type: ignore[arg-type] # `known` has a type per column
    return table


@lru_cache(maxsize=4096)
def lookup(category: AlgorithmType, name: str) -> Algorithm | None:
    """Return the entry of a name (aliases have their own), or None for an unknown one.

    Names are case-sensitive (RFC 4251 section 6). `gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==` finds
    `gss-group14-sha256-*`.
    """
    table = _table(category)
    found = table.get(name)
    if found is None and category == "kex" and name.startswith("gss-"):
        # RFC 4462 section 2.1: the base64 of a mechanism may hold "/" and "+" but never "-".
        return table.get(f"{name.rpartition('-')[0]}-*")
    return found


@lru_cache(maxsize=4096)
def canonical(category: AlgorithmType, name: str) -> str:
    """Return the canonical name of an algorithm and its aliases. An unknown name is returned unchanged."""
    entry = lookup(category, name)
    return name if entry is None else entry.alias_of or entry.name


def aliases(entry: Algorithm) -> list[str]:
    """Return the other names of the same algorithm."""
    same = entry.alias_of or entry.name
    table = _table(entry.category).values()
    return [each.name for each in table if same in (each.name, each.alias_of) and each.name != entry.name]


@lru_cache(maxsize=4096)
def signs_with_sha1(name: str) -> bool:
    """Return whether a host key algorithm signs over SHA-1. False for an unknown one."""
    entry = lookup("host_key", name)
    return entry is not None and entry.hash == "sha1"


_AEAD_NAME = re.compile(
    r"(?:aead[-_])?(?:aes|camellia|serpent|twofish|aria|sm4|chacha)[-_]?\d*[-_](?:gcm|ccm|ocb|poly1305)(?:[-_]?(?:8|16))?"
    r"(?:[-_]ssh)?(?:@.*)?",
    re.ASCII | re.IGNORECASE,
)
"""A cipher and an AEAD mode in any spelling: "AEAD_AES_128_GCM" (RFC 5647), "aead-aes-128-gcm-ssh"."""


@lru_cache(maxsize=4096)
def names_aead_cipher(name: str) -> bool:
    """Return whether a name in a list of MACs names an AEAD cipher.

    The name is listed with its cipher (RFC 5647 section 5.1), or by mistake. An AEAD cipher needs no MAC, so the name
    is not a MAC that the server can use.
    """
    for category in ("mac", "cipher"):
        entry = _table(category).get(name)
        if entry is not None and (entry.construction == "aead" or entry.aead == "yes"):
            return True
    return _AEAD_NAME.fullmatch(name) is not None


class Mechanism(msgspec.Struct, frozen=True):
    """A GSS-API mechanism, which the end of a key exchange's name identifies (RFC 4462 section 2.1)."""

    digest: str
    """Base64 of the MD5 of the DER of the OID."""
    mechanism: str
    oid: str


def mechanism(name: str) -> Mechanism | None:
    """Return the mechanism in the name of a GSS-API key exchange, or None for an unknown one and any other name."""
    digest = name.rpartition("-")[2] if name.startswith("gss-") else ""
    return next((Mechanism(*row) for row in read_table("mechanism")[1:] if row[0] == digest), None)


class KnownGroup(msgspec.Struct, frozen=True):
    """A Diffie-Hellman group whose prime p, and (p-1)/2, are known to be prime."""

    name: str
    """ "group14" as in RFC 8268 for a group of an RFC; empty for one of a moduli file."""
    bits: int
    references: str


@cache
def _groups() -> dict[str, KnownGroup]:
    rows = read_table("group")[1:]
    return {digest: KnownGroup(name, int(bits), references) for name, bits, digest, references in rows}


def known_group(prime: int) -> KnownGroup | None:
    """Return the entry of a group by its prime, or None for an unknown one."""
    digest = hashlib.sha256(prime.to_bytes((prime.bit_length() + 7) // 8, "big")).hexdigest()
    return _groups().get(digest[:32])


@lru_cache(maxsize=4096)
def is_marker(name: str) -> bool:
    """Return whether a name is a marker in the list of key exchanges, such as `ext-info-s`, and not an algorithm."""
    return marker(name) is not None


def marker(name: str) -> Algorithm | None:
    """Return the entry of a marker, or None for other names. Its `category` is "marker"."""
    return _table("marker").get(name)


def marker_names() -> list[str]:
    """Return the names of all markers."""
    return list(_table("marker"))


def names(category: AlgorithmType) -> list[str]:
    """Return all names of an algorithm type, sorted without regard to case."""
    return list(_table(category))
