"""A fleet of real servers with shared keys, shared primes, weak keys, and a bad group."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sshprobe.lab.openssh import OpenSSHServer
from tests.grading.rsa_keys import prime, roca_prime
from tests.live.conftest import StartOpenSSH

ROOT = Path(__file__).parents[2]


def write_rsa_key(path: Path, p: int, q: int) -> Path:
    """Return a private key file in ssh-keygen's old format, from two primes."""
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(data)
    path.chmod(0o600)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(path.name + ".pub").write_bytes(public + b" lab\n")
    return path


async def sshprobe(*arguments: str, cwd: Path) -> bytes:
    command = [sys.executable, "-W", "error", "-m", "sshprobe", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=cwd, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert (run.returncode, run.stderr) == (0, b"")
    return run.stdout


def place(server: OpenSSHServer) -> str:
    return f"{server.host}:{server.port}"


async def test_a_fleet_shows_its_findings(openssh: StartOpenSSH, tmp_path: Path) -> None:
    p = prime(1024)
    sharing = [write_rsa_key(tmp_path / f"sharing{i}", p, prime(1024)) for i in range(2)]
    faulty = write_rsa_key(tmp_path / "roca", roca_prime(1024), roca_prime(1024))
    q = prime(1024)
    moduli = tmp_path / "moduli"
    moduli.write_text(f"20260101000000 2 6 100 2047 2 {q * prime(1024):X}\n")
    one = await openssh(host="127.0.0.2", host_keys=[sharing[0], "ed25519"])
    other = await openssh(host="127.0.0.3", host_keys=[sharing[1], "ecdsa"])
    weak = await openssh(host="127.0.0.4", host_keys=[faulty])
    good = await openssh(host="127.0.0.5", host_keys=["rsa:2048", "ed25519"])
    # The same two keys on a third address: a clone of `good`, or `good` itself.
    keys = [path.with_suffix("") for path in good.host_key_files]
    clone = await openssh(host="127.0.0.6", host_keys=keys)
    # Another has one of them, and its own key.
    third = await openssh(host="127.0.0.7", host_keys=[keys[0], "ed25519"])
    odd = await openssh(host="127.0.0.8", moduli=moduli)
    servers = [one, other, weak, good, clone, third, odd]

    await sshprobe("scan", *map(place, servers), "-o", "sweep.jsonl", "--no-auth-methods", cwd=tmp_path)
    records = [json.loads(line) for line in (tmp_path / "sweep.jsonl").read_bytes().splitlines()]
    hosts = {f"{host['address']}:{host['port']}": host for host in records[1:-1]}
    assert set(hosts) == set(map(place, servers))
    check_summary(records[-1], one, other, weak, good, clone, third)
    exchange = hosts[place(odd)]["group_exchange"][0]
    assert exchange["modulus"] == moduli.read_text().split()[-1]
    assert exchange["generator"] == "2"
    assert "group_exchange.not_safe_prime" in ids(hosts[place(odd)])
    assert "host_key.roca" in ids(hosts[place(weak)])
    assert not ids(hosts[place(good)]) & {"host_key.roca", "host_key.shared", "group_exchange.not_safe_prime"}

    graded = await sshprobe("grade", "sweep.jsonl", "--format", "jsonl", cwd=tmp_path)
    again = {f"{host['address']}:{host['port']}": host for host in map(json.loads, graded.splitlines()[1:-1])}
    for server in (one, other):
        assert "host_key.shared_prime" in fleet_ids(again[place(server)])
    for server in (good, clone, third):
        assert "host_key.shared" in fleet_ids(again[place(server)])
    assert not any(id.startswith("host_key.shared") for server in (weak, odd) for id in fleet_ids(again[place(server)]))
    assert {name: host["verdicts"] for name, host in again.items()} == {
        name: host["verdicts"] for name, host in hosts.items()
    }, "what the fleet says together changes no verdict"
    assert json.loads(graded.splitlines()[-1])["shared_primes"] == records[-1]["shared_primes"]

    by_host = json.loads(await sshprobe("report", "sweep.jsonl", "--format", "json", cwd=tmp_path))
    found = {host["host"]: {finding["id"] for finding in host["findings"]} for host in by_host["hosts"]}
    assert found[place(weak)] == {"host_key.roca"}
    assert found[place(one)] == found[place(other)] == {"host_key.shared_prime"}
    by_key = json.loads(await sshprobe("report", "sweep.jsonl", "--by", "key", "--format", "json", cwd=tmp_path))
    # Five servers with two keys each, one pair shared, and the default keys of the last.
    assert len(by_key["keys"]) == 2 + 2 + 1 + 2 + 1 + len(odd.host_keys)
    by_algorithm = await sshprobe("report", "sweep.jsonl", "--by", "algorithm", "--format", "json", cwd=tmp_path)
    uses = {(use["category"], use["algorithm"]): use["hosts"] for use in json.loads(by_algorithm)["algorithms"]}
    assert uses["kex", "diffie-hellman-group-exchange-sha256"] == sorted(map(place, servers))
    assert uses["host_key", "rsa-sha2-512"] == sorted(map(place, servers))
    assert uses["host_key", "ecdsa-sha2-nistp256"] == sorted([place(other), place(odd)])
    text = (await sshprobe("report", "sweep.jsonl", cwd=tmp_path)).decode()
    assert "1 host key is shared by several machines at 3 addresses: " in text
    assert "2 RSA keys share a prime" in " ".join(text.split())
    assert "not checked" in text


def check_summary(
    summary: dict[str, Any],
    one: OpenSSHServer,
    other: OpenSSHServer,
    weak: OpenSSHServer,
    good: OpenSSHServer,
    clone: OpenSSHServer,
    third: OpenSSHServer,
) -> None:
    shared = {key["fingerprint"]: (key["agree"], key["hosts"]) for key in summary["shared_host_keys"]}
    assert shared == {
        good.fingerprints["ssh-rsa"]: (False, sorted(map(place, (good, clone, third)))),
        good.fingerprints["ssh-ed25519"]: (True, sorted(map(place, (good, clone)))),
    }
    (shared_prime,) = summary["shared_primes"]
    assert shared_prime["bits"] == 1024
    assert shared_prime["hosts"] == sorted(map(place, (one, other)))
    assert shared_prime["fingerprints"] == sorted(server.fingerprints["ssh-rsa"] for server in (one, other))
    assert summary["weak_keys"] == {"host_key.roca": 1}
    assert summary["known_keys_checked"] is False


def ids(host: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in host["verdicts"][0]["findings"]}


def fleet_ids(host: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in host["fleet_findings"]}
