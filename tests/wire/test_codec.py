"""RFC 4251 section 5, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire import codec
from sshprobe.wire.codec import Reader
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.limits import NAME_LENGTH, NAME_LIST_NAMES

MPINTS = [
    (0, "00 00 00 00"),
    (0x9A378F9B2E332A7, "00 00 00 08 09 a3 78 f9 b2 e3 32 a7"),
    (0x80, "00 00 00 02 00 80"),
    (-0x1234, "00 00 00 02 ed cc"),
    (-0xDEADBEEF, "00 00 00 05 ff 21 52 41 11"),
]
NAME_LISTS: list[tuple[tuple[bytes, ...], str]] = [
    ((), "00 00 00 00"),
    ((b"zlib",), "00 00 00 04 7a 6c 69 62"),
    ((b"zlib", b"none"), "00 00 00 09 7a 6c 69 62 2c 6e 6f 6e 65"),
]


@pytest.mark.parametrize(("value", "encoded"), MPINTS)
def test_mpint_of_the_rfc(value: int, encoded: str) -> None:
    assert codec.mpint(value) == bytes.fromhex(encoded)
    assert Reader(bytes.fromhex(encoded), "example").mpint("it") == value


@pytest.mark.parametrize(("names", "encoded"), NAME_LISTS)
def test_name_list_of_the_rfc(names: tuple[bytes, ...], encoded: str) -> None:
    assert codec.name_list(names) == bytes.fromhex(encoded)
    assert Reader(bytes.fromhex(encoded), "example").name_list("it") == names


def test_uint32_of_the_rfc() -> None:
    assert codec.uint32(699921578) == bytes.fromhex("29 b7 f4 aa")


def test_string_of_the_rfc() -> None:
    assert codec.string(b"testing") == bytes.fromhex("00 00 00 07") + b"testing"


@pytest.mark.parametrize("byte", range(256))
def test_any_value_but_zero_is_true(byte: int) -> None:
    assert Reader(bytes((byte,)), "example").boolean("it") is (byte != 0)


@given(st.integers() | st.integers(min_value=-(2**4096), max_value=2**4096))
def test_mpint_round_trip_and_fewest_bytes(value: int) -> None:
    encoded = codec.mpint(value)
    reader = Reader(encoded, "example")
    assert reader.mpint("it") == value
    reader.end()
    body = encoded[4:]
    assert body[:1] != b"\x00" or body[1] >= 0x80
    assert body[:1] != b"\xff" or len(body) == 1 or body[1] < 0x80


@given(
    st.integers(0, 255),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(),
    st.lists(st.binary(min_size=1).map(lambda name: name.replace(b",", b".")), max_size=20),
    st.binary(),
)
def test_a_payload_of_every_type(
    byte: int, boolean: bool, uint32: int, uint64: int, text: bytes, names: list[bytes], tail: bytes
) -> None:
    payload = (
        codec.byte(byte)
        + codec.boolean(boolean)
        + codec.uint32(uint32)
        + codec.uint64(uint64)
        + codec.string(text)
        + codec.name_list(names)
        + tail
    )
    reader = Reader(payload, "example")
    assert reader.byte("a") == byte
    assert reader.boolean("b") is boolean
    assert reader.uint32("c") == uint32
    assert reader.uint64("d") == uint64
    assert reader.string("e") == text
    assert reader.name_list("f") == tuple(names)
    assert reader.remaining == len(tail)
    assert reader.rest() == tail
    reader.end()


@given(st.binary(max_size=64), st.data())
def test_a_truncated_string_is_refused(text: bytes, data: st.DataObject) -> None:
    encoded = codec.string(text)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(RemoteProtocolError, match="example ends within it"):
        Reader(encoded[:cut], "example").string("it")


@pytest.mark.parametrize("method", ["byte", "boolean", "uint32", "uint64", "string", "mpint", "name_list"])
def test_nothing_to_read(method: str) -> None:
    with pytest.raises(RemoteProtocolError, match="example ends within it"):
        getattr(Reader(b"", "example"), method)("it")


@pytest.mark.parametrize("method", ["string", "mpint", "name_list"])
def test_four_gigabytes_that_are_not_there(method: str) -> None:
    with pytest.raises(RemoteProtocolError, match="example ends within it"):
        getattr(Reader(b"\xff\xff\xff\xff" + b"x" * 100, "example"), method)("it")


def test_bytes_too_many() -> None:
    reader = Reader(b"\x00\x01\x02", "example")
    reader.byte("it")
    with pytest.raises(RemoteProtocolError, match="example has 2 bytes too many"):
        reader.end()


def test_empty_and_double_names_are_kept() -> None:
    assert Reader(codec.string(b"a,,a,"), "example").name_list("it") == (b"a", b"", b"a", b"")


def test_name_list_limits() -> None:
    assert len(codec.split_names(b",".join([b"a"] * NAME_LIST_NAMES), "it")) == NAME_LIST_NAMES
    with pytest.raises(RemoteProtocolError, match=f"more than {NAME_LIST_NAMES} names"):
        codec.split_names(b",".join([b"a"] * (NAME_LIST_NAMES + 1)), "it")
    assert codec.split_names(b"a" * NAME_LENGTH, "it") == (b"a" * NAME_LENGTH,)
    with pytest.raises(RemoteProtocolError, match=f"more than {NAME_LENGTH} bytes"):
        codec.split_names(b"a" * (NAME_LENGTH + 1), "it")
