"""The driver: performs the effects of one probe by the callbacks of a `net.Network`.

    Connect          dial
    Exchange         send; received data goes straight into the probe, which yields its next effect
    CloseGracefully  the last data and our end in one segment; then wait for the server's end
    Pause            a timer of the network; another host has the slot meanwhile
    RunAsync         a task

So a host has no task, future or timer of its own, except for a `RunAsync`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from sshprobe.model.observation import Observation, Status
from sshprobe.net import LINGER_BYTES, Connection, Network, NetworkError
from sshprobe.probe.effects import (
    STILL_OPEN,
    CloseGracefully,
    Connect,
    Effect,
    Exchange,
    Pause,
    ProbeGenerator,
    RunAsync,
)
from sshprobe.probe.host_probe import HostProbe

UNANSWERED: frozenset[Status] = frozenset({"unreachable", "timeout", "reset", "partial"})
"""Statuses of hosts that this machine's network may be the reason for."""


class Slot(Protocol):
    """What the engine gives to a running job."""

    def release(self) -> None:
        """Let another job run, while this one rests with no connection open."""

    def acquire(self, acquired: Callable[[], None]) -> None:
        """Call `acquired` when the job may go on after `release`: at once or later."""

    def create_task(self, work: Coroutine[Any, Any, None]) -> object:
        """Run `work` in a task, which is cancelled when the scan ends early."""


class FirstAnswer(NamedTuple):
    """What happened on a connection on which our identification was sent. Times are those of the network's clock."""

    started: float
    """When the probe began."""
    connected: float
    identified: float
    """When the server's identification was complete; now, if it is not."""
    pieces: Sequence[bytes]
    """The data received, as it came."""


