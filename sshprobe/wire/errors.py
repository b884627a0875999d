"""Two kinds of errors: mistakes of the caller, and servers that break the protocol.

The text of a `RemoteProtocolError` is one line for people. It contains no bytes from the server, so it can go into a
record unchanged.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The base class of both errors."""


class LocalProtocolError(ProtocolError):
    """A call that the state does not allow, or an invalid argument: a bug in the caller."""


class RemoteProtocolError(ProtocolError):
    """The server broke the protocol or exceeded a limit."""


class LimitExceeded(RemoteProtocolError):
    """The server sent more than a limit in `sshprobe.wire.limits` allows."""
