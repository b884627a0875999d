import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.model.escape import escape_bytes, escape_text, escape_unprintable

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2", "SSH-2.0-OpenSSH_9.2p1 Debian-2"),
        (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
        (b"a\\x1b", "a\\\\x1b"),
        (b"\xff\x80", "\\xff\\x80"),
        ("grüß".encode(), "grüß"),
        ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
        ("\u2028\u0301\x85\U000e0001".encode(), "\\u2028\\u0301\\x85\\U000e0001"),
        (b"\r\n\t\x00\x7f", "\\x0d\\x0a\\x09\\x00\\x7f"),
    ],
)
def test_known_texts(data: bytes, text: str) -> None:
    assert escape_bytes(data) == text
    assert escape_unprintable(text) == text


def test_a_limit_shortens_the_text() -> None:
    assert escape_bytes(b"abcdef", 3) == "abc..."
    assert escape_bytes(b"abc", 3) == "abc"


@given(st.binary(max_size=200))
def test_no_unsafe_byte_passes(data: bytes) -> None:
    text = escape_bytes(data)
    assert not any(unicodedata.category(character) in UNSAFE for character in text)
    assert escape_unprintable(text) == text


@given(st.text(), st.text())
def test_different_texts_look_different(one: str, other: str) -> None:
    if one != other:
        assert escape_text(one) != escape_text(other)


@given(st.text(alphabet=st.characters()))
def test_escaping_again_changes_nothing(text: str) -> None:
    once = escape_unprintable(text)
    assert not any(unicodedata.category(character) in UNSAFE for character in once)
    assert escape_unprintable(once) == once
