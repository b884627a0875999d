"""Two kinds of error: we misused the machine, or the peer broke the protocol.

`LocalProtocolError` is a bug in the caller. `RemoteProtocolError` is an answer about the server: its text is one
line for people and holds no byte from the wire, so it can be put in a record as it is.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """Base of both kinds."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something that cannot be done in this state."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that breaks the protocol, or more than we are willing to read."""


class LimitExceeded(RemoteProtocolError):
    """The peer sent more than a limit in `sshprobe.wire.limits` allows."""
