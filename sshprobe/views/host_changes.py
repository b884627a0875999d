"""Compares the observed answers of one host over several scans. `change_groups` groups the changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from sshprobe.model.name_lists import FIELDS, LANGUAGES
from sshprobe.model.observation import Depth
from sshprobe.model.verdict import GRADES, Severity
from sshprobe.views.change_kinds import finding_kind, makes_worse
from sshprobe.views.host_series import Change, compare, only_between
from sshprobe.views.observed_facts import all_fingerprints, authorities, certificates, facts_of, fingerprints, names
from sshprobe.views.snapshots import FLEET, SERVICES, SeenFinding, SeenVerdict, Snapshot

Answers = Sequence[tuple[int, Snapshot]]
"""The answers of a host with the numbers of their scans, the oldest first."""


class Compared(NamedTuple):
    """A change of one host. The fields after `since` depend on `kind`."""

    kind: Literal["key", "list", "fact", "grade", "compliance", "finding", "flapping", "not_compared"]
    since: int
    """The first scan with the new answer."""
    what: tuple[Hashable, ...]
    """Names the change. Hosts with the same `kind` and `what` have the same change."""
    seen_on: tuple[int, ...] = ()
    """Earlier scans with the new answer, if the answers alternate."""


class ProfileScan(NamedTuple):
    """The header's data of a profile."""

    digest: str
    """"": not known."""
    strict: bool | None


