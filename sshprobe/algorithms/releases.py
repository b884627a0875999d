"""Releases of OpenSSH, and what the two OpenSSH columns of an entry say of its life: brought, offered, taken out."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from sshprobe.algorithms.catalogue import Algorithm

RELEASES: tuple[str, ...] = (
    *(f"3.{minor}" for minor in range(10)),
    *(f"4.{minor}" for minor in range(10) if minor != 8),
    *(f"{major}.{minor}" for major in range(5, 10) for minor in range(10)),
    *(f"10.{minor}" for minor in range(7)),
)
"""All that the catalogue was computed from: 75 tags of the portable release, which has no 4.8, and Debian's 10.6p1."""

NEWEST = RELEASES[-1]
"""Of a later release the catalogue knows nothing: neither what it brought nor what it took out."""

OLDEST = "3.0"
"""In a column it stands for this release or an older one."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a name in OpenSSH. None: it did not happen, up to the last of `RELEASES`."""

    brought: str | None = None
    """The first release that knows the name."""
    default: str | None = None
    """The first whose server offers it by default."""
    left_default: str | None = None
    """The first after that whose server does not."""
    removed: str | None = None
    """The first that knows it no more."""


def history(entry: Algorithm) -> History:
    """The life of a name in OpenSSH, from its two columns."""
    brought, removed = _span(entry.openssh_in_code)
    default, left = _span(entry.openssh_default)
    return History(brought=brought, default=default, left_default=left, removed=removed)


@lru_cache(maxsize=4096)
def in_openssh(releases: str, version: str | None) -> bool | None:
    """Whether an OpenSSH release is among `releases` (a cell of an OpenSSH column).

    `version` is that of the identification string, "9.2p1". None: no version to compare.
    """
    if not releases:
        return False
    if version is None:
        return None
    asked = _release(version)
    if releases.endswith("+"):
        return asked >= _release(releases[:-1])
    first, _, last = releases.partition("..")
    return _release(first) <= asked <= _release(last or first)


def is_newer_than_known(version: str | None) -> bool:
    """Return whether a release of OpenSSH, "10.7p1", is later than the last that the catalogue was made from."""
    return version is not None and _release(version) > _release(NEWEST)


def _span(releases: str) -> tuple[str | None, str | None]:
    """The first release of a cell, and the first after it; None where there is none."""
    if not releases:
        return None, None
    if releases.endswith("+"):
        return releases[:-1], None
    first, _, last = releases.partition("..")
    return first, RELEASES[RELEASES.index(last or first) + 1]


def _release(version: str) -> tuple[int, int]:
    # A server says what it likes, and `int` refuses thousands of digits: the first nine are more than any release has.
    found = re.match(r"(\d{1,9})\d*(?:\.(\d{1,9}))?", version)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))
