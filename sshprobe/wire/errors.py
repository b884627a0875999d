"""Two kinds of error: we misused the machine, or the peer broke the protocol.

`LocalProtocolError` is a bug in the caller. `RemoteProtocolError` is an answer about the server: its text is one
line for people and holds no byte from the wire, so it can be put in a record as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.wire.host_keys import HostKey


class ProtocolError(Exception):
    """Base of both kinds."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something that cannot be done in this state."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that breaks the protocol, or more than we are willing to read."""


class LimitExceeded(RemoteProtocolError):
    """The peer sent more than a limit in `sshprobe.wire.limits` allows."""


class OtherHostKey(RemoteProtocolError):
    """The peer showed a host key of another type than was negotiated (RFC 4253 section 7.1). `host_key` is that key."""

    def __init__(self, host_key: HostKey) -> None:
        self.host_key = host_key
        super().__init__("the server sent a host key of another type than was asked for")
