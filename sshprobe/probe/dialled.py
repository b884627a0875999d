"""Driving a probe by the callbacks of a `net.Network`: no task, no future and no timer for each host.

    Connect    dial
    Exchange    send; what is received goes straight into the probe, which yields its next step
    CloseGracefully     the last bytes and our end in one segment; then wait for the end of the server

What is not one of these (a pause, a question asked elsewhere) leaves this way: the probe goes on from that step in a
task (`HostProbe.run`). So does a host that this machine had no means to ask, whom the sweep then lets wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sshprobe.model.observation import Observation
from sshprobe.net import LINGER_BYTES, Connection, Network, NetworkError
from sshprobe.probe.effects import STILL_OPEN, CloseGracefully, Connect, Effect, Exchange, ProbeGenerator
from sshprobe.probe.host_probe import HostProbe


class DialledProbe:
    """One host of one address. A subclass says what becomes of it, in `ended` and `left`: one is called, once."""

    __slots__ = (
        "_connection",
        "_effects",
        "_eof",
        "_finishing",
        "_lost",
        "_network",
        "_thrown_away",
        "_until",
        "probe",
    )

    def __init__(self, network: Network, probe: HostProbe) -> None:
        self._network = network
        self._connection: Connection = network.connection(self, probe.place, probe.port)
        self.probe = probe
        self._finishing = False
        self._thrown_away = 0
        self._eof = False
        self._until = 0.0
        self._lost: NetworkError | None = None

    # -- for the subclass to define ----------------------------------------------------------------------------------

    def ended(self, observation: Observation) -> None:
        """Take what came of the host."""

    def left(self) -> None:
        """Let the probe go on in a task."""

    # -- for the subclass to call ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin. It may end at once."""
        self._effects: ProbeGenerator[Observation] = self.probe.effects(self._network.time)
        try:
            self._go_on(next, self._effects)
        except Exception as error:  # a bug of ours, met before the network has us: it costs this host, not the sweep
            self._connection.fail_internally(error)

    # -- events of the connection --------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Go on."""
        self._go_on(self._effects.send, b"")

    def received(self, data: bytes) -> None:
        """Hand over what came, or throw it away once all is said."""
        if self._finishing:
            self._thrown_away += len(data)
            if not data:
                self._finished()
            elif self._thrown_away >= LINGER_BYTES:
                self._finished(STILL_OPEN)
            return
        if not data:
            if self._lost is not None:
                self.broken(self._lost)
                return
            self._eof = True
        self._go_on(self._effects.send, data)

    def broken(self, error: NetworkError) -> None:
        """Tell how the connection failed."""
        if self._finishing:
            self._finished()
        else:
            self._lost = error
            self._go_on(self._effects.throw, error)

    def unsent(self, error: NetworkError) -> None:
        """Wait for what came before, if there is any, and tell it then."""
        self._lost = error
        if self._finishing:
            self._finished()

    def expired(self) -> None:
        """Tell that there was no answer in time."""
        if self._finishing:
            self._finished(STILL_OPEN)
        else:
            self._go_on(self._effects.throw, NetworkError("timeout", "no answer in time"))

    def failed_internally(self, error: Exception) -> None:
        """Cost this host its record, and no other."""
        self.ended(self.probe.abandon(error))

    # -- steps -------------------------------------------------------------------------------------------------------

    def _go_on(self, answer: Callable[[Any], Effect], value: object) -> None:
        """Give the probe an answer, and perform the step that it takes next."""
        try:
            step = answer(value)
        except StopIteration as end:
            self._connection.close()
            self._over(end.value)
            return
        if type(step) is Exchange:
            self._receive(step)
        elif type(step) is CloseGracefully:
            self._finish(step)
        elif type(step) is Connect:
            self._eof, self._until, self._lost, self._thrown_away = False, 0.0, None, 0
            self._connection.dial(step.timeout)
        else:
            self.probe.go_on_from(self._effects, step)
            self.left()

    def _receive(self, step: Exchange) -> None:
        if step.data:
            self._connection.send(step.data)
        if self._eof:
            self.received(b"")
        elif step.deadline != self._until:
            # Once for each deadline: the network may have put it off, once too, and each piece of an answer comes here.
            self._until = step.deadline
            self._connection.wait_until(step.deadline)

    def _finish(self, step: CloseGracefully) -> None:
        if self._lost is not None:
            self._finished()
            return
        self._finishing = True
        self._connection.send_last(step.data)
        if self._eof:
            self._finished()
        else:
            self._connection.wait_until(self._network.time() + step.linger)

    def _finished(self, answer: bytes = b"") -> None:
        self._finishing = False
        self._connection.close()
        self._go_on(self._effects.send, answer)

    def _over(self, observation: Observation) -> None:
        if self.probe.local_trouble is None:
            self.ended(observation)
        else:
            self.left()
