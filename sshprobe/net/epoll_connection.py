"""One TCP connection of an `EpollNetwork`."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from sshprobe.net.addresses import Address
from sshprobe.net.errors import connect_error, network_error, no_connection_in_time
from sshprobe.net.network import Handler, fail_internally
from sshprobe.platform import MORE_COMES, POLL_FAILED, POLL_READABLE, POLL_TO_THE_END, STREAM_NONBLOCKING

READ = 16_384
"""Bytes read at once."""

STEPS = 64
"""Events of a connection that are told apart when a round is sorted."""

_CONNECTING = frozenset({0, errno.EINPROGRESS})


class Owner(Protocol):
    """The parts of an `EpollNetwork` that its connections use."""

    time: Callable[[], float]
    """The clock of deadlines."""
    due: float
    """When the deadlines are looked at next."""
    made: int
    """How many connections are made, and not yet closed."""
    last_made: Address | None
    """The address to which a connection was made last."""
    is_open: bool
    in_round: bool
    """Whether `to_send` and `to_dial` are worked off at the end of the round that is being served."""
    to_send: list[EpollConnection]
    to_dial: list[EpollConnection]

    def add(self, number: int, connection: EpollConnection) -> None:
        """Watch a socket."""

    def forget(self, number: int) -> None:
        """Stop watching a socket that is closed next."""

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""


class EpollConnection:
    """A `network.Connection`. See there."""

    __slots__ = (
        "_came",
        "_ended",
        "_events",
        "_last",
        "_network",
        "_number",
        "_socket",
        "_unsent",
        "address",
        "deadline",
        "handler",
        "is_made",
        "is_open",
        "port",
        "step",
        "timeout",
    )

    def __init__(self, network: Owner, handler: Handler, address: Address, port: int) -> None:
        self.handler = handler
        self.address = address
        self.port = port
        self.deadline = 0.0
        """A time of the network's clock."""
        self.timeout = 0.0
        """Seconds to connect."""
        self.step = 0
        """How many events it has had. Each connection made begins at a multiple of `STEPS`."""
        self.is_open = False
        """Whether there is a socket, which the network watches."""
        self.is_made = False
        """Whether the other side accepted it."""
        self._network = network
        self._unsent: bytes | None = None
        self._last = False
        self._ended = False
        self._came: bytes | OSError | None = None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, timeout: float) -> None:
        """Connect within `timeout` seconds, at the end of this round; for the first time, or after `close`."""
        if not self._network.is_open:
            return
        self.timeout = timeout
        self.is_made = self._last = self._ended = False
        self._came = None  # of the connection before, if it was closed between reading and dispatch
        self.step += STEPS - self.step % STEPS
        if self._network.in_round:
            self._network.to_dial.append(self)
        else:
            self.act(EpollConnection.dial_now)

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, or up to `TICK` later, unless it is changed before."""
        self.deadline = deadline
        if deadline < self._network.due:
            self._network.due_at(deadline)

    def send(self, data: bytes) -> None:
        """Send a little, which has room in the kernel's buffer of a fresh connection, at the end of this round."""
        if self._unsent is not None:
            self._unsent += data
            return
        self._unsent = data
        if self._network.in_round:
            self._network.to_send.append(self)
        else:
            self.act(EpollConnection.send_now)

    def send_last(self, data: bytes) -> None:
        """Send a little and close our side, both in one segment where the system can, at the end of this round."""
        self._last = True
        self.send(data)

    def close(self) -> None:
        """Close at once, whatever is unread or the kernel has not sent. No event follows."""
        if self.is_open:
            self.is_open = False
            try:
                if self._unsent is not None:
                    self.send_now()
            finally:
                self._network.made -= self.is_made
                self._network.forget(self._number)
                self._socket.close()

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call `failed_internally`. Never raises."""
        fail_internally(self, error)

    # -- for the network ---------------------------------------------------------------------------------------------

    def act(self, action: Callable[[EpollConnection], None]) -> None:
        """Call a method of this class. A bug in the handler costs this connection alone."""
        try:
            action(self)
        except Exception as error:
            self.fail_internally(error)

    def read(self, events: int) -> None:
        """Read what is ready. Where the connect may have failed, `dispatch` fetches its error first."""
        self._events = events
        self.step += 1
        if events & POLL_READABLE and not self._ended and (self.is_made or not events & POLL_FAILED):
            self._came = self._read_now()

    def dispatch(self) -> None:
        """Call the handler for what was ready."""
        events, came, self._came = self._events, self._came, None
        if not self.is_made:
            if events & POLL_FAILED:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.close()
                    self.handler.broken(connect_error(OSError(code, os.strerror(code)), self.address))
                    return
                came = self._read_now()
            self.is_made = True
            self._network.made += 1
            self._network.last_made = self.address
            self.handler.connected()
        while came is not None and self.is_open:
            if isinstance(came, OSError):
                self.handler.broken(network_error(came))
                return
            if not came:
                self._ended = True
            self.handler.received(came)
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
            self._socket = made = socket.socket(self.address.family, STREAM_NONBLOCKING)
        except OSError as error:
            self.handler.broken(network_error(error))
            return
        ip = self.address.ip
        try:
            code = made.connect_ex(self.address.socket_address(self.port) if "%" in ip else (ip, self.port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code not in _CONNECTING:
            made.close()
            self.handler.broken(connect_error(OSError(code, os.strerror(code)), self.address))
            return
        self._number = made.fileno()
        try:
            self._network.add(self._number, self)
        except OSError as error:  # what a user may watch has a limit, too: epoll(7), max_user_watches
            made.close()
            self.handler.broken(network_error(error))
            return
        self.is_open = True
        self.wait_until(self._network.time() + self.timeout)

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
                self.handler.unsent(network_error(error))

    def on_deadline(self) -> None:
        """Call the handler: its deadline has passed."""
        if self.is_made:
            self.handler.expired()
        else:
            self.close()
            self.handler.broken(no_connection_in_time(self.timeout))
