"""Host keys whose private half is known, from the user's lists: Debian's of 2008 (CVE-2008-0166), keys of firmware.

sshprobe ships no list: without one, keys are "not checked". Three formats are read:

- openssh-blacklist of Debian's package: one key a line, the last 20 of the 32 hex digits of the MD5 of the key blob;
- the block list of badkeys (`blocklist.dat`): entries of 16 bytes in ascending order. 15 bytes are of the SHA-256 of a
  number of the public key in big-endian bytes (RSA: the modulus, DSA: y, ECDSA: x, EdDSA: the key), one names a list;
- fingerprints as `ssh-keygen -l` prints them, "SHA256:...", one a line, with any text behind them.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import re

from sshprobe.grading.keys.blobs import strings
from sshprobe.model.errors import InputError

_ENTRY = 16
_MD5_TAIL = re.compile(rb"[0-9a-fA-F]{20}")
_FINGERPRINT = re.compile(rb"SHA256:[A-Za-z0-9+/]{43}")


class KnownKeys:
    """A set of lists to look keys up in, empty at first."""

    def __init__(self) -> None:
        self._tails: set[bytes] = set()
        self._fingerprints: set[bytes] = set()
        self._sorted: list[bytes] = []

    def __len__(self) -> int:
        return len(self._tails) + len(self._fingerprints) + sum(len(data) // _ENTRY for data in self._sorted)

    def add(self, data: bytes, *, source: str) -> None:
        """Add the contents of a file. Raises `InputError` for another format, or for a file without a key."""
        before = len(self)
        if _is_text(data):
            self._add_lines(data, source)
        else:
            entries = [data[start : start + _ENTRY - 1] for start in range(0, len(data), _ENTRY)]
            if len(data) % _ENTRY or any(entries[i] > entries[i + 1] for i in range(len(entries) - 1)):
                raise InputError("is not a list of keys: neither text nor the block list of badkeys", source=source)
            self._sorted.append(data)
        if len(self) == before:
            raise InputError("has no keys", source=source)

    def _add_lines(self, data: bytes, source: str) -> None:
        for number, line in enumerate(data.splitlines(), start=1):
            words = line.split(b"#", 1)[0].split()
            if not words:
                continue
            if _MD5_TAIL.fullmatch(words[0]) and len(words) == 1:
                self._tails.add(bytes.fromhex(words[0].decode("ascii")))
            elif found := next((word for word in words if _FINGERPRINT.fullmatch(word)), None):
                self._fingerprints.add(base64.b64decode(found[7:] + b"="))
            else:
                raise InputError(
                    "is not a key: 20 hex digits or a SHA256 fingerprint were expected", source=source, line=number
                )

    def __contains__(self, blob: object) -> bool:
        """Return whether the key of a blob, without a certificate, is listed."""
        if not isinstance(blob, bytes):
            return False
        if self._tails and hashlib.md5(blob, usedforsecurity=False).digest()[-10:] in self._tails:
            return True
        if self._fingerprints and hashlib.sha256(blob).digest() in self._fingerprints:
            return True
        number = _number_of(blob) if self._sorted else None
        if number is None:
            return False
        digest = hashlib.sha256(number.to_bytes((number.bit_length() + 7) // 8, "big")).digest()[: _ENTRY - 1]
        return any(_has_entry(data, digest) for data in self._sorted)


def _has_entry(data: bytes, digest: bytes) -> bool:
    """Return whether a sorted block list of badkeys has a digest. The byte for its list is ignored."""
    start = _ENTRY * bisect.bisect_left(
        range(len(data) // _ENTRY), digest, key=lambda index: data[index * _ENTRY : (index + 1) * _ENTRY - 1]
    )
    return data[start : start + _ENTRY - 1] == digest


def _is_text(data: bytes) -> bool:
    return all(byte < 0x80 and (byte >= 0x20 or byte in b"\t\r\n") for byte in set(data[:65536]))


def _number_of(blob: bytes) -> int | None:
    """Return the number of a plain key that badkeys hashes."""
    fields = strings(blob, 5)
    kind = fields[0] if fields else b""
    if kind == b"ssh-rsa" and len(fields) == 3:
        return int.from_bytes(fields[2], "big")
    if kind == b"ssh-dss" and len(fields) == 5:
        return int.from_bytes(fields[4], "big")
    if kind.startswith(b"ecdsa-sha2-nistp") and len(fields) == 3 and fields[2][:1] in (b"\x02", b"\x03", b"\x04"):
        point = fields[2]
        half = (len(point) - 1) // 2 if point[:1] == b"\x04" else len(point) - 1
        return int.from_bytes(point[1 : 1 + half], "big")
    if kind in (b"ssh-ed25519", b"ssh-ed448") and len(fields) == 2:
        return int.from_bytes(fields[1], "big")
    return None
