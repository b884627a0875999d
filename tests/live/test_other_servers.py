"""Servers of other software, each scanned once: facts, the server's own count, and a sensible verdict."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio

from sshprobe.grading import is_gradeable
from sshprobe.lab.server import LabServer
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.wire.messages import NAME_LISTS
from tests.installed import need_program
from tests.live.asking import ask, connections_in_log, keygen_fingerprints, nmap_lists
from tests.live.conftest import OTHER_SERVERS, other_server
from tests.live.other_servers import ProFTPDServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTERMEDIATE = load_profile("mozilla-intermediate")


class Scanned(NamedTuple):
    server: LabServer
    observation: Observation
    verdict: Verdict
    counted: int
    """Connections in the server's log after the scan."""


class Scans:
    """Starts and scans each server at its first use, and keeps it until the end of this module."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._known: dict[str, Scanned] = {}

    async def of(self, name: str) -> Scanned:
        if name not in self._known:
            server = await self._stack.enter_async_context(other_server(name))
            observation = await ask(server)
            counted = await connections_in_log(server, observation.connections)
            self._known[name] = Scanned(server, observation, grade(observation, INTERMEDIATE), counted)
        return self._known[name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scans() -> AsyncIterator[Scans]:
    async with AsyncExitStack() as stack:
        yield Scans(stack)


each_server = pytest.mark.parametrize("name", OTHER_SERVERS)


@each_server
async def test_the_scan_is_complete(scans: Scans, name: str) -> None:
    _, observation, _, counted = await scans.of(name)
    assert (observation.status, observation.error, observation.stage) == ("ok", None, "done")
    assert observation.connections == counted
    # One per type of host key, and at most one more for the second request of a group exchange.
    assert counted <= len(observation.server_host_key_algorithms or ()) + 1
    assert observation.authentication_none_accepted is False
    assert "password" in (observation.authentication_methods or ())


@each_server
async def test_the_lists_equal_those_of_nmap(scans: Scans, name: str) -> None:
    need_program("nmap", "nmap")
    server, observation, _, _ = await scans.of(name)
    seen = await nmap_lists(server)
    assert set(seen) == set(NAME_LISTS) - {"languages_client_to_server", "languages_server_to_client"}
    for list_, names in seen.items():
        # libssh 0.10 ends its list of ciphers with a comma. RFC 4251 section 5: a name must not be empty.
        assert [each for each in getattr(observation, list_) if each] == names, list_


@each_server
async def test_the_keys_are_right_and_proven(scans: Scans, name: str) -> None:
    server, observation, _, _ = await scans.of(name)
    proven = {(key.bits, key.fingerprint) for key in observation.host_keys or () if key.signature_verified is True}
    assert proven == keygen_fingerprints(server)
    # lsh shows its RSA key also in SPKI, which no standard defines: it is recorded and not proven.
    others = [key.type for key in observation.host_keys or () if key.signature_verified is not True]
    assert others == (["spki-sign-rsa"] if name == "lsh" else [])


@each_server
async def test_the_verdict_names_only_what_the_server_offers(scans: Scans, name: str) -> None:
    _, observation, verdict, _ = await scans.of(name)
    assert is_gradeable(observation)
    assert verdict.compliant is False  # each offers passwords
    found = {finding.id for finding in verdict.findings}
    assert not found & {"host_key.unproven", "host_key.malformed", "protocol.contradiction", "protocol.unlisted"}
    assert not {each for each in found if each.startswith(("host_key.small", "host_key.exp", "host_key.close"))}
    names = {name for list_ in NAME_LISTS for name in getattr(observation, list_)}
    names |= {key.type for key in observation.host_keys or ()} | set(observation.authentication_methods or ())
    for finding in verdict.findings:
        assert finding.algorithm != ""
        if finding.algorithm is not None and not finding.hint and not finding.id.endswith(".missing"):
            assert finding.algorithm in names, finding
        if finding.severity != "note":
            assert finding.remediation, finding
            # Advice for sshd_config and Unix commands is for OpenSSH only.
            assert not finding.remediation.startswith(("KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms", "ssh-"))


EXPECTED = {
    "proftpd": (True, ["cipher.unlisted 3des-cbc", "kex.unlisted rsa1024-sha1"]),
    "lsh": (False, ["cipher.unlisted arcfour", "kex.unlisted diffie-hellman-group1-sha1"]),
    "erlang": (True, ["cipher.unlisted 3des-cbc", "mac.unlisted hmac-sha1"]),
    "conch": (False, ["cipher.unlisted 3des-cbc", "mac.unlisted hmac-md5"]),
    "libssh": (True, ["authentication.unlisted password"]),
    "go": (False, ["kex.unlisted diffie-hellman-group14-sha1", "mac.unlisted hmac-sha1-96"]),
}
"""Whether Debian 12's release has strict key exchange, and some of its findings."""


@pytest.mark.parametrize(("name", "strict", "reproaches"), [(name, *rest) for name, rest in EXPECTED.items()])
async def test_findings_of_debian_12(scans: Scans, name: str, strict: bool, reproaches: list[str]) -> None:
    _, observation, verdict, _ = await scans.of(name)
    found = {f"{finding.id} {finding.algorithm}" for finding in verdict.findings}
    assert set(reproaches) <= found
    assert observation.strict_kex is strict
    # The three without it may offer ChaCha20-Poly1305 or CBC with encrypt-then-MAC.
    assert ("kex.terrapin" in {finding.id for finding in verdict.findings}) is (name == "go")


STRONG = (
    "SFTPKeyExchanges curve25519-sha256 diffie-hellman-group-exchange-sha256",
    "SFTPCiphers aes256-ctr",
    "SFTPDigests hmac-sha2-512 hmac-sha2-256",
)


@pytest.mark.parametrize(("keys", "most"), [(("rsa:3072", "ed25519"), 3), (("rsa:3072",), 2)])
async def test_the_smallest_group_of_proftpd_is_found(keys: tuple[str, ...], most: int) -> None:
    """mod_sftp raises the request to 2048 bits, unless the maximum is lower: then it sends 1024."""
    other_server("proftpd")  # skips where it is not installed
    async with ProFTPDServer(host_keys=keys, config_lines=STRONG) as server:
        observation = await ask(server)
        assert await connections_in_log(server, observation.connections) == observation.connections <= most
        assert len([key for key in observation.host_keys or () if key.signature_verified]) == len(keys)
    sizes = {(each.min, each.n, each.max): each.modulus_bits for each in observation.group_exchange or ()}
    assert sizes == {(1024, 1024, 8192): 2048, (1024, 1024, 1024): 1024}
    for profile in ("mozilla-intermediate", "rfc9142", "pci-dss"):
        verdict = grade(observation, load_profile(profile))
        (found,) = [finding for finding in verdict.findings if finding.id == "group_exchange.modulus"]
        assert (found.severity, verdict.compliant) == ("high", False), profile


async def test_erlang_s_1024_bit_group_counts(scans: Scans) -> None:
    _, observation, verdict, _ = await scans.of("erlang")
    assert [each.modulus_bits for each in observation.group_exchange or ()] == [1024]
    assert "group_exchange.modulus" in {finding.id for finding in verdict.findings if finding.severity == "high"}
