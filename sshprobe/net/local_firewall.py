"""Whether a firewall of this machine stops what it sends. On Linux; elsewhere nothing is known.

A connect(2) that netfilter rejects fails as if the host had refused it or were unreachable. The error queue of the
socket names the sender of the ICMP message, which is this machine. One that it drops only runs out of time, but the
kernel counts retransmissions that it could not send. A rejection by a TCP reset, and any on IPv6, looks like one of the
host: there the kernel queues errors only for sockets with IPV6_RECVERR, on which errors in transit end a connection.
"""

from __future__ import annotations

import socket
from pathlib import Path

REJECTED = "a firewall of this machine rejects it"

# linux/errqueue.h: struct sock_extended_err (errno, origin, type, code, ...) and then the address of the sender.
_ORIGIN_AT, _ICMP_ORIGIN, _IP = 4, 2, slice(20, 24)
_COUNTERS = "/proc/net/netstat"
_COUNTER = b"TCPRetransFail"


def is_rejected_here(connecting: socket.socket) -> bool:
    """Return whether a firewall of this machine rejected the connect of a socket, which has failed."""
    if connecting.family != socket.AF_INET or not hasattr(socket, "MSG_ERRQUEUE"):
        return False
    try:
        _, messages, _, _ = connecting.recvmsg(512, 512, socket.MSG_ERRQUEUE)
        own = socket.inet_aton(connecting.getsockname()[0])
    except OSError:  # nothing is queued
        return False
    return any(data[_ORIGIN_AT] == _ICMP_ORIGIN and data[_IP] == own for _, _, data in messages)


def unsent_retransmissions() -> int:
    """Return how many TCP segments of this machine could not be sent again. 0: not known."""
    try:
        with Path(_COUNTERS).open("rb") as file:
            names, values = file.readline().split(), file.readline().split()
        return int(values[names.index(_COUNTER)])
    except (OSError, ValueError, IndexError):
        return 0
