"""The event loop, the poll set, and the differences of sockets, routes and IPv6 zones on this system."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

POLL_READABLE = POLL_FAILED = POLL_TO_THE_END = POLL_EVERYTHING = MORE_COMES = 0


STREAM_NONBLOCKING: int = socket.SOCK_STREAM


if sys.platform == "linux":
    POLL_FAILED = select.EPOLLHUP | select.EPOLLERR
    """Events of a `poll_set`: a socket has an error, or both sides have ended."""
    POLL_READABLE = select.EPOLLIN | POLL_FAILED
    POLL_TO_THE_END = select.EPOLLRDHUP | select.EPOLLPRI | POLL_FAILED
    """There may be more to read after a short read: the end, or data behind urgent data (tcp(7))."""
    POLL_EVERYTHING = select.EPOLLIN | select.EPOLLOUT | POLL_TO_THE_END | select.EPOLLET
    """All changes, each reported once (edge-triggered)."""
    STREAM_NONBLOCKING = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    """The type of a TCP socket that never waits."""
    MORE_COMES = socket.MSG_MORE
    """A flag for send: the next data, or the end, may go into the same segment."""


NAME_NOT_KNOWN = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""A resolver's errors for a name without an address of the wanted family. The system decides which."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory, or None without uvloop (Windows): then asyncio's own loop is used."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def has_poll_set() -> bool:
    """Return whether `poll_set` works: on Linux. Elsewhere asyncio makes every connection."""
    return hasattr(select, "epoll")


def poll_set() -> select.epoll:
    """Return a new epoll(7) set for many sockets, which can itself be polled."""
    return select.epoll()


def has_netlink() -> bool:
    """Whether the kernel reports routes, links and neighbours: rtnetlink(7), on Linux."""
    return hasattr(socket, "AF_NETLINK")


def queued_errors(sock: socket.socket) -> list[bytes]:
    """Return the kernel's details of a socket's error: `sock_extended_err` of ip(7). Empty except on Linux."""
    flag = getattr(socket, "MSG_ERRQUEUE", None)
    try:
        return [] if flag is None else [data for _, _, data in sock.recvmsg(512, 512, flag)[1]]
    except OSError:  # nothing is queued
        return []


def ipv6_text(address: IPv6Address) -> str:
    """Return the canonical text of an address. A zone (RFC 4007 section 11) is written as `_zone` returns it.

    A zone is an interface, by name or number. Systems ignore the zone of an address that is not link-local.
    """
    if address.scope_id is None:
        return str(address)
    text = str(IPv6Address(int(address)))
    return f"{text}%{_zone(address.scope_id)}" if address.is_link_local else text


def _zone(text: str) -> str:
    """Return the name of an interface, on Windows its number; `text` if there is no such interface."""
    try:
        number = socket.if_nametoindex(text)  # before numbers, as in getaddrinfo: a name may be a number
    except (OSError, ValueError):
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return text
        number = int(text)
    try:
        return str(number) if sys.platform == "win32" else socket.if_indextoname(number)
    except (OSError, OverflowError):
        return text


def interface_number(zone: str) -> int:
    """Return the number of the interface that the zone of an `ipv6_text` names. Raises `OSError` if there is none."""
    try:
        return socket.if_nametoindex(zone)
    except (OSError, ValueError):
        if sys.platform != "win32" or not (zone.isascii() and zone.isdigit() and len(zone) < 10):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
        return int(zone)
