"""The parts of stored observations and verdicts that the index of a fleet keeps, shared by similar hosts."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sshprobe.model.name_lists import FIELDS, LONGEST_NAME, MAX_NAMES, AlgorithmType
from sshprobe.model.observation import Identification, Status
from sshprobe.model.verdict import Category, Finding, Severity, Verdict
from sshprobe.views.host_names import software
from sshprobe.views.host_stats import VerdictStats, verdict_stats
from sshprobe.views.snapshots import FLEET


class Algorithm(NamedTuple):
    """An offered algorithm."""

    type: AlgorithmType
    name: str


class Key(NamedTuple):
    """A host key."""

    type: str
    fingerprint: str
    """As in `HostKey`."""


class FindingKind(NamedTuple):
    """A finding that counts, as many hosts have it. Fields as in `Finding`."""

    profile: str
    """Id of the profile, or `FLEET`."""
    id: str
    algorithm: str
    """"" if it is not about one."""


class FindingWords(NamedTuple):
    """The further fields of a `FindingKind`, of one host that has it."""

    severity: Severity
    category: Category
    message: str


class SharedFacts(NamedTuple):
    """Observed facts without host keys: equal on similar hosts."""

    status: Status
    error: str | None
    software: str
    """"OpenSSH 9.2p1 (Debian 12)"; "" without an identification."""
    product: str
    """"OpenSSH"."""
    release: str
    """"9.2p1"; "" if the software names none."""
    algorithms: tuple[Algorithm, ...]


class ObservedHost(NamedTuple):
    """The facts of an observation."""

    shared: SharedFacts
    keys: tuple[Key, ...]
    """Proven host keys, or those whose proof could not be checked."""


class JudgedHost(NamedTuple):
    """The facts of the verdicts on a host, and its labels."""

    labels: tuple[str, ...]
    verdicts: tuple[VerdictStats, ...]
    findings: tuple[FindingKind, ...]
    """All that count, of all profiles."""
    words: tuple[FindingWords, ...]
    """Of each of `findings`."""


class _Key(msgspec.Struct):
    type: str
    fingerprint: str
    signature_verified: bool | None = None


class _Observation(msgspec.Struct):
    status: Status
    error: str | None = None
    identification: Identification | None = None
    host_keys: list[_Key] | None = None
    kex_algorithms: list[str] | None = None
    server_host_key_algorithms: list[str] | None = None
    encryption_algorithms_client_to_server: list[str] | None = None
    encryption_algorithms_server_to_client: list[str] | None = None
    mac_algorithms_client_to_server: list[str] | None = None
    mac_algorithms_server_to_client: list[str] | None = None
    compression_algorithms_client_to_server: list[str] | None = None
    compression_algorithms_server_to_client: list[str] | None = None


class _Verdicts(msgspec.Struct):
    verdicts: list[Verdict]
    fleet_findings: list[Finding] = []
    labels: list[str] = []


_decode_observation = msgspec.json.Decoder(_Observation).decode
_decode_verdicts = msgspec.json.Decoder(_Verdicts).decode


class FactsReader:
    """Decodes stored observations and verdicts. Equal parts become one object."""

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    @property
    def size(self) -> int:
        """The number of different parts so far."""
        return len(self._shared)

    def observed(self, encoded: bytes) -> ObservedHost:
        """Return the facts of an observation. `encoded`: its JSON. Raises `msgspec.DecodeError`."""
        seen = _decode_observation(encoded)
        said = seen.identification
        name, release = (said.software, said.version or "") if said is not None else ("", "")
        found = dict.fromkeys(
            Algorithm(category, each)
            for category, fields in FIELDS.items()
            for _, field in fields
            for each in (getattr(seen, field) or ())[:MAX_NAMES]
            if len(each) <= LONGEST_NAME
        )
        shared = SharedFacts(
            seen.status,
            seen.error,
            software(said),
            name.removesuffix(release).rstrip("_-") if release else name,
            release,
            self._one(tuple(map(self._one, found))),
        )
        keys = {Key(self._one(key.type), key.fingerprint): None for key in seen.host_keys or () if _is_proven(key)}
        return ObservedHost(self._one(shared), tuple(keys))

    def judged(self, encoded: bytes) -> JudgedHost:
        """Return the facts of verdicts. `encoded`: their JSON. Raises `msgspec.DecodeError`."""
        stored = _decode_verdicts(encoded)
        found: dict[FindingKind, FindingWords] = {}
        for profile, findings in (
            *((verdict.profile, verdict.findings) for verdict in stored.verdicts),
            (FLEET, stored.fleet_findings),
        ):
            for each in findings:
                if each.counts:
                    kind = self._one(FindingKind(profile, each.id, each.algorithm or ""))
                    found.setdefault(kind, self._one(FindingWords(each.severity, each.category, each.message)))
        return JudgedHost(
            self._one(tuple(sorted(stored.labels))),
            self._one(verdict_stats(stored.verdicts)),
            self._one(tuple(found)),
            self._one(tuple(found.values())),
        )

    def _one(self, value: Any) -> Any:
        # with the type, because two tuples of different types can be equal
        return self._shared.setdefault((type(value), value), value)


def _is_proven(key: _Key) -> bool:
    return key.signature_verified is not False
