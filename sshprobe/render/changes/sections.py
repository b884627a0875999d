"""The changes between two scans as sections of rows, most serious first: the content of the table and of Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from sshprobe.model.observation import Depth
from sshprobe.render.changes.words import FACTS, LISTS, PARTS, REASONS, SERVICES, clock, listed, short_host
from sshprobe.render.text.phrases import count, finding_label
from sshprobe.views.change_kinds import AlgorithmChange, ChangedHost, FindingChange, KeyChange
from sshprobe.views.changes import Changes, NotCompared
from sshprobe.views.host_stats import Subject

Moment = Callable[[str], str]
"""Writes a time of RFC 3339 for people."""


class Row(NamedTuple):
    """One change, and the hosts that have it."""

    what: str
    """The change in a few words: "A to C"."""
    hosts: tuple[ChangedHost, ...] = ()
    """Empty: `what` is enough."""
    meaning: str = ""
    """A severity or a letter for the colour of `what`."""
    details: tuple[str, ...] = ()
    """Further lines, such as fingerprints."""


class Section(NamedTuple):
    """Rows under a heading."""

    title: str
    rows: tuple[Row, ...]
    is_worse: bool = False
    """Whether its changes make a host worse."""
    when: Literal["since", "last seen"] = "since"
    """The meaning of the times of its hosts."""


def sections(changes: Changes, *, verbose: bool) -> list[Section]:
    """Return the sections that have rows. `verbose`: rows name all algorithms."""
    most = 1000 if verbose else 4
    moment = clock(changes)
    several = _several_profiles(changes)
    found = [
        Section("Host keys changed", tuple(_alarming_keys(changes.host_keys, moment)), is_worse=True),
        Section("Grades fell", tuple(_grades(changes, several, moment, fell=True)), is_worse=True),
        Section("No longer compliant", tuple(_compliance(changes, moment, (True, False))), is_worse=True),
        Section("New findings", tuple(_findings(changes, several, moment, most, against=True)), is_worse=True),
        Section("New hosts", tuple(_new_hosts(changes))),
        Section("Hosts gone", tuple(_missing(changes, "gone")), when="last seen"),
        Section("Hosts moved", tuple(_moved(changes))),
        Section("Waivers that end soon", tuple(_waivers(changes))),
        Section("Host keys added or removed", tuple(_other_keys(changes.host_keys))),
        Section("Algorithms", tuple(_algorithms(each, most) for each in changes.algorithms)),
        Section("Other facts", tuple(_facts(changes))),
        Section("Better", tuple(_better(changes, several, moment, most))),
        Section("Answers alternate, as behind a load balancer", tuple(_flapping(changes))),
        Section("Not seen", tuple(_missing(changes, "not seen")), when="last seen"),
        Section("Compliance no longer known", tuple(_compliance(changes, moment, (True, None)))),
        Section("Not compared", tuple(map(_not_compared, changes.not_compared))),
    ]
    return [section for section in found if section.rows]


def verdict(changes: Changes) -> str:
    """Describe what got worse in one sentence."""
    keys = [each.host for each in changes.host_keys if each.is_alarming]
    grades = [each.host for each in changes.grades if each.fell]
    stopped = [each.host for each in changes.compliance if each.old and each.new is False]
    findings = [each for each in changes.findings if each.is_worse]
    new = [each.host for each in changes.new_hosts if each.is_worse]
    hosts = {*keys, *grades, *stopped, *new, *(at.host for each in findings for at in each.hosts)}
    found = [
        count(len(keys), "host key changed", "host keys changed") if keys else "",
        count(len(grades), "grade fell", "grades fell") if grades else "",
        f"{count(len(stopped), 'verdict')} no longer compliant" if stopped else "",
        f"{count(len(findings), 'new finding')} of medium or above" if findings else "",
        f"{count(len(new), 'new host')} with {'such findings' if findings else 'findings of medium or above'}"
        if new
        else "",
    ]
    if hosts:
        return f"Worse on {count(len(hosts), 'host')}: {', '.join(filter(None, found))}."
    if not changes.compared:
        return "No host answered in both scans."
    return "Nothing got worse in what both scans saw." if changes.not_compared else "Nothing got worse."


def _several_profiles(changes: Changes) -> bool:
    seen = {each.profile for each in changes.grades} | {each.profile for each in changes.compliance}
    seen |= {each.profile for each in changes.findings}
    seen.update(profile for each in changes.new_hosts for profile in each.grades)
    return len(seen - {"fleet"}) > 1


def _alternating(seen_on: Sequence[str], moment: Moment) -> tuple[str, ...]:
    """Return the remark that the answers alternate, as a line; without earlier times no line."""
    if not seen_on:
        return ()
    latest = [moment(each) for each in seen_on[-MOST_TIMES:]]
    more = len(seen_on) - len(latest)
    earlier = f" and {more:,} more times" if more > 1 else " and once more" if more else ""
    return (f"answers alternate: seen before on {', '.join(latest)}{earlier}",)


MOST_TIMES = 3
"""The most times of such a remark: the latest."""


def _of(profile: str, several: bool) -> str:
    return f" ({profile})" if several else ""


def _alarming_keys(keys: Iterable[KeyChange], moment: Moment) -> Iterator[Row]:
    for each in keys:
        if each.is_alarming:
            back = ", now the old one again" if each.old and each.seen_before else ""
            known = ", a key that was seen before" if each.seen_before and each.kind == "changed" else ""
            words = {
                "changed": f"{each.type}{known}",
                "replaced": f"{each.type}: no earlier key is left",
                "authority": f"{each.type}: another authority signed its certificate",
                "passing": f"{each.type}: another key between the two scans{back}",
            }[each.kind]
            label = "then" if each.kind == "passing" else "now"
            details = [*(f"was  {key}" for key in each.old), *(f"{label:4} {key}" for key in each.new)]
            details += _alternating(each.seen_on, moment)
            yield Row(words, (ChangedHost(host=each.host, since=each.since),), "critical", tuple(details))


def _other_keys(keys: Iterable[KeyChange]) -> Iterator[Row]:
    found: dict[tuple[str, str], list[ChangedHost]] = {}
    for each in keys:
        if not each.is_alarming:
            found.setdefault((each.kind, each.type), []).append(ChangedHost(host=each.host, since=each.since))
    for (kind, type), hosts in found.items():
        yield Row({"certificate": f"{type}: new certificate"}.get(kind, f"{type} {kind}"), tuple(hosts))


def _grades(changes: Changes, several: bool, moment: Moment, *, fell: bool) -> Iterator[Row]:
    found: dict[tuple[str, str, str, tuple[str, ...]], list[ChangedHost]] = {}
    for each in changes.grades:
        if each.fell == fell:
            key = (each.profile, each.old, each.new, _alternating(each.seen_on, moment))
            found.setdefault(key, []).append(ChangedHost(host=each.host, since=each.since))
    for (profile, old, new, remark), hosts in found.items():
        yield Row(f"{old} to {new}{_of(profile, several)}", tuple(hosts), new, remark)


def _compliance(changes: Changes, moment: Moment, answers: tuple[bool, bool | None]) -> Iterator[Row]:
    found: dict[tuple[str, tuple[str, ...]], list[ChangedHost]] = {}
    for each in changes.compliance:
        if (each.old, each.new) == answers:
            key = (each.profile, _alternating(each.seen_on, moment))
            found.setdefault(key, []).append(ChangedHost(host=each.host, since=each.since))
    for (profile, remark), hosts in found.items():
        yield Row(profile, tuple(hosts), "high" if answers == (True, False) else "", remark)


_KINDS = {"back": "back again", "worse": "more severe", "unwaived": "its waiver ended", "milder": "less severe"}


def _findings(changes: Changes, several: bool, moment: Moment, most: int, *, against: bool) -> Iterator[Row]:
    """Yield a row for each id and severity: algorithms with the same hosts are named together."""
    found: dict[tuple[Any, ...], list[FindingChange]] = {}
    for each in changes.findings:
        if each.is_against == against:
            for remark, hosts in _by_remark(each.hosts, moment).items():
                at = tuple((host.host, host.since) for host in hosts)
                part = msgspec.structs.replace(each, hosts=hosts)
                found.setdefault((each.severity, each.kind, each.profile, each.id, at, remark), []).append(part)
    for (*_, remark), group in found.items():
        first = group[0]
        kind = "" if first.kind == "new" else f", {_KINDS.get(first.kind, first.kind)}"
        labels = listed([finding_label(Subject(each.id, each.algorithm or "")) for each in group], most=most)
        words = f"{first.severity}  {labels} ({first.id}{kind}){_of(first.profile, several)}"
        details = (*((first.message,) if len(group) == 1 else ()), *remark)
        yield Row(words, tuple(first.hosts), first.severity if against else "", details)


def _by_remark(hosts: Iterable[ChangedHost], moment: Moment) -> dict[tuple[str, ...], list[ChangedHost]]:
    found: dict[tuple[str, ...], list[ChangedHost]] = {}
    for each in hosts:
        found.setdefault(_alternating(each.seen_on, moment), []).append(each)
    return found


def _new_hosts(changes: Changes) -> Iterator[Row]:
    for each in changes.new_hosts:
        grades = ", ".join(each.grades.values()) or "no grade"
        findings = listed([f"{number:,} {severity}" for severity, number in each.findings.items()], most=5)
        words = ", ".join(filter(None, (grades, findings, each.software)))
        before = f", was {each.status_before}" if each.status_before is not None else ""
        kind = "back: " if each.kind == "back" else ""
        at = ChangedHost(host=each.host, since=each.since)
        yield Row(f"{kind}{words}{before}", (at,), next(iter(each.findings), "good"))


def _missing(changes: Changes, kind: str) -> Iterator[Row]:
    found: dict[str, list[ChangedHost]] = {}
    for each in changes.missing_hosts:
        if each.kind == kind:
            words = "not in the new scan" if each.status is None else each.status.replace("_", " ")
            if each.missed > 1:
                words += f", {each.missed} scans in a row"
            found.setdefault(words, []).append(ChangedHost(host=each.host, since=each.last_seen))
    for words, hosts in found.items():
        yield Row(words, tuple(hosts))


def _moved(changes: Changes) -> Iterator[Row]:
    for each in changes.moved_hosts:
        name = "" if short_host(each.host) == short_host(each.new) else f"{short_host(each.host)}: "
        at = ChangedHost(host="", since=each.since)
        yield Row(f"{name}{short_host(each.old)} to {short_host(each.new)}, with the same keys", (at,))


def _waivers(changes: Changes) -> Iterator[Row]:
    for each in changes.waivers:
        words = f"{each.until}  {listed(each.findings, most=4)} on {each.pattern}: {each.reason}"
        yield Row(words, tuple(ChangedHost(host=host, since="") for host in each.hosts))


def _algorithms(each: AlgorithmChange, most: int) -> Row:
    where = f" ({each.direction})" if each.direction else ""
    signs = (("+", each.added), ("-", each.removed))
    words = [listed([f"{sign}{name}" for name in names], most=most) for sign, names in signs if names]
    return Row(f"{LISTS[each.type]}{where}: {', '.join(words) or 'another order'}", tuple(each.hosts))


def _facts(changes: Changes) -> Iterator[Row]:
    for each in changes.facts:
        about = f" {each.about}" if each.about else ""
        if each.fact == "lines_before_identification" or len(each.old) + len(each.new) > _LONG:
            yield Row(f"{FACTS[each.fact]}{about}", tuple(each.hosts), "", (f"was  {each.old}", f"now  {each.new}"))
        else:
            words = f"{FACTS[each.fact]}{about}: {each.old or 'none'} to {each.new or 'none'}"
            yield Row(words, tuple(each.hosts))


_LONG = 80
"""Two values with more characters than this get a line each."""


def _better(changes: Changes, several: bool, moment: Moment, most: int) -> Iterator[Row]:
    for row in _grades(changes, several, moment, fell=False):
        yield row._replace(what=f"grade {row.what}")
    for row in _compliance(changes, moment, (False, True)):
        yield row._replace(what=f"compliant with {row.what}")
    for row in _findings(changes, several, moment, most, against=False):
        yield row._replace(details=())


def _flapping(changes: Changes) -> Iterator[Row]:
    for each in changes.flapping:
        names = [SERVICES.get(name, FACTS.get(name, name.replace("_", " "))) for name in each.what]
        yield Row(listed(names, most=4), (ChangedHost(host=each.host, since=""),))


def _not_compared(each: NotCompared) -> Row:
    depth: Depth | None = each.depth
    why = REASONS[each.reason] if depth is None else f"{REASONS[each.reason]} (--depth {depth})"
    about = f" of {each.about}" if each.about else ""
    return Row(f"{PARTS[each.part]}{about}: {why}; {count(each.hosts, 'host')}")


def times(hosts: Sequence[ChangedHost]) -> tuple[str, str]:
    """Return the first and the last time since when hosts have a change; "" if it is not known."""
    found = sorted(each.since for each in hosts if each.since)
    return (found[0], found[-1]) if found else ("", "")
