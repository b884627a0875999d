"""Two kinds of error: a mistake of the caller, and a server that breaks the protocol.

The text of a `RemoteProtocolError` is one line for people. It contains no byte from the wire, so it can be written into
a record as it is.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The base class of both kinds."""


class LocalProtocolError(ProtocolError):
    """A call that the state does not allow, or an invalid argument: a bug in the caller."""


class RemoteProtocolError(ProtocolError):
    """The server broke the protocol or exceeded a limit."""


class LimitExceeded(RemoteProtocolError):
    """The server sent more than a limit in `sshprobe.wire.limits` allows."""
