"""Signs that a server is not the software that it names: a honeypot, other software in disguise, or a patched build.

Honeypots such as Kippo, Cowrie and HonSSH borrow an identification of OpenSSH and speak through a library (Twisted's
conch), whose lists betray them: A. Vetterl, R. Clayton, "Bitter Harvest", USENIX WOOT 2018. Only what contradicts the
catalogue counts. The order of a list does not, nor does what is missing from it: sshd_config sets both. Nor does a
release that is newer than the catalogue: nobody here knows what it brought.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sshprobe.algorithms import (
    AlgorithmType,
    aliases,
    in_openssh,
    is_newer_than_known,
    lookup,
)
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.checks.terrapin import STRICT_KEX, offers_strict_kex
from sshprobe.grading.findings import FindingType, Judgement

_OPENSSH = re.compile(r"OpenSSH_(\d+\.\d+)(?:p\d+)?")
"""The whole name: what goes on behind it, such as "-hpn14v5", is a build with names of its own."""

_BACKPORTED = "5.3"
"""Red Hat's OpenSSH of this version, in RHEL 6 to 2020, has names of 5.7 and 5.9."""

_ALWAYS_STRICT = "9.6+"
"""From here on the marker of strict key exchange is in every first KEXINIT, and no option takes it out (kex.c)."""

_PATCHES = re.compile(r"PKIX\b")
"""Comments of builds with names of their own: PKIX-SSH calls itself "OpenSSH_9.1 PKIX[12.1]"."""

_OF_PATCHES = re.compile(r"gss-.*|x509v3-.*|(?:hmac-)?sm[234](?:-.*)?")
"""Names without a domain that patches bring: of GSS-API (RFC 4462), of certificates (RFC 6187, PKIX-SSH), and SM2, SM3
and SM4, which openEuler, Kylin and others put into OpenSSH."""

_SHOWN = 4


CONTRADICTION = FindingType(
    id="protocol.contradiction",
    title="A hint: not the software that it names",
    severity="note",
    when="the identification names an OpenSSH that cannot have these lists",
    meaning="""The identification names a release of OpenSSH, and the lists hold names that no build of that release
        has, or lack the marker of strict key exchange, which from 9.6 on cannot be switched off. The order of a list
        and what else is missing from it say nothing: sshd_config sets both. Nothing is said of a release that is newer
        than the catalogue, and nothing of the names that known patches bring (GSS-API, X.509, SM2 to SM4).""",
    why="""Honeypots such as Kippo and Cowrie borrow an identification and speak through a library, whose lists betray
        them. It may as well be other software in disguise or a build with patches. A scan of your own hosts should not
        find one that you do not know of. It costs nothing.""",
    see="""Compare `ssh -vv HOST` with `ssh -Q kex`, `ssh -Q cipher` and `ssh -Q mac` of that release, or with
        `sshprobe explain NAME`.""",
    fix="Find out what answers there. If it is a honeypot of yours, exclude it from the scan.",
    references=("USENIX WOOT 2018, Bitter Harvest",),
)


@check(CONTRADICTION)
def impossible_lists(host: GradedHost) -> Iterator[Judgement]:
    """Find lists that the OpenSSH which the identification names cannot have."""
    observation = host.observation
    found = observation.identification
    match = None if found is None else _OPENSSH.fullmatch(found.software)
    if found is None or match is None or observation.several_servers:
        return
    version = match[1]
    if is_newer_than_known(version) or _PATCHES.match(found.lasting_comments or ""):
        return
    strange = sorted(
        {
            name
            for category, offers in host.offers.items()
            for offer in offers.values()
            for name in offer.names
            if _is_strange(category, name, version)
        }
    )
    if strange:
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        observed = f"offers {', '.join(strange[:_SHOWN])}{more}"
    elif in_openssh(_ALWAYS_STRICT, version) and not offers_strict_kex(observation.kex_algorithms or (STRICT_KEX,)):
        observed = f"does not offer {STRICT_KEX}"
    else:
        return
    yield Judgement(
        CONTRADICTION,
        severity="note",
        message=f"says OpenSSH {version}, and {observed}, unlike it: a honeypot, other software, or a patched build",
        expected=f"lists that OpenSSH {version} can have",
        observed=observed,
        hint=True,
    )


@lru_cache(maxsize=4096)
def _is_strange(category: AlgorithmType, name: str, version: str) -> bool:
    """Return whether no build of a release that we know of has a name."""
    _, at, domain = name.partition("@")
    if _OF_PATCHES.fullmatch(name) or (at and domain not in ("openssh.com", "libssh.org")):
        return False  # from a patch, as many distributions have them
    entry = lookup(category, name)
    if entry is None:
        return True
    known = [lookup(category, each) for each in (name, *aliases(entry))]
    # An old method under its new name is a small patch: Debian's 9.2 has sntrup761x25519-sha512 without "@openssh.com".
    releases = [each.openssh_in_code for each in known if each is not None and each.openssh_in_code]
    if version == _BACKPORTED and releases:
        return False
    return not any(in_openssh(each, version) for each in releases)
