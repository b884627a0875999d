"""Names to addresses."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from sshprobe.net.addresses import Address, parse_ip
from sshprobe.net.errors import LOCAL, NetworkError, network_error
from sshprobe.net.lookups import look_up
from sshprobe.platform.sockets import NAME_NOT_KNOWN

RESOLVER_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before a new query to a resolver that cannot answer now."""


async def resolve(host: str, *, family: int | None, timeout: float) -> list[Address]:
    """Return the addresses of `host` in the resolver's order, without duplicates; at least one.

    `family` selects `socket.AF_INET` or `socket.AF_INET6`. `timeout` is for each query; a resolver that cannot answer
    now is queried again (`RESOLVER_PAUSES`). Raises `NetworkError`: "dns_error", or "local" if this machine lacked a
    resource each time.
    """
    known = parse_ip(host)
    if known is not None:
        if family is not None and known.family != family:
            is_one, wanted_one = ("IPv4", "IPv6") if known.family == socket.AF_INET else ("IPv6", "IPv4")
            raise NetworkError("dns_error", f"it is an {is_one} address, and only {wanted_one} is wanted")
        if known.unspecified:
            raise NetworkError("dns_error", "the unspecified address is not a host")
        return [known]
    for pause in (*RESOLVER_PAUSES, None):
        try:
            answers = await look_up(host, family or 0, timeout)
            break
        except socket.gaierror as error:
            if pause is None or error.errno not in (socket.EAI_AGAIN, socket.EAI_MEMORY):
                if family is not None and error.errno in NAME_NOT_KNOWN and await _is_of_others(host, family, timeout):
                    raise _no_address(family) from None
                raise _resolver_error(error) from None
        except OSError as error:
            if error.errno not in LOCAL:
                raise NetworkError("dns_error", str(error).lower()) from None
            if pause is None:
                raise network_error(error) from None
        except UnicodeError as error:
            raise NetworkError("dns_error", str(error).lower()) from None
        await asyncio.sleep(pause)
    found = dict.fromkeys(filter(None, (parse_ip(_text(answer[4])) for answer in answers)))
    wanted = [address for address in found if family in (None, address.family)]
    if not wanted:
        raise _no_address(family)
    wanted = [address for address in wanted if not address.unspecified]
    if not wanted:  # some resolvers answer so for blocked names
        raise NetworkError("dns_error", "the name has only the unspecified address, which is not a host")
    return wanted


def _text(answer: tuple[Any, ...]) -> str:
    """Return the text of an address from the resolver, with its zone, which is a separate number there."""
    text = str(answer[0])
    return f"{text}%{answer[3]}" if len(answer) == 4 and answer[3] and "%" not in text else text


def _no_address(family: int | None) -> NetworkError:
    version = "" if family is None else "IPv4 " if family == socket.AF_INET else "IPv6 "
    return NetworkError("dns_error", f"the name has no {version}address")


async def _is_of_others(host: str, family: int, timeout: float) -> bool:
    """Whether a name has only addresses of the other family: resolvers call such a name unknown too."""
    try:
        return family not in {answer[0] for answer in await look_up(host, 0, timeout)}
    except (NetworkError, OSError, UnicodeError):
        return False


def _resolver_error(error: socket.gaierror) -> NetworkError:
    """Return the `NetworkError` of a resolver's error. Without a descriptor for its socket, glibc says "try again"."""
    if error.errno == socket.EAI_MEMORY:
        return NetworkError("local", "this machine: cannot allocate memory")
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as shortage:
        if shortage.errno in LOCAL:
            return network_error(shortage)
    return NetworkError("dns_error", (error.strerror or "no such name").lower())
