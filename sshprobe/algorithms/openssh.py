"""OpenSSH: its releases, the history of names in them, and servers that claim to be OpenSSH."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from sshprobe.algorithms.catalogue import Algorithm

RELEASE_MONTHS: dict[str, str] = dict(
    re.findall(
        r"([\d.]+) ([\d-]+)",
        """
    3.0 2001-11, 3.1 2002-03, 3.2 2002-05, 3.3 2002-06, 3.4 2002-06, 3.5 2002-10, 3.6 2003-03, 3.7 2003-09,
    3.8 2004-02, 3.9 2004-08, 4.0 2005-03, 4.1 2005-05, 4.2 2005-09, 4.3 2006-02, 4.4 2006-09, 4.5 2006-11,
    4.6 2007-03, 4.7 2007-09, 4.9 2008-03, 5.0 2008-04, 5.1 2008-07, 5.2 2009-02, 5.3 2009-09, 5.4 2010-03,
    5.5 2010-04, 5.6 2010-08, 5.7 2011-01, 5.8 2011-02, 5.9 2011-09, 6.0 2012-04, 6.1 2012-08, 6.2 2013-03,
    6.3 2013-09, 6.4 2013-11, 6.5 2014-01, 6.6 2014-03, 6.7 2014-10, 6.8 2015-03, 6.9 2015-07, 7.0 2015-08,
    7.1 2015-08, 7.2 2016-02, 7.3 2016-07, 7.4 2016-12, 7.5 2017-03, 7.6 2017-10, 7.7 2018-04, 7.8 2018-08,
    7.9 2018-10, 8.0 2019-04, 8.1 2019-10, 8.2 2020-02, 8.3 2020-05, 8.4 2020-09, 8.5 2021-03, 8.6 2021-04,
    8.7 2021-08, 8.8 2021-09, 8.9 2022-02, 9.0 2022-04, 9.1 2022-10, 9.2 2023-02, 9.3 2023-03, 9.4 2023-08,
    9.5 2023-10, 9.6 2023-12, 9.7 2024-03, 9.8 2024-07, 9.9 2024-09, 10.0 2025-04, 10.1 2025-10, 10.2 2025-10,
    10.3 2026-04, 10.4 2026-07, 10.5 2026-08, 10.6 2026-10
    """,
    )
)
"""Portable releases and the months of their tags (of Debian's package for 10.6). There was no portable 4.8."""

RELEASES = tuple(RELEASE_MONTHS)
"""The releases that the catalogue was computed from: 75 tags of the portable release (no 4.8), and Debian's 10.6p1."""

NEWEST = RELEASES[-1]
"""The catalogue does not know what later releases added and removed."""

OLDEST = "3.0"
"""In a column it means this release or an earlier one."""

STRICT_KEX = "kex-strict-s-v00@openssh.com"
"""The marker of strict key exchange that today's servers send (PROTOCOL 1.9)."""


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


@lru_cache(maxsize=256)  # a fleet has few different values
def openssh_release(software: str) -> str | None:
    """Return the release in a software name, "9.2" of "OpenSSH_9.2p1", or None for others than `RELEASES`."""
    found = _RELEASE_NAME.fullmatch(software)
    release = "" if found is None else f"{int(found[1])}.{int(found[2])}"
    return release if release in RELEASES else None


@lru_cache(maxsize=256)  # a fleet has few different values
def smallest_group_sent(software: str, comments: str | None) -> int | None:
    """Return the bits of the smallest group that an OpenSSH release sends, if its moduli file has it.

    None: the identification belongs to other software, such as a device that is built on OpenSSH. Source: DH_GRP_MIN
    in dh.h, raised from 1024 by 7.2.
    """
    found = _RELEASE_NAME.fullmatch(software)
    if found is None or _FORK in (comments or ""):
        return None
    return 2048 if (int(found[1]), int(found[2])) >= (7, 2) else 1024


@lru_cache(maxsize=256)
def may_charge_for_users(software: bytes) -> bool:
    """Return whether the server may charge a penalty of 5 s for a user name that nobody may log in as.

    OpenSSH 10.3 and later do. Software that claims to be OpenSSH without a known release may.
    """
    if not claims_openssh(software):
        return False
    found = _RELEASE_NAME.match(software.decode("latin-1"))
    return found is None or (int(found[1]), int(found[2])) >= _CHARGES_FOR_A_USER
