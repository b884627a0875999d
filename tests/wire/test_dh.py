"""Diffie-Hellman and group exchange: possible answers of a server. Real servers: test_key_exchange.py."""

from __future__ import annotations

import pytest

from sshprobe.wire.codec import Reader
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import GroupReceived
from sshprobe.wire.kex.dh import FixedGroupExchange, GroupExchange, group
from sshprobe.wire.kex.exchange import GroupExchangeRequest, Reply
from tests.wire.playbook import number, text, u32

P1 = group("group1")


def negative(value: int) -> bytes:
    """Return the mpint of a negative number."""
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def test_the_secret_is_shared() -> None:
    run = FixedGroupExchange("diffie-hellman-group1-sha1", "sha1", "group1")
    e = Reader(run.first[1:], "KEXDH_INIT").mpint("e")
    assert 1 < e < P1 - 1
    y = 0xC0FFEE
    f = pow(2, y, P1)
    step = run.read_reply(b"\x1f" + text(b"key") + number(f) + text(b"signature"))
    assert step == Reply(b"key", b"signature", text(b"key") + number(e) + number(f), number(pow(e, y, P1)))


@pytest.mark.parametrize("name", ["group1", "group14", "group16", "group18"])
def test_our_share_looks_like_any_other(name: str) -> None:
    """It is as long as the modulus with about as many ones as zeros: OpenSSH requires at least 4 ones (dh.c)."""
    e = Reader(FixedGroupExchange("x", "sha1", name).first[1:], "KEXDH_INIT").mpint("e")
    bits = group(name).bit_length()
    assert bits - 32 < e.bit_length() <= bits
    assert 0.4 < e.bit_count() / bits < 0.6


OUT_OF_RANGE = [number(0), number(1), number(P1 - 1), number(P1), number(P1 + 1), number(P1 << 64), negative(-1)]


@pytest.mark.parametrize("f", [*OUT_OF_RANGE, negative(-P1)], ids=range(8))
def test_f_out_of_range(f: bytes) -> None:
    run = FixedGroupExchange("diffie-hellman-group1-sha1", "sha1", "group1")
    with pytest.raises(RemoteProtocolError, match="public value is out of range"):
        run.read_reply(b"\x1f" + text(b"key") + f + text(b"signature"))


def chosen(run: GroupExchange, modulus: int = 23, generator: int = 5) -> tuple[GroupReceived, bytes | None]:
    return run.read_group(b"\x1f" + number(modulus) + number(generator))


@pytest.mark.parametrize("f", [number(0), number(1), number(22), number(23), negative(-5)], ids=range(5))
def test_f_out_of_the_range_of_the_chosen_group(f: bytes) -> None:
    run = GroupExchange("x", "sha256", GroupExchangeRequest())
    chosen(run)
    with pytest.raises(RemoteProtocolError, match="public value is out of range"):
        run.read_reply(b"\x21" + text(b"key") + f + text(b"signature"))


@pytest.mark.parametrize("old", [False, True])
def test_the_requested_sizes_are_hashed(old: bool) -> None:
    request = GroupExchangeRequest(1024, 3072, 8192)
    run = GroupExchange("x", "sha256", request)
    assert run.first == b"\x22" + u32(1024) + u32(3072) + u32(8192)
    if old:
        assert run.start_again() == b"\x1e" + u32(3072)
    step, answer = chosen(run)
    assert (step.modulus, step.generator, step.fault) == (23, 5, None)
    assert answer is not None
    e = Reader(answer[1:], "KEX_DH_GEX_INIT").mpint("e")
    reply = run.read_reply(b"\x21" + text(b"key") + number(6) + text(b"signature"))
    sizes = u32(3072) if old else u32(1024) + u32(3072) + u32(8192)
    assert reply.public == text(b"key") + sizes + number(23) + number(5) + number(e) + number(6)


def test_default_request_is_the_one_that_finds_the_smallest_group() -> None:
    assert GroupExchange("x", "sha1", GroupExchangeRequest()).first == b"\x22" + u32(1024) + u32(1024) + u32(8192)


@pytest.mark.parametrize("generator", [number(0), number(1), negative(-2), number(1 << 300)], ids=range(4))
@pytest.mark.parametrize("modulus", [number(0), number(1), number(2), negative(-23), number(1 << 2047)], ids=range(5))
def test_faulty_groups(modulus: bytes, generator: bytes) -> None:
    run = GroupExchange("x", "sha1", GroupExchangeRequest())
    step, answer = run.read_group(b"\x1f" + modulus + generator)
    assert answer is None
    assert step.fault


def test_a_group_above_the_maximum_is_used_if_possible() -> None:
    """A server that ignores the maximum is recognized by the recorded size, not by a failure."""
    _, answer = chosen(GroupExchange("x", "sha1", GroupExchangeRequest(1024, 1024, 2048)), (1 << 3071) | 1, 2)
    assert answer is not None


def test_truncated_anywhere() -> None:
    reply = text(b"key") + number(6) + text(b"signature")
    for end in range(len(reply)):
        run = GroupExchange("x", "sha1", GroupExchangeRequest())
        chosen(run)
        with pytest.raises(RemoteProtocolError, match="KEX_DH_GEX_REPLY ends within"):
            run.read_reply(b"\x21" + reply[:end])
        with pytest.raises(RemoteProtocolError, match="KEXDH_REPLY ends within"):
            FixedGroupExchange("x", "sha1", "group1").read_reply(b"\x1f" + reply[:end])
    sizes = number(23) + number(5)
    for end in range(len(sizes)):
        with pytest.raises(RemoteProtocolError, match="KEX_DH_GEX_GROUP ends within"):
            GroupExchange("x", "sha1", GroupExchangeRequest()).read_group(b"\x1f" + sizes[:end])
    with pytest.raises(RemoteProtocolError, match="KEX_DH_GEX_GROUP has 1 bytes too many"):
        GroupExchange("x", "sha1", GroupExchangeRequest()).read_group(b"\x1f" + sizes + b"\x00")


def test_a_padded_number_is_hashed_in_its_shortest_form() -> None:
    """The server hashes the number, and both ends know it without the extra bytes."""
    run = FixedGroupExchange("diffie-hellman-group1-sha1", "sha1", "group1")
    e = Reader(run.first[1:], "KEXDH_INIT").mpint("e")
    step = run.read_reply(b"\x1f" + text(b"key") + text(b"\0\0\x07") + text(b"signature"))
    assert step.public == text(b"key") + number(e) + number(7)
