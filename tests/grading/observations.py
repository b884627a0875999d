"""Observations for the tests: captured servers, and one configured exactly as in a guide."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from sshprobe.model.observation import Certificate, GroupExchange, HostKey, Identification, Observation
from sshprobe.profiles import BannerRule

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
STRICT = "kex-strict-s-v00@openssh.com"
_TYPES = {"RSA": "ssh-rsa", "ED25519": "ssh-ed25519", "DSA": "ssh-dss"}


def identification(raw: str) -> Identification:
    found = re.fullmatch(r"SSH-([^-]+)-(\S+)(?: (.*))?", raw)
    assert found is not None
    version = re.search(r"[_-](\d\S*)", found[2])
    return Identification(
        raw=raw, protocol=found[1], software=found[2], version=version[1] if version else None, comments=found[3]
    )


def host_key(type: str, bits: int | None, verified: bool | None = True) -> HostKey:
    return HostKey(
        type=type,
        bits=bits,
        fingerprint=f"SHA256:{type}",
        blob="",
        signature_verified=verified,
        signature_algorithm=type,
        kex_algorithm="curve25519-sha256",
    )


def certified(type: str, bits: int | None, **changes: Any) -> HostKey:
    """Return a host key with a sound certificate; `changes` replace fields of the certificate."""
    sound = Certificate(
        serial=1,
        kind="host",
        key_id="host",
        principals=["server.example"],
        valid_after=0,
        valid_before=2**64 - 1,
        critical_options=[],
        extensions=[],
        ca_type="ssh-rsa",
        ca_bits=3072,
        ca_fingerprint="SHA256:ca",
        signature_algorithm="rsa-sha2-512",
        ca_signature_verified=True,
    )
    return msgspec.structs.replace(host_key(type, bits), certificate=msgspec.structs.replace(sound, **changes))


def good_banner(rule: BannerRule | None) -> str | None:
    """Return a banner that a profile accepts, if it requires one."""
    if rule is None or not rule.sent:
        return None
    return rule.any_of[0] if rule.any_of else "Authorized use only"


def modulus(bits: int | None, *, min: int = 1024, n: int = 1024, max: int = 8192) -> GroupExchange:
    return GroupExchange(
        algorithm="diffie-hellman-group-exchange-sha256",
        min=min,
        n=n,
        max=max,
        modulus_bits=bits,
        refused=bits is None,
    )


def modern(**changes: Any) -> Observation:
    """Return Debian's OpenSSH 9.2 with exactly the lists of Mozilla Modern. `changes` replace fields."""
    ciphers = [
        "chacha20-poly1305@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
    ]
    macs = [
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com",
        "umac-128-etm@openssh.com",
        "hmac-sha2-512",
        "hmac-sha2-256",
        "umac-128@openssh.com",
    ]
    observed = Observation(
        target="server.example",
        host="server.example",
        address="192.0.2.1",
        port=22,
        status="ok",
        started_at="2026-11-21T00:00:00Z",
        duration_ms=300.0,
        connections=3,
        identification=identification("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10"),
        kex_algorithms=[
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp521",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp256",
            "diffie-hellman-group-exchange-sha256",
            STRICT,
        ],
        server_host_key_algorithms=["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256"],
        encryption_algorithms_client_to_server=ciphers,
        encryption_algorithms_server_to_client=list(ciphers),
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=list(macs),
        compression_algorithms_client_to_server=["none", "zlib@openssh.com"],
        compression_algorithms_server_to_client=["none", "zlib@openssh.com"],
        host_keys=[host_key("ssh-ed25519", 256), host_key("ssh-rsa", 3072), host_key("ecdsa-sha2-nistp256", 256)],
        group_exchange=[modulus(3072)],
        authentication_methods=["publickey"],
        authentication_none_accepted=False,
    )
    if "group_exchange" not in changes and "identification" in changes:
        # Other software is also asked for at most 1024 bits; this one sends more.
        changes["group_exchange"] = [modulus(3072), modulus(3072, max=1024)]
    return msgspec.structs.replace(observed, **changes)


def both(ciphers_or_macs: str, names: list[str]) -> dict[str, list[str]]:
    """Return the two fields of a type, client to server and server to client."""
    return {
        f"{ciphers_or_macs}_algorithms_client_to_server": names,
        f"{ciphers_or_macs}_algorithms_server_to_client": list(names),
    }


def captured(path: Path) -> Observation:
    """Return a full scan of a captured server, with passwords enabled as by default."""
    truth = json.loads(path.read_text())
    smallest = (truth.get("moduli_detail") or {}).get("smallest_group_sent")
    exchange = any("group-exchange" in name for name in truth["kex_algorithms"])
    lists = {field: names for field, names in truth.items() if "_algorithms" in field}
    keys = [
        host_key(_TYPES.get(key["type"], key["algorithm"]), key["bits"]) for key in truth["host_keys"] if key["offered"]
    ]
    return modern(
        identification=identification(truth["identification"]),
        host_keys=keys,
        group_exchange=[modulus(smallest)] if exchange else [],
        authentication_methods=["publickey", "password"],
        **lists,
    )
