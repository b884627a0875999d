"""The system of an OpenSSH, from its identification, and the places of its files.

Many appliances have an OpenSSH with their own version number, and neither a shell for users nor /etc/ssh. So commands
and lines of sshd_config are only for servers that identify themselves like known systems:

- Debian, Ubuntu and Raspbian name the package (debian/rules, SSH_EXTRAVERSION), FreeBSD the day of the import or its
  port (version.h; security/openssh-portable), NetBSD the day (crypto/external/bsd/openssh/dist/version.h).
- Red Hat, SUSE, Alpine, Arch, OpenBSD and macOS add nothing: `OpenSSH_9.6` (version.h of OpenSSH).
- FreeBSD up to 10 and Gentoo had the patches of HPN-SSH: `OpenSSH_6.6.1_hpn13v11`. HPN-SSH itself has its own folder,
  and other version numbers from 17 on.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Platform

UNNAMED = Platform(
    name="",
    check="sshd -t && { systemctl reload sshd || systemctl reload ssh || service sshd reload; }",
    notes=(
        "Without systemd: `rc-service sshd reload` (Alpine, Gentoo), `rcctl reload sshd` (OpenBSD, whose moduli are in "
        "/etc/moduli). On macOS each connection starts a new sshd.",
    ),
)
DEBIAN = Platform(name="Debian", check="sshd -t && { systemctl reload ssh || service ssh reload; }")
FREEBSD = Platform(name="FreeBSD", service="sshd", check="sshd -t && service sshd reload")
FREEBSD_PORT = Platform(
    name="FreeBSD",
    folder="/usr/local/etc/ssh",
    moduli="/usr/local/etc/ssh/moduli",
    sshd="/usr/local/sbin/sshd",
    service="openssh",
    check="/usr/local/sbin/sshd -t && service openssh reload",
)
# moduli(5) of NetBSD; rc.d/sshd has "reload" among its commands.
NETBSD = Platform(name="NetBSD", moduli="/etc/moduli", service="sshd", check="sshd -t && /etc/rc.d/sshd reload")

_RELEASE = re.compile(
    r"OpenSSH(?:"
    r"[-_]1\.2(?:\.\d{1,2})?"
    r"|_(?:2\.1\.1|2\.[23]\.0|2\.5\.[12]|2\.9\.9|3\.0\.[12]|3\.2\.[23]|3\.[678]\.1)(?:p[1-4])?"
    r"|_6\.6\.1(?:p1)?"
    r"|_(?:2\.[19]|3\.\d|4\.[0-79]|[5-9]\.\d|[1-9]\d\.\d)(?:p[12])?"
    r")(?:[-_]hpn\d{1,2}v\d{1,2})?"
)
"""Past releases of OpenSSH (its release notes), and future ones."""

_COMMENTS: tuple[tuple[re.Pattern[str], Platform], ...] = (
    (re.compile(r"(?:Debian|Ubuntu|Raspbian)[- ][A-Za-z0-9.+~:-]+"), DEBIAN),
    (re.compile(r"FreeBSD(?:-\d{8}| localisations \d{8})"), FREEBSD),
    (re.compile(r"FreeBSD-openssh-portable-(?:overwrite-)?base[A-Za-z0-9.,_-]*"), FREEBSD),
    (re.compile(r"FreeBSD-openssh-portable-[A-Za-z0-9.,_-]+"), FREEBSD_PORT),
    (re.compile(r"NetBSD_Secure_Shell-\d{8}[a-z0-9+-]*"), NETBSD),
)


def platform_of(observation: Observation) -> Platform | None:
    """Return the known system of an OpenSSH server, by its identification. None: another server."""
    found = observation.identification
    return None if found is None else _platform(found.software, found.lasting_comments)


def openssh_version(observation: Observation) -> str | None:
    """Return the version of OpenSSH on a known system, "9.2p1". None: another server."""
    found = observation.identification
    return None if found is None or _platform(found.software, found.lasting_comments) is None else found.version


@lru_cache(maxsize=1024)
def _platform(software: str, comments: str | None) -> Platform | None:
    release = _RELEASE.fullmatch(software)
    if release is None:
        return None
    if not comments:
        return UNNAMED
    return next((platform for pattern, platform in _COMMENTS if pattern.fullmatch(comments)), None)
