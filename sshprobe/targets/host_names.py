"""Host names in the form for a resolver, IPv4 addresses in their usual spelling, and the host of a URL."""

from __future__ import annotations

import re
import socket
from contextlib import suppress

from sshprobe.model.escape import escape_text

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
"""RFC 1123 section 2.1, plus the underscore, which is illegal but which resolvers, people and ssh accept."""

_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
"""A name never ends in such a part: resolvers would read an address
(https://url.spec.whatwg.org/#ends-in-a-number-checker)."""


_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/@]*@)?(\[[^\]/]*\]|[^/:?#\[]+)(:\d+)?(?=[/?#]|$)")
_SSH_SCHEMES = frozenset({"ssh", "sftp", "scp"})


class Malformed(ValueError):
    """The reason why a text is not a target, as the rest of a sentence that begins with the text."""


def ipv4_value(text: str) -> int | None:
    """Return the value of an IPv4 address in the spelling of `str(IPv4Address(value))`; None for any other text."""
    try:
        packed = socket.inet_aton(text)  # accepts "127.1" too, and octal numbers
    except (OSError, ValueError):
        return None
    return int.from_bytes(packed, "big") if socket.inet_ntoa(packed) == text else None


def parse_host_name(name: str) -> str:
    """Return a host name in the form for a resolver: ASCII, lower case, no final dot."""
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")  # RFC 3490
        except UnicodeError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise Malformed(f"is not a host name: it has no IDNA form ({escape_text(reason)})") from None
    name = name.lower().removesuffix(".")
    if len(name) > 253:
        raise Malformed("is not a host name: it is longer than 253 characters")
    labels = name.split(".")
    for label in labels:
        if not label:
            raise Malformed("is not a host name: a part between its dots is empty")
        if len(label) > 63:
            raise Malformed("is not a host name: a part between its dots is longer than 63 characters")
        if not _LABEL.fullmatch(label):
            words = "is not a host name: its parts are letters, digits and inner hyphens"
            if "[" in label or "{" in label:  # of clush, pdsh and Ansible, and of the shell
                words += "; expand the group first, as `nodeset -S '\\n' -e NAMES` does"
            raise Malformed(words)
    if all(map(_NUMBER.fullmatch, labels)):
        raise no_ipv4_address(name)
    if _NUMBER.fullmatch(labels[-1]):
        raise Malformed("is not a host name: its last part is a number")
    return name


def no_ipv4_address(text: str) -> Malformed:
    """Return the error for an address in a spelling of inet_aton(3), such as "127.1" or "0x7f000001".

    These are refused: "0177.0.0.1" is 127.0.0.1 to some tools and 177.0.0.1 to others. Read as a name, it would reach
    an address that was excluded in its usual spelling.
    """
    words = "is not an IPv4 address, which has four numbers from 0 to 255"
    readings = []
    with suppress(OSError):
        readings.append(socket.inet_ntoa(socket.inet_aton(text)))
    decimal = ".".join(part.lstrip("0") or "0" for part in text.split("."))
    if ipv4_value(decimal) is not None:
        readings.append(decimal)
    # RFC 1122 section 3.2.1.3: 0.x.x.x is not a host, so "2222" was meant to be something else.
    readings = [reading for reading in dict.fromkeys(readings) if not reading.startswith("0.")]
    if len(readings) > 1:
        words += f"; some tools read it as {readings[0]}, others as {readings[1]}: write the one that you mean"
    elif readings:
        words += f"; other tools read it as {readings[0]}: write that if you mean it"
    return Malformed(words)


def host_of_url(text: str) -> str:
    """Return the host to write instead of a URL, with the port of an SSH URL; "" if `text` is not a URL."""
    found = _URL.match(text)
    if found is None:
        return ""
    scheme, host, port = found.groups()
    return str(host) + (port or "" if scheme.lower() in _SSH_SCHEMES else "")
