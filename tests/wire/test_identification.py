"""RFC 4253 section 4.2, and servers that deviate from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import ConnectionClosed, IdentificationReceived, LineReceived
from sshprobe.wire.identification import (
    Identification,
    IdentificationReader,
    check_client_identification,
    parse_identification,
)
from sshprobe.wire.limits import BYTES_BEFORE_IDENTIFICATION, IDENTIFICATION_LINE, LINES_BEFORE_IDENTIFICATION
from tests.wire.playbook import CLIENT, Playbook, breaks, client_leaves, client_sends, raw, server_closes, server_line


def came(line: bytes) -> IdentificationReceived:
    return IdentificationReceived(parse_identification(line))


@pytest.mark.parametrize(
    ("line", "protocol", "software", "comments", "speaks_2"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7", b"2.0", b"OpenSSH_9.2p1", b"Debian-2+deb12u7", True),
        (b"SSH-2.0-dropbear_2022.83", b"2.0", b"dropbear_2022.83", None, True),
        (b"SSH-1.99-Cisco-1.25", b"1.99", b"Cisco-1.25", None, True),
        (b"SSH-1.5-1.2.27", b"1.5", b"1.2.27", None, False),
        (b"SSH-1.3-x", b"1.3", b"x", None, False),
        (b"SSH-2.0-", b"2.0", b"", None, True),
        (b"SSH-2.0- two", b"2.0", b"", b"two", True),
        (b"SSH-2.0-a ", b"2.0", b"a", b"", True),
        (b"SSH-2.0-a  b c ", b"2.0", b"a", b" b c ", True),
        (b"SSH-2.0-a\x00b\x1b[2J\xff \x07\x00", b"2.0", b"a\x00b\x1b[2J\xff", b"\x07\x00", True),
        (b"SSH-2.0-a\rb", b"2.0", b"a\rb", None, True),
        (b"SSH-2.5-next", b"2.5", b"next", None, True),
        (b"SSH-3.0-later", b"3.0", b"later", None, False),
        (b"SSH-20.0-x", b"20.0", b"x", None, False),
        (b"SSH-02.0-x", b"02.0", b"x", None, True),
        (b"SSH-2.00-x", b"2.00", b"x", None, True),
        (b"SSH-01.99-x", b"01.99", b"x", None, True),
        (b"SSH-01.5-x", b"01.5", b"x", None, False),
        (b"SSH-0.2-x", b"0.2", b"x", None, False),
    ],
)
def test_grammar(line: bytes, protocol: bytes, software: bytes, comments: bytes | None, speaks_2: bool) -> None:
    found = parse_identification(line)
    assert found == Identification(line, protocol, software, comments, speaks_2)


@pytest.mark.parametrize(
    "line", [b"SSH-", b"SSH-2.0", b"SSH-2-x", b"SSH-two-x", b"SSH-2.-x", b"SSH--x", b"SSH-2.0\x00-x", b"SSH- 2.0-x"]
)
def test_malformed(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed identification"):
        parse_identification(line)
    (Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(line) << breaks("malformed identification")).done()


@pytest.mark.parametrize("pieces", [None, 1, 2, 7])
def test_lines_before_it(pieces: int | None) -> None:
    (
        Playbook(pieces=pieces)
        << client_sends(CLIENT + b"\r\n")
        >> server_line(b"Welcome")
        << LineReceived(b"Welcome")
        >> raw(b"\r\n\n  SSH-2.0-not at the start\nssh-2.0-small\n")
        << LineReceived(b"")
        << LineReceived(b"")
        << LineReceived(b"  SSH-2.0-not at the start")
        << LineReceived(b"ssh-2.0-small")
        >> server_line(b"SSH-2.0-there")
        << came(b"SSH-2.0-there")
    ).done()


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("pieces", [None, 1])
def test_missing_cr(end: bytes, pieces: int | None) -> None:
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n")
    (play >> server_line(b"SSH-2.0-there", end) << came(b"SSH-2.0-there")).done()


def test_only_one_cr_belongs_to_the_line_end() -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    (play >> server_line(b"SSH-2.0-there", b"\r\r\n") << came(b"SSH-2.0-there\r")).done()


def test_ssh_1_99_goes_on_with_2() -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    play = play >> server_line(b"SSH-1.99-both", b"\n") << came(b"SSH-1.99-both")
    (play >> client_leaves() << client_sends(1)).done()


@pytest.mark.parametrize("line", [b"SSH-1.5-old", b"SSH-1.9-old"])
def test_ssh_1_ends_the_conversation(line: bytes) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    (play >> server_line(line) << came(line) >> raw(b"Protocol major versions differ.\n") >> client_leaves()).done()


def test_control_bytes_are_kept() -> None:
    line = b"SSH-2.0-\x00\x1b]0;x\x07 \xff\xfe"
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    play = play >> server_line(b"\x00\x00\x1b[2J") << LineReceived(b"\x00\x00\x1b[2J")
    (play >> server_line(line) << came(line)).done()


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"SSH-2.0-no line end", b"x" * IDENTIFICATION_LINE])
@pytest.mark.parametrize("pieces", [None, 1])
def test_no_identification_at_all(sent: bytes, pieces: int | None) -> None:
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n")
    (play >> raw(sent) >> server_closes() << ConnectionClosed()).done()


def test_nothing_is_sent_to_another_server() -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    (
        play >> raw(b"HTTP/1.1 400 Bad Request\r\n") << LineReceived(b"HTTP/1.1 400 Bad Request") >> client_leaves()
    ).done()


@pytest.mark.parametrize("pieces", [None, 1, 4096])
@pytest.mark.parametrize("start", [b"", b"SSH-2.0-"])
def test_longest_line(pieces: int | None, start: bytes) -> None:
    line = start.ljust(IDENTIFICATION_LINE - 1, b"x")
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n") >> server_line(line)
    (play << (came(line) if start else LineReceived(line))).done()


@pytest.mark.parametrize("pieces", [None, 1, 4096])
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("start", [b"", b"SSH-2.0-"])
def test_over_long_line(pieces: int | None, start: bytes, end: bytes) -> None:
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n")
    (play >> raw(start.ljust(IDENTIFICATION_LINE + 1, b"x") + end) << breaks("a line of more than 8192 bytes")).done()


@pytest.mark.parametrize(
    ("line", "allowed"),
    [(b"", LINES_BEFORE_IDENTIFICATION), (b"y" * 8191, BYTES_BEFORE_IDENTIFICATION // 8192), (b"z" * 31, 1024)],
)
def test_tarpit(line: bytes, allowed: int) -> None:
    play = Playbook(pieces=997) << client_sends(CLIENT + b"\r\n") >> raw((line + b"\n") * allowed)
    for _ in range(allowed):
        play = play << LineReceived(line)
    (play >> raw(line + b"\n") << breaks("endless lines")).done()


def test_limits_are_limits() -> None:
    with pytest.raises(LimitExceeded):
        IdentificationReader().next_line(bytearray(b"x" * 9000))


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))), st.lists(st.integers(0, 60)))
def test_any_segmentation_gives_the_same_lines(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\r\n" for line in lines)
    reader, buffer, found = IdentificationReader(), bytearray(), []
    for size in [*cuts, len(data)]:
        buffer += data[:size]
        data = data[size:]
        while (line := reader.next_line(buffer)) is not None:
            found.append(line)
    assert found == lines


@pytest.mark.parametrize(
    "line", [b"SSH-2.0-sshprobe_0.1", b"SSH-2.0-sshprobe contact@example.org", b"SSH-2.0-" + b"x" * 245]
)
def test_ours(line: bytes) -> None:
    check_client_identification(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"SSH-2.0-",
        b"SSH-1.99-x",
        b"SSH-2.0-a-b",
        b"SSH-2.0-a\n",
        b"SSH-2.0-a\r\nb",
        b"SSH-2.0-a \x00",
        "SSH-2.0-ä".encode(),
        b"SSH-2.0-" + b"x" * 246,
        b"SSH-2.0-Probe-1",
        b"SSH-2.0-SSH_Version_Mapper",
        b"SSH-2.0-OpenSSH SSH_Version_Mapper",
    ],
)
def test_not_ours(line: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        check_client_identification(line)
