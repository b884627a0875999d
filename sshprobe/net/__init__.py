"""TCP connections with deadlines, by callbacks, and IP addresses and names. Knows nothing of SSH."""

from sshprobe.net.addresses import Address, parse_ip
from sshprobe.net.epoll_network import EpollNetwork
from sshprobe.net.errors import CLOSED, NetworkError
from sshprobe.net.network import (
    LINGER_BYTES,
    Action,
    CloseGracefully,
    Connection,
    Exchange,
    Handler,
    Network,
)
from sshprobe.platform.sockets import has_poll_set

__all__ = [
    "CLOSED",
    "LINGER_BYTES",
    "Action",
    "Address",
    "CloseGracefully",
    "Connection",
    "EpollNetwork",
    "Exchange",
    "Handler",
    "Network",
    "NetworkError",
    "open_network",
    "parse_ip",
]


def open_network() -> Network:
    """Return an open network on the running loop: the fastest one with the descriptors that are available."""
    if has_poll_set():
        fast = EpollNetwork()
        try:
            fast.open()
        except OSError:
            pass
        else:
            return fast
    from sshprobe.net.asyncio_network import AsyncioNetwork  # for systems without epoll

    slow = AsyncioNetwork()
    slow.open()
    return slow
