"""One TCP connection of a `Dialer`, which tells what becomes of it by callbacks."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from sshprobe.net.dial import Address, NetworkError, connect_error, network_error, no_connection_in_time
from sshprobe.net.stream import GIVEN_BACK
from sshprobe.platform import (
    MORE_COMES,
    POLL_FAILED,
    POLL_READABLE,
    POLL_TO_THE_END,
    STREAM_NONBLOCKING,
    tell_from,
)

READ = 16_384
"""Bytes read at once."""

PATIENCE = 1.0
"""Seconds for which a connection waits for the bytes with which the other side is expected to begin. An answer is there
by then from far away, and from a server that is busy; one that says less, and waits, is heard no later than that."""

STEPS = 64
"""Times that a connection is ready, as far as they are told apart."""

LATE = 0.1
"""Seconds by which the look at the deadlines may come late before they are doubted."""

_UNDER_WAY = frozenset({0, errno.EINPROGRESS})


class Owner(Protocol):
    """What a connection needs of the `Dialer` that serves it."""

    time: Callable[[], float]
    """The loop's clock."""
    due: float
    """When the deadlines are looked at next."""
    made: int
    """How many connections are made, and not yet closed."""
    in_round: bool
    """Whether `to_send` and `to_dial` are done at the end of the round that is being served."""
    to_send: list[Connection]
    to_dial: list[Connection]

    def add(self, number: int, connection: Connection) -> None:
        """Watch a socket."""

    def forget(self, number: int) -> None:
        """Watch a socket no more that is closed next."""

    def release(self, number: int) -> None:
        """Watch a socket no more that stays open."""

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""

    def fault(self, connection: Connection, error: Exception) -> None:
        """Give a connection up for a bug of ours."""


