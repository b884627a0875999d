"""Every real server: all lists, every host key with its proof, and the number of connections."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from sshprobe.lab.asyncssh_server import Preset
from sshprobe.lab.dropbear import DropbearServer
from sshprobe.lab.openssh import Certificate, long_moduli
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.wire.messages import NAME_LISTS
from tests.installed import need_program
from tests.live.asking import (
    ask,
    connections_in_log,
    keygen_fingerprints,
    nmap_lists,
    seen_fingerprints,
)
from tests.live.conftest import StartAsyncSSH, StartOpenSSH, StartParamiko

INTERMEDIATE = load_profile("mozilla-intermediate")
CAPTURES = Path(__file__).parents[1] / "captures"


def lists(observation: Observation) -> dict[str, list[str]]:
    return {name: getattr(observation, name) for name in NAME_LISTS}


async def assert_lists_are_what_nmap_sees(server: LabServer, observation: Observation) -> None:
    need_program("nmap", "nmap")
    seen = await nmap_lists(server)
    assert len(seen) == 8
    for name, names in seen.items():
        assert getattr(observation, name) == names, name


def assert_every_key_is_proven(server: LabServer, observation: Observation) -> None:
    assert seen_fingerprints(observation) == keygen_fingerprints(server)
    assert [key.signature_verified for key in observation.host_keys or ()] == [True] * len(server.host_keys)


async def test_default_openssh_shows_everything_in_three_connections(openssh: StartOpenSSH) -> None:
    server = await openssh()
    observation = await ask(server)
    assert (observation.status, observation.connections) == ("ok", 3)
    assert await connections_in_log(server, 3) == 3
    assert_every_key_is_proven(server, observation)
    assert observation.authentication_methods is not None
    assert "publickey" in observation.authentication_methods
    assert observation.authentication_none_accepted is False
    assert "server-sig-algs" in (observation.extensions or {})
    assert [(group.modulus_bits, group.refused) for group in observation.group_exchange or ()] == [(2048, False)]
    await assert_lists_are_what_nmap_sees(server, observation)


async def test_lists_equal_the_captured_truth(openssh: StartOpenSSH) -> None:
    server = await openssh()
    observation = await ask(server, depth="lists")
    assert observation.identification is not None
    truth = json.loads((CAPTURES / "openssh-debian12-9.2p1.json").read_text())
    if observation.identification.raw != truth["identification"]:
        pytest.skip(f"captured from another build than {observation.identification.raw}")
    assert lists(observation) == {name: truth[name] for name in NAME_LISTS}


async def test_each_connection_ends_with_the_quietest_line(openssh: StartOpenSSH) -> None:
    server = await openssh(log_level="INFO")
    await ask(server)
    await asyncio.sleep(0.2)
    lines = [line for line in server.log().splitlines() if "listening" not in line]
    assert [":11: sshprobe" in line for line in lines if "Received disconnect" in line] == [True] * 3
    assert len(lines) == 6
    assert all(line.startswith(("Received disconnect from", "Disconnected from")) for line in lines)
    # The README shows these two to operators.
    assert re.fullmatch(r"Received disconnect from \S+ port \d+:11: sshprobe: done \[preauth\]", lines[0])
    for user in ("root", "nobody"):
        assert sum(line.startswith(f"Disconnected from authenticating user {user} ") for line in lines) == 1


async def test_default_openssh_10_takes_three_connections(openssh10: StartOpenSSH) -> None:
    server = await openssh10()
    observation = await ask(server)
    assert (observation.status, observation.connections) == ("ok", 3)
    assert await connections_in_log(server, 3) == 3
    assert_every_key_is_proven(server, observation)
    assert observation.group_exchange == []
    assert observation.post_quantum_kex is True
    assert observation.strict_kex is True
    await assert_lists_are_what_nmap_sees(server, observation)


async def test_ten_full_scans_of_openssh_10_meet_no_refusal(openssh10: StartOpenSSH) -> None:
    server = await openssh10(log_level="DEBUG1")  # "activating penalty" is logged at VERBOSE up to 10.0
    for number in range(10):
        if number:
            await asyncio.sleep(3)
        observation = await ask(server)
        assert (observation.status, observation.connections) == ("ok", 3)
    log = server.log()
    assert log.count("Received disconnect") == 30
    assert "drop connection" not in log
    assert "activating" not in log


async def test_dropbear(dropbear: DropbearServer) -> None:
    observation = await ask(dropbear)
    assert observation.status == "ok"
    assert observation.connections == len(dropbear.host_keys)
    assert_every_key_is_proven(dropbear, observation)
    assert observation.authentication_methods
    assert await connections_in_log(dropbear, observation.connections) == observation.connections
    await assert_lists_are_what_nmap_sees(dropbear, observation)


async def test_tinyssh_takes_one_connection(tinyssh: TinySSHServer) -> None:
    observation = await ask(tinyssh)
    assert (observation.status, observation.connections) == ("ok", 1)
    assert_every_key_is_proven(tinyssh, observation)
    assert observation.authentication_methods == ["publickey"]
    await assert_lists_are_what_nmap_sees(tinyssh, observation)


@pytest.mark.parametrize("preset", ["hardened", "default", "small-key", "dated", "legacy"])
async def test_asyncssh(asyncssh_server: StartAsyncSSH, preset: str) -> None:
    server = await asyncssh_server(preset)
    observation = await ask(server)
    assert observation.status == "ok"
    assert observation.connections == len(server.host_keys)
    assert_every_key_is_proven(server, observation)
    assert observation.authentication_methods
    await assert_lists_are_what_nmap_sees(server, observation)


async def test_paramiko_s_refusal_of_group_exchange_is_recorded(paramiko_server: StartParamiko) -> None:
    server = await paramiko_server()
    observation = await ask(server)
    assert observation.status == "ok"
    assert observation.connections == len(server.host_keys) + 2
    assert_every_key_is_proven(server, observation)
    assert observation.authentication_methods == ["publickey", "password"]
    asked = [(group.n, group.modulus_bits, group.refused) for group in observation.group_exchange or ()]
    assert asked == [(1024, None, True), (2048, None, True)]
    await assert_lists_are_what_nmap_sees(server, observation)


async def test_paramiko_that_hashes_a_raised_size_is_proven(paramiko_server: StartParamiko) -> None:
    """paramiko 5 raises n to 2048 and hashes the raised value, not the requested one."""
    server = await paramiko_server(host_keys=("rsa:2048", "ed25519"), moduli=long_moduli(2048))
    observation = await ask(server)
    assert observation.status == "ok"
    assert_every_key_is_proven(server, observation)
    assert [key.type for key in observation.host_keys or () if "group-exchange" in key.kex_algorithm] == ["ssh-rsa"]
    assert 2048 in [group.modulus_bits for group in observation.group_exchange or ()]
    assert "host_key.unproven" not in {finding.id for finding in grade(observation, INTERMEDIATE).findings}
    assert await connections_in_log(server, observation.connections) == observation.connections


@pytest.mark.parametrize(
    ("key", "connections"),
    [("rsa:1024", 1), ("rsa:2048", 1), ("rsa:4096", 1), ("ecdsa:256", 1), ("ecdsa:384", 1), ("ecdsa:521", 1)],
)
async def test_one_key_needs_one_connection(openssh: StartOpenSSH, key: str, connections: int) -> None:
    server = await openssh(host_keys=(key,), config_lines=["RequiredRSASize 1024"])
    observation = await ask(server)
    assert (observation.status, observation.connections) == ("ok", connections)
    assert_every_key_is_proven(server, observation)
    assert observation.authentication_methods
    assert [group.modulus_bits for group in observation.group_exchange or ()] == [2048]


async def test_an_offered_dsa_key_is_shown(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("dsa", "ed25519"), config_lines=["HostKeyAlgorithms +ssh-dss"])
    observation = await ask(server)
    assert observation.status == "ok"
    assert_every_key_is_proven(server, observation)
    assert {key.type for key in observation.host_keys or ()} == {"ssh-dss", "ssh-ed25519"}


async def test_rsa_with_sha_1_only_is_requested_with_sha_1(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("rsa:2048",), config_lines=["HostKeyAlgorithms ssh-rsa"])
    observation = await ask(server)
    assert_every_key_is_proven(server, observation)
    assert [key.signature_algorithm for key in observation.host_keys or ()] == ["ssh-rsa"]


async def test_host_certificates_are_decoded(openssh: StartOpenSSH) -> None:
    certificates = (
        Certificate("ed25519", principals=("one.example", "two.example"), serial=42, identity="box 7"),
        Certificate("rsa", principals=("one.example",), serial=43),
    )
    server = await openssh(host_keys=("rsa", "ed25519"), certificates=certificates)
    observation = await ask(server)
    assert observation.status == "ok"
    assert observation.connections == 4
    shown = {key.type: key for key in observation.host_keys or ()}
    assert set(shown) == {
        "ssh-ed25519",
        "ssh-rsa",
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
    }
    assert all(key.signature_verified for key in shown.values())
    key = shown["ssh-ed25519-cert-v01@openssh.com"]
    assert key.fingerprint == shown["ssh-ed25519"].fingerprint
    certificate = key.certificate
    assert certificate is not None
    assert (certificate.serial, certificate.kind, certificate.key_id) == (42, "host", "box 7")
    assert certificate.principals == ["one.example", "two.example"]
    assert certificate.valid_after < certificate.valid_before
    assert certificate.ca_signature_verified is True


async def test_a_cleaned_moduli_file_has_no_small_modulus(openssh: StartOpenSSH) -> None:
    server = await openssh(minimum_modulus_bits=3072)
    observation = await ask(server)
    assert [group.modulus_bits for group in observation.group_exchange or ()] == [3072]


async def test_a_key_behind_sntrup761_is_seen_but_not_proven(openssh: StartOpenSSH) -> None:
    server = await openssh(host_keys=("ed25519",), config_lines=["KexAlgorithms sntrup761x25519-sha512@openssh.com"])
    observation = await ask(server)
    assert seen_fingerprints(observation) == keygen_fingerprints(server)
    assert [key.signature_verified for key in observation.host_keys or ()] == [None]
    assert observation.authentication_methods is None
    assert observation.status == "partial"
    assert observation.error == "no authentication methods"


async def test_asyncssh_queries_a_server_without_our_ciphers(asyncssh_server: StartAsyncSSH) -> None:
    server = await asyncssh_server(
        Preset("arcfour only", ("ssh-ed25519",), ciphers=("arcfour256",), macs=("hmac-sha1",), passwords=True)
    )
    observation = await ask(server)
    assert (observation.status, observation.connections) == ("ok", 2)
    assert await connections_in_log(server, 2) == 2
    assert observation.authentication_methods is not None
    assert "publickey" in observation.authentication_methods
    assert_every_key_is_proven(server, observation)
