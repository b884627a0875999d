"""Each device of a public report is scanned and graded."""

from __future__ import annotations

import pytest

from sshprobe.grading import is_gradeable
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.reports.conftest import StartDevice

GEX = "diffie-hellman-group-exchange-sha"

READ: dict[str, tuple[list[str], list[str]]] = {
    "03": (["ecdsa-sha2-nistp521"], ["password", "publickey"]),
    "10": (
        ["ssh-rsa", "ssh-dss"],
        ["gssapi-keyex", "gssapi-with-mic", "publickey", "password", "keyboard-interactive"],
    ),
    "13": (["ssh-dss", "ssh-ed25519"], ["publickey", "password"]),
    "14": (["ssh-rsa"], ["publickey", "password"]),
    "15": (["ssh-dss"], ["publickey", "password"]),
    "18": (["ssh-rsa"], ["publickey", "password"]),
    "19": (["ssh-ed25519"], ["publickey", "password"]),
    "21": (["ssh-ed25519"], ["publickey", "password"]),
    "23": (["ssh-rsa"], ["publickey", "keyboard-interactive", "password"]),
    "25": (["ssh-rsa"], ["none", "password", "keyboard-interactive"]),
}


def judged(seen: Observation) -> None:
    assert is_gradeable(seen)
    for name in ("sshprobe-2026", "mozilla-modern", "rfc9142"):
        assert grade(seen, load_profile(name)).grade is not None


@pytest.mark.parametrize("number", READ)
async def test_a_device_is_read_completely(device: StartDevice, number: str) -> None:
    odd = await device(number)
    seen = await odd.probe()
    keys, methods = READ[number]
    assert (seen.status, seen.error) == ("ok", None)
    assert [key.type for key in seen.host_keys or []] == keys
    assert all(key.signature_verified for key in seen.host_keys or [])
    assert seen.authentication_methods == methods
    assert odd.connections() == seen.connections
    assert not any("ASSERT" in line for line in odd.log())
    judged(seen)


READ_IN_PART = {
    "12": ("no ssh-rsa host key: KEXDH_REPLY ends within K_S", []),
    "24": ("no authentication methods", ["ssh-ed25519"]),
    "26": ("no x509v3-ssh-rsa host key", ["ssh-rsa"]),
    "33": ("no sm2 host key", []),
    "34": ("no ssh-ed25519 host key", []),
    "39": ("no authentication methods", ["ssh-ed25519"]),
}


@pytest.mark.parametrize("number", READ_IN_PART)
async def test_a_device_is_read_in_part(device: StartDevice, number: str) -> None:
    """What it shows is read and graded; the record names what it did not show."""
    seen = await (await device(number)).probe(timeout=2)
    error, keys = READ_IN_PART[number]
    assert (seen.status, error in (seen.error or "")) == ("partial", True)
    assert seen.kex_algorithms
    assert [key.type for key in seen.host_keys or []] == keys
    assert all(key.signature_verified for key in seen.host_keys or [])
    judged(seen)


async def test_a_group_refused_below_2048_is_asked_for_again(device: StartDevice) -> None:
    seen = await (await device("23")).probe()
    found = [(each.min, each.n, each.max, each.modulus_bits, each.refused) for each in seen.group_exchange or []]
    assert found == [(1024, 1024, 8192, None, True), (2048, 2048, 8192, 2048, False)]


async def test_a_missing_certificate_costs_no_modulus(device: StartDevice) -> None:
    seen = await (await device("26")).probe()
    assert [(each.modulus_bits, each.refused) for each in seen.group_exchange or []][:1] == [(1024, False)]


async def test_the_notices_of_a_device_are_kept(device: StartDevice) -> None:
    seen = await (await device("21")).probe(depth="lists")
    assert seen.lines_before_identification[0].endswith("line 00. *")
    login = await (await device("14")).probe()
    assert login.authentication_banner == "Authorised users only\\x0d\\x0a"


IDENTIFICATIONS = {0: "", 2: "http://www.sshtools.com", 3: "-", 8: "中文", 15: "x", 17: "Cisco-1.25"}


@pytest.mark.parametrize("number", IDENTIFICATIONS)
async def test_an_odd_identification_does_not_stop_the_scan(device: StartDevice, number: int) -> None:
    seen = await (await device("35", str(number))).probe()
    assert (seen.status, seen.identification and seen.identification.software) == ("ok", IDENTIFICATIONS[number])
    judged(seen)


@pytest.mark.parametrize("number", [1, 16])
async def test_an_identification_that_clients_refuse(device: StartDevice, number: int) -> None:
    """OpenSSH's client requires "SSH-", two numbers and a "-" (kex.c, kex_exchange_identification)."""
    seen = await (await device("35", str(number))).probe(depth="lists")
    assert (seen.status, seen.error) == ("protocol_error", "malformed identification")
