"""Names to addresses, and the ways in which a network says no."""

from __future__ import annotations

import asyncio
import errno
import socket
from ipaddress import IPv6Address
from typing import Any, Literal, NamedTuple

from sshprobe.net.lookups import Answer, LookupTimeout, look_up
from sshprobe.platform import interface_number, ipv6_text

Failure = Literal["refused", "unreachable", "timeout", "reset", "dns_error", "local"]
"""How a connection failed. "local": this machine is out of something (files, ports, buffers); not the host's doing."""

RESOLVER_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before a resolver that cannot answer now is asked again."""

_LOCAL = frozenset(
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
_NOT_KNOWN = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""What resolvers say of a name without an address of the family asked for; which of them, depends on the system."""
CLOSED = "the connection was closed"
"""By an end of the stream or by a reset: who closes at once, while we send, may be seen to do either. And by whom, we
cannot know: a firewall between us may have done it in the name of the server."""

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
        return NetworkError("reset", CLOSED)
    if error.errno == errno.ETIMEDOUT:
        return NetworkError("timeout", "connection timed out")
    if error.errno in _LOCAL:
        return NetworkError("local", f"this machine: {words.lower()}")
    return NetworkError("unreachable", words.lower())


def connect_error(error: OSError, address: Address) -> NetworkError:
    """Sort an `OSError` of a connect to `address` into a `NetworkError`."""
    if error.errno == errno.EADDRNOTAVAIL and not has_source_address(address):
        return NetworkError("unreachable", "this machine has no address to reach it from")
    if error.errno == errno.EINVAL and address.link_local and "%" not in address.ip:
        return NetworkError("unreachable", f"a link-local address needs its interface, as in {address.ip}%eth0")
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


class Address(NamedTuple):
    """An IP address to dial, as text, with its family (`socket.AF_INET` or `socket.AF_INET6`)."""

    ip: str
    family: int

    @property
    def unspecified(self) -> bool:
        """Whether it is 0.0.0.0 or ::, no host's address: Linux connects who dials it to itself (RFC 1122 3.2.1.3)."""
        return self.ip.partition("%")[0] in ("0.0.0.0", "::")

    @property
    def link_local(self) -> bool:
        """Whether it means another host on each interface, which its zone names (RFC 4007 section 6)."""
        return self.family == socket.AF_INET6 and IPv6Address(self.ip.partition("%")[0]).is_link_local

    def in_its_zone(self, port: int) -> tuple[str, int, int, int]:
        """Return an IPv6 address as `socket.connect` takes it. Raises `NetworkError` if its interface is not here."""
        text, _, zone = self.ip.partition("%")
        try:
            return text, port, 0, interface_number(zone) if zone else 0
        except OSError:
            raise NetworkError("unreachable", "this machine has no such network interface") from None


_MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins that is written as an IPv6 one, ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2)."""


def literal(host: str) -> Address | None:
    """Return the address that `host` spells, in its one spelling, or None if it is a name.

    A mapped IPv4 address is that IPv4 address.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, host.partition("%")[0])
        except (OSError, ValueError):
            continue
        if packed.startswith(_MAPPED):
            return Address(socket.inet_ntop(socket.AF_INET, packed[12:]), socket.AF_INET)
        return Address(_ipv6_text(host) if family == socket.AF_INET6 else host, family)
    return None


def _ipv6_text(host: str) -> str:
    try:
        return ipv6_text(IPv6Address(host))
    except ValueError:  # "%" and nothing after it: the resolver says what it is
        return host


async def resolve(host: str, *, family: int | None, timeout: float) -> list[Address]:
    """Return the addresses of `host` in the resolver's order, without duplicates; at least one.

    `family` keeps one of `socket.AF_INET` and `socket.AF_INET6`. `timeout` is for each question to the resolver; one
    that cannot answer now is asked again (`RESOLVER_PAUSES`). Raises `NetworkError`: "dns_error", or "local" where
    this machine was short of something each time.
    """
    known = literal(host)
    if known is not None:
        if family is not None and known.family != family:
            is_one, wanted_one = ("IPv4", "IPv6") if known.family == socket.AF_INET else ("IPv6", "IPv4")
            raise NetworkError("dns_error", f"it is an {is_one} address, and {wanted_one} alone is wanted")
        if known.unspecified:
            raise NetworkError("dns_error", "the unspecified address is no host")
        return [known]
    for pause in (*RESOLVER_PAUSES, None):
        try:
            answers = await _look_up(host, family or 0, timeout)
            break
        except socket.gaierror as error:
            if pause is None or error.errno not in (socket.EAI_AGAIN, socket.EAI_MEMORY):
                if family is not None and error.errno in _NOT_KNOWN and await _is_of_others(host, family, timeout):
                    raise _no_address(family) from None
                raise _resolver_error(error) from None
        except OSError as error:
            if error.errno not in _LOCAL:
                raise NetworkError("dns_error", str(error).lower()) from None
            if pause is None:
                raise network_error(error) from None
        except UnicodeError as error:
            raise NetworkError("dns_error", str(error).lower()) from None
        await asyncio.sleep(pause)
    found = dict.fromkeys(filter(None, (literal(_text(answer[4])) for answer in answers)))
    wanted = [address for address in found if family in (None, address.family)]
    if not wanted:
        raise _no_address(family)
    wanted = [address for address in wanted if not address.unspecified]
    if not wanted:  # so some resolvers answer for names that they block
        raise NetworkError("dns_error", "the name has the unspecified address alone, which is no host")
    return wanted


def _text(answer: tuple[Any, ...]) -> str:
    """Return the text of an address of the resolver, with its zone, which stands beside it as a number."""
    text = str(answer[0])
    return f"{text}%{answer[3]}" if len(answer) == 4 and answer[3] and "%" not in text else text


def _no_address(family: int | None) -> NetworkError:
    version = "" if family is None else "IPv4 " if family == socket.AF_INET else "IPv6 "
    return NetworkError("dns_error", f"the name has no {version}address")


async def _is_of_others(host: str, family: int, timeout: float) -> bool:
    """Whether a name has addresses, none of them of `family`: of such a one resolvers say "not known" too."""
    try:
        return family not in {answer[0] for answer in await _look_up(host, 0, timeout)}
    except (NetworkError, OSError, UnicodeError):
        return False


async def _look_up(host: str, family: int, timeout: float) -> list[Answer]:
    """Query the resolver once. The timeout begins with the query: a queue of ours is not a slow resolver."""
    try:
        return await look_up(host, family, timeout)
    except LookupTimeout as error:
        raise NetworkError("dns_error", str(error)) from None


def _resolver_error(error: socket.gaierror) -> NetworkError:
    """Sort an error of the resolver. Without a descriptor for its socket, glibc says "try again" too."""
    if error.errno == socket.EAI_MEMORY:
        return NetworkError("local", "this machine: cannot allocate memory")
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as shortage:
        if shortage.errno in _LOCAL:
            return network_error(shortage)
    return NetworkError("dns_error", (error.strerror or "no such name").lower())
