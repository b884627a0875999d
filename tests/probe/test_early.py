"""Later connections begin with our KEXINIT if allowed: the results, without a network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sshprobe.net import CloseGracefully, Exchange, NetworkError
from sshprobe.probe.effects import Connect, Effect, Pause
from tests.probe.test_effects import OURS, Answer, Asked, goodbye
from tests.wire.playbook import (
    DISCONNECT,
    IGNORED,
    KEXINIT,
    ScriptedServer,
    disconnect_message,
    kexinit,
    packet,
    take_packet,
    text,
    unimplemented_message,
)

OPENSSH = b"SSH-2.0-OpenSSH_9.9"
KEYS = [b"ssh-ed25519", b"one@example.org", b"two@example.org"]
RESET, SILENCE = NetworkError("reset", "connection reset"), NetworkError("timeout", "no answer in time")
BYE = packet(disconnect_message(2, b"no"))


def lists(*keys: bytes, **others: Any) -> dict[str, Any]:
    return {"server_host_key_algorithms": b",".join(keys or KEYS), **others}


def messages(step: Effect) -> list[bytes | int]:
    """Return our line if a step sends it, and the numbers of its messages."""
    assert isinstance(step, Exchange)
    line, end, rest = step.data.partition(b"\r\n") if step.data.startswith(b"SSH-") else (b"", b"", step.data)
    sent = bytearray(rest)
    found: list[bytes | int] = [line + end] if line else []
    while sent:
        found.append(take_packet(sent)[0])
    return found


IDENTIFIED = OURS + b"\r\n"
USUAL, EARLY = [IDENTIFIED], [IDENTIFIED, KEXINIT, 30]


class Host(Asked):
    """A host with three host keys; only the first name is known."""

    def __init__(self, line: bytes = OPENSSH, **options: Any) -> None:
        super().__init__(**{"depth": "keys", "timeout": 3, "host_timeout": 60, **options})
        self.line = line

    def connected(self) -> list[bytes | int]:
        """Connect, and return the first data."""
        assert isinstance(self.step, Connect), self.step
        return messages(self.answer(b""))

    def keyed(self, **others: Any) -> Effect:
        """Show the next requested host key, and read the goodbye."""
        server = ScriptedServer(line=self.line, **lists(**others))
        server.client_line = OURS
        name = KEYS[len(self.probe.facts.host_keys)]
        opening = server.opening()
        if messages(self.step) == USUAL:
            self.answer(opening)
            opening = b""
        assert isinstance(self.step, Exchange)
        server.read_exchange(SimpleNamespace(sent=bytearray(self.step.data.removeprefix(IDENTIFIED))))  # type: ignore[arg-type] # the server reads only `sent`
        assert text(name) in server.client_kexinit
        blob = server.blob if name == b"ssh-ed25519" else text(name) + b"key"
        said = opening + packet(server.reply(blob=blob))
        assert goodbye(self.answer(said)) == bytes((DISCONNECT,))
        return self.step

    def keys(self) -> list[str]:
        return [key.type for key in self.probe.facts.host_keys]


def test_later_connections_send_everything_at_once() -> None:
    host = Host()
    assert host.connected() == USUAL
    host.keyed()
    for _ in range(2):
        assert isinstance(host.answer(b""), Connect)
        assert host.connected() == EARLY
        host.keyed()
    found = host.end(b"")
    assert (found.status, found.connections, found.warnings) == ("ok", 3, [])
    assert host.keys() == [name.decode() for name in KEYS]


def test_other_software_gets_no_early_message() -> None:
    host = Host(b"SSH-2.0-There_1.0")
    for _ in KEYS:
        assert host.connected() == USUAL
        host.keyed()
        if len(host.keys()) < len(KEYS):
            host.answer(b"")
    assert host.end(b"").status == "ok"


LINE = OPENSSH + b"\r\n"
THEIRS = packet(kexinit(**lists()))

FAILURES: dict[str, list[Answer]] = {
    "silent": [SILENCE],
    "silent behind the identification": [LINE, SILENCE],
    "silent behind KEXINIT": [LINE + THEIRS, SILENCE],
    "closes behind the identification": [LINE, b""],
    "closes behind KEXINIT": [LINE + THEIRS, b""],
    "resets behind the identification": [LINE, RESET],
    "resets behind KEXINIT": [LINE, THEIRS, RESET],
    "disconnects": [LINE + BYE],
    "disconnects behind KEXINIT": [LINE + THEIRS + BYE],
    "UNIMPLEMENTED": [LINE + packet(unimplemented_message(0))],
    "UNIMPLEMENTED behind KEXINIT": [LINE + THEIRS + packet(unimplemented_message(1))],
    "the reply before KEXINIT": [LINE + packet(b"\x1f")],
    "an invalid reply": [LINE + THEIRS + packet(b"\x1f")],
    "a breach of strict key exchange": [LINE + packet(IGNORED) + THEIRS],
    "a later breach of it": [LINE + THEIRS + packet(IGNORED)],
    "lists without the key": [LINE + packet(kexinit(**lists(b"ssh-ed25519")))],
    "lists without the method": [LINE + packet(kexinit(**lists(kex_algorithms=b"ecdh-sha2-nistp256")))],
    "lists without a cipher": [LINE + packet(kexinit(**lists(encryption_algorithms_client_to_server=b"3des-cbc")))],
    "no SSH-2": [b"SSH-3.0-OpenSSH_9.9\r\n"],
    "an invalid identification": [b"SSH-2\r\n"],
}


@pytest.mark.parametrize("name", FAILURES)
def test_early_failures_are_repeated_in_the_usual_order(name: str) -> None:
    """It costs one more connection, and this host gets no more early messages."""
    host = Host()
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.answer(*FAILURES[name])
    assert isinstance(host.answer(b""), Connect)
    assert host.probe._progress.failures == {}
    for _ in range(2):
        assert host.connected() == USUAL
        host.keyed()
        if len(host.keys()) < len(KEYS):
            host.answer(b"")
    found = host.end(b"")
    assert (found.status, found.connections) == ("ok", 4)
    assert found.several_servers == name.startswith("lists without")


@pytest.mark.parametrize("name", [name for name in FAILURES if name.endswith("behind KEXINIT")])
def test_repeated_failures_are_noted(name: str) -> None:
    host = Host(burst=12)
    host.connected()
    host.keyed()
    host.answer(b"")
    begun = [host.connected()]
    while True:
        host.answer(*FAILURES[name])
        assert isinstance(host.step, CloseGracefully)
        if len(begun) == 5:
            break
        host.answer(b"")
        begun.append(host.connected())
    found = host.end(b"")
    assert begun == [EARLY, *[USUAL] * 4]  # each key gets two attempts, as with other software
    assert (found.status, found.connections) == ("partial", 6)
    assert (found.error or "").startswith("no one@example.org host key: ")
    assert "no two@example.org host key: " in (found.error or "")


@pytest.mark.parametrize("failure", [b"", RESET])
def test_a_close_before_the_identification_is_throttling(failure: Answer) -> None:
    host = Host()
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.answer(failure)
    found = host.end(b"")
    assert (found.status, found.connections) == ("partial", 2)
    assert host.probe.retry_later
    host.asking = host.probe.effects(lambda: host.now)
    host.step = next(host.asking)
    assert host.connected() == USUAL


def test_a_refusal_in_words_is_throttling() -> None:
    host = Host()
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.answer(b"Not allowed at this time\r\n")
    assert host.end(b"").connections == 2
    assert host.probe.retry_later


def test_no_repetition_beyond_the_last_connection() -> None:
    host = Host(max_connections=2)
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.answer(LINE, b"")
    found = host.end(b"")
    assert (found.status, found.error, found.connections) == ("partial", "stopped after 2 connections", 2)


def test_no_repetition_before_its_turn() -> None:
    host = Host(burst=2, pace=1.5)
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.now += 0.5
    host.answer(LINE, b"")
    assert host.answer(b"") == Pause(1.0)


def test_other_lists_with_the_named_algorithms_continue() -> None:
    """They are still recorded, and the next connection waits for its lists."""
    host = Host()
    host.connected()
    host.keyed()
    host.answer(b"")
    assert host.connected() == EARLY
    host.keyed(kex_algorithms=b"diffie-hellman-group1-sha1,curve25519-sha256")
    host.answer(b"")
    assert host.connected() == USUAL
    host.keyed()
    found = host.end(b"")
    assert (found.status, found.connections, found.several_servers) == ("ok", 3, True)
    assert found.strict_kex is False
    assert "diffie-hellman-group1-sha1" in (found.kex_algorithms or ())