class Driver:
    """A job: one host. `start` it, and start it again for another try, which asks what is missing."""

    __slots__ = (
        "_connection",
        "_discarded",
        "_done",
        "_effects",
        "_eof",
        "_is_advancing",
        "_is_closing",
        "_lost",
        "_network",
        "_next",
        "_slot",
        "_until",
        "probe",
        "resource_error",
        "retry_later",
        "unanswered",
    )

    _connection: Connection
    _done: Callable[[Observation], None] | None
    _effects: ProbeGenerator[Observation]
    _network: Network
    _slot: Slot

    def __init__(self, probe: HostProbe) -> None:
        self.probe = probe
        self.retry_later = False
        """At its end: whether another try, after a pause, may find more."""
        self.resource_error: str | None = None
        """At its end: what this machine, not the host, ran out of, if that ended the last try."""
        self.unanswered = False
        """At its end: whether the host left a question unanswered, as it does while the network is away."""
        self._is_advancing = False
        self._next: tuple[Callable[[Any], Effect], object] | None = None  # an answer that came while one was handled
        self._begin_connection()

    def _begin_connection(self) -> None:
        self._is_closing = False
        self._discarded = 0
        self._eof = False
        self._until = 0.0
        self._lost: NetworkError | None = None

    # -- as a job ----------------------------------------------------------------------------------------------------

    @property
    def addresses(self) -> Sequence[str]:
        """The addresses that it may connect to."""
        return self.probe.addresses

    def start(self, network: Network, slot: Slot, done: Callable[[Observation], None]) -> None:
        """Probe the host, and call `done`, perhaps at once."""
        self._network, self._slot, self._done = network, slot, done
        self._connection = network.connection(self, self.probe.address, self.probe.port)
        self._effects = self.probe.effects(network.time)
        self._advance(self._effects.send, None)

    def take_over(
        self,
        connection: Connection,
        network: Network,
        slot: Slot,
        done: Callable[[Observation], None],
        before: FirstAnswer,
    ) -> None:
        """Continue on `connection`: replay what came `before`, by the clock of then, to the probe. Its events follow.

        The probe must be new.
        """
        self._network, self._slot, self._done = network, slot, done
        self._connection = connection
        connection.handler = self
        clock = _ReplayClock(before.started, network.time)
        self._effects = self.probe.effects(clock)
        next(self._effects)  # Connect
        clock.replayed = before.connected
        exchange = self._effects.send(b"")  # its data is our identification, which is sent
        assert type(exchange) is Exchange
        self._until = exchange.deadline
        connection.wait_until(exchange.deadline)
        clock.replayed = before.identified
        for piece in before.pieces:
            self.received(piece)
        clock.replayed = None

    # -- events of the connection --------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Answer `Connect`."""
        self._advance(self._effects.send, b"")

    def received(self, data: bytes) -> None:
        """Answer `Exchange`, or discard the data after our goodbye."""
        if self._is_closing:
            self._discarded += len(data)
            if not data:
                self._closed()
            elif self._discarded >= LINGER_BYTES:
                self._closed(STILL_OPEN)
            return
        if not data:
            if self._lost is not None:
                self.broken(self._lost)
                return
            self._eof = True
        self._advance(self._effects.send, data)

    def broken(self, error: NetworkError) -> None:
        """Answer with the failure of the connection."""
        if self._is_closing:
            self._closed()
        else:
            self._lost = error
            self._advance(self._effects.throw, error)

    def unsent(self, error: NetworkError) -> None:
        """Wait for data that came before, if there is any, and report the failure behind it."""
        self._lost = error
        if self._is_closing:
            self._closed()

    def expired(self) -> None:
        """Answer that no data came in time."""
        if self._is_closing:
            self._closed(STILL_OPEN)
        else:
            self._until = 0.0  # it is over: the same deadline is another wait
            self._advance(self._effects.throw, NetworkError("timeout", "no answer in time"))

    def failed_internally(self, error: Exception) -> None:
        """End with what is known."""
        self._end(self.probe.abandon(error))

    # -- effects -----------------------------------------------------------------------------------------------------

    def _advance(self, answer: Callable[[Any], Effect], value: object) -> None:
        """Give the probe an answer and perform its next effect. A bug in either costs this host alone.

        Some effects fail at once, as dialling does without a route: their answer waits until this one is handled.
        """
        if self._is_advancing:
            self._next = answer, value
            return
        self._is_advancing = True
        try:
            while True:
                effect = answer(value)
                if type(effect) is Exchange:
                    deadline = effect.deadline
                    if effect.data:
                        self._until = deadline
                        self._connection.send(effect.data, deadline)
                    if self._eof:
                        self.received(b"")
                    elif deadline != self._until:
                        # Once for each deadline: the network may have extended it, once too.
                        self._until = deadline
                        self._connection.wait_until(deadline)
                else:
                    self._perform(effect)
                if self._next is None:
                    break
                (answer, value), self._next = self._next, None
        except StopIteration as end:
            self._connection.close()
            del self._connection, self._effects  # they refer to us: else the garbage collector has to free each host
            self._end(end.value)
        except Exception as error:
            self._connection.fail_internally(error)
        finally:
            self._is_advancing = False

    def _perform(self, effect: Effect) -> None:
        if type(effect) is CloseGracefully:
            self._close_gracefully(effect)
        elif type(effect) is Connect:
            self._begin_connection()
            if effect.address is not self._connection.address:
                self._connection = self._network.connection(self, effect.address, effect.port)
            self._connection.dial(effect.timeout)
        elif type(effect) is Pause:
            self._slot.release()
            self._network.call_later(effect.seconds, self._on_rested)
        elif type(effect) is RunAsync:
            self._slot.create_task(self._run(effect.work))

    def _close_gracefully(self, effect: CloseGracefully) -> None:
        if self._lost is not None:
            self._closed()
            return
        self._is_closing = True
        self._connection.send_last(effect.data, self._network.time() + effect.linger)
        if self._eof:
            self._closed()

    def _closed(self, answer: bytes = b"") -> None:
        self._is_closing = False
        self._connection.close()
        self._advance(self._effects.send, answer)

    def _on_rested(self) -> None:
        self._slot.acquire(self._resume)

    def _resume(self) -> None:
        self._advance(self._effects.send, b"")

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            self._advance(self._effects.throw, error)
        else:
            self._resume()

    def _end(self, observation: Observation) -> None:
        done, self._done = self._done, None
        if done is not None:  # else a bug has ended it before
            probe = self.probe
            self.retry_later, self.resource_error = probe.retry_later, probe.resource_error
            self.unanswered = observation.status in UNANSWERED
            self._lost = None
            del self._network, self._slot
            done(observation)


class _ReplayClock:
    """The clock of a probe to which the past is replayed."""

    def __init__(self, replayed: float, clock: Callable[[], float]) -> None:
        self.replayed: float | None = replayed
        """The time then; None: the replay is over."""
        self._clock = clock

    def __call__(self) -> float:
        return self._clock() if self.replayed is None else self.replayed
