"""The answers to a "none" request for the authentication methods of a user (RFC 4252 section 5.2)."""

from __future__ import annotations

from collections.abc import Callable

from sshprobe.wire import messages as msg
from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.events import (
    AuthenticationBanner,
    AuthenticationFailed,
    AuthenticationSucceeded,
    Event,
    ExtensionsReceived,
)
from sshprobe.wire.limits import AUTHENTICATION_PACKETS

_EVENTS: dict[int, Callable[[bytes], Event]] = {
    msg.EXT_INFO: ExtensionsReceived.parse,
    msg.USERAUTH_FAILURE: AuthenticationFailed.parse,
    msg.USERAUTH_SUCCESS: lambda payload: AuthenticationSucceeded(),
    msg.USERAUTH_BANNER: AuthenticationBanner.parse,
}


class AuthenticationReader:
    """Reads the encrypted packets up to the answer to a "none" request."""

    _packets = 0

    def read(self, payload: bytes, sequence: int, *, expected: bool) -> tuple[Event | None, bytes | None]:
        """Return the event of a packet other than SERVICE_ACCEPT, and the payload that answers it.

        `sequence`: the packet's number. `expected`: the state has an entry for its message. Raises
        `RemoteProtocolError`.
        """
        number = payload[0]
        if number == msg.NEWKEYS:
            raise RemoteProtocolError("a second NEWKEYS")
        self._packets += 1
        if self._packets > AUTHENTICATION_PACKETS:
            raise LimitExceeded(f"more than {AUTHENTICATION_PACKETS} packets before an answer to the request")
        if not expected:
            return None, msg.unimplemented(sequence)
        if number not in _EVENTS:
            raise RemoteProtocolError("the server wants new keys before it answers")
        return _EVENTS[number](payload), None
