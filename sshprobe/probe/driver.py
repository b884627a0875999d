"""The driver: performs the effects of one probe by the callbacks of a `net.Network`.

    Connect          dial
    Exchange, CloseGracefully
                     returned to the connection, which performs them; data goes straight into the probe
    Pause            a timer of the network; another host has the slot meanwhile
    RunAsync         a task

So a host has no task, future or timer of its own, except for a `RunAsync`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from sshprobe.model.observation import Observation, Status
from sshprobe.net import Action, CloseGracefully, Connection, Exchange, Network, NetworkError
from sshprobe.probe.effects import STILL_OPEN, Connect, Effect, Pause, ProbeGenerator, RunAsync
from sshprobe.probe.host_probe import HostProbe

UNANSWERED: frozenset[Status] = frozenset({"unreachable", "timeout", "reset", "partial"})
"""Statuses of hosts that this machine's network may have caused."""


class Slot(Protocol):
    """The engine's side of a running job."""

    def release(self) -> None:
        """Let another job run while this one waits without an open connection."""

    def acquire(self, acquired: Callable[[], None]) -> None:
        """Call `acquired` when the job may continue after `release`: at once or later."""

    def create_task(self, work: Coroutine[Any, Any, None]) -> object:
        """Run `work` in a task, which is cancelled if the scan ends early."""


class FirstAnswer(NamedTuple):
    """The data of a connection on which our identification was sent. Times are those of the network's clock."""

    started: float
    """The start of the probe."""
    connected: float
    identified: float
    """The time when the server's identification was complete; now, if it is not."""
    pieces: Sequence[bytes]
    """The received data, in its original pieces."""


class Driver:
    """A job: one host. `start` it again for another try, which asks only the missing questions."""

    _connection: Connection
    _done: Callable[[Observation], None] | None
    _effects: ProbeGenerator[Observation]
    _network: Network
    _slot: Slot

    def __init__(self, probe: HostProbe) -> None:
        self.probe = probe
        self.addresses: Sequence[str] = [address.ip for address in probe.connections.candidates]
        """The addresses that it may connect to."""
        self.retry_later = False
        """At its end: whether another try, after a pause, may find more."""
        self.resource_error: str | None = None
        """At its end: the resource that this machine ran out of, if that ended the last try."""
        self.unanswered = False
        """At its end: whether the host left a question unanswered, as during an outage of the network."""
        self._is_lost = self._is_at_end = False

    # -- as a job ----------------------------------------------------------------------------------------------------

    def start(self, network: Network, slot: Slot, done: Callable[[Observation], None]) -> None:
        """Probe the host, and call `done`, perhaps at once."""
        self._network, self._slot, self._done = network, slot, done
        self._connection = network.connection(self, self.probe.connections.candidates[0], self.probe.port)
        self._effects = self.probe.effects(network.time)
        self._advance(self._effects.send, None)

    def take_over(
        self,
        connection: Connection,
        network: Network,
        slot: Slot,
        done: Callable[[Observation], None],
        before: FirstAnswer,
    ) -> Action | None:
        """Continue on `connection`: replay the data of `before` to the probe, at its times. Later events follow.

        The probe must be new. Returns the next action.
        """
        self._network, self._slot, self._done = network, slot, done
        self._connection = connection
        connection.handler = self
        clock = _ReplayClock(before.started, network.time)
        self._effects = self.probe.effects(clock)
        next(self._effects)  # Connect
        clock.replayed = before.connected
        exchange = self._effects.send(b"")  # its data is our identification, which has been sent
        assert type(exchange) is Exchange
        action: Action | None = Exchange(b"", exchange.deadline)
        clock.replayed = before.identified
        for piece in before.pieces:
            connection.perform(action)
            action = self.received(piece)
        clock.replayed = None
        return action

    # -- events of the connection --------------------------------------------------------------------------------------

    def connected(self) -> Action | None:
        """Answer `Connect`."""
        return self._advance(self._effects.send, b"")

    def received(self, data: bytes) -> Action | None:
        """Answer `Exchange`."""
        self._is_at_end = not data
        return self._advance(self._effects.send, data)

    def expired(self) -> Action | None:
        """Answer that no data came in time."""
        return self._advance(self._effects.throw, NetworkError("timeout", "no answer in time"))

    def closed(self, *, still_open: bool) -> None:
        """Answer `CloseGracefully`."""
        self._advance(self._effects.send, STILL_OPEN if still_open else b"")

    def broken(self, error: NetworkError) -> None:
        """Answer with the failure of the connection."""
        self._is_lost = True
        self._advance(self._effects.throw, error)

    def failed_internally(self, error: Exception) -> None:
        """End with the facts so far."""
        self._end(self.probe.abandon(error))

    # -- effects -----------------------------------------------------------------------------------------------------

    def _advance(self, answer: Callable[[Any], Effect], value: object) -> Action | None:
        """Give the probe an answer, and perform its next effect, or return it to the connection.

        A bug in either affects only this host.
        """
        try:
            effect = answer(value)
            while (self._is_lost and type(effect) is CloseGracefully) or (self._is_at_end and type(effect) is Exchange):
                effect = self._effects.send(b"")  # the connection gives no other answer
            if type(effect) is Exchange or type(effect) is CloseGracefully:
                return effect
            if type(effect) is Connect:
                self._is_lost = self._is_at_end = False
                if effect.address is not self._connection.address:
                    self._connection = self._network.connection(self, effect.address, effect.port)
                self._connection.dial(effect.deadline, effect.timeout)
            elif type(effect) is Pause:
                self._slot.release()
                self._network.call_later(effect.seconds, self._on_rested)
            elif type(effect) is RunAsync:
                self._slot.create_task(self._run(effect.work))
        except StopIteration as end:
            if self._connection.is_open:
                self._connection.close()
            del self._connection, self._effects  # they refer to this object: break the cycle, to free it at once
            self._end(end.value)
        except Exception as error:
            self._connection.fail_internally(error)
        return None

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
        if done is not None:  # otherwise a bug has ended it before
            probe = self.probe
            self.retry_later, self.resource_error = probe.retry_later, probe.resource_error
            self.addresses = [address.ip for address in probe.connections.candidates]
            self.unanswered = observation.status in UNANSWERED
            del self._network, self._slot
            done(observation)


class _ReplayClock:
    """The clock of a probe during a replay of earlier data."""

    def __init__(self, replayed: float, clock: Callable[[], float]) -> None:
        self.replayed: float | None = replayed
        """The time of the data; None after the replay."""
        self._clock = clock

    def __call__(self) -> float:
        return self._clock() if self.replayed is None else self.replayed
