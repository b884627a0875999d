"""The catalogue agrees with `ssh -Q` of the OpenSSH clients on this machine."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from sshprobe.algorithms import AlgorithmType, canonical, history, in_openssh, lookup, names
from tests.installed import need

CHECKOUT = Path(__file__).parents[2]

ASKED: list[tuple[str, AlgorithmType]] = [
    ("kex", "kex"),
    ("cipher", "cipher"),
    ("cipher-auth", "cipher"),
    ("mac", "mac"),
    ("key", "host_key"),
    ("key-cert", "host_key"),
    ("key-plain", "host_key"),
    ("key-sig", "host_key"),
    ("sig", "host_key"),
    ("KexAlgorithms", "kex"),
    ("Ciphers", "cipher"),
    ("MACs", "mac"),
    ("HostKeyAlgorithms", "host_key"),
    ("PubkeyAcceptedAlgorithms", "host_key"),
    ("HostbasedAcceptedAlgorithms", "host_key"),
    ("CASignatureAlgorithms", "host_key"),
    ("compression", "compression"),
]

NOT_LISTED = {"none", "null", "ssh-xmss@openssh.com", "ssh-xmss-cert-v01@openssh.com"}
"""In the code but not in `ssh -Q`: "none" and "null" mean no algorithm, and no build has XMSS."""


@cache
def clients() -> dict[str, Path]:
    """Version to path: the system's client, and those in `.servers/`."""
    paths = [Path("/usr/bin/ssh"), *sorted((CHECKOUT / ".servers").glob("openssh*/usr/bin/ssh"))]
    found = {}
    for path in paths:
        if path.exists():
            said = subprocess.run([path, "-V"], capture_output=True, text=True, check=False).stderr
            version = re.search(r"OpenSSH_(\d+\.\d+)", said)
            if version is not None:
                found[version[1]] = path
    return found


def listed(path: Path, query: str) -> list[str]:
    return subprocess.run([path, "-Q", query], capture_output=True, text=True, check=False).stdout.split()


@pytest.mark.parametrize(("query", "category"), ASKED)
def test_openssh_has_no_name_that_is_unknown(query: str, category: AlgorithmType) -> None:
    need(clients(), "OpenSSH's ssh", "openssh-client")
    for version, path in clients().items():
        for name in listed(path, query):
            entry = lookup(category, name)
            assert entry is not None, (version, name)
            aliases = [each for each in names(category) if canonical(category, each) == canonical(category, name)]
            # Debian's 9.2 also has the later name of sntrup761x25519-sha512: changelog, 9.2p1-2+deb12u4.
            known = [in_openssh(each.openssh_in_code, version) for n in aliases if (each := lookup(category, n))]
            assert any(known), (version, name, entry.openssh_in_code)


@pytest.mark.parametrize(("query", "category"), [(q, c) for q, c in ASKED if q in ("kex", "cipher", "mac", "key-sig")])
def test_names_of_openssh_in_the_catalogue_exist(query: str, category: AlgorithmType) -> None:
    need(clients(), "OpenSSH's ssh", "openssh-client")
    for version, path in clients().items():
        there = set(listed(path, query))
        said = {n for n in names(category) if (e := lookup(category, n)) and in_openssh(e.openssh_in_code, version)}
        # A build may leave a name out (DSA since 9.8), but never all new names of a release.
        assert said - there - NOT_LISTED == set(), version


def test_the_newer_openssh_has_these_names_too() -> None:
    newer = [version for version in clients() if int(version.partition(".")[0]) >= 10]
    need(newer, "OpenSSH 10's ssh", "openssh-client of bookworm-backports")
    assert "mlkem768x25519-sha256" in listed(clients()[newer[0]], "kex")


def test_the_history_of_a_name() -> None:
    def versions(category: AlgorithmType, name: str) -> tuple[str | None, ...]:
        entry = lookup(category, name)
        assert entry is not None
        known = history(entry)
        return known.brought, known.default, known.left_default, known.removed

    # OpenSSH release notes: 6.7 and 8.2 (defaults), 7.6 (removed), 10.0 (no finite-field groups, no DSA).
    assert versions("kex", "diffie-hellman-group14-sha1") == ("3.9", "3.9", "8.2", None)
    assert versions("kex", "diffie-hellman-group-exchange-sha256") == ("4.4", "4.4", "10.0", None)
    assert versions("cipher", "blowfish-cbc") == ("3.0", "3.0", "6.7", "7.6")
    assert versions("host_key", "ssh-dss") == ("3.0", "3.0", "7.0", "10.0")
    assert versions("kex", "mlkem768x25519-sha256") == ("9.9", "9.9", None, None)
    assert versions("kex", "curve448-sha512") == (None, None, None, None)
