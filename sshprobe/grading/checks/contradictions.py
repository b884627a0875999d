"""Signs that a server is not the software that it claims to be: a honeypot, other software, or a patched build.

Honeypots such as Kippo, Cowrie and HonSSH borrow an identification of OpenSSH and speak through a library (Twisted's
conch), whose lists betray them: A. Vetterl, R. Clayton, "Bitter Harvest", USENIX WOOT 2018. Only names that contradict
the catalogue count. The order of a list and missing names do not, because sshd_config sets both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sshprobe.algorithms import AlgorithmType, aliases, in_openssh, is_newer_than_known, lookup
from sshprobe.algorithms.openssh import STRICT_KEX
from sshprobe.grading.checks.key_exchange import offers_strict_kex
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.model.verdict import Finding

_OPENSSH = re.compile(r"OpenSSH_(\d+\.\d+)(?:p\d+)?")
"""The full name. A longer one, such as "-hpn14v5", is a build with its own algorithm names."""

_BACKPORTED = "5.3"
"""Red Hat's OpenSSH of this version, in RHEL 6 to 2020, has names of 5.7 and 5.9."""

_ALWAYS_STRICT = "9.6+"
"""These releases send the marker of strict key exchange in every first KEXINIT, without an option (kex.c)."""

_PATCHES = re.compile(r"PKIX\b")
"""Comments of builds with their own algorithm names: PKIX-SSH calls itself "OpenSSH_9.1 PKIX[12.1]"."""

_OF_PATCHES = re.compile(r"gss-.*|x509v3-.*|(?:hmac-)?sm[234](?:-.*)?")
"""Names without a domain that patches add: GSS-API (RFC 4462), certificates (RFC 6187, PKIX-SSH), and SM2, SM3 and SM4
in openEuler, Kylin and others."""

_SHOWN = 4

CONTRADICTION = FindingType(
    id="protocol.contradiction",
    title="A hint: not the software that it names",
    severity="note",
    when="the identification names an OpenSSH that cannot have these lists",
    meaning="""The identification names a release of OpenSSH. The lists hold names that no build of that release has, or
        lack the marker of strict key exchange, which from 9.6 on cannot be switched off. The order of a list and
        missing names prove nothing, because sshd_config sets both. Releases that are newer than the catalogue are not
        judged, nor are the names of known patches (GSS-API, X.509, SM2 to SM4).""",
    why="""Honeypots such as Kippo and Cowrie borrow an identification and speak through a library, whose lists betray
        them. It may also be other software in disguise or a patched build. A scan of your own hosts should not find
        one that you do not know of. It costs nothing.""",
    see="""Compare `ssh -vv HOST` with `ssh -Q kex`, `ssh -Q cipher` and `ssh -Q mac` of that release, or with
        `sshprobe explain NAME`.""",
    fix="Find out what answers there. If it is a honeypot of yours, exclude it from the scan.",
    advice="find out what answers here",
    references=("USENIX WOOT 2018, Bitter Harvest",),
)


@check(CONTRADICTION)
def impossible_lists(host: GradedHost) -> Iterator[Finding]:
    """Find lists that the OpenSSH in the identification cannot have."""
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
    yield CONTRADICTION.judge(
        message=f"says OpenSSH {version}, but {observed}: a honeypot, other software, or a patched build",
        expected=f"lists that OpenSSH {version} can have",
        observed=observed,
        hint=True,
    )


@lru_cache(maxsize=4096)
def _is_strange(category: AlgorithmType, name: str, version: str) -> bool:
    _, at, domain = name.partition("@")
    if _OF_PATCHES.fullmatch(name) or (at and domain not in ("openssh.com", "libssh.org")):
        return False  # added by a patch
    entry = lookup(category, name)
    if entry is None:
        return True
    known = [lookup(category, each) for each in (name, *aliases(entry))]
    # A small patch can add the new name of an old method: Debian's 9.2 has sntrup761x25519-sha512 without
    # "@openssh.com".
    releases = [each.openssh_in_code for each in known if each is not None and each.openssh_in_code]
    if version == _BACKPORTED and releases:
        return False
    return not any(in_openssh(each, version) for each in releases)
