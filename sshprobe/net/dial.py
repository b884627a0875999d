"""Names to addresses, and the ways in which a network says no."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass
from typing import Literal

Failure = Literal["refused", "unreachable", "timeout", "reset", "dns_error", "local"]
"""How a connection failed. "local": this machine is out of something (files, ports, buffers); not the host's doing."""

_LOCAL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN})
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


class NetworkError(Exception):
    """A connection could not be made, or broke. `str()` is one line for people."""

    def __init__(self, failure: Failure, message: str) -> None:
        self.failure: Failure = failure
        super().__init__(message)


def network_error(error: OSError) -> NetworkError:
    """Sort an `OSError` of a socket into a `NetworkError`."""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ECONNREFUSED:
        return NetworkError("refused", "connection refused")
    if error.errno in _RESET or isinstance(error, ConnectionResetError):
        return NetworkError("reset", "connection reset")
    if error.errno == errno.ETIMEDOUT:
        return NetworkError("timeout", "connection timed out")
    if error.errno in _LOCAL:
        return NetworkError("local", f"this machine: {words.lower()}")
    return NetworkError("unreachable", words.lower())


def connect_error(error: OSError, address: Address) -> NetworkError:
    """Sort an `OSError` of a connect to `address` into a `NetworkError`."""
    if error.errno == errno.EADDRNOTAVAIL and not has_source_address(address):
        return NetworkError("unreachable", "this machine has no address to reach it from")
    return network_error(error)


def no_connection_in_time(timeout: float) -> NetworkError:
    """Return the error of a connect that got no answer within `timeout` seconds."""
    return NetworkError("timeout", f"no connection within {timeout:g} s")


def has_source_address(address: Address) -> bool:
    """Whether this machine has an address from which `address` can be reached. Nothing is sent.

    Tells the two meanings of EADDRNOTAVAIL apart: all ports are taken, which passes, or there is no IPv6 here. A UDP
    socket has ports of its own.
    """
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect((address.ip, 9))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address to dial, as text, with its family (`socket.AF_INET` or `socket.AF_INET6`)."""

    ip: str
    family: int


def literal(host: str) -> Address | None:
    """Return the address that `host` spells, or None if it is a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except (OSError, ValueError):
            continue
        return Address(host, family)
    return None


async def resolve(host: str, *, family: int | None, timeout: float) -> list[Address]:
    """Return the addresses of `host` in the resolver's order, without duplicates; at least one.

    `family` keeps one of `socket.AF_INET` and `socket.AF_INET6`. Raises `NetworkError` ("dns_error").
    """
    known = literal(host)
    if known is not None:
        if family is not None and known.family != family:
            raise NetworkError("dns_error", "an address of the other IP version")
        return [known]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            answers = await loop.getaddrinfo(host, None, family=family or 0, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise NetworkError("dns_error", f"no answer from the resolver within {timeout:g} s") from None
    except socket.gaierror as error:
        raise NetworkError("dns_error", (error.strerror or "no such name").lower()) from None
    except (UnicodeError, OSError) as error:
        raise NetworkError("dns_error", str(error).lower()) from None
    found = dict.fromkeys(Address(str(answer[4][0]), int(answer[0])) for answer in answers)
    if not found:
        raise NetworkError("dns_error", "the name has no address")
    return list(found)
