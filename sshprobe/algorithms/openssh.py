"""Whether an identification string names OpenSSH, and what follows from it for the questions of a scan."""

from __future__ import annotations

import re
from functools import lru_cache

CLAIM = b"openssh"
"""How the software name of an OpenSSH begins, in lower case; and that of a device built on one, or in its disguise."""

_RELEASE = re.compile(r"OpenSSH_(?:for_Windows_)?(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?(?:p\d{1,3})?(?:-hpn[\w.]*)?")
"""A release as its authors, Microsoft and HPN-SSH write it. Devices write "OpenSSH_7.3p1.RL"."""

_FORK = "PKIX"
"""PKIX-SSH, as IOS XR has it, names the OpenSSH that it was taken from, and itself in the comments."""

_CHARGES_FOR_A_USER = (10, 3)
"""The first release with a penalty of its own for a user who may not log in (sshd_config(5), PerSourcePenalties)."""


def claims_openssh(software: bytes) -> bool:
    """Return whether the server may be OpenSSH, by `software` of its identification (RFC 4253 section 4.2)."""
    return software[: len(CLAIM)].lower() == CLAIM


SIGN = "publickey-hostbound@openssh.com"
"""An extension (EXT_INFO) that OpenSSH names since 8.9, whatever its identification says (PROTOCOL, section 1.11)."""


@lru_cache(maxsize=256)  # fleets have few
def is_openssh_release(software: str, comments: str | None) -> bool:
    """Return whether the identification is that of an OpenSSH release, and not of a device that is built on one."""
    return _RELEASE.fullmatch(software) is not None and _FORK not in (comments or "")


@lru_cache(maxsize=256)
def may_charge_for_users(software: bytes) -> bool:
    """Return whether it may be an OpenSSH that charges 5 s for the name of a user whom it lets nobody log in as.

    OpenSSH 10.3 does, and what claims to be an OpenSSH and does not tell its release may.
    """
    if not claims_openssh(software):
        return False
    found = _RELEASE.match(software.decode("latin-1"))
    return found is None or (int(found[1]), int(found[2])) >= _CHARGES_FOR_A_USER
