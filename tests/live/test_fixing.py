"""The complete loop of `--fix`: scan, apply its output, `sshd -t`, restart, scan again, log in.

Every configuration and every profile meets every server. `make live-matrix` runs all combinations of the three.
"""

from __future__ import annotations

import os
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sshprobe.lab.openssh import OpenSSH, OpenSSHServer, find_debian, find_openssh
from sshprobe.lab.process import make_key
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.installed import need, need_program
from tests.live.asking import ask
from tests.live.fixing import BAD, WHOLE, apply, bad_for, check, clients, log_in, printed, server_profiles, set_up

VERSIONS = {11: (8, 4), 12: (9, 2), 13: (10, 0)}
"""Debian release to its OpenSSH. The cases depend on the version, so it must be known at collection."""

CANNOT = re.compile(
    r"needs OpenSSH \d+\.\d+ or later|update to .*OpenSSH \d+\.\d+ or later|would lock out clients of OpenSSH"
    # The owner writes the banner, and the signatures of users' keys are not seen.
    r"|with the right text in /etc/issue|PubkeyAcceptedAlgorithms -"
    # Under cnsa-2.0, which no OpenSSH can comply with.
    r"|the profile has no sound algorithm to replace it"
)
"""The text of a remedy for a release that cannot comply. It names the first release that can."""


ALWAYS = (
    ("other keys lie beside Ed25519", "cnsa-1.0"),
    ("an empty file lies beside DSA", "mozilla-modern"),
)
"""The note of a remedy about a file that could lock everyone out."""


def _cases() -> list[tuple[int, str, str]]:
    cases = []
    profiles = server_profiles()
    for release, version in VERSIONS.items():
        bad = bad_for(version)
        if WHOLE:
            cases += [(release, name, profile) for name in bad for profile in profiles]
        else:
            own = profiles[release % len(VERSIONS) :: len(VERSIONS)]  # each profile meets one release
            cases += [(release, name, own[i % len(own)]) for i, name in enumerate(bad)]
            cases += [(release, name, profile) for name, profile in ALWAYS if name in bad]
    return list(dict.fromkeys(cases))


@pytest.fixture(scope="session")
def releases() -> dict[int, OpenSSH]:
    """Return the OpenSSH of each Debian release."""
    need_program("ssh-keygen", "openssh-client")
    found = {release: find_debian(release) for release in (11, 13)}
    system = find_openssh()
    need(system and system[0].version == VERSIONS[12], "OpenSSH 9.2", "openssh-server of bookworm")
    for release, sshd in found.items():
        need(sshd and sshd.version == VERSIONS[release], f"OpenSSH of Debian {release}", "openssh-server, unpacked")
    return {12: system[0], **{release: sshd for release, sshd in found.items() if sshd is not None}}


@pytest.fixture(scope="session")
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a key that can log in."""
    key = tmp_path_factory.mktemp("own") / "key"
    return make_key("ed25519", key)


@pytest.mark.parametrize(("release", "bad", "profile_id"), _cases())
async def test_the_printed_lines_fix_the_server(
    release: int,
    bad: str,
    profile_id: str,
    releases: dict[int, OpenSSH],
    own_key: Path,
    tmp_path: Path,
    stack: AsyncExitStack,
) -> None:
    need(release != 11 or os.geteuid() == 0, "root, for the moduli of OpenSSH 8.4", "none")
    etc, sshd, profile = tmp_path / "etc", releases[release], load_profile(profile_id)
    set_up(BAD[bad], etc)
    keys = [etc / f"ssh_host_{name}_key" for name in BAD[bad].keys]
    unused = {file: file.read_bytes() for file in (etc / f"ssh_host_{name}_key" for name in BAD[bad].unused)}
    authorized = own_key.with_name("key.pub")

    def server(lines: list[str]) -> OpenSSHServer:
        return OpenSSHServer(
            sshd, config_lines=lines, host_keys=keys, moduli=etc / "moduli", authorized_keys=authorized
        )

    async with server(list(BAD[bad].lines)) as running:
        before = await ask(running)
    assert before.status == "ok"

    # Drop-ins and pasted lines take turns: both must work.
    as_file = (len(bad) + len(profile_id)) % 2 == 0
    found, text = printed(before, profile, as_file=as_file)
    lines = apply(text, etc, as_file=as_file) if found.changes else []
    assert {file: file.read_bytes() for file in unused} == unused, "whose they are is not known"

    running = await stack.enter_async_context(server([*lines, *BAD[bad].lines]))
    config = running.directory / "sshd_config"
    assert await check(sshd, config) == ""
    after = await ask(running)
    assert after.status == "ok"
    verdict = grade(after, profile)
    promised = (found.grade, found.score, found.compliant)
    assert (verdict.grade, verdict.score, verdict.compliant) == promised, [f.id for f in verdict.findings]
    if found.compliant is None:
        assert verdict.not_observed
    if found.compliant is False:
        deviations = [finding for finding in verdict.findings if finding.deviation]
        assert deviations
        for finding in deviations:
            line = next(
                line for line in found.left if line.startswith(f"{finding.id} {finding.algorithm or ''}".strip())
            )
            assert CANNOT.search(line), line
            assert "This leaves:" in text or "To change by hand:" in text

    # If keys were off and the profile allows that, they stay off: then the client must reach the password prompt.
    methods = after.authentication_methods or []
    expected = "in" if "publickey" in methods else f"Permission denied ({','.join(methods)})."
    if "\nAuthenticationMethods publickey,password\n" in text:
        expected = "Permission denied (password)."  # the key was accepted, and no user here has a password
    assert "publickey" in methods or methods == before.authentication_methods
    if found.left and after.server_host_key_algorithms == before.server_host_key_algorithms == ["ssh-rsa"]:
        return  # the profile has nothing to replace it, and clients of OpenSSH 8.8 and later refused it before
    for name, client, options in clients(release, releases):
        assert (await log_in(client, running, own_key, *options)).endswith(expected), name
