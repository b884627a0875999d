"""The messages, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire import messages as msg
from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.events import AuthenticationBanner, AuthenticationFailed, DisconnectReceived, ExtensionsReceived
from sshprobe.wire.limits import NAME_LENGTH, NAME_LIST_NAMES
from sshprobe.wire.messages import NAME_LISTS, KexInit, disconnect
from tests.wire.playbook import KEXINIT_LISTS, disconnect_message, kexinit, text, u32


def names(kexinit: KexInit, field: str) -> tuple[bytes, ...]:
    found = getattr(kexinit, field)
    assert isinstance(found, tuple)
    return found


def test_every_field_of_kexinit() -> None:
    lists = {field: f"{field},second".encode() for field in NAME_LISTS}
    found = KexInit.parse(kexinit(follows=True, reserved=0xDEADBEEF, **lists))
    assert found.cookie == bytes(range(16))
    for field in NAME_LISTS:
        assert names(found, field) == (field.encode(), b"second")
    assert found.first_kex_packet_follows
    assert found.reserved == 0xDEADBEEF
    assert found.encode() == kexinit(follows=True, reserved=0xDEADBEEF, **lists)


@pytest.mark.parametrize("boolean", [1, 2, 255])
def test_any_boolean_but_zero_is_true(boolean: int) -> None:
    raw = bytearray(kexinit())
    raw[-5] = boolean
    assert KexInit.parse(bytes(raw)).first_kex_packet_follows


def test_kexinit_truncated_anywhere() -> None:
    whole = kexinit()
    for end in range(len(whole)):
        with pytest.raises(RemoteProtocolError, match="KEXINIT ends within"):
            KexInit.parse(whole[:end])


@pytest.mark.parametrize("field", NAME_LISTS)
def test_kexinit_truncated_at_a_field_says_which(field: str) -> None:
    whole = kexinit()
    before = list(KEXINIT_LISTS)[: NAME_LISTS.index(field)]
    start = 17 + sum(4 + len(KEXINIT_LISTS[name]) for name in before)
    with pytest.raises(RemoteProtocolError, match=f"KEXINIT ends within {field}"):
        KexInit.parse(whole[: start + 3])
    with pytest.raises(RemoteProtocolError, match=f"KEXINIT ends within {field}"):
        KexInit.parse(whole[:start] + u32(2**32 - 1) + whole[start + 4 :])


def test_kexinit_with_more_behind_it() -> None:
    with pytest.raises(RemoteProtocolError, match="KEXINIT has 1 bytes too many"):
        KexInit.parse(kexinit() + b"\x00")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ()),
        (b",", (b"", b"")),
        (b"a,,b", (b"a", b"", b"b")),
        (b",a", (b"", b"a")),
        (b"a,", (b"a", b"")),
        (b"a,a,a", (b"a", b"a", b"a")),
        (b"caf\xc3\xa9,\xff\x00,a b", (b"caf\xc3\xa9", b"\xff\x00", b"a b")),
        (b"\r\n\x1b[2J", (b"\r\n\x1b[2J",)),
    ],
)
@pytest.mark.parametrize("field", NAME_LISTS)
def test_name_lists_are_kept_as_sent(field: str, raw: bytes, expected: tuple[bytes, ...]) -> None:
    lists: dict[str, Any] = {field: raw}
    payload = kexinit(**lists)
    found = KexInit.parse(payload)
    assert names(found, field) == expected
    assert found.encode() == payload


def test_a_million_names() -> None:
    with pytest.raises(LimitExceeded, match=f"kex_algorithms of KEXINIT has more than {NAME_LIST_NAMES} names"):
        KexInit.parse(kexinit(kex_algorithms=b"a," * 1_000_000))
    most = b",".join([b"a"] * NAME_LIST_NAMES)
    assert len(KexInit.parse(kexinit(kex_algorithms=most)).kex_algorithms) == NAME_LIST_NAMES
    with pytest.raises(RemoteProtocolError, match="names"):
        KexInit.parse(kexinit(kex_algorithms=most + b","))


def test_an_endless_name() -> None:
    assert KexInit.parse(kexinit(kex_algorithms=b"x" * NAME_LENGTH)).kex_algorithms == (b"x" * NAME_LENGTH,)
    with pytest.raises(LimitExceeded, match="a name of more than 1024 bytes"):
        KexInit.parse(kexinit(kex_algorithms=b"a," + b"x" * (NAME_LENGTH + 1)))


def test_disconnect() -> None:
    sent = disconnect_message(11, b"bye")
    assert DisconnectReceived.parse(sent) == DisconnectReceived(11, b"bye")
    assert disconnect(b"bye") == sent
    assert DisconnectReceived.parse(sent[:-4]) == DisconnectReceived(11, b"bye")  # no language tag: old servers


def test_ext_info() -> None:
    pairs = text(b"server-sig-algs") + text(b"ssh-ed25519,rsa-sha2-512") + text(b"") + text(b"\x00\xff")
    found = ExtensionsReceived.parse(b"\x07" + u32(2) + pairs)
    assert found.extensions == ((b"server-sig-algs", b"ssh-ed25519,rsa-sha2-512"), (b"", b"\x00\xff"))
    assert ExtensionsReceived.parse(b"\x07" + u32(0)).extensions == ()


@pytest.mark.parametrize("count", [1, 3, msg.MAX_EXTENSIONS + 1, 2**32 - 1])
def test_ext_info_with_another_count(count: int) -> None:
    with pytest.raises(RemoteProtocolError, match="EXT_INFO"):
        ExtensionsReceived.parse(b"\x07" + u32(count) + (text(b"a") + text(b"b")) * 2)
    with pytest.raises(RemoteProtocolError, match="EXT_INFO has 16 bytes too many"):
        ExtensionsReceived.parse(b"\x07" + u32(0) + text(b"abcd") + text(b"efgh"))


def test_ext_info_without_end() -> None:
    with pytest.raises(LimitExceeded, match="more than 64 extensions"):
        ExtensionsReceived.parse(b"\x07" + u32(65) + (text(b"a") + text(b"b")) * 65)


def test_userauth_failure() -> None:
    found = AuthenticationFailed.parse(b"\x33" + text(b"publickey,password") + b"\x01")
    assert found == AuthenticationFailed((b"publickey", b"password"))
    assert AuthenticationFailed.parse(b"\x33" + text(b"") + b"\x00") == AuthenticationFailed(())


def test_userauth_banner() -> None:
    assert AuthenticationBanner.parse(b"\x35" + text(b"hello\r\n") + text(b"en")).message == b"hello\r\n"
    assert AuthenticationBanner.parse(b"\x35" + text(b"")).message == b""


PARSERS: list[Callable[[bytes], object]] = [
    KexInit.parse,
    DisconnectReceived.parse,
    ExtensionsReceived.parse,
    AuthenticationFailed.parse,
    AuthenticationBanner.parse,
]


@pytest.mark.parametrize("parse", PARSERS)
def test_another_message(parse: Callable[[bytes], object]) -> None:
    with pytest.raises(RemoteProtocolError, match="not a"):
        parse(b"\x63" + bytes(40))
    with pytest.raises(RemoteProtocolError):
        parse(b"")


@given(st.sampled_from(PARSERS), st.sampled_from([1, 7, 20, 51, 53]), st.binary(max_size=200))
def test_arbitrary_bytes(parse: Callable[[bytes], object], number: int, data: bytes) -> None:
    try:
        parse(bytes((number,)) + data)
    except RemoteProtocolError as error:
        assert str(error).isprintable()  # noqa: PT017 - whatever was parsed, no byte of it is in the words


def test_what_we_send() -> None:
    assert msg.service_request(b"ssh-userauth") == b"\x05" + text(b"ssh-userauth")
    assert msg.userauth_none_request(b"root") == b"\x32" + text(b"root") + text(b"ssh-connection") + text(b"none")
    assert msg.unimplemented(7) == b"\x03" + u32(7)
