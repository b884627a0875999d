"""OpenSSH: its releases, the history of names in them, and servers that claim to be OpenSSH."""

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
"""The releases that the catalogue was computed from: 75 tags of the portable release (no 4.8), and Debian's 10.6p1."""

NEWEST = RELEASES[-1]
"""The catalogue does not know what later releases added and removed."""

OLDEST = "3.0"
"""In a column it means this release or an earlier one."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The history of a name in OpenSSH. None: it did not happen up to `NEWEST`."""

    brought: str | None = None
    """The first release that knows the name."""
    default: str | None = None
    """The first whose server offers it by default."""
    left_default: str | None = None
    """The first after that whose server does not offer it by default."""
    removed: str | None = None
    """The first that no longer knows the name."""


def history(entry: Algorithm) -> History:
    """Return the history of a name in OpenSSH, from its two columns."""
    brought, removed = _span(entry.openssh_in_code)
    default, left = _span(entry.openssh_default)
    return History(brought=brought, default=default, left_default=left, removed=removed)


@lru_cache(maxsize=4096)
def in_openssh(releases: str, version: str | None) -> bool | None:
    """Return whether an OpenSSH release is among `releases` (a cell of an OpenSSH column).

    `version`: from the identification string, "9.2p1". None: no version to compare.
    """
    if not releases:
        return False
    if version is None:
        return None
    release = _release(version)
    if releases.endswith("+"):
        return release >= _release(releases[:-1])
    first, _, last = releases.partition("..")
    return _release(first) <= release <= _release(last or first)


def is_newer_than_known(version: str | None) -> bool:
    """Return whether a release of OpenSSH, such as "10.7p1", is later than `NEWEST`."""
    return version is not None and _release(version) > _release(NEWEST)


def _span(releases: str) -> tuple[str | None, str | None]:
    """Return the first release of a cell, and the first release after it, each None if there is none."""
    if not releases:
        return None, None
    if releases.endswith("+"):
        return releases[:-1], None
    first, _, last = releases.partition("..")
    return first, RELEASES[RELEASES.index(last or first) + 1]


def _release(version: str) -> tuple[int, int]:
    # Servers can send any number of digits, and `int` refuses thousands. No release has as many as nine.
    found = re.match(r"(\d{1,9})\d*(?:\.(\d{1,9}))?", version)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))


CLAIM = b"openssh"
"""Lower-case prefix of the software name of OpenSSH, and of devices that are built on it or imitate it."""

_RELEASE_NAME = re.compile(r"OpenSSH_(?:for_Windows_)?(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?(?:p\d{1,3})?(?:-hpn[\w.]*)?")
"""A release as its authors, Microsoft and HPN-SSH write it. Devices write, for example, "OpenSSH_7.3p1.RL"."""

_FORK = "PKIX"
"""PKIX-SSH, for example in IOS XR, names the OpenSSH that it derives from, and itself in the comments."""

_CHARGES_FOR_A_USER = (10, 3)
"""The first release with a separate penalty for users who may not log in (sshd_config(5), PerSourcePenalties)."""


def claims_openssh(software: bytes) -> bool:
    """Return whether `software`, from an identification (RFC 4253 section 4.2), claims to be OpenSSH."""
    return software[: len(CLAIM)].lower() == CLAIM


SIGN = "publickey-hostbound@openssh.com"
"""An extension (EXT_INFO) that OpenSSH announces since 8.9, also under another identification (PROTOCOL 1.11)."""


@lru_cache(maxsize=256)  # fleets have few
def is_openssh_release(software: str, comments: str | None) -> bool:
    """Return whether an identification belongs to an OpenSSH release, and not to a device that is built on one."""
    return _RELEASE_NAME.fullmatch(software) is not None and _FORK not in (comments or "")


@lru_cache(maxsize=256)
def may_charge_for_users(software: bytes) -> bool:
    """Return whether the server may charge a penalty of 5 s for a user name that nobody may log in as.

    OpenSSH 10.3 and later do. Software that claims to be OpenSSH without a known release may.
    """
    if not claims_openssh(software):
        return False
    found = _RELEASE_NAME.match(software.decode("latin-1"))
    return found is None or (int(found[1]), int(found[2])) >= _CHARGES_FOR_A_USER