class Connection:
    """One connection of a `Dialer`, which calls the methods that a subclass defines. None of them waits."""

    __slots__ = (
        "_asked_until",
        "_came",
        "_dialer",
        "_events",
        "_last",
        "_least",
        "_number",
        "_put_off",
        "_socket",
        "_unsent",
        "deadline",
        "is_made",
        "is_open",
        "place",
        "port",
        "step",
        "timeout",
    )

    def __init__(self, dialer: Owner, place: Address, port: int) -> None:
        self.place = place
        self.port = port
        self.deadline = 0.0
        """A time of the loop's clock."""
        self.timeout = 0.0
        """Seconds to connect."""
        self.step = 0
        """How far it is. Each connection made begins at a multiple of `STEPS`."""
        self.is_open = False
        """Whether there is a socket, which the dialer watches."""
        self.is_made = False
        """Whether the other side took it."""
        self._dialer = dialer
        self._put_off = False
        self._least = 1  # bytes of which the kernel tells
        self._asked_until = 0.0  # the deadline, where `PATIENCE` may be over before it
        self._unsent: bytes | None = None
        self._last = False
        self._came: bytes | OSError | None = None

    # -- for the subclass to define ----------------------------------------------------------------------------------

    def connected(self) -> None:
        """It is made."""

    def received(self, data: bytes) -> None:
        """Something came; b"" at the end of the stream."""

    def broken(self, error: NetworkError) -> None:
        """It could not be made, or broke. It is closed if it was never made."""

    def unsent(self, error: NetworkError) -> None:
        """What had to be sent could not be. `received` may still bring what came before."""
        self.broken(error)

    def expired(self) -> None:
        """Its deadline is over. One that was not made by then is `broken`."""

    def faulty(self, error: Exception) -> None:
        """One of the methods above raised: a bug of ours. It is closed."""

    # -- for the subclass to call ------------------------------------------------------------------------------------

    def dial(self, timeout: float, least: int = 1) -> None:
        """Connect within `timeout` seconds, when this round is over; for the first time, or after `close`.

        One of `connected` and `broken` is called later, or at once. With `least` the other side is expected to begin
        with so many bytes: until they have come, or the end, or `PATIENCE` is over, `received` is not called.
        """
        self.timeout = timeout
        self._least = least
        self.is_made = self._last = False
        self._came = None  # of the connection before, if it was closed between reading and handing over
        self.step += STEPS - self.step % STEPS
        if self._dialer.in_round:
            self._dialer.to_dial.append(self)
        else:
            self.dial_now()

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, or up to `TICK` later, unless it is changed before."""
        if self._least > 1:
            self._asked_until = deadline
            if self.is_made:
                deadline = min(deadline, self._dialer.time() + PATIENCE)
        self.deadline = deadline
        self._put_off = False
        if deadline < self._dialer.due:
            self._dialer.due_at(deadline)

    def send(self, data: bytes) -> None:
        """Send a little, which has room in the kernel's buffer of a fresh connection, when this round is over."""
        if self._unsent is not None:
            self._unsent += data
            return
        self._unsent = data
        if self._dialer.in_round:
            self._dialer.to_send.append(self)
        else:
            self.send_now()

    def send_last(self, data: bytes) -> None:
        """Send a little and close our side, both in one segment where the system can, when this round is over."""
        self._last = True
        self.send(data)

    def close(self) -> None:
        """Close at once, whatever is unread or the kernel has not sent. Nothing is called any more."""
        if self.is_open:
            self.is_open = False
            try:
                if self._unsent is not None:
                    self.send_now()
            finally:
                self._dialer.made -= self.is_made
                self._dialer.forget(self._number)
                self._socket.close()

    def leave(self) -> socket.socket:
        """Return the socket, which goes on without the dialer. Nothing is called any more."""
        self.is_open = False
        if self._unsent is not None:
            self.send_now()
        self._dialer.made -= self.is_made
        self._dialer.release(self._number)
        if self._least > 1:
            tell_from(self._socket, 1)
        return self._socket

    # -- for the dialer ----------------------------------------------------------------------------------------------

    def read(self, events: int) -> None:
        """Read what is ready. Where a connection may have failed to be made, its error is asked for first."""
        self._events = events
        self.step += 1
        if events & POLL_READABLE and (self.is_made or not events & POLL_FAILED):
            self._came = self._read_now()

    def hand_over(self) -> None:
        """Say what was ready."""
        events, came, self._came = self._events, self._came, None
        if not self.is_made:
            if events & POLL_FAILED:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.close()
                    self.broken(connect_error(OSError(code, os.strerror(code)), self.place))
                    return
                came = self._read_now()
            self.is_made = True
            self._dialer.made += 1
            self.connected()
        while came is not None and self.is_open:
            if isinstance(came, OSError):
                self.broken(network_error(came))
                return
            if self._least > 1:
                self._take_less()
            self.received(came)
            more = came and (len(came) == READ or events & POLL_TO_THE_END)
            came = self._read_now() if more and self.is_open else None

    def _read_now(self) -> bytes | OSError | None:
        """Read what there is; None: nothing."""
        try:
            return self._socket.recv(READ)
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def dial_now(self) -> None:
        """Begin to connect."""
        try:
            self._socket = made = socket.socket(self.place.family, STREAM_NONBLOCKING)
        except OSError as error:
            self.broken(network_error(error))
            return
        if self._least > 1 and not tell_from(made, self._least):
            self._least = 1
        code = made.connect_ex((self.place.ip, self.port))
        if code not in _UNDER_WAY:
            made.close()
            self.broken(connect_error(OSError(code, os.strerror(code)), self.place))
            return
        self._number = made.fileno()
        try:
            self._dialer.add(self._number, self)
        except OSError as error:  # what a user may watch has a limit, too: epoll(7), max_user_watches
            made.close()
            self.broken(network_error(error))
            return
        self.is_open = True
        self.wait_until(self._dialer.time() + self.timeout)

    def send_now(self) -> None:
        """Send what waits for it, and close our side if that was the last."""
        data, self._unsent = self._unsent, None
        if data is None:
            return  # sent before it was closed
        try:
            if not self._last:
                if self._socket.send(data) != len(data):
                    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
                return
            if data:
                self._socket.send(data, MORE_COMES)
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if self.is_open:
                self.unsent(network_error(error))

    def take_late(self, lost: float) -> None:
        """Take the end of a wait. `lost`: seconds in which this process did not run; they are given back, once."""
        if lost > LATE and not self._put_off:
            self._put_off = True
            self.deadline = self._dialer.time() + min(lost, GIVEN_BACK)
        elif not self.is_made:
            self.close()
            self.broken(no_connection_in_time(self.timeout))
        elif self._least > 1:
            self._lose_patience()
        else:
            self.expired()

    def _take_less(self) -> None:
        """Be told of whatever comes from now on."""
        self._least = 1
        tell_from(self._socket, 1)
        self.wait_until(self._asked_until)

    def _lose_patience(self) -> None:
        """Take what has come. Where the deadline is over, too, it was in time all the same."""
        self._asked_until = max(self._asked_until, self.deadline)  # what was given back counts for both
        self._take_less()
        self._events, self._came = 0, self._read_now()  # not every kernel tells of what was there before
        self.hand_over()
