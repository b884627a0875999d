"""Host records of captured servers, and verdicts written by hand."""

import json
from pathlib import Path

import msgspec

from sshprobe.model.name_lists import NAME_LISTS
from sshprobe.model.observation import GroupExchange, HostKey, Identification
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.model.verdict import CategoryScore, Effect, Finding, Verdict

CAPTURES = Path(__file__).parent / "captures"


def captured(name: str, address: str = "192.0.2.1", host: str | None = None) -> HostRecord:
    """Return the record of a captured server, without verdicts."""
    truth = json.loads((CAPTURES / f"{name}.json").read_text())
    protocol, _, rest = truth["identification"].removeprefix("SSH-").partition("-")
    software, _, comments = rest.partition(" ")
    fields = {list_: truth[list_] for list_ in NAME_LISTS}
    return HostRecord(
        target=host or address,
        host=host or address,
        address=address,
        port=22,
        status="ok",
        started_at="2026-11-20T12:00:00Z",
        duration_ms=412.5,
        connections=3,
        identification=Identification(
            raw=truth["identification"],
            protocol=protocol,
            software=software,
            version=software.partition("_")[2] or None,
            comments=comments or None,
        ),
        host_keys=[
            HostKey(
                type=key["algorithm"],
                bits=key["bits"],
                fingerprint=key["fingerprint"],
                blob="",
                signature_verified=True,
                signature_algorithm=key["algorithm"],
                kex_algorithm="curve25519-sha256",
            )
            for key in truth["host_keys"]
            if key["offered"]
        ],
        group_exchange=[
            GroupExchange(
                algorithm="diffie-hellman-group-exchange-sha256",
                min=1024,
                n=1024,
                max=8192,
                modulus_bits=truth["moduli"],
                refused=False,
            )
        ],
        authentication_user="root",
        authentication_methods=["publickey", "password"],
        **fields,
    )


def failed(status: str, error: str | None, address: str = "192.0.2.200") -> HostRecord:
    return msgspec.convert(
        {
            "type": "host",
            "target": address,
            "host": address,
            "address": address,
            "port": 22,
            "status": status,
            "error": error,
            "stage": "connect",
            "started_at": "2026-11-20T12:00:01Z",
            "duration_ms": 5000.0,
            "connections": 1,
        },
        HostRecord,
    )


def finding(id_: str, severity: str, algorithm: str | None, message: str, *, points: int = 0) -> Finding:
    return msgspec.convert(
        {
            "id": id_,
            "severity": severity,
            "category": id_.partition(".")[0],
            "algorithm": algorithm,
            "message": message,
            "expected": "something else",
            "observed": algorithm or "this",
            "effect": msgspec.to_builtins(Effect(points=points)),
            "remediation": "take it out",
            "references": ["RFC 9142 section 3"],
            "deviation": severity != "note",
        },
        Finding,
    )


def judged(record: HostRecord, verdict: Verdict, *others: Verdict) -> HostRecord:
    return msgspec.structs.replace(record, verdicts=[verdict, *others])


CLEAN = Verdict(
    profile="mozilla-modern",
    profile_version="1",
    compliant=True,
    not_observed=[],
    raw_score=100,
    cap=None,
    cap_reasons=[],
    score=100,
    grade="A+",
    categories={},
    findings=[],
)

WANTING = msgspec.structs.replace(
    CLEAN,
    compliant=False,
    raw_score=70,
    cap=61,
    cap_reasons=["mac.weak hmac-sha1"],
    score=61,
    grade="C",
    categories={"mac": CategoryScore(score=80, findings=1)},
    findings=[
        finding("mac.weak", "high", "hmac-sha1", "SHA-1; offered in both directions", points=20),
        finding("kex.dated", "medium", "diffie-hellman-group14-sha256", "2048-bit group; the profile asks for 3072"),
        finding("authentication.unlisted", "medium", "password", "the profile wants publickey alone"),
        finding("kex.stronger", "note", "sntrup761x25519-sha512", "not in the profile, stronger than it asks"),
    ],
)

HEADER = SweepRecord(tool="sshprobe 0.1.0", arguments=["web1"], profiles=[], started_at="2026-11-20T12:00:00Z")


def debian12() -> HostRecord:
    return judged(captured("openssh-debian12-9.2p1", host="web1.example.org"), WANTING)
