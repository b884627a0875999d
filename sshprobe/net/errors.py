"""The ways in which a connection fails."""

from __future__ import annotations

import errno
import socket
from typing import Literal

from sshprobe.net.addresses import Address
from sshprobe.platform.sockets import queued_errors

Failure = Literal["refused", "unreachable", "timeout", "reset", "dns_error", "local"]
"""How a connection failed. "local": this machine lacks a resource (descriptors, ports, buffers)."""

LOCAL = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
    }
)
"""The missing resource of this machine, by `errno`."""

CLOSED = "the connection was closed"
"""By an end of the stream or by a reset: a server that closes while we send may cause either. We cannot know whether it
was the server, because a firewall may send a reset in its name."""

REJECTED = "a firewall of this machine rejects it"

_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


# linux/errqueue.h: struct sock_extended_err (errno, origin, type, code, ...) and then the address of the sender.
_ORIGIN_AT, _ICMP_ORIGIN, _IP = 4, 2, slice(20, 24)


class NetworkError(Exception):
    """A connection could not be made, or broke. `str()` is one line for people."""

    def __init__(self, failure: Failure, message: str) -> None:
        self.failure: Failure = failure
        super().__init__(message)


def network_error(error: OSError) -> NetworkError:
    """Return the `NetworkError` of an `OSError` of a socket."""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ECONNREFUSED:
        return NetworkError("refused", "connection refused")
    if error.errno in _RESET or isinstance(error, ConnectionResetError):
        return NetworkError("reset", CLOSED)
    if error.errno == errno.ETIMEDOUT:
        return NetworkError("timeout", "connection timed out")
    if error.errno in LOCAL:
        return NetworkError("local", f"this machine: {words.lower()}")
    return NetworkError("unreachable", words.lower())


def connect_error(error: OSError, address: Address) -> NetworkError:
    """Return the `NetworkError` of an `OSError` of a connect to `address`."""
    if error.errno == errno.EADDRNOTAVAIL and not has_source_address(address):
        return NetworkError("unreachable", "this machine has no address to reach it from")
    if error.errno == errno.EINVAL and address.link_local and "%" not in address.ip:
        return NetworkError("unreachable", f"a link-local address needs its interface, as in {address.ip}%eth0")
    if error.errno == errno.ENODEV:
        return NetworkError("unreachable", "this machine has no such network interface")
    return network_error(error)


def no_connection_in_time(timeout: float) -> NetworkError:
    """Return the error of a connect that got no answer within `timeout` seconds."""
    return NetworkError("timeout", f"no connection within {timeout:g} s")


def has_source_address(address: Address) -> bool:
    """Whether this machine has a source address for `address`. Nothing is sent.

    EADDRNOTAVAIL has two meanings: all ports are in use, which is temporary, or this machine has no IPv6. A UDP socket
    has separate ports.
    """
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect((address.ip, 9))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def is_rejected_here(connecting: socket.socket) -> bool:
    """Return whether a firewall of this machine rejected the failed connect of a socket, on Linux.

    A connect(2) that netfilter rejects fails as if the host had refused it or were unreachable. The error queue of the
    socket names the sender of the ICMP message, which is this machine. A rejection by a TCP reset, or on IPv6, looks
    like one of the host: on IPv6 the kernel queues errors only for sockets with IPV6_RECVERR, which errors in transit
    would disconnect.
    """
    if connecting.family != socket.AF_INET:
        return False
    errors = queued_errors(connecting)
    own = socket.inet_aton(connecting.getsockname()[0]) if errors else b""
    return any(data[_ORIGIN_AT] == _ICMP_ORIGIN and data[_IP] == own for data in errors)
