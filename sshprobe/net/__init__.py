"""Dialling: names to addresses, addresses to byte streams with deadlines. Knows nothing of SSH."""

from sshprobe.net.connection import Connection
from sshprobe.net.dial import CLOSED, Address, NetworkError, literal, resolve
from sshprobe.net.dialer import Dialer
from sshprobe.net.stream import Stream, adopt_stream, open_stream

__all__ = [
    "CLOSED",
    "Address",
    "Connection",
    "Dialer",
    "NetworkError",
    "Stream",
    "adopt_stream",
    "literal",
    "open_stream",
    "resolve",
]
