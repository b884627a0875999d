"""Servers that refuse further connections in words are `throttled` and scanned again at the end."""

from __future__ import annotations

import pytest

from sshprobe.probe.busy_words import says_busy
from sshprobe.scan.scanner import Scanner
from tests.reports.conftest import Device, StartDevice

BUSY = [
    b"% Connection refused by remote host",
    b"All user processes are in use, please try again later.",
    b"Maximum number of SSH sessions exceeded",
    b"Too many connections, please try again later",
    b"Sorry, the maximum number of clients (5) has been reached.",
    b"all sessions are in use",
    b"% All user interfaces are used, please try later!",
    b"The number of users has reached the upper limit.",
    b"Too many open connections from this address, try again later",
    b"There are too many users logged in.",
    b"No more sessions are available",
    b"No free lines",
    b"Session limit reached",
    b"Connection limit exceeded",
    b"Server busy",
    b"The system is too busy",
    b"Resource temporarily unavailable",
    b"Port already in use",
    b"Exceeded MaxStartups",
    b"Not allowed at this time",
    b"421 Too many connections from your internet address.",
    b"Max sessions (4) reached",
    b"VTY lines full",
    b"ERROR: out of resources",
    b"There are already 5 active sessions",
    b"Only one session is allowed at a time",
    b"Out of sessions",
    b"Too many requests",
    b"Please wait before reconnecting",
    b"Session rejected: max sessions",
    b"The line is occupied",
    b"Unable to allocate a session",
    b"Cannot accept more connections",
    b"Another user is already logged in",
    b"sessions exhausted",
    b"max_clients reached",
    b"Load too high",
    b"per-host connection limit",
]

ELSEWHERE = [
    "Zu viele Verbindungen",
    "Maximale Anzahl von Sitzungen erreicht",
    "Nombre maximum de connexions atteint",
    "Trop de connexions, réessayez plus tard",
    "Número máximo de conexiones alcanzado",
    "Demasiadas conexiones",
    "Troppe connessioni",
    "Número máximo de conexões atingido",
    "Слишком много подключений",
    "连接数已达上限",
    "用户数已满 请稍后再试",
    "接続数が上限に達しました",
]

NOT_BUSY = [
    b"220 mail.example.com ESMTP Postfix",
    b"HTTP/1.1 429 Too Many Requests",
    b"HTTP/1.1 503 Service Temporarily Unavailable, all connections busy",
    b"Too many authentication failures",
    b"This system is for the use of authorised users only. All sessions are recorded.",
    b"* All connections are monitored and recorded",
    b"Unable to negotiate: no matching key exchange method found",
    b"Permission denied",
    b"Maximum authentication attempts exceeded",
    b"No more authentication requests allowed",
    "Nur für befugte Benutzer. Alle Sitzungen werden aufgezeichnet.".encode(),
    b"User not allowed because account is locked",
    b"",
    b"\xff\xfd\x18\xff\xfd\x20",
]


@pytest.mark.parametrize("words", BUSY, ids=bytes.decode)
def test_words_about_a_limit(words: bytes) -> None:
    assert says_busy(words)
    assert says_busy(words.upper())
    assert says_busy(b"\r\n" + words + b"\r\n")


@pytest.mark.parametrize("words", ELSEWHERE)
def test_words_of_a_limit_in_other_languages(words: str) -> None:
    assert says_busy(words.encode())
    encoding = "latin-1" if words.isascii() or words[0] in "ZMNDT" else "gb18030"
    assert says_busy(words.encode(encoding))


@pytest.mark.parametrize("words", NOT_BUSY)
def test_other_words_do_not_throttle(words: bytes) -> None:
    assert not says_busy(words)


async def scan(device: Device) -> tuple[str, str]:
    async with Scanner(throttle_wait=0.01) as scanner:
        (record,) = [record async for record in scanner.scan([f"127.0.0.1:{device.port}"])]
    assert device.connections() == record.connections == 2  # the second one is the second try
    return record.status, record.error or ""


@pytest.mark.parametrize("words", ["ios", "all", "max", "full", "ftp"])
async def test_a_line_instead_of_the_identification(device: StartDevice, words: str) -> None:
    status, error = await scan(await device("27", words))
    assert status == "throttled"
    assert error.startswith('the server says "')


async def test_a_disconnect_with_any_code(device: StartDevice) -> None:
    status, error = await scan(await device("28"))
    assert (status, "Too many open connections" in error) == ("throttled", True)


@pytest.mark.parametrize(
    ("stage", "status"), [("before", "throttled"), ("after", "throttled"), ("exchange", "partial")]
)
async def test_a_line_at_another_stage(device: StartDevice, stage: str, status: str) -> None:
    found, error = await scan(await device("x03", stage))
    assert (found, error) == (status, 'the server says "All VTY lines are in use"')
