"""The steps of probing one host, to explain its record.

A probe is a generator of steps (`sshprobe.probe.effects`), so `traced` wraps it and logs each step with its answer; a
`TracedTransport` logs each packet by name, with the states of the connection. Both exist only while the logger
`sshprobe.trace` is enabled for DEBUG. Otherwise a host costs one check of it.

Every log record has `host`, `port` and `elapsed` (seconds since the probe began) as attributes, and text from the
server is escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from sshprobe.model.escape import escape_bytes
from sshprobe.net import CloseGracefully, Exchange, NetworkError
from sshprobe.probe.effects import STILL_OPEN, Connect, Effect, Pause, ProbeGenerator, RunAsync
from sshprobe.probe.probe_progress import ExchangePlan
from sshprobe.wire import messages as msg
from sshprobe.wire.events import Event, HostKeyReceived, IdentificationReceived, LineReceived
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.states import State
from sshprobe.wire.transport import NEED_DATA, ClientTransport

LOGGER = logging.getLogger("sshprobe.trace")

T = TypeVar("T")


class HostTrace:
    """The log of one host."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._clock: Callable[[], float] | None = None
        self._began = 0.0

    def begin(self, clock: Callable[[], float]) -> None:
        """Measure the time from now on, by the clock of the driver."""
        if self._clock is None:
            self._clock, self._began = clock, clock()

    def log(self, text: str) -> None:
        """Log one line."""
        elapsed = 0.0 if self._clock is None else self._clock() - self._began
        extra = {"host": self._host, "port": self._port, "elapsed": round(elapsed, 4)}
        LOGGER.debug("%s", text, extra=extra)

    def until(self, deadline: float) -> str:
        """Describe the length of a wait."""
        return "" if self._clock is None else f", {max(0.0, deadline - self._clock()):.1f} s at most"


def host_trace(host: str, port: int) -> HostTrace | None:
    """Return the log of a host, if the logger is enabled."""
    return HostTrace(host, port) if LOGGER.isEnabledFor(logging.DEBUG) else None


def traced(asking: ProbeGenerator[T], trace: HostTrace, clock: Callable[[], float]) -> ProbeGenerator[T]:
    """Return `asking` with each step and its answer in the log."""
    trace.begin(clock)
    failure: NetworkError | None = None
    answer = b""
    try:
        step = next(asking)
        while True:
            trace.log(_describe(step, trace))
            try:
                answer, failure = (yield step), None
            except NetworkError as error:
                failure = error
            trace.log(_describe_answer(step, answer) if failure is None else f"  failed: {failure.failure}, {failure}")
            step = asking.send(answer) if failure is None else asking.throw(failure)
    except StopIteration as end:
        result: T = end.value
    finally:
        asking.close()
    status, words = getattr(result, "status", None), getattr(result, "error", None)
    trace.log(f"end: {status}" + (f", {words}" if words else ""))
    return result


def _describe(step: Effect, trace: HostTrace) -> str:
    match step:
        case Connect(address, port, _, timeout):
            return f"connect to {address.ip} port {port}, {timeout:.1f} s at most"
        case Exchange(data, deadline):
            sent = f"send {len(data):,} bytes, then wait" if data else "wait"
            return sent + trace.until(deadline)
        case CloseGracefully(data, linger):
            return f"send {len(data):,} bytes and close our side, {linger:.1f} s for the server's"
        case Pause(seconds):
            return f"pause for {seconds:.2f} s"
        case RunAsync():
            return "ask through asyncssh"


def _describe_answer(step: Effect, answer: bytes) -> str:
    match step:
        case Connect():
            return "  connected"
        case Exchange():
            return f"  received {len(answer):,} bytes" if answer else "  the server closed its side"
        case CloseGracefully():
            return "  we closed first" if answer == STILL_OPEN else "  closed by both"
    return "  done"


def describe_exchange(exchange: ExchangePlan | None) -> str:
    """Describe the questions of a connection; None: they follow from the server's lists."""
    if exchange is None:
        return "plan: read the lists"
    asked = [f"the {exchange.family} host key by {exchange.kex}"]
    if exchange.group_exchange and exchange.request is not None:
        request = exchange.request
        asked.append(f"a group of min {request.min}, n {request.n}, max {request.max}")
    if exchange.suite is not None:
        asked.append(f"the authentication methods of {exchange.user}")
    return f"plan: {', '.join(asked)}"


class TracedTransport(ClientTransport):
    """A `ClientTransport` that logs its packets, sent and received, and its states."""

    def __init__(self, identification: bytes, *, key_pairs: KeyPairs | None = None, trace: HostTrace) -> None:
        super().__init__(identification, key_pairs=key_pairs)
        self._trace = trace
        trace.log(f"  > identification {escape_bytes(identification, 255)}")

    def next_event(self, data: bytes | None = None) -> Event | type[NEED_DATA]:
        """Return the next event, and log the state that it leads to."""
        before = self.state
        try:
            event = super().next_event(data)
        finally:
            if self.state is not before:
                self._trace.log(f"  state {before.name} -> {self.state.name}")
        if type(event) is IdentificationReceived:
            self._trace.log(f"  < identification {escape_bytes(event.identification.raw, 255)}")
        elif type(event) is LineReceived:
            self._trace.log(f"  < line {escape_bytes(event.line, 255)}")
        elif type(event) is HostKeyReceived:
            proof = _PROOF[event.signature_verified]
            self._trace.log(f"  host key {event.host_key.type} {event.host_key.fingerprint}, {proof}")
        return event

    def _packet_received(self, payload: bytes) -> Event | None:
        protection = ", encrypted" if self.state in (State.SERVICE, State.AUTHENTICATION) else ""
        self._trace.log(f"  < {self._name(payload)}, {len(payload):,} bytes{protection}")
        return super()._packet_received(payload)

    def _send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._trace.log(f"  > {self._name(payload)}, {len(payload):,} bytes")
        super()._send(*payloads)

    def _name(self, payload: bytes) -> str:
        method = METHODS.get(self._handshake.method)
        return message_name(payload[0], method.kind if method is not None else "")


def message_name(number: int, kind: str = "") -> str:
    """Return the name of a message (RFC 4250 section 4.1.2); 30 to 49 belong to the `kind` of key exchange method."""
    name = msg.NAMES.get(number)
    if name is None and msg.KEX_FIRST <= number <= msg.KEX_LAST:
        name = (_GROUP_EXCHANGE if kind == "gex" else _EXCHANGE).get(number)
    return f"{name} ({number})" if name else f"message {number}"


_PROOF = {True: "signature verified", False: "signature wrong", None: "signature not checked"}
_EXCHANGE = {30: "KEX_INIT", 31: "KEX_REPLY"}
_GROUP_EXCHANGE = {
    30: "KEX_DH_GEX_REQUEST_OLD",
    31: "KEX_DH_GEX_GROUP",
    32: "KEX_DH_GEX_INIT",
    33: "KEX_DH_GEX_REPLY",
    34: "KEX_DH_GEX_REQUEST",
}
