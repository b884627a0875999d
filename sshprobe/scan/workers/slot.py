"""One worker as the parent sees it: its process, its connection, and the targets that it has."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from sshprobe.scan.workers import channel
from sshprobe.scan.workers.worker import READ_BYTES
from sshprobe.targets import Target


@dataclass(slots=True, eq=False)
class WorkerSlot:
    """One worker, and its successors."""

    process: BaseProcess
    connection: socket.socket
    messages: channel.ChannelReader[channel.ToParent] = field(
        default_factory=lambda: channel.ChannelReader(channel.ToParent)
    )
    results: channel.ResultReader = field(default_factory=channel.ResultReader)
    pending: deque[tuple[int, Target]] = field(default_factory=deque)
    """Meant for it, not sent yet."""
    under_way: dict[int, Target] = field(default_factory=dict)
    """Sent and not answered."""
    deferred: set[int] = field(default_factory=set)
    """Of those: deferred by the worker to the end, so that they take no room."""
    idle_deaths: int = 0
    """Workers of this slot that died in a row without an answer."""
    is_ended: bool = False
    """The worker was told that nothing more comes."""
    is_closed: bool = False
    """It is gone, and nothing is left for it to do."""

    def room(self, window: int) -> int:
        """Return how many targets can be sent to it, of `window`."""
        return window - (len(self.under_way) - len(self.deferred))

    def connect(self, process: BaseProcess, connection: socket.socket) -> None:
        """Take a new process in place of one that died. It knows none of the pieces that the other one sent."""
        self.process, self.connection = process, connection
        self.messages, self.results = channel.ChannelReader(channel.ToParent), channel.ResultReader()
        self.is_ended = False

    def send(self, message: channel.ToWorker) -> None:
        """Send a message, unless the worker is gone."""
        try:
            self.connection.sendall(channel.frame(message))
        except OSError:
            pass  # it died: that is found out where it is read, and all of it is sent again

    def receive(self) -> list[channel.ToParent] | None:
        """Return the messages that have come; None if the worker is gone. Raises `ChannelError`."""
        try:
            data = self.connection.recv(READ_BYTES)
        except OSError:
            return None
        return self.messages.feed(data) if data else None
