"""Servers of other protocols or of unusable SSH versions, and servers that never send an identification."""

from __future__ import annotations

import asyncio

from sshprobe.model.records import HostRecord
from tests.hostile.case import Case, flooding
from tests.hostile.server import Peer, disconnect_payload, random_bytes


async def http(peer: Peer) -> None:
    await peer.reader.readline()
    await peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def http_keep_alive(peer: Peer) -> None:
    await peer.reader.readline()
    await peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await peer.hang()


async def tls_alert(peer: Peer) -> None:
    await peer.reader.readline()
    await peer.raw(b"\x15\x03\x01\x00\x02\x02\x46")  # fatal, protocol_version


async def tls_alert_with_newline(peer: Peer) -> None:
    await peer.reader.readline()
    await peer.raw(b"\x15\x03\x03\x00\x02\x02\x0a")  # fatal, unexpected_message, which is 10


async def tls_alert_and_reset(peer: Peer) -> None:
    await peer.reader.readline()
    await peer.raw(b"\x15\x03\x01\x00\x02\x02\x46")
    await asyncio.sleep(0.05)
    peer.reset()


async def smtp(peer: Peer) -> None:
    await peer.raw(b"220 mail.example.org ESMTP\r\n")
    while await peer.reader.readline():
        await peer.raw(b"502 5.5.2 Error: command not recognized\r\n")


async def telnet(peer: Peer) -> None:
    await peer.raw(b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27login: ")
    await peer.hang()


async def mysql(peer: Peer) -> None:
    await peer.raw(b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(60))
    await peer.hang()


async def ssh1(peer: Peer) -> None:
    await peer.identify(b"SSH-1.5-OpenSSH_1.2.3")
    await peer.hang()


async def ssh3(peer: Peer) -> None:
    await peer.identify(b"SSH-3.0-Tomorrow")
    await peer.hang()


async def malformed_identification(peer: Peer) -> None:
    await peer.identify(b"SSH-twenty")
    await peer.hang()


async def accepts_and_closes(peer: Peer) -> None:
    """Act as a TCP proxy without a server behind it."""


async def accepts_and_resets(peer: Peer) -> None:
    peer.reset()


async def silent(peer: Peer) -> None:
    await peer.hang()


async def half_closed(peer: Peer) -> None:
    await peer.half_close()


async def max_startups(peer: Peer) -> None:
    await peer.raw(b"Exceeded MaxStartups\r\n")


async def penalty(peer: Peer) -> None:
    await peer.raw(b"Not allowed at this time\r\n")


async def too_many_connections(peer: Peer) -> None:
    await peer.identify()
    await peer.packet(disconnect_payload(12, "too many clients"))


async def tarpit(peer: Peer) -> None:
    while True:
        await peer.raw(random_bytes(8).hex().encode() + b"\r\n")
        await asyncio.sleep(0.05)


async def endless_lines(peer: Peer) -> None:
    await peer.flood(b"SSS welcome, and wait\r\n" * 100)


async def endless_empty_lines(peer: Peer) -> None:
    await peer.flood(b"\n" * 1000)


async def endless_line(peer: Peer) -> None:
    await peer.flood(b"S" * 4096)


async def endless_identification(peer: Peer) -> None:
    await peer.raw(b"SSH-2.0-")
    await peer.flood(b"A" * 4096)


async def slow_identification(peer: Peer) -> None:
    await peer.drip(b"SSH-2.0-" + b"A" * 200 + b"\r\n")


async def escapes_before_identification(peer: Peer) -> None:
    await peer.raw(b"\x1b]0;owned\x07\x1b[2J\x9b31m\xe2\x80\xae\xff\r\n")


async def null_bytes(peer: Peer) -> None:
    await peer.flood(bytes(4096))


def is_likened_to_a_tarpit(record: HostRecord) -> bool:
    return any("as a tarpit does" in warning for warning in record.warnings)


CLOSED_AT_ONCE = "the connection was closed before an identification"

CASES = [
    Case("http", http, "not_ssh", 'it sent "HTTP/1.1 400 Bad Request"'),
    Case("http that keeps the connection", http_keep_alive, "not_ssh", 'it sent "HTTP/1.1 400 Bad Request"'),
    Case("tls", tls_alert, "not_ssh", r'it sent "\x15\x03\x01'),
    Case("tls whose alert holds a line end", tls_alert_with_newline, "not_ssh", r'it sent "\x15\x03\x03'),
    Case("tls that resets after its alert", tls_alert_and_reset, "not_ssh", r'it sent "\x15\x03\x01'),
    Case("smtp", smtp, "not_ssh", 'it sent "220 mail.example.org ESMTP"', also=lambda record: record.warnings == []),
    Case("telnet", telnet, "not_ssh", r'it sent "\xff\xfd\x18'),
    Case("mysql", mysql, "not_ssh", 'it sent "J'),
    Case("SSH-1 only", ssh1, "ssh1_only", "speaks SSH-1 only"),
    Case(
        "a protocol of the future",
        ssh3,
        "protocol_error",
        "SSH 3.0",
        also=lambda record: record.identification is not None and record.identification.protocol == "3.0",
    ),
    Case("malformed identification", malformed_identification, "protocol_error", "malformed identification"),
    Case("a proxy that accepts and closes", accepts_and_closes, "reset", CLOSED_AT_ONCE, "identification", 2),
    Case("reset at once", accepts_and_resets, "reset", CLOSED_AT_ONCE, "identification", 2),
    Case("silence", silent, "timeout", "timed out waiting for an identification", "identification"),
    Case("half-closed at once", half_closed, "reset", CLOSED_AT_ONCE, "identification", 2),
    Case("MaxStartups, said", max_startups, "throttled", "Exceeded MaxStartups", connections=2),
    Case("penalty of OpenSSH 10", penalty, "throttled", "Not allowed at this time", connections=2),
    Case("too many connections, said by DISCONNECT", too_many_connections, "throttled", "reason 12", connections=2),
    Case("tarpit", tarpit, "not_ssh", "no SSH identification", also=is_likened_to_a_tarpit),
    Case(
        "endless lines", endless_lines, "not_ssh", "SSS welcome", bytes_accepted=flooding(), also=is_likened_to_a_tarpit
    ),
    Case("endless empty lines", endless_empty_lines, "not_ssh", "", bytes_accepted=flooding()),
    Case("an endless line", endless_line, "not_ssh", "SSSS", bytes_accepted=flooding()),
    Case("an endless identification", endless_identification, "protocol_error", "8192", bytes_accepted=flooding()),
    Case(
        "an identification, a byte at a time and never whole",
        slow_identification,
        "timeout",
        "identification",
        also=is_likened_to_a_tarpit,
    ),
    Case(
        "terminal escapes before the identification",
        escapes_before_identification,
        "not_ssh",
        r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\xff",
    ),
    Case("NUL bytes without end", null_bytes, "not_ssh", r"\x00", bytes_accepted=flooding()),
]
