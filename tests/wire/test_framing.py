"""RFC 4253 section 6: every rule of a packet, for reading and writing."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.framing import bad_length, packet_lengths
from sshprobe.wire.limits import PACKET_LENGTH
from sshprobe.wire.transport import open_plain, strip_padding
from sshprobe.wire.transport import packet as make_packet
from tests.wire.playbook import packet, take_packet, u32


def read_all(data: bytes, piece: int | None = None) -> list[bytes]:
    """Return the payloads in `data`, which arrives in pieces of this size."""
    buffer, payloads = bytearray(), []
    size = piece or max(1, len(data))
    for at in range(0, len(data), size):
        buffer += data[at : at + size]
        while (body := open_plain(buffer)) is not None:
            payloads.append(strip_padding(body))
    return payloads


@pytest.mark.parametrize("piece", [None, 1, 3])
def test_packets_in_a_row(piece: int | None) -> None:
    assert read_all(packet(b"\x02one") + packet(b"\x02two") + packet(b"\x02three")[:-1], piece) == [
        b"\x02one",
        b"\x02two",
    ]


def test_an_incomplete_packet_yields_nothing() -> None:
    buffer = bytearray(packet(b"\x02payload")[:-1])
    before = bytes(buffer)
    assert open_plain(buffer) is None
    assert bytes(buffer) == before


@pytest.mark.parametrize("length", [0, 1, 4, 5])
def test_length_too_small(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"packet_length {length} is too small"):
        read_all(u32(length) + bytes(100))


@pytest.mark.parametrize("length", [6, 11, 13, 16, 34997, 35000])
def test_length_not_whole_blocks(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"packet_length {length} is not a multiple"):
        read_all(u32(length))


@pytest.mark.parametrize("length", [PACKET_LENGTH + 1, PACKET_LENGTH + 4, 2**31, 2**32 - 1])
def test_length_past_the_limit_is_refused_at_its_fourth_byte(length: int) -> None:
    buffer = bytearray(u32(length)[:3])
    assert open_plain(buffer) is None
    buffer += u32(length)[3:]
    with pytest.raises(LimitExceeded, match=f"a packet of {length} bytes; at most 35000"):
        open_plain(buffer)


def test_largest_packet() -> None:
    length = (PACKET_LENGTH + 4) // 8 * 8 - 4
    assert length == 34996
    payload = b"\x02" + bytes(length - 6)
    assert read_all(packet(payload, padding=4)) == [payload]
    with pytest.raises(LimitExceeded):
        read_all(u32(length + 8) + bytes(length + 8))


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_padding_too_short(padding: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"padding_length {padding} is below 4"):
        read_all(u32(12) + bytes((padding,)) + bytes(11))


@pytest.mark.parametrize("padding", [11, 12, 13, 200, 255])
def test_padding_leaves_no_payload(padding: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"padding_length {padding} leaves no payload"):
        read_all(u32(12) + bytes((padding,)) + bytes(11))


@pytest.mark.parametrize("padding", [4, 5, 10])
def test_payload_of_one_byte_and_more(padding: int) -> None:
    assert read_all(u32(12) + bytes((padding,)) + b"\x15" * 11) == [b"\x15" * (11 - padding)]


def test_longest_padding() -> None:
    payload = b"\x02" * (8 - (5 + 255) % 8)
    assert read_all(packet(payload, padding=255)) == [payload]


@given(st.binary(min_size=1, max_size=2000))
def test_sent_packets_follow_the_rules(payload: bytes) -> None:
    buffer = bytearray(make_packet(payload))
    assert take_packet(buffer) == payload
    assert not buffer


@given(st.binary(min_size=1, max_size=300), st.sampled_from([8, 16]), st.sampled_from([0, 4]))
def test_padding_fills_blocks(payload: bytes, block: int, counted: int) -> None:
    made = make_packet(payload, block, counted)
    body = made[4:]
    assert made[:4] == u32(len(body))
    assert (len(body) + counted) % block == 0
    assert 4 <= body[0] < 4 + block
    assert strip_padding(body) == payload


def test_padding_may_be_random() -> None:
    assert len({make_packet(b"\x05", 16, 0, os.urandom) for _ in range(8)}) == 8


def test_padding_before_newkeys_is_zeros() -> None:
    assert make_packet(b"\x15") == u32(12) + b"\x0a\x15" + bytes(10)


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize("counted", [0, 4])
def test_lengths_that_may_be(block: int, counted: int) -> None:
    may_be = packet_lengths(block, counted=counted)
    for length in [*range(PACKET_LENGTH + 100), 2**31, 2**32 - 1]:
        if length > PACKET_LENGTH:
            words = f"a packet of {length} bytes; at most {PACKET_LENGTH} are read"
        elif length < 6:
            words = f"packet_length {length} is too small for a packet"
        elif (length + counted) % block:
            words = f"packet_length {length} is not a multiple of the block size"
        else:
            assert length in may_be
            continue
        assert length not in may_be
        assert str(bad_length(length)) == words


@given(st.binary(max_size=120), st.integers(1, 40))
def test_arbitrary_bytes(data: bytes, piece: int) -> None:
    try:
        whole: object = read_all(data)
    except RemoteProtocolError as error:
        whole = str(error)
    try:
        pieces: object = read_all(data, piece)
    except RemoteProtocolError as error:
        pieces = str(error)
    assert pieces == whole
