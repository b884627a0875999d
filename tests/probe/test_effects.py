"""The effects of a probe for given answers, without a network."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from sshprobe.grading import is_gradeable
from sshprobe.model.observation import Observation
from sshprobe.net import Address, CloseGracefully, Exchange, NetworkError
from sshprobe.net.errors import network_error
from sshprobe.probe.effects import STILL_OPEN, Connect, Effect, Pause
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.wire.transport import ClientTransport
from tests.wire.playbook import DISCONNECT, KEXINIT, kexinit, packet, text, u32

TIMEOUT = NetworkError("timeout", "no answer in time")
FIRST, SECOND = (Address(ip, socket.AF_INET) for ip in ("127.0.0.1", "127.0.0.2"))
OURS = b"SSH-2.0-asking"
THEIRS = b"SSH-2.0-There_1.0\r\n"
LISTS = packet(kexinit())

Answer = bytes | Exception


def reset() -> NetworkError:
    return network_error(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))


class Asked:
    """A probe driven by hand. `answer` gives it the result of the last effect and returns the next one."""

    def __init__(self, addresses: Sequence[Address] = (FIRST,), **options: Any) -> None:
        self.now = 1000.0
        self.probe = HostProbe("t", "h", 22, addresses, ProbeOptions(client_id=OURS, **options))
        self.asking = self.probe.effects(lambda: self.now)
        self.step: Effect = next(self.asking)
        self.found: Observation | None = None

    def answer(self, *answers: Answer) -> Effect:
        for answer in answers:
            self.step = self.asking.throw(answer) if isinstance(answer, Exception) else self.asking.send(answer)
        return self.step

    def end(self, *answers: Answer) -> Observation:
        """Give the last answers, after which the plan is empty."""
        with pytest.raises(StopIteration) as ended:
            self.answer(*answers)
        assert isinstance(ended.value.value, Observation)
        return ended.value.value


def goodbye(step: Effect) -> bytes:
    """Return the number of the message that a `CloseGracefully` sends; b"" without one."""
    assert isinstance(step, CloseGracefully)
    return step.data[5:6]


def test_the_lists_are_one_connection() -> None:
    asked = Asked(depth="lists", timeout=10, host_timeout=60, connect_timeout=5)
    assert asked.step == Connect(FIRST, 22, 1005, 5)
    assert asked.answer(b"") == Exchange(OURS + b"\r\n", 1010)
    asked.now = 1002
    assert asked.answer(THEIRS) == Exchange(b"", 1003)  # a wait of its own; ours goes first without an answer
    asked.now = 1003
    assert asked.answer(LISTS[:9]) == Exchange(b"", 1003)
    assert asked.answer(TIMEOUT) == Exchange(b"", 1009)  # theirs has started; a little time is left for another try
    assert goodbye(asked.answer(LISTS[9:])) == bytes((DISCONNECT,))
    found = asked.end(b"")
    assert (found.status, found.connections, found.duration_ms) == ("ok", 1, 3000)


def test_identification_and_lists_in_one_piece_need_no_second_read() -> None:
    asked = Asked(depth="lists")
    assert isinstance(asked.answer(b""), Exchange)
    assert isinstance(asked.answer(THEIRS + LISTS), CloseGracefully)
    assert asked.end(b"").status == "ok"


def test_our_lists_go_out_with_the_first_message_of_the_exchange() -> None:
    asked = Asked(depth="keys")
    asked.answer(b"")
    step = asked.answer(THEIRS + LISTS)
    assert isinstance(step, Exchange)
    length = int.from_bytes(step.data[:4], "big")
    assert (step.data[5], step.data[4 + length + 5]) == (KEXINIT, 30)


def test_the_next_address_is_tried_in_the_time_that_is_left() -> None:
    asked = Asked([FIRST, SECOND], depth="lists", connect_timeout=5, host_timeout=6)
    assert asked.step == Connect(FIRST, 22, 1002, 2)
    asked.now += 2
    assert asked.answer(NetworkError("timeout", "no connection within 2 s")) == Connect(SECOND, 22, 1006, 4)
    found = asked.end(NetworkError("refused", "connection refused"))
    assert (found.status, found.error) == ("timeout", "no connection within 2 s (and 1 more addresses)")


def test_the_host_deadline_ends_a_question_early() -> None:
    asked = Asked(depth="lists", timeout=10, host_timeout=4)
    assert asked.answer(b"") == Exchange(OURS + b"\r\n", 1004)
    step = asked.answer(NetworkError("timeout", "no answer in time"))
    assert step == CloseGracefully(
        b"", 0.1
    )  # no message is possible before the identification, and it will not close either
    assert asked.end(b"").status == "timeout"


def test_nothing_is_connected_when_the_time_is_up() -> None:
    asked = Asked([FIRST, SECOND], depth="lists", host_timeout=4)
    asked.now += 4
    found = asked.end(NetworkError("refused", "connection refused"))
    assert found.error == "connection refused (and 1 more addresses)"


def test_a_broken_connection_gets_no_goodbye() -> None:
    asked = Asked(depth="lists")
    asked.answer(b"", THEIRS)
    assert asked.answer(reset()) == CloseGracefully(b"", 1)
    found = asked.end(b"")
    assert (found.status, found.error) == ("partial", "the connection was closed before KEXINIT")


@pytest.mark.parametrize("addresses", [[FIRST], [FIRST, SECOND]], ids=["one address", "two"])
def test_the_way_of_closing_does_not_change_the_record(addresses: list[Address]) -> None:
    """An end, a reset while we wait, or a reset during connect: TCP timing decides."""
    found = []
    everywhere: list[Answer] = [reset()] * len(addresses)
    ways: list[list[Answer]] = [[b"", b"", b""], [b"", reset(), b""], everywhere]
    for way in ways:
        asked = Asked(addresses, depth="lists")
        seen = asked.end(*way)
        found.append((seen.status, seen.stage, (seen.error or "").removesuffix(" (and 1 more addresses)")))
    assert set(found) == {("reset", "identification", "the connection was closed before an identification")}


@pytest.mark.parametrize("way", [[b"", b"", b""], [b"", reset(), b""], [reset()]], ids=["end", "reset", "connecting"])
def test_the_way_of_closing_does_not_matter_after_answers(way: list[Answer]) -> None:
    asked = Asked()
    asked.answer(b"", THEIRS + LISTS, b"", b"")
    while not isinstance(asked.step, Connect):
        asked.answer(b"")
    found = asked.end(*way)
    assert (found.status, found.error) == ("partial", "the connection was closed, after earlier connections")


def test_a_goodbye_before_the_end_does_not_matter() -> None:
    asked = Asked(depth="lists")
    farewell = packet(bytes((DISCONNECT,)) + u32(2) + text(b"go away") + text(b""))
    assert goodbye(asked.answer(b"", THEIRS + farewell)) == b""
    assert asked.end(b"").error == 'the server disconnected with reason 2: "go away"'


def test_a_server_that_closes_gets_no_more_questions() -> None:
    asked = Asked(depth="lists")
    assert goodbye(asked.answer(b"", THEIRS, b"")) == b""
    assert asked.end(b"").error == "the connection was closed before KEXINIT"


def test_connections_beyond_the_burst_are_paced() -> None:
    asked = Asked(depth="keys", burst=1, pace=1.5)
    asked.answer(b"", THEIRS + LISTS)
    asked.now += 0.5
    farewell = packet(bytes((DISCONNECT,)) + u32(3) + text(b"no") + text(b""))
    assert goodbye(asked.answer(farewell)) == b""
    assert asked.answer(b"") == Pause(1.0)
    asked.now += 1
    assert isinstance(asked.answer(b""), Connect)


def test_a_driver_can_stop_at_every_step() -> None:
    for answers in ([], [b""], [b"", THEIRS], [b"", THEIRS + LISTS]):
        asked = Asked(depth="keys")
        asked.answer(*answers)
        asked.asking.close()


BUG = "internal error: RuntimeError"


@pytest.mark.parametrize("said", [(b"",), (b"", THEIRS), (b"", THEIRS + LISTS)])
@pytest.mark.parametrize("answer", [b"", STILL_OPEN, RuntimeError("another one")])
def test_a_bug_after_a_goodbye_is_reported(said: Sequence[bytes], answer: Answer) -> None:
    asked = Asked(depth="keys")
    asked.answer(*said)
    step = asked.answer(RuntimeError("of ours"))
    assert goodbye(step) == (b"" if len(said) == 1 else bytes((DISCONNECT,)))  # no packet before the identifications
    assert isinstance(step, CloseGracefully)
    assert step.data[6:10] in (b"", u32(11))
    found = asked.end(answer)
    assert (found.status, found.error) == ("protocol_error", BUG)
    assert (found.kex_algorithms is not None) == (LISTS in said[-1])
    assert not is_gradeable(found)
    assert found.connections == 1


def test_a_bug_in_the_goodbye_keeps_the_first_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(depth="keys")
    asked.answer(b"", THEIRS)
    monkeypatch.setattr(ClientTransport, "disconnect", lambda *words: 1 // 0)
    found = asked.end(RuntimeError("of ours"))
    assert found.error == BUG


def test_a_server_that_does_not_close_is_given_time_to_see_our_end() -> None:
    asked = Asked(depth="keys")
    asked.answer(b"", THEIRS + LISTS)
    assert isinstance(asked.answer(NetworkError("timeout", "no answer in time")), CloseGracefully)
    assert asked.answer(STILL_OPEN) == Pause(0.05)
    assert isinstance(asked.answer(b""), Connect)
