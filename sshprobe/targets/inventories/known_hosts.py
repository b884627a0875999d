"""`known_hosts` of OpenSSH (sshd(8), section SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories.source import Source, can_be_host
from sshprobe.targets.inventories.ssh_config import PATTERNS
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import Spec

HASHED = "hashed host names, which cannot be read"
NO_HOST = "names that are not host names, such as those of `HostKeyAlias`; the first is"
REVOKED = "lines of certificate authorities and revoked keys"
BAD_LINE = "lines that are not host names, key type and key; the first is line"

_KEY_TYPE = re.compile(r"(ssh-|ecdsa-sha2-|rsa-sha2-|sk-|x509v3-|spi-|pgp-|webauthn-)[a-z0-9@.+_-]+", re.IGNORECASE)
_KEY = re.compile(r"AAAA[A-Za-z0-9+/]*={0,3}")
"""Base64 of a length of less than 2**24 (RFC 4251 section 5) and what follows it."""
_OF_AUTHORIZED_KEYS = re.compile(
    r'[^,]*=?"|(restrict|cert-authority|(no-)?(pty|user-rc|(agent|port|x11)-forwarding)|no-touch-required'
    r"|verify-required)(,|$)",
    re.IGNORECASE,
)
"""The beginning of options in authorized_keys (sshd(8)), where known_hosts has names."""
_NUMBER = re.compile(r"[0-9]+")


def _fields(line: str) -> list[str] | None:
    """Return marker (or ""), names, key type and key of a line; None if it is not a line of known_hosts."""
    words = line.split(None, 4)
    if words and words[0].startswith("@"):
        marker, *words = words
        if marker not in ("@cert-authority", "@revoked"):
            return None
    else:
        marker = ""
    if len(words) < 3:
        return None
    names, key_type, key = words[:3]
    is_key = _KEY_TYPE.fullmatch(key_type) is not None and _KEY.fullmatch(key) is not None
    # SSH-1: bits, exponent and modulus. A row of small numbers is another kind of table.
    is_old = len(words) > 3 and all(map(_NUMBER.fullmatch, words[1:4])) and len(key_type) <= 5 and len(words[3]) > 100
    return [marker, names, key_type, key] if is_key or is_old else None


def is_known_hosts(lines: Sequence[str]) -> bool:
    """Return whether one of these is a line of known_hosts. No other supported format has such lines."""
    return any(_fields(line) is not None for line in lines if not line.startswith("#"))


def read_known_hosts(source: Source) -> Iterator[Spec]:
    """Yield the hosts of a known_hosts file whose names are not hashed.

    ssh writes the user's name for a host there. It can be any alias, so some cannot be scanned. As in ssh, lines that
    cannot be read are skipped.
    """
    for number, line in source.lines():
        fields = _fields(line)
        if fields is None:
            source.leave_out(BAD_LINE, str(number))
            continue
        if _OF_AUTHORIZED_KEYS.match(fields[1]):
            raise source.error("is a line of authorized_keys, which names no hosts", number)
        if fields[0]:
            source.left_out[REVOKED] += 1
            continue
        if fields[1].startswith("|"):
            source.left_out[HASHED] += 1
            continue
        for name in fields[1].split(","):
            if any(character in name for character in "*?!"):
                source.left_out[PATTERNS] += 1
                continue
            host, port = name, None
            if name.startswith("["):  # here brackets enclose any host with a port: "[web1]:2222"
                host, _, port = name[1:].partition("]")
                port = port.removeprefix(":") or None
            if not can_be_host(host) or not (port is None or _is_port(port)):
                source.leave_out(NO_HOST, f"{quote(name)} in line {number}")
            else:
                yield source.host(host, port, line=number)


def _is_port(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and len(text) <= 5 and 1 <= int(text) <= 65535
