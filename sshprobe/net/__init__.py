"""TCP connections with deadlines, by callbacks, and addresses of names. Knows nothing of SSH."""

from sshprobe.net.dial import CLOSED, Address, NetworkError, literal, resolve
from sshprobe.net.epoll import EpollNetwork
from sshprobe.net.network import LINGER_BYTES, Connection, Handler, Network, TimerHandle
from sshprobe.net.stream import Stream, adopt_stream, open_stream

__all__ = [
    "CLOSED",
    "LINGER_BYTES",
    "Address",
    "Connection",
    "EpollNetwork",
    "Handler",
    "Network",
    "NetworkError",
    "Stream",
    "TimerHandle",
    "adopt_stream",
    "literal",
    "open_stream",
    "resolve",
]
