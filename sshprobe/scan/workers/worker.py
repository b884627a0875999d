"""A worker process: one event loop that receives targets from a socket and sends results through it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from sshprobe.model.errors import log_in_one_line
from sshprobe.net import Address
from sshprobe.net.outage import SharedWitnesses
from sshprobe.platform.signals import ignore
from sshprobe.platform.sockets import loop_factory
from sshprobe.scan.engine import Engine
from sshprobe.scan.results import HostResult
from sshprobe.scan.workers import channel
from sshprobe.targets import Target

FLUSH_RESULTS = 128
"""The results of up to this many targets are sent at once."""

FLUSH_BYTES = 512 * 1024
"""The approximate number of bytes to send at once. More than a processor's cache costs more at both ends. Smaller
frames also let all workers end at about the same time."""

FLUSH_SECONDS = 0.05
"""The most seconds that a result waits for others to be sent with it."""

READ_BYTES = 256 * 1024
"""The most bytes per read."""


class Numbered(NamedTuple):
    """A target, and the number by which its results are sent back."""

    number: int
    target: Target


MakeEngine = Callable[..., tuple[Engine[Numbered, Any], Callable[[Any], HostResult]]]
"""Takes encoded settings and, by name, `on_deferred`, `on_resource_error` and `shared` of `Engine`. Returns an engine,
and a function that turns its results into `HostResult`s."""


def serve(connection: socket.socket, make_engine: MakeEngine) -> None:
    """Scan the targets that arrive, until the pool sends no more or has ended."""
    # Ctrl-C reaches the whole process group, and SIGTERM all processes of a service; the pool handles them.
    ignore()
    log_in_one_line()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_Worker(connection, make_engine).run())


class _Worker:
    """Data is written without waiting, so that the pool's messages are always read: neither side blocks the other."""

    _writer: asyncio.StreamWriter

    def __init__(self, connection: socket.socket, make_engine: MakeEngine) -> None:
        self._connection = connection
        self._make_engine = make_engine
        self._engine: Engine[Numbered, Any] | None = None
        self._inbox: asyncio.Queue[channel.Configure | channel.Probe | channel.End] = asyncio.Queue()
        self._results = channel.ResultWriter()
        self._timer: asyncio.TimerHandle | None = None
        self._shared = SharedWitnesses(lambda address: self._send(channel.Witness(*address)))
        self._is_stopped = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        # Uses a copy of the connection, because the loop closes it: the error that ends the worker is sent afterwards.
        reader, self._writer = await asyncio.open_connection(sock=self._connection.dup())
        self._writer.transport.set_write_buffer_limits(high=FLUSH_BYTES)
        receiving = asyncio.create_task(self._receive(reader))
        first = await self._inbox.get()
        assert isinstance(first, channel.Configure)
        self._engine, result_of = self._make_engine(
            first.settings,
            on_deferred=lambda numbered: self._send(channel.Deferred(numbered.number)),
            on_resource_error=lambda message: self._send(channel.ResourceError(message)),
            shared=self._shared,
        )
        async for batch in self._engine.batches(self._targets()):
            for each in batch:
                self._results.add(each.target.number, [result_of(result) for result in each.results])
                if len(self._results) >= FLUSH_RESULTS or self._results.size >= FLUSH_BYTES:
                    self._flush()
            if len(self._results) and self._timer is None:
                self._timer = loop.call_later(FLUSH_SECONDS, self._flush)
            await self._writer.drain()
        self._flush()
        receiving.cancel()
        self._writer.close()
        await self._writer.wait_closed()

    def _send(self, message: channel.ToParent) -> None:
        self._writer.write(channel.frame(message))

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if len(self._results):
            self._writer.write(self._results.take())

    async def _targets(self) -> AsyncIterator[Numbered]:
        while isinstance(message := await self._inbox.get(), channel.Probe):
            for number, target in message.targets:
                if self._is_stopped:
                    return
                yield Numbered(number, target)

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        messages: channel.ChannelReader[channel.ToWorker] = channel.ChannelReader(channel.ToWorker)
        try:
            while data := await reader.read(READ_BYTES):
                for message in messages.feed(data):
                    self._take(message)
        except (OSError, channel.ChannelError):
            pass
        # The pool has ended, perhaps by kill -9: the running hosts are not needed.
        raise SystemExit(1)

    def _take(self, message: channel.ToWorker) -> None:
        if isinstance(message, channel.Witness):
            self._shared.received.append(Address(message.ip, message.family))
        elif isinstance(message, channel.Stop):
            self._is_stopped = True
            if self._engine is not None:
                self._engine.stop()
        else:
            self._inbox.put_nowait(message)
