"""Packets after NEWKEYS, for every cipher and MAC, with fixed keys.

byte 0  the cipher      byte 1  the MAC      byte 2  what the rest is, modulo 4
    0   bytes, as they come                         1   payloads, sealed right: each comes out again
    2   as 1, and one byte of the whole is changed: the next byte says where (modulo its length), the one
        after it how (xor)
    3   the body of one AES-GCM packet, authenticated: padding rules behind a right tag
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sshprobe.wire.ciphers import packet_cipher
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.suites import CIPHERS, MACS, DirectionKeys
from sshprobe.wire.transport import packet, strip_padding

_CIPHERS, _MACS = list(CIPHERS), list(MACS)
_MATERIAL = bytes(range(1, 129))


@cache
def _keys(cipher: str, mac: str) -> DirectionKeys:
    spec = CIPHERS[cipher]
    return DirectionKeys(_MATERIAL[: spec.iv], _MATERIAL[: spec.key], _MATERIAL[: MACS[mac].key])


def _opened(cipher: str, mac: str, data: bytes, size: int) -> tuple[list[bytes], str | None]:
    opener, buffer = packet_cipher(cipher, mac, _keys(cipher, mac), encrypting=False), bytearray()
    payloads: list[bytes] = []
    try:
        for at in range(0, len(data), size):
            buffer += data[at : at + size]
            while (body := opener.open(buffer, len(payloads))) is not None:
                payloads.append(strip_padding(body))
    except RemoteProtocolError as error:
        return payloads, str(error)
    return payloads, None


def _payloads(data: bytes) -> list[bytes]:
    """Cut `data` up: a byte of length, as many bytes, and so on."""
    pieces, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if at + 1 < len(data):
            pieces.append(data[at + 1 : end])
        at = end
    return [piece for piece in pieces if piece]


def one_input(data: bytes) -> None:
    if len(data) < 5:
        return
    cipher, mac, kind = _CIPHERS[data[0] % len(_CIPHERS)], _MACS[data[1] % len(_MACS)], data[2] % 4
    payloads: list[bytes] = []
    if kind == 0:
        sent = data[3:]
    elif kind == 3:
        cipher, body = "aes128-gcm@openssh.com", data[3:]
        clear = len(body).to_bytes(4, "big")
        sent = clear + AESGCM(_MATERIAL[:16]).encrypt(_MATERIAL[:12], body, clear)
    else:
        payloads = _payloads(data[5:])
        sealer = packet_cipher(cipher, mac, _keys(cipher, mac), encrypting=True)
        packets = (packet(payload, sealer.block, sealer.counted) for payload in payloads)
        sent = b"".join(sealer.seal(each, number) for number, each in enumerate(packets))
    changed = bytearray(sent)
    if kind == 2 and sent:
        changed[data[3] % len(sent)] ^= data[4]
    found, error = _opened(cipher, mac, bytes(changed), max(1, len(sent)))
    assert _opened(cipher, mac, bytes(changed), 1 + len(sent) // 9) == (found, error)
    if kind == 1 or (changed == sent and payloads):
        assert (found, error) == (payloads, None)
    elif kind == 2 and payloads:
        assert found == payloads[: len(found)]
        assert len(found) < len(payloads)
    elif kind == 3 and found:
        assert found == [data[4 : len(data) - data[3]]]


def seeds() -> Iterator[bytes]:
    """Each cipher with each MAC, right and with a byte turned over; and bytes that mean nothing."""
    for cipher in range(len(_CIPHERS)):
        for mac in range(len(_MACS)):
            for kind in (0, 1, 2):
                yield bytes((cipher, mac, kind, 40, 1)) + b"\x05\x02\x00\x00\x00\x00\x01\x15" + b"\x10" + b"\x33" * 16
    yield bytes((0, 0, 3, 6)) + b"\x02" * 9 + bytes(6)
    yield bytes((0, 0, 3, 16)) + b"\x02" * 15
    yield bytes((0, 0, 3, 3)) + b"\x02" * 15
