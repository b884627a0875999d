"""Runs our wire against a real server on loopback, over a plain socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sshprobe.wire.events import AuthenticationFailed, ConnectionClosed, Event, HostKeyReceived, KexInitReceived
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.states import State
from sshprobe.wire.suites import Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.wire.playbook import take_outgoing

E = TypeVar("E", bound=Event)
Meddler = Callable[[bytes, ClientTransport], bytes]
"""Return the bytes for the server, given the bytes of the client."""


async def interview(
    server: tuple[str, int],
    kex: str,
    key: str,
    *,
    suite: Suite | None = None,
    request: GroupExchangeRequest | None = None,
    pieces: int = 65536,
    meddler: Meddler | None = None,
) -> list[Event]:
    """Return the events of a conversation up to the host key or, with a `suite`, the authentication methods."""
    reader, writer = await asyncio.open_connection(*server)
    client = ClientTransport(b"SSH-2.0-interview")
    events: list[Event] = []
    try:
        async with asyncio.timeout(30):
            while client.state is not State.CLOSED:
                event = client.next_event()
                data = take_outgoing(client)
                writer.write(meddler(data, client) if meddler else data)
                if isinstance(event, Event):
                    events.append(event)
                    if isinstance(event, KexInitReceived):
                        client.start_key_exchange(kex, key, suite=suite, request=request)
                    elif isinstance(event, HostKeyReceived) and event.can_encrypt:
                        client.request_authentication_methods(b"root")
                    elif isinstance(event, HostKeyReceived | AuthenticationFailed):
                        client.disconnect(b"thank you")
                    continue
                assert event is NEED_DATA
                if data := await reader.read(pieces):
                    client.receive_data(data)
                else:
                    client.receive_eof()
            writer.write(take_outgoing(client))
            while await reader.read(65536):
                pass
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass  # a server may close without reading our goodbye
    assert not any(isinstance(event, ConnectionClosed) for event in events), events
    return events


def only(events: list[Event], kind: type[E]) -> E:
    """Return the one event of this type."""
    (event,) = [event for event in events if isinstance(event, kind)]
    return event
