"""Findings on real servers, and on scripted ones if no real server can be configured to have them."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sshprobe.lab.openssh import Certificate
from sshprobe.lab.process import make_key
from sshprobe.model.observation import Depth, Observation
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.net.addresses import parse_ip
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.driving import observe
from tests.hostile.server import Peer, Script, ScriptedServer
from tests.live.asking import CLIENT_ID, ask
from tests.live.conftest import StartOpenSSH

MODERN = load_profile("mozilla-modern")


def judged(observation: Observation) -> Verdict:
    return grade(observation, MODERN)


def found(observation: Observation, id: str) -> list[Finding]:
    return [finding for finding in judged(observation).findings if finding.id == id]


async def ask_script(script: Script, depth: Depth = "full") -> Observation:
    async with ScriptedServer("127.0.1.1", script) as server:
        address = parse_ip(server.host)
        assert address is not None
        options = ProbeOptions(client_id=CLIENT_ID, timeout=5, host_timeout=20, depth=depth)
        observation = await observe(HostProbe("target", server.host, server.port, [address], options))
    assert not server.faults
    return observation


def lists(**changes: list[str]) -> Script:
    """Run an honest server with changed lists."""

    async def script(peer: Peer) -> None:
        for name, names in changes.items():
            setattr(peer.lists, name, names)
        await peer.serve()

    return script


# -- certificates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("validity", "id"),
    [
        ("-2w:-1d", "host_key.certificate_expired"),
        ("+1d:+2w", "host_key.certificate_not_yet_valid"),
        ("-1d:+2w", None),
        ("always:forever", None),
    ],
)
async def test_a_certificate_is_judged_at_its_observation(openssh: StartOpenSSH, validity: str, id: str | None) -> None:
    server = await openssh(host_keys=("ed25519",), certificates=[Certificate("ed25519", validity=validity)])
    observation = await ask(server)
    ids = {finding.id for finding in judged(observation).findings if "certificate" in finding.id}
    assert ids == ({id} if id else set())
    for finding in judged(observation).findings:
        if finding.id == id:
            assert (finding.severity, finding.algorithm) == ("medium", "ssh-ed25519-cert-v01@openssh.com")


async def test_a_certificate_without_names(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("ed25519",), certificates=[Certificate("ed25519", principals=())])
    (finding,) = found(await ask(server), "host_key.certificate_principals")
    assert (finding.severity, finding.observed) == ("medium", "no names")


async def test_a_user_certificate_as_host_certificate(openssh: StartOpenSSH, tmp_path: Path) -> None:
    authority, key = make_key("ed25519", tmp_path / "authority"), make_key("ed25519", tmp_path / "key")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "somebody", "-n", "root", str(tmp_path / "key.pub")]
    await asyncio.to_thread(subprocess.run, sign, check=True, capture_output=True)
    server = await openssh(host_keys=(key,), config_lines=[f"HostCertificate {tmp_path}/key-cert.pub"])
    (finding,) = found(await ask(server), "host_key.certificate_kind")
    assert (finding.severity, finding.observed) == ("medium", "user certificate")


# -- groups and keys -------------------------------------------------------------------------------------------------


async def test_a_server_without_its_moduli_file_sends_a_group_of_an_rfc(openssh: StartOpenSSH, tmp_path: Path) -> None:
    server = await openssh(moduli=tmp_path / "there is none".replace(" ", "-"))
    observation = await ask(server)
    (finding,) = found(observation, "group_exchange.standard_group")
    assert (finding.severity, finding.observed) == ("note", "group18")
    assert finding.remediation is not None
    assert "moduli file" in finding.remediation
    assert "using fixed modulus" in server.log()


async def test_a_server_with_its_moduli_file_sends_another_group(openssh: StartOpenSSH) -> None:
    assert found(await ask(await openssh()), "group_exchange.standard_group") == []


async def test_only_sha_1_signatures(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("rsa:3072",), config_lines=["HostKeyAlgorithms ssh-rsa"])
    (finding,) = found(await ask(server), "host_key.sha1_only")
    assert (finding.severity, finding.observed) == ("low", "ssh-rsa")
    both = await openssh(host_keys=("rsa:3072",), config_lines=["HostKeyAlgorithms +ssh-rsa"])
    assert found(await ask(both), "host_key.sha1_only") == []


async def test_dsa_is_high(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("dsa", "ed25519"), config_lines=["HostKeyAlgorithms +ssh-dss"])
    (finding,) = found(await ask(server), "host_key.unlisted")
    assert (finding.severity, finding.algorithm) == ("high", "ssh-dss")


async def test_a_small_rsa_key_is_high(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("rsa:1024",), config_lines=["RequiredRSASize 1024"])
    (finding,) = found(await ask(server), "host_key.size")
    assert (finding.severity, finding.observed) == ("high", "1024 bits")


# -- hints -----------------------------------------------------------------------------------------------------------


async def test_normal_servers_do_not_contradict_themselves(openssh: StartOpenSSH) -> None:
    assert found(await ask(await openssh()), "protocol.contradiction") == []


async def test_the_newer_openssh_does_not_contradict_itself(openssh10: StartOpenSSH) -> None:
    observation = await ask(await openssh10())
    assert found(observation, "protocol.contradiction") == []
    assert all(finding.hint for finding in found(observation, "protocol.version_hint"))


async def test_lists_of_a_honeypot_contradict_openssh() -> None:
    async def script(peer: Peer) -> None:
        peer.lists.macs = ["hmac-sha2-512", "hmac-sha2-384", "hmac-sha2-256", "hmac-sha1", "hmac-md5"]
        await peer.identify(b"SSH-2.0-OpenSSH_6.0p1 Debian-4+deb7u2")
        await peer.serve_from_kexinit()

    (finding,) = found(await ask_script(script), "protocol.contradiction")
    assert finding.hint
    assert finding.observed == "offers curve25519-sha256, curve25519-sha256@libssh.org, hmac-sha2-384, ssh-ed25519"


# -- obsolete servers --------------------------------------------------------------------------------------------------


async def test_no_cipher_is_critical() -> None:
    observation = await ask_script(lists(ciphers=["aes128-ctr", "none"]))
    (finding,) = [f for f in judged(observation).findings if f.algorithm == "none" and f.category == "cipher"]
    assert (finding.severity, judged(observation).grade) == ("critical", "F")


async def test_compression_before_login_is_low() -> None:
    observation = await ask_script(lists(compression=["none", "zlib"]))
    (finding,) = found(observation, "compression.weak")
    assert (finding.severity, finding.algorithm) == ("low", "zlib")


@pytest.mark.parametrize(("line", "severity"), [(b"SSH-1.99-OpenSSH_5.3", "high"), (b"SSH-1.5-1.2.27", "critical")])
async def test_ssh_1_is_critical(line: bytes, severity: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.identify(line)
        await peer.serve_from_kexinit()

    (finding,) = found(await ask_script(script), "protocol.ssh1")
    assert (finding.severity, judged(await ask_script(script)).grade in ("D", "F")) == (severity, True)


async def test_a_login_without_a_credential_is_closed_at_once() -> None:
    said: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.identify()
        for step in (peer.propose, peer.exchange, peer.newkeys, peer.service):
            await step()
        assert (await peer.read())[:1] == b"\x32"
        await peer.packet(b"\x34")  # USERAUTH_SUCCESS
        try:
            said.append(await peer.read())
        except ConnectionAbortedError:  # DISCONNECT first
            said.append(b"\x01")
        assert await peer.reader.read(65_536) == b""

    observation = await ask_script(script)
    assert said == [b"\x01"]
    assert observation.authentication_none_accepted is True
    (finding,) = found(observation, "authentication.none_accepted")
    assert (finding.severity, finding.deviation, judged(observation).grade) == ("critical", True, "F")


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({}, None),
        ({"ciphers": ["chacha20-poly1305@openssh.com", "aes128-ctr"]}, "chacha20-poly1305@openssh.com"),
        ({"ciphers": ["aes128-cbc", "aes128-ctr"]}, None),
        (
            {"ciphers": ["aes128-cbc", "aes128-ctr"], "macs": ["hmac-sha2-256", "hmac-sha2-256-etm@openssh.com"]},
            "aes128-cbc with hmac-sha2-256-etm@openssh.com",
        ),
    ],
)
async def test_terrapin_is_found(changes: dict[str, Any], observed: str | None) -> None:
    findings = found(await ask_script(lists(**changes), "lists"), "kex.terrapin")
    wanted = [] if observed is None else [f"client to server: {observed}; server to client: {observed}"]
    assert [finding.observed for finding in findings] == wanted
