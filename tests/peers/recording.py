"""Configurations of live servers for `scripts/scores --record`: guides followed exactly, and weak ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.lab.openssh import MOZILLA_MODERN, MOZILLA_MODERN_KEYS, WEAK, OpenSSHServer, find_openssh
from sshprobe.lab.server import LabServer
from sshprobe.model.records import HostRecord
from tests.live.asking import ask

_CTR = "aes256-ctr,aes192-ctr,aes128-ctr"
_SOUND_MACS = "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com"


def _openssh(*config_lines: str, **arguments: Any) -> Callable[[], LabServer]:
    return lambda: OpenSSHServer(find_openssh(below=(10, 0))[0], config_lines=config_lines, **arguments)


def _openssh10(*config_lines: str, **arguments: Any) -> Callable[[], LabServer]:
    return lambda: OpenSSHServer(find_openssh(minimum=(10, 0))[0], config_lines=config_lines, **arguments)


RECORDED: dict[str, Callable[[], LabServer]] = {
    "Mozilla Modern on OpenSSH 9.2": _openssh(
        *MOZILLA_MODERN, host_keys=MOZILLA_MODERN_KEYS, minimum_modulus_bits=3072
    ),
    # https://infosec.mozilla.org/guidelines/openssh, "Intermediate (OpenSSH 5.3)"
    "Mozilla Intermediate on OpenSSH 9.2": _openssh(
        "KexAlgorithms diffie-hellman-group-exchange-sha256",
        f"Ciphers {_CTR}",
        "MACs hmac-sha2-512,hmac-sha2-256",
        host_keys=("rsa:2048", "ecdsa"),
        minimum_modulus_bits=2048,
    ),
    # "secure SSH configurations for Elastic Compute Service instances", Alibaba Cloud, 2019
    "Alibaba on OpenSSH 9.2": _openssh(
        "KexAlgorithms curve25519-sha256@libssh.org,diffie-hellman-group-exchange-sha256",
        f"Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,{_CTR}",
        f"MACs {_SOUND_MACS},hmac-sha2-512,hmac-sha2-256,umac-128@openssh.com",
        host_keys=("rsa", "ecdsa"),
        minimum_modulus_bits=2048,
    ),
    # ssh-audit 3.9.0, `--get-hardening-guide "Debian 12 Server"`, without its GSS-API and certificates
    "ssh-audit's guide on OpenSSH 9.2": _openssh(
        "KexAlgorithms sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
        "curve25519-sha256@libssh.org,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
        "diffie-hellman-group-exchange-sha256",
        "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr,aes192-ctr,"
        "aes128-gcm@openssh.com,aes128-ctr",
        "MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com",
        "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
        "RequiredRSASize 3072",
        host_keys=("rsa:4096", "ed25519"),
        minimum_modulus_bits=3072,
    ),
    "Post-quantum and AEAD alone on OpenSSH 10": _openssh10(
        "KexAlgorithms mlkem768x25519-sha256,sntrup761x25519-sha512",
        "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com",
        f"MACs {_SOUND_MACS}",
        host_keys=("ed25519",),
    ),
    "OpenSSH 9.2 without moduli below 3072": _openssh(minimum_modulus_bits=3072),
    "OpenSSH 9.2 without SHA-1 and 64-bit MACs": _openssh(
        f"MACs {_SOUND_MACS},umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512"
    ),
    "OpenSSH 9.2 and DH group 1": _openssh("KexAlgorithms +diffie-hellman-group1-sha1"),
    "OpenSSH 9.2 and 3DES": _openssh("Ciphers +3des-cbc"),
    "OpenSSH 9.2 and MD5": _openssh("MACs +hmac-md5,hmac-md5-96"),
    "OpenSSH 9.2 and SHA-1 signatures": _openssh("HostKeyAlgorithms +ssh-rsa"),
    "OpenSSH 9.2 with a DSA key": _openssh("HostKeyAlgorithms +ssh-dss", host_keys=("dsa", "ed25519")),
    "OpenSSH 9.2 with an RSA key of 1024 bits": _openssh("RequiredRSASize 1024", host_keys=("rsa:1024",)),
    "OpenSSH 9.2 with an RSA key of 2048 bits": _openssh(host_keys=("rsa:2048",)),
    "OpenSSH 9.2, old algorithms alone": _openssh(*WEAK, host_keys=("rsa:2048",)),
    "asyncssh, hardened": lambda: AsyncSSHServer("hardened"),
    "asyncssh, RSA key of 1024 bits": lambda: AsyncSSHServer("small-key"),
    "asyncssh, as a device of 2012": lambda: AsyncSSHServer("dated"),
    "asyncssh, as a server of 2002": lambda: AsyncSSHServer("legacy"),
}


async def record(title: str) -> HostRecord:
    """Scan a live server and keep what the next scan will find again: of keys and groups the type and size."""
    async with RECORDED[title]() as server:
        seen = await ask(server, auth_methods=False)
    assert seen.status == "ok", (title, seen.error)
    keys = [msgspec.structs.replace(key, blob="", fingerprint=f"SHA256:{key.type}") for key in seen.host_keys or ()]
    groups = [msgspec.structs.replace(each, modulus=None, generator=None) for each in seen.group_exchange or ()]
    kept = msgspec.structs.replace(
        seen,
        target=title,
        host="recorded",
        address="192.0.2.1",
        port=22,
        started_at="2026-11-21T00:00:00Z",
        duration_ms=0.0,
        host_keys=sorted(keys, key=lambda key: key.type),
        group_exchange=groups,
        extensions=None,
    )
    return msgspec.convert({**msgspec.to_builtins(kept), "type": "host"}, HostRecord)