class HostComparison:
    """Compares one host. `old`: the number of the old scan; the last answer is the new one.

    `profile`: returns what the header of a scan says of a profile. `has_fleet`: whether a scan looked for findings
    across the fleet.
    """

    def __init__(
        self,
        answers: Answers,
        old: int,
        profile: Callable[[int, str], ProfileScan],
        has_fleet: Callable[[int], bool],
    ) -> None:
        self._answers = answers
        self._old = old
        self._profile = profile
        self._has_fleet = has_fleet
        self._since, self._before = next((each for each in reversed(answers) if each[0] <= old), answers[0])
        self._now = answers[-1][1]
        self._several = self._before.facts.several_servers or self._now.facts.several_servers
        self._flapping: set[str] = set()

    @property
    def profiles(self) -> set[str]:
        """Profiles whose verdicts can be compared."""
        old, new = ({each.profile: each for each in seen.graded} for seen in (self._before, self._now))
        return {profile for profile in new if profile in old and self._differs(old[profile], new[profile]) is None}

    def changes(self) -> Iterator[Compared]:
        """Yield all changes of the host, and the parts that were not compared."""
        facts_are_equal = all(
            seen.facts is self._now.facts and seen.keys == self._now.keys for _, seen in self._answers
        )
        if not facts_are_equal:
            yield from self._keys()
            yield from self._lists()
            yield from self._facts()
        yield from self._verdicts()
        for name in sorted(self._flapping):
            yield Compared("flapping", self._answers[-1][0], (name,))
        yield from self._unseen()

    def _points(self, value: Callable[[Snapshot], Any]) -> list[tuple[int, Any]]:
        """Return the values of all scans that observed one. `value`: returns None for "not observed"."""
        points = [(scan, value(seen)) for scan, seen in self._answers]
        return [point for point in points if point[1] is not None]

    def _compare(self, name: str, value: Callable[[Snapshot], Any]) -> Change[Any] | None:
        """Return the change of a fact that cannot make a host worse. If it alternates, only `name` is noted."""
        change = compare(self._points(value), self._old)
        if change is not None and (change.flaps or self._several):
            self._flapping.add(name)
            return None
        return change

    def _remark(self, change: Change[Any]) -> tuple[int, ...]:
        """Return the scans for the remark that the answers alternate."""
        return change.seen_on if change.flaps or self._several else ()

    # -- host keys -------------------------------------------------------------------------------------------------

    def _keys(self) -> Iterator[Compared]:
        found: list[tuple[str, str, tuple[str, ...], tuple[str, ...], Change[Any]]] = []
        for type in sorted({type for _, seen in self._answers for type in seen.key_types}):
            points = self._points(partial(fingerprints, type=type))
            change = compare(points, self._old)
            yield from self._passing(type, points, change)
            if change is None:
                yield from self._certificate(type)
            elif change.old == change.new:
                self._flapping.add(type)
            else:
                kind = "changed" if change.old and change.new else "added" if change.new else "removed"
                found.append((kind, type, tuple(sorted(change.old)), tuple(sorted(change.new)), change))
        before, now = all_fingerprints(self._before), all_fingerprints(self._now)
        added, removed = ([each for each in found if each[0] == kind] for kind in ("added", "removed"))
        if added and removed and not before & now and all(kind != "changed" for kind, *_ in found):
            types = (", ".join(each[1] for each in part) for part in (removed, added))
            since = max(each[-1].since for each in added)
            seen_before = all(each[-1].seen_before for each in added)
            what = ("replaced", " to ".join(types), tuple(sorted(before)), tuple(sorted(now)), seen_before)
            yield Compared("key", since, what, self._remark(added[0][-1]))
            return
        for kind, type, old, new, change in found:
            is_known = change.new <= change.old if self._several else kind != "changed" and change.flaps
            if is_known:  # no client that connected to the old host keys warns
                self._flapping.add(type)
            else:
                what = (kind, type, old, new, change.seen_before)
                yield Compared("key", change.since, what, self._remark(change))

    def _passing(
        self, type: str, points: Sequence[tuple[int, frozenset[str]]], change: Change[frozenset[str]] | None
    ) -> Iterator[Compared]:
        """Yield the keys of a type that only scans between the old and the new one saw.

        If the type is in neither of them, a scan between counts only if all its keys were new: a server may have had
        one more type for a while.
        """
        now = points[-1][1]
        passed = only_between(points, self._old, change)
        if change is None and not now:
            before, at = all_fingerprints(self._before), dict(self._answers)
            passed = {scan: value for scan, value in passed.items() if not before & all_fingerprints(at[scan])}
        if passed:
            between = tuple(sorted(frozenset[str]().union(*passed.values())))
            is_back = change is None or change.old == change.new
            yield Compared("key", max(passed), ("passing", type, tuple(sorted(now)), between, is_back))

    def _certificate(self, type: str) -> Iterator[Compared]:
        kind = "authority"
        change = compare(self._points(partial(authorities, type=type)), self._old)
        if change is None or change.old == change.new:
            kind = "certificate"
            change = compare(self._points(partial(certificates, type=type)), self._old) or change
        if change is None:
            return
        if change.old == change.new or (kind == "certificate" and change.flaps):
            self._flapping.add(type)
            return
        old, new = (authorities(seen, type) or () for seen in (self._before, self._now))
        yield Compared("key", change.since, (kind, type, old, new, change.seen_before), self._remark(change))

    # -- other facts -----------------------------------------------------------------------------------------------

    def _lists(self) -> Iterator[Compared]:
        for type, fields in (*FIELDS.items(), ("language", tuple(zip(_DIRECTIONS, LANGUAGES, strict=True)))):
            found = []
            for direction, field in fields:
                change = self._compare(field, partial(names, field=field))
                if change is not None:
                    added = tuple(name for name in change.new if name not in change.old)
                    removed = tuple(name for name in change.old if name not in change.new)
                    found.append((direction, added, removed, change.since))
            if len(found) == 2 and found[0][1:] == found[1][1:]:
                found = [("", *found[0][1:])]
            for direction, added, removed, since in found:
                yield Compared("list", since, (type, direction, added, removed))

    def _facts(self) -> Iterator[Compared]:
        for fact, about, value in facts_of([seen for _, seen in self._answers]):
            change = self._compare(fact, value)
            if change is not None:
                yield Compared("fact", change.since, (fact, about, change.old, change.new))

    def _unseen(self) -> Iterator[Compared]:
        before, now = self._before, self._now
        if before.status in SERVICES or now.status in SERVICES:
            return
        for part in sorted(before.unseen | now.unseen):
            at = "neither" if part in before.unseen & now.unseen else "old" if part in before.unseen else "new"
            without = before if part in before.unseen else now
            depth: Depth | None = None if without.facts.depth == "full" or part == "name_lists" else without.facts.depth
            yield Compared("not_compared", self._answers[-1][0], (part, "", at, depth))

    # -- verdicts --------------------------------------------------------------------------------------------------

    def _verdicts(self) -> Iterator[Compared]:
        if all(seen.verdicts is self._now.verdicts for _, seen in self._answers) and not self._varies():
            return
        old, new = ({each.profile: each for each in seen.verdicts} for seen in (self._before, self._now))
        for profile in [*new, *(each for each in old if each not in new)]:
            if profile == FLEET:
                continue
            reason = self._differs(old.get(profile), new.get(profile))
            if reason is not None:
                yield Compared("not_compared", self._answers[-1][0], ("verdicts", profile, reason, None))
            if profile in new:
                yield from self._verdict(profile, new[profile])
        yield from self._findings(FLEET, self._across_the_fleet())

    def _varies(self) -> bool:
        """Return whether the headers of two scans differ in a profile of the host."""
        return any(
            self._profile(scan, verdict.profile) != self._profile(self._answers[-1][0], verdict.profile)
            for verdict in self._now.verdicts
            for scan, _ in self._answers
        )

    def _differs(self, old: SeenVerdict | None, new: SeenVerdict | None) -> str | None:
        """Return the reason why the verdicts of a profile in the old and the new scan cannot be compared; None if they
        can."""
        if new is None or old is None:
            if (self._now if new is None else self._before).facts.kex_algorithms is None:
                return None  # nothing to grade: `_unseen` reports it
            return "only_old" if new is None else "only_new"
        return self._incomparable(self._since, old, new)

    def _incomparable(self, scan: int, verdict: SeenVerdict, new: SeenVerdict) -> str | None:
        then, now = (self._profile(each, new.profile) for each in (scan, self._answers[-1][0]))
        if verdict.profile_version != new.profile_version or (then.digest and now.digest and then.digest != now.digest):
            return "edited"
        return "strict" if None not in (then.strict, now.strict) and then.strict != now.strict else None

    def _verdict(self, profile: str, new: SeenVerdict) -> Iterator[Compared]:
        points: list[tuple[int, Snapshot, SeenVerdict]] = []
        without: list[tuple[int, Snapshot, tuple[SeenFinding, ...]]] = []
        for scan, seen in self._answers:
            verdict = next((each for each in seen.verdicts if each.profile == profile), None)
            if verdict is not None and self._incomparable(scan, verdict, new) is None:
                points.append((scan, seen, verdict))
            elif seen.status == "not_ssh":
                without.append((scan, seen, ()))
        grade = compare([(scan, verdict.grade) for scan, _, verdict in points], self._old)
        if grade is not None:
            fell = GRADES.index(grade.new) > GRADES.index(grade.old)
            if fell or not self._alternates(grade):
                yield from self._grade(profile, grade, points, fell=fell)
        complies = compare([(scan, verdict.compliant) for scan, _, verdict in points], self._old)
        if complies is not None:
            stopped = complies.old is True and complies.new is False
            if stopped or (not self._alternates(complies) and not (self._several and complies.new)):
                yield from self._compliance(profile, complies)
        findings = [(scan, seen, verdict.findings) for scan, seen, verdict in points]
        yield from self._findings(profile, sorted([*findings, *without], key=lambda point: point[0]))

    def _compliance(self, profile: str, change: Change[bool | None]) -> Iterator[Compared]:
        if change.old is not None:  # a host that was not known to comply did not stop, or begin, to comply
            yield Compared("compliance", change.since, (profile, change.old, change.new), self._remark(change))

    def _alternates(self, change: Change[Any]) -> bool:
        """Return whether a verdict alternates, and note it. Only for one that is not worse."""
        if change.flaps and not self._flapping:
            self._flapping.add("verdicts")
        return change.flaps

    def _grade(
        self, profile: str, change: Change[Any], points: Sequence[tuple[int, Snapshot, SeenVerdict]], *, fell: bool
    ) -> Iterator[Compared]:
        """Yield a change of the letter, unless it is due to facts that only one of the scans saw."""
        _, _, old = next((each for each in reversed(points) if each[0] <= self._old), points[0])
        then, now, new = self._before.unseen, points[-1][1].unseen, points[-1][2]
        saw_more = (old.is_partial and not new.is_partial) or now < then
        saw_less = (new.is_partial and not old.is_partial) or points[-1][1].lacks_facts_of(self._before)
        if saw_more if fell else saw_less:
            reason = "saw_more" if fell else "saw_less"
            yield Compared("not_compared", change.since, ("grades", profile, reason, None))
        elif fell or not self._several:
            what = (profile, old.grade, new.grade, old.score, new.score)
            yield Compared("grade", change.since, what, self._remark(change))

    def _across_the_fleet(self) -> list[tuple[int, Snapshot, tuple[SeenFinding, ...]]]:
        return [
            (scan, seen, next((each.findings for each in seen.verdicts if each.profile == FLEET), ()))
            for scan, seen in self._answers
            if self._has_fleet(scan)
        ]

    def _findings(
        self, profile: str, points: Sequence[tuple[int, Snapshot, tuple[SeenFinding, ...]]]
    ) -> Iterator[Compared]:
        known: dict[tuple[str, str | None], SeenFinding] = {}
        for _, _, findings in points:
            known.update({(each.id, each.algorithm): each for each in findings})
        is_unsure = self._several or self._now.facts.names_left_out > 0
        for key, finding in known.items():
            earlier: Snapshot | None = None
            values: list[tuple[int, tuple[str, Severity] | None]] = []
            for scan, seen, findings in points:
                here = next((each for each in findings if (each.id, each.algorithm) == key), None)
                if here is not None:
                    earlier = seen
                    values.append((scan, ("there" if here.waiver is None else "waived", here.severity)))
                elif seen.saw(finding, earlier):
                    values.append((scan, None))
            change = compare(values, self._old)
            if change is None:
                continue
            kind = finding_kind(change.old, change.new, seen_before=change.seen_before)
            severity = finding.severity if kind != "fixed" or change.old is None else change.old[1]
            if not makes_worse(kind, severity) and self._alternates(change):
                continue
            if kind is None or (is_unsure and kind in ("fixed", "milder")):
                continue
            what = (kind, profile, *key, severity, finding.message)
            yield Compared("finding", change.since, what, self._remark(change))


_DIRECTIONS = ("client to server", "server to client")
