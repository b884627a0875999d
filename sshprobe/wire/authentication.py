"""User authentication as far as we go: a service request, one "none" request (RFC 4252 section 5.2) and its answer."""

from __future__ import annotations

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


class MethodsRequest:
    """A request for the authentication methods of `user`.

    `at_once`: the "none" request goes along with the service request, and not after SERVICE_ACCEPT.
    """

    def __init__(self, user: bytes, *, at_once: bool) -> None:
        service_request, none_request = msg.service_request(b"ssh-userauth"), msg.userauth_none_request(user)
        self.payloads = (service_request, none_request) if at_once else (service_request,)
        """The payloads that follow our NEWKEYS."""
        self._after_accept = None if at_once else none_request
        self._received = 0

    def receive(self, payload: bytes, sequence: int, *, expected: bool) -> tuple[Event | None, bytes | None]:
        """Read a packet of the server. Return its event and the payload that answers it, None where there is none.

        `sequence`: the packet's number. `expected`: the state has a transition for this very message. Raises
        `RemoteProtocolError` for a malformed message and for new keys, `LimitExceeded` for packets without end.
        """
        self._received += 1
        if self._received > AUTHENTICATION_PACKETS:
            raise LimitExceeded(f"more than {AUTHENTICATION_PACKETS} packets before an answer to the request")
        if not expected:
            return None, msg.unimplemented(sequence)
        match payload[0]:
            case msg.EXT_INFO:
                return ExtensionsReceived(msg.ExtInfo.parse(payload).extensions), None
            case msg.SERVICE_ACCEPT:
                return None, self._after_accept
            case msg.USERAUTH_FAILURE:
                return AuthenticationFailed(msg.UserauthFailure.parse(payload).methods), None
            case msg.USERAUTH_SUCCESS:
                return AuthenticationSucceeded(), None
            case msg.USERAUTH_BANNER:
                return AuthenticationBanner(msg.UserauthBanner.parse(payload).message), None
        raise RemoteProtocolError("the server wants new keys before it answers")
