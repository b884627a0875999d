"""The parent's view of one worker: its process, its connection and its targets."""

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
        """Targets for it that are not sent yet."""
        self.under_way: dict[int, Target] = {}
        """Targets that are sent but not answered."""
        self.deferred: set[int] = set()
        """The ones among these that the worker deferred to the end, so that they do not count."""
        self.idle_deaths = 0
        """Workers of this slot that died in a row without an answer."""
        self.is_closed = False
        """The worker has ended, and has no work left."""
        self._serve = serve
        self.start(copy=copy, copied=copied)

    def start(self, *, copy: bool = False, copied: Sequence[WorkerSlot] = ()) -> None:
        """Start a process. A copy of this one has imported everything, where a new one takes 0.3 s of CPU.

        A successor is never a copy: by then there are output files, signal handlers and a thread for the progress.
        """
        ours, theirs = socket.socketpair()
        # A copy also has this side of all connections. While it is open, the worker at the other end does not see an
        # end.
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
        """The worker knows that no more targets follow."""

    def lose(self) -> list[tuple[int, Target]]:
        """Remove and return the unanswered targets of a dead worker."""
        again = list(self.under_way.items())
        self.under_way.clear()
        self.deferred.clear()
        return again

    def close(self) -> None:
        """Wait for the end of the process, and close the connection."""
        self.process.join()
        self.connection.close()

    def room(self, window: int) -> int:
        """Return the number of targets that can be sent to it, of `window`."""
        return window - (len(self.under_way) - len(self.deferred))

    def feed(self, window: int, *, last: bool) -> None:
        """Send pending targets while it has capacity. `last`: no others follow."""
        while self.pending and (room := min(BATCH, self.room(window))) > 0:
            batch = [self.pending.popleft() for _ in range(min(room, len(self.pending)))]
            self.under_way.update(batch)
            self.send(channel.Probe(batch))
        if last and not self.pending and not self.is_ended and not self.is_closed:
            self.is_ended = True
            self.send(channel.End())

    def send(self, message: channel.ToWorker) -> None:
        """Send a message, unless the worker has ended."""
        try:
            self.connection.sendall(channel.frame(message))
        except OSError:
            pass  # it died: reading detects that, and everything is sent again

    def receive(self) -> list[channel.ToParent] | None:
        """Return the messages that have arrived; None if the worker has ended. Raises `ChannelError`."""
        try:
            data = self.connection.recv(READ_BYTES)
        except OSError:
            return None
        return self._messages.feed(data) if data else None


def reason_of(error: Exception) -> str:
    """Return the message of an error; for a system error, without its number."""
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
            pass  # the pool has ended
        raise SystemExit(1) from None
