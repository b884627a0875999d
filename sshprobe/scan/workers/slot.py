"""One worker as the parent sees it: its process, its connection, and the targets that it has."""

from __future__ import annotations

import multiprocessing
import socket
from collections import deque
from collections.abc import Callable, Sequence

from sshprobe.model.errors import bug_line, is_debugging
from sshprobe.scan.workers import channel
from sshprobe.scan.workers.worker import READ_BYTES
from sshprobe.targets import Target

BATCH = 128
"""Targets sent at once."""


class WorkerSlot:
    """A worker that runs `serve(connection)`, and its successors."""

    connection: socket.socket

    def __init__(self, serve: Callable[[socket.socket], None], *, copy: bool, copied: Sequence[WorkerSlot]) -> None:
        """Start the first process: if `copy` is set, a copy of this one, which has the connections of `copied` too.

        Raises `OSError` or `RuntimeError` if no process, descriptor, memory or thread is left for it.
        """
        self.pending: deque[tuple[int, Target]] = deque()
        """Targets that are meant for it and not sent yet."""
        self.under_way: dict[int, Target] = {}
        """Targets that are sent and not answered."""
        self.deferred: set[int] = set()
        """Of these, the ones that the worker deferred to the end, so that they take no room."""
        self.idle_deaths = 0
        """Workers of this slot that died in a row without an answer."""
        self.is_closed = False
        """The worker is gone, and nothing is left for it to do."""
        self._serve = serve
        self.start(copy=copy, copied=copied)

    def start(self, *, copy: bool = False, copied: Sequence[WorkerSlot] = ()) -> None:
        """Start a process. A copy of this one has imported everything, where a new one takes 0.3 s of CPU.

        A successor is never a copy: by then there are output files, handlers of signals and a thread for the progress.
        """
        ours, theirs = socket.socketpair()
        # A copy has this side of all connections too. While it is open, the worker at its other end sees no end.
        to_close = [ours, *(slot.connection for slot in copied)] if copy else []
        context = multiprocessing.get_context("fork") if copy else multiprocessing.get_context("spawn")
        self.process = context.Process(target=_run, args=(self._serve, theirs, to_close), daemon=True)
        try:
            self.process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.connection = ours
        self.results = channel.ResultReader()
        self._messages: channel.ChannelReader[channel.ToParent] = channel.ChannelReader(channel.ToParent)
        self.is_ended = False
        """The worker knows that no more targets come."""

    def lose(self) -> list[tuple[int, Target]]:
        """Take the targets that a dead worker had not answered."""
        again = list(self.under_way.items())
        self.under_way.clear()
        self.deferred.clear()
        return again

    def close(self) -> None:
        """Wait for the end of the process, and close the connection."""
        self.process.join()
        self.connection.close()

    def room(self, window: int) -> int:
        """Return how many targets can be sent to it, of `window`."""
        return window - (len(self.under_way) - len(self.deferred))

    def feed(self, window: int, *, last: bool) -> None:
        """Send pending targets while there is room. `last`: no others come."""
        while self.pending and (room := min(BATCH, self.room(window))) > 0:
            batch = [self.pending.popleft() for _ in range(min(room, len(self.pending)))]
            self.under_way.update(batch)
            self.send(channel.Probe(batch))
        if last and not self.pending and not self.is_ended and not self.is_closed:
            self.is_ended = True
            self.send(channel.End())

    def send(self, message: channel.ToWorker) -> None:
        """Send a message, unless the worker is gone."""
        try:
            self.connection.sendall(channel.frame(message))
        except OSError:
            pass  # it died: that is found out where it is read, and all of it is sent again

    def receive(self) -> list[channel.ToParent] | None:
        """Return the messages that have arrived; None if the worker is gone. Raises `ChannelError`."""
        try:
            data = self.connection.recv(READ_BYTES)
        except OSError:
            return None
        return self._messages.feed(data) if data else None


def reason_of(error: Exception) -> str:
    """Return the message of an error, of one of the system without its number."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _run(serve: Callable[[socket.socket], None], connection: socket.socket, to_close: list[socket.socket]) -> None:
    for each in to_close:
        each.close()
    try:
        serve(connection)
    except Exception as error:
        if is_debugging():
            raise
        words = reason_of(error) if isinstance(error, OSError) else bug_line(error)
        connection.setblocking(True)  # its copy in the event loop was not
        try:
            connection.sendall(channel.frame(channel.Failed(" ".join(words.split()))))
        except OSError:
            pass  # the pool is gone
        raise SystemExit(1) from None
