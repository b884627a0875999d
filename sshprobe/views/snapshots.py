"""The parts of a record for `sshprobe diff`: lasting facts, keys and verdicts, shared by similar hosts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeGuard, TypeVar

import msgspec

from sshprobe.model.lasting import StoredObservation, normalised
from sshprobe.model.observation import HostKey, Status
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES, Category, Finding, Grade, Severity, Verdict

Shared = TypeVar("Shared", bound=Hashable)

Part = Literal["name_lists", "host_keys", "group_exchange", "authentication"]
"""A part of an observation that a scan can leave out."""

FLEET = "fleet"
"""The name in place of a profile, for findings across the fleet."""

SERVICES: dict[Status, str] = {"not_ssh": "not SSH", "ssh1_only": "SSH-1 only"}
"""Statuses of hosts that answered but did not speak SSH-2."""

SILENT: frozenset[str] = frozenset({"refused", "unreachable", "timeout", "reset", "dns_error"})
"""Statuses of hosts without an answer. Others, such as `throttled`, show that a host exists."""


def is_silent(status: str) -> TypeGuard[Status]:
    """Return whether a host with a status gave no answer."""
    return status in SILENT


class SeenFinding(NamedTuple):
    """A finding. Fields as in `Finding`."""

    id: str
    category: Category
    algorithm: str | None
    severity: Severity
    message: str
    waiver: tuple[str, str, str] | None
    """Of a waived one: the last day, the pattern for hosts and the reason of its waiver."""


class SeenVerdict(NamedTuple):
    """A verdict. Fields as in `Verdict`."""

    profile: str
    profile_version: str
    grade: Grade
    score: int
    compliant: bool | None
    is_partial: bool
    findings: tuple[SeenFinding, ...]
    """Those above a note, the waived ones included."""


class Snapshot(NamedTuple):
    """One host in one scan."""

    status: Status
    facts: StoredObservation
    """Without host keys."""
    keys: tuple[HostKey, ...] | None
    """None: not observed."""
    verdicts: tuple[SeenVerdict, ...]
    """Findings across the fleet are the verdict of `FLEET`, if there are any."""

    @property
    def answered(self) -> bool:
        """Whether a server answered: with an identification, or with something other than SSH."""
        return self.facts.identification is not None or self.status in SERVICES

    @property
    def graded(self) -> Iterator[SeenVerdict]:
        """The verdicts of profiles."""
        return (verdict for verdict in self.verdicts if verdict.profile != FLEET)

    @property
    def key_types(self) -> set[str]:
        """Types of the observed keys."""
        return {key.type for key in self.keys or ()}

    @property
    def unseen_key_types(self) -> set[str]:
        """Types of keys that the server offers and the scan did not see."""
        return {_key_type(name) for name in self.facts.server_host_key_algorithms or ()} - self.key_types

    def presents(self, type: str) -> bool | None:
        """Return whether the server has a host key of a type. None: it offers one, and the scan did not see it."""
        if type in self.key_types:
            return True
        offered = self.facts.server_host_key_algorithms
        if offered is None:
            return None
        return None if any(_key_type(name) == type for name in offered) else False

    def saw(self, finding: SeenFinding, earlier: Snapshot | None) -> bool:
        """Return whether the scan observed the facts of a finding, so that its absence has a meaning.

        `earlier`: the last scan before it with the finding, if any. The finding may still be there if this scan has
        fewer requests for groups, or answers for fewer users.
        """
        facts, category = self.facts, finding.category
        if self.status == "not_ssh":
            return True
        if category == "protocol":
            return facts.identification is not None
        if facts.kex_algorithms is None:
            return False
        if category == "group_exchange":
            return self._saw_groups and (earlier is None or self._repeats_requests_of(earlier))
        if finding.id.startswith("authentication.signature_"):
            return facts.extensions is not None
        if category == "authentication":
            has_users = earlier is None or earlier.answered_users <= self.answered_users
            return facts.authentication_methods is not None and has_users
        if category == "host_key" and finding.id.partition(".")[2] not in _OF_NAMES:
            return self.keys is not None and self.presents(finding.algorithm or "") is not None
        return True

    @property
    def _saw_groups(self) -> bool:
        """Whether a group was requested, or the server offers no group exchange."""
        facts = self.facts
        if facts.group_exchange:
            return True
        offers = any(name.startswith(_GROUP_EXCHANGE) for name in facts.kex_algorithms or ())
        return facts.group_exchange is not None and not offers

    def _repeats_requests_of(self, earlier: Snapshot) -> bool:
        """Return whether all earlier requests for groups were repeated, by the methods that are still on offer."""
        made, repeated = (
            {(each.algorithm, each.min, each.n, each.max) for each in seen.facts.group_exchange or ()}
            for seen in (earlier, self)
        )
        offered = self.facts.kex_algorithms or ()
        return {request for request in made if request[0] in offered} <= repeated

    @property
    def answered_users(self) -> set[str]:
        """Users whose authentication methods the server listed."""
        facts = self.facts
        users = {user for user, answer in (facts.authentication_by_user or {}).items() if answer.methods is not None}
        if facts.authentication_user is not None and facts.authentication_methods is not None:
            users.add(facts.authentication_user)
        return users

    @property
    def unseen(self) -> frozenset[Part]:
        """Parts that the scan did not observe."""
        facts = self.facts
        missing: dict[Part, bool] = {
            "name_lists": facts.kex_algorithms is None,
            "host_keys": self.keys is None or (not self.keys and bool(self.unseen_key_types)),
            "group_exchange": not self._saw_groups,
            "authentication": facts.authentication_methods is None,
        }
        return frozenset(part for part, is_missing in missing.items() if is_missing)

    def lacks_facts_of(self, other: Snapshot) -> bool:
        """Return whether the other scan saw a part, or keys of a type, that this scan did not see."""
        return not (self.unseen <= other.unseen and self.unseen_key_types <= other.unseen_key_types)


_GROUP_EXCHANGE = "diffie-hellman-group-exchange-"
"""Begins the names of group exchanges (RFC 4419)."""

_OF_NAMES = frozenset({"deadline", "forbidden", "unlisted", "weak", "dated", "missing", "stronger", "sha1_only"})
"""Reasons of findings that depend on the name-list of host key algorithms, not on a key."""


def _key_type(algorithm: str) -> str:
    """Return the type of the keys of a host key algorithm. RSA keys sign with several (RFC 8332, and older ones)."""
    if algorithm.startswith(("rsa-sha2-", "ssh-rsa-sha")):
        return "ssh-rsa-cert-v01@openssh.com" if "-cert-" in algorithm else "ssh-rsa"
    return algorithm


class SnapshotMaker:
    """Makes snapshots. Equal parts of them are one object."""

    def __init__(self) -> None:
        self._shared: dict[Hashable, Any] = {}

    def snapshot(self, record: HostRecord) -> Snapshot:
        """Return the snapshot of a record."""
        facts = normalised(record)
        keys = None if facts.host_keys is None else tuple(facts.host_keys)
        facts = msgspec.structs.replace(facts, host_keys=None, error=None, warnings=[], hassh_server=None)
        verdicts = [self._verdict(verdict) for verdict in record.verdicts]
        if record.fleet_findings:
            across = tuple(_findings(record.fleet_findings))
            verdicts.append(SeenVerdict(FLEET, "", "A+", 100, None, is_partial=False, findings=across))
        return Snapshot(
            record.status,
            self._shared.setdefault(msgspec.json.encode(facts), facts),
            keys,
            self._one(tuple(verdicts)),
        )

    def _verdict(self, verdict: Verdict) -> SeenVerdict:
        seen = SeenVerdict(
            verdict.profile,
            verdict.profile_version,
            verdict.grade,
            verdict.score,
            verdict.compliant,
            verdict.grade_is_partial,
            self._one(tuple(_findings(verdict.findings))),
        )
        return self._one(seen)

    def _one(self, value: Shared) -> Shared:
        shared: Shared = self._shared.setdefault(value, value)
        return shared


def _findings(findings: Iterable[Finding]) -> list[SeenFinding]:
    """Return one finding of each id and algorithm, the worst: findings come worst first."""
    found: dict[tuple[str, str | None], SeenFinding] = {}
    for each in sorted(findings, key=lambda each: SEVERITIES.index(each.severity)):
        if each.severity == "note" or each.category == "profile":  # an expired waiver shows in what it covered
            continue
        waived = each.waived
        seen = SeenFinding(
            each.id,
            each.category,
            each.algorithm,
            each.severity,
            each.message,
            None if waived is None else (waived.until, waived.hosts, waived.reason),
        )
        before = found.get((each.id, each.algorithm))
        if before is None or (before.waiver is not None and seen.waiver is None):  # one that counts comes first
            found[each.id, each.algorithm] = seen
    return list(found.values())
