"""One TCP connection as a stream of bytes, with a deadline on every wait and a bound on what is held.

A thin `asyncio.Protocol`: no task, no queue. Reading is paused while more than `HIGH_WATER` bytes wait to be taken,
so a peer that floods fills its own send buffer and not our memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import cast

from sshprobe.net.addresses import Address
from sshprobe.net.errors import NetworkError, connect_error, network_error, no_connection_in_time
from sshprobe.net.network import LINGER_BYTES

HIGH_WATER = 65_536
"""Bytes held before reading is paused."""

LATE = 0.1
"""Seconds by which the end of a wait may come late before it is doubted."""

GIVEN_BACK = 10.0
"""Seconds that are given back at most: who was stopped for an hour does not wait for silent servers as long again."""

LATE_ROUNDS = 5
"""Rounds of the loop that a connection may take to be seen by the one who waits for it."""


class Stream(asyncio.Protocol):
    """A connection made by `open_stream`. One reader at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._eof = False
        self._error: NetworkError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._patience: _Patience | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection was made, be it over since."""
        return self._transport is not None

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hold what came and wake the reader."""
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Keep our side open: the peer's half-close is an event like any other."""
        self._eof = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember how it ended."""
        self._eof = True
        if isinstance(exc, OSError):
            self._error = network_error(exc)
        self._cancel_timer()
        self._wake()

    def broke(self, error: NetworkError) -> None:
        """Remember that it ended so before it was ours."""
        self._eof = True
        self._error = error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # One timer for all waits, that for the connection too: it is seldom that a deadline comes before the timer of an
    # earlier one would fire.

    def _set_timer(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None or deadline < self._timer_at:
            self._cancel_timer()
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        if self._patience is not None:
            self._patience.time_is_up(self._timer_at)
        if self._waiter is None:
            return
        if self._deadline > self._timer_at:
            self._set_timer(self._deadline)
        else:
            self._wake()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def be_patient(self, patience: _Patience, deadline: float) -> None:
        """Tell `patience` when `deadline` has passed, unless a connection was made and it was told so."""
        self._patience = patience
        self._set_timer(deadline)

    def stop_patience(self) -> None:
        """The wait for the connection is over. Its timer serves the next wait, if there is one."""
        self._patience = None
        if not self.connected:
            self._cancel_timer()

    # -- for the caller ------------------------------------------------------------------------------------------

    async def receive(self, deadline: float) -> bytes:
        """Return what has come, at least one byte; b"" at the end of the stream.

        `deadline` is a time of the running loop's clock. Raises `NetworkError` ("timeout" past it, "reset").
        """
        if not self._buffer and not self._eof:
            self._waiter = self._loop.create_future()
            self._set_timer(deadline)
            try:
                await self._waiter
            finally:
                self._waiter = None
            if not self._buffer and not self._eof:
                raise NetworkError("timeout", "no answer in time")
        if not self._buffer and self._error is not None:
            raise self._error
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    def send(self, data: bytes) -> None:
        """Send `data`. What we send is small, so nothing waits for it. Does nothing once the connection is lost."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def finish(self, linger: float) -> bool:
        """Send what is left, close our side, and wait up to `linger` seconds for the peer to close its side.

        Closing with bytes unread would send a reset, which can overtake our goodbye; and a server counts the
        connection until it has seen its end. Returns whether the peer is known to be done with it.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        try:
            if transport.can_write_eof():
                transport.write_eof()
            deadline = self._loop.time() + linger
            thrown_away = 0
            while thrown_away < LINGER_BYTES:
                data = await self.receive(deadline)
                if not data:
                    return True
                thrown_away += len(data)
        except (NetworkError, OSError) as error:
            return not (isinstance(error, NetworkError) and error.failure == "timeout")
        finally:
            self.abort()
        return False

    def abort(self) -> None:
        """Close at once, whatever is unsent or unread."""
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()


async def open_stream(address: Address, port: int, *, timeout: float) -> Stream:
    """Connect to `address` within `timeout` seconds. Raises `NetworkError`."""
    loop = asyncio.get_running_loop()
    stream = Stream()
    try:
        async with asyncio.timeout(None) as limit:
            stream.be_patient(_Patience(limit, stream), loop.time() + timeout)
            try:
                if address.link_local:
                    made = await _connected(address, port)
                    await loop.create_connection(lambda: stream, sock=made)
                else:
                    await loop.create_connection(lambda: stream, address.ip, port, family=address.family)
            finally:
                stream.stop_patience()
    except TimeoutError:
        raise no_connection_in_time(timeout) from None
    except OSError as error:
        raise connect_error(error, address) from None
    return stream


async def _connected(address: Address, port: int) -> socket.socket:
    """Connect to a link-local address on the interface that its zone names, and on no other.

    uvloop 0.23 drops the zone wherever it takes an address, and libuv then puts in the first interface that has a
    link-local address: another host may answer there.
    """
    place = address.socket_address(port)
    loop = asyncio.get_running_loop()
    made = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if isinstance(loop, asyncio.BaseEventLoop):  # asyncio's own: that of Windows has no add_writer
            await loop.sock_connect(made, place)
            return made
        code = made.connect_ex(place)
        if code in (errno.EINPROGRESS, errno.EINTR):
            ready = asyncio.Event()
            loop.add_writer(made.fileno(), ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(made.fileno())
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        made.close()
        raise
    return made


async def adopt_stream(connected: socket.socket, received: bytes, error: NetworkError | None) -> Stream:
    """Return the stream of a connection that was made, and perhaps ended, elsewhere (`sshprobe.net.epoll`).

    `received` is what came and was not taken yet; with `error`, the connection broke behind it.
    """
    stream = Stream()
    stream.data_received(received)
    if error is not None:
        connected.close()
        stream.broke(error)
        return stream
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(lambda: stream, sock=connected)
    except OSError as failure:
        connected.close()
        stream.broke(network_error(failure))
    return stream


class _Patience:
    """Ends what `limit` limits when a deadline has passed without a connection.

    If its timer comes late, this process did not run: it was stopped, or got no CPU. uvloop looks at its timers before
    its sockets, so the connection may have been made long ago. Then it waits for as long as was lost, or `GIVEN_BACK`,
    and for some rounds of the loop more: each looks at the sockets once.
    """

    def __init__(self, limit: asyncio.Timeout, stream: Stream) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._stream = stream
        self._rounds: int | None = None

    def time_is_up(self, deadline: float) -> None:
        """The timer that was set for `deadline` went off."""
        if self._stream.connected:
            return  # and whoever waits for it will learn so
        late = self._loop.time() - deadline
        if self._rounds is None and late > LATE:
            self._rounds = LATE_ROUNDS
            self._stream.be_patient(self, self._loop.time() + min(late, GIVEN_BACK))
        elif self._rounds:
            self._rounds -= 1
            self._stream.be_patient(self, self._loop.time() + 0.01)
        else:
            self._limit.reschedule(self._loop.time())
