"""Rules of packets after NEWKEYS. test_key_exchange.py compares them with real servers."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.ciphers import packet_cipher
from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.framing import PacketCipher
from sshprobe.wire.suites import CIPHERS, MACS, DirectionKeys
from sshprobe.wire.transport import packet as padded
from sshprobe.wire.transport import strip_padding
from tests.wire.playbook import packet, u32

ETM = "hmac-sha2-256-etm@openssh.com"
PLAIN = "hmac-sha2-256"
PAIRS = [(cipher, mac) for cipher in CIPHERS for mac in (ETM, PLAIN)]
MATERIAL = bytes(range(1, 129))


def keys(cipher: str, mac: str) -> DirectionKeys:
    spec = CIPHERS[cipher]
    return DirectionKeys(MATERIAL[: spec.iv], MATERIAL[: spec.key], MATERIAL[: MACS[mac].key])


def read(opener: PacketCipher, buffer: bytearray, sequence: int) -> bytes | None:
    body = opener.open(buffer, sequence)
    return None if body is None else strip_padding(body)


def write(sealer: PacketCipher, payload: bytes, sequence: int) -> bytes:
    return sealer.seal(padded(payload, sealer.block, sealer.counted), sequence)


def read_all(cipher: str, mac: str, data: bytes, *, piece: int | None = None, first: int = 0) -> list[bytes]:
    opener, buffer = packet_cipher(cipher, mac, keys(cipher, mac), encrypting=False), bytearray()
    payloads: list[bytes] = []
    size = piece or max(1, len(data))
    for at in range(0, len(data), size):
        buffer += data[at : at + size]
        while (payload := read(opener, buffer, first + len(payloads))) is not None:
            payloads.append(payload)
    return payloads


def write_all(cipher: str, mac: str, payloads: list[bytes], first: int = 0) -> bytes:
    sealer = packet_cipher(cipher, mac, keys(cipher, mac), encrypting=True)
    return b"".join(write(sealer, payload, first + at) for at, payload in enumerate(payloads))


@pytest.mark.parametrize(("cipher", "mac"), PAIRS)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=90), max_size=4), piece=st.integers(1, 70), first=st.integers(0, 9)
)
def test_there_and_back(cipher: str, mac: str, payloads: list[bytes], piece: int, first: int) -> None:
    sealed = write_all(cipher, mac, payloads, first)
    assert read_all(cipher, mac, sealed, first=first) == payloads
    assert read_all(cipher, mac, sealed, first=first, piece=piece) == payloads


@pytest.mark.parametrize(("cipher", "mac"), PAIRS)
def test_no_bit_may_change(cipher: str, mac: str) -> None:
    sealed = write_all(cipher, mac, [b"\x33a payload"])
    for bit in range(0, len(sealed) * 8, 3):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        # A changed length may need more bytes than there are: then there is no packet yet.
        try:
            assert read_all(cipher, mac, bytes(changed)) == []
        except RemoteProtocolError:
            continue
        assert bit < 32


@pytest.mark.parametrize(("cipher", "mac"), [pair for pair in PAIRS if "gcm" not in pair[0]])
def test_the_sequence_number_is_under_the_mac(cipher: str, mac: str) -> None:
    sealed = write_all(cipher, mac, [b"\x33a payload"], first=4)
    with pytest.raises(RemoteProtocolError):
        read_all(cipher, mac, sealed, first=5)


def test_gcm_counts_for_itself() -> None:
    """RFC 5647: the invocation counter, not the sequence number; it also detects a missing packet."""
    cipher = "aes128-gcm@openssh.com"
    sealed = write_all(cipher, PLAIN, [b"one", b"two"])
    assert read_all(cipher, PLAIN, sealed, first=77) == [b"one", b"two"]
    first = len(write_all(cipher, PLAIN, [b"one"]))
    with pytest.raises(RemoteProtocolError, match="wrong MAC"):
        read_all(cipher, PLAIN, sealed[first:])


def test_gcm_counter_wraps() -> None:
    mine = DirectionKeys(b"\x01\x02\x03\x04" + b"\xff" * 8, bytes(16), b"")
    sealer = packet_cipher("aes128-gcm@openssh.com", "", mine, encrypting=True)
    opener = packet_cipher("aes128-gcm@openssh.com", "", mine, encrypting=False)
    buffer = bytearray(write(sealer, b"one", 0) + write(sealer, b"two", 1))
    assert (read(opener, buffer, 0), read(opener, buffer, 1)) == (b"one", b"two")
    again = AESGCM(bytes(16)).encrypt(b"\x01\x02\x03\x04" + bytes(8), b"\x0b\x33" + bytes(14), u32(16))
    opener = packet_cipher("aes128-gcm@openssh.com", "", mine, encrypting=False)
    sealer = packet_cipher("aes128-gcm@openssh.com", "", mine, encrypting=True)
    first = bytearray(write(sealer, b"one", 0) + u32(16) + again)
    assert read(opener, first, 0) == b"one"
    assert read(opener, first, 1) == b"\x33" + bytes(3)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\x03" + bytes(15), "padding_length 3 is below 4"),
        (b"\x0f" + bytes(15), "leaves no payload"),
        (b"\xff" + bytes(15), "leaves no payload"),
        (bytes(17), "not a multiple"),
        (b"", "too small"),
        (bytes(5), "too small"),
    ],
)
def test_gcm_padding_rules_hold_behind_a_right_tag(body: bytes, fault: str) -> None:
    clear = u32(len(body))
    sealed = clear + AESGCM(MATERIAL[:16]).encrypt(MATERIAL[:12], body, clear)
    with pytest.raises(RemoteProtocolError, match=fault):
        read_all("aes128-gcm@openssh.com", PLAIN, sealed)


def ctr(plain: bytes) -> bytes:
    return Cipher(AES(MATERIAL[:16]), CTR(MATERIAL[:16])).encryptor().update(plain)


@pytest.mark.parametrize(
    ("plain", "fault"),
    [
        (u32(12) + b"\x03" + bytes(11), "padding_length 3 is below 4"),
        (u32(12) + b"\x0b" + bytes(11), "leaves no payload"),
        (u32(13) + bytes(12), "not a multiple"),
        (u32(4) + bytes(12), "too small"),
        (u32(35004) + bytes(12), "at most 35000"),
        (u32(2**32 - 4) + bytes(12), "at most 35000"),
    ],
)
def test_encrypt_and_mac_rules_hold_behind_a_right_mac(plain: bytes, fault: str) -> None:
    sealed = ctr(plain) + hmac.digest(MATERIAL[:32], u32(0) + plain, "sha256")
    with pytest.raises(RemoteProtocolError, match=fault):
        read_all("aes128-ctr", PLAIN, sealed)


@pytest.mark.parametrize(
    ("length", "body", "fault"),
    [
        (16, b"\x03" + bytes(15), "padding_length 3 is below 4"),
        (16, b"\x0f" + bytes(15), "leaves no payload"),
        (12, bytes(12), "not a multiple"),  # right if the length is encrypted too
        (0, b"", "too small"),
    ],
)
def test_encrypt_then_mac_rules_hold_behind_a_right_mac(length: int, body: bytes, fault: str) -> None:
    sealed = u32(length) + ctr(body)
    sealed += hmac.digest(MATERIAL[:32], u32(0) + sealed, "sha256")
    with pytest.raises(RemoteProtocolError, match=fault):
        read_all("aes128-ctr", ETM, sealed)


def test_as_rfc_4253_has_it() -> None:
    """Our reader opens packets of the playbook's independent writer."""
    plain = packet(b"\x33hello", block=16)
    sealed = ctr(plain) + hmac.digest(MATERIAL[:32], u32(7) + plain, "sha256")
    for piece in (None, 1, 16, 17):
        assert read_all("aes128-ctr", PLAIN, sealed, first=7, piece=piece) == [b"\x33hello"]


@pytest.mark.parametrize("cipher", ["aes128-ctr", "aes256-gcm@openssh.com"])
def test_clear_length_past_the_limit_is_refused_at_once(cipher: str) -> None:
    with pytest.raises(LimitExceeded):
        read_all(cipher, ETM, u32(35_008))


@pytest.mark.parametrize(("cipher", "mac"), PAIRS)
@given(data=st.binary(max_size=200), piece=st.integers(1, 50))
def test_arbitrary_bytes(cipher: str, mac: str, data: bytes, piece: int) -> None:
    outcomes: list[object] = []
    for size in (None, piece):
        try:
            outcomes.append(read_all(cipher, mac, data, piece=size))
        except RemoteProtocolError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
