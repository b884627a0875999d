"""A remedy, applied to its server: it starts, and has the promised grade."""

from __future__ import annotations

from typing import Any

import pytest

from sshprobe.lab.openssh import WEAK
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from tests.live.asking import ask
from tests.live.conftest import StartOpenSSH

SERVERS: dict[str, dict[str, Any]] = {
    "default settings": {},
    "weak lists and a small key": {"config_lines": WEAK, "host_keys": ("rsa:1024", "ecdsa", "ed25519")},
    "one weak name in each list": {
        "config_lines": ["Ciphers 3des-cbc", "MACs hmac-md5-96", "KexAlgorithms diffie-hellman-group1-sha1"],
    },
    "passwords alone": {"config_lines": ["PubkeyAuthentication no", "KbdInteractiveAuthentication no"]},
    "DSA beside RSA": {"config_lines": ["HostKeyAlgorithms +ssh-dss,ssh-rsa"], "host_keys": ("dsa", "rsa:2048")},
    "chacha20 and group exchange": {
        "config_lines": [
            "Ciphers chacha20-poly1305@openssh.com,aes128-cbc",
            "KexAlgorithms diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1",
        ],
    },
}


@pytest.mark.parametrize(
    ("server", "profile_id"),
    [
        *((server, "mozilla-modern") for server in SERVERS),
        ("weak lists and a small key", "mozilla-intermediate"),
        ("DSA beside RSA", "alibaba-ecs"),
    ],
)
async def test_the_promised_grade_is_reached(server: str, profile_id: str, openssh: StartOpenSSH) -> None:
    profile = load_profile(profile_id)
    arguments = dict(SERVERS[server])
    before = await ask(await openssh(**arguments))
    found = remedy(before, profile)
    assert found.score >= grade(before, profile).score

    arguments["config_lines"] = [*found.lines, *arguments.get("config_lines", ())]
    least = max(2048, profile.group_exchange.min_bits if profile.group_exchange else 0)
    for command in found.commands:
        if "moduli" in command:
            arguments["minimum_modulus_bits"] = least
        elif command.startswith("ssh-keygen"):
            bits = command.split(" -b ")[1].split()[0]
            keys = arguments.get("host_keys", ("rsa", "ecdsa", "ed25519"))
            arguments["host_keys"] = [f"rsa:{bits}" if key.startswith("rsa") else key for key in keys]
    after = await ask(await openssh(**arguments))
    verdict = grade(after, profile)
    assert after.status == "ok"
    assert "publickey" in (after.authentication_methods or ()), "somebody can still log in"
    assert (verdict.grade, verdict.score, verdict.compliant) == (found.grade, found.score, found.compliant)
