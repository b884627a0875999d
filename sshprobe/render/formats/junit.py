"""Verdicts as JUnit XML, for CI systems: a suite for each host, a test for each profile and category of findings.

A category without a finding passes only if everything was observed. Otherwise its test is skipped, which CI systems
count separately. A host without a verdict is an error.
"""

from __future__ import annotations

import re
from typing import IO, get_args

from junitparser import Error, Failure, Skipped, TestCase, TestSuite

from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Category, Finding, Verdict
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.terminal import printable

_CATEGORIES: tuple[Category, ...] = get_args(Category)

_FLEET = "fleet"
"""The name in place of a profile, for findings across the fleet."""


_DECLARATION = re.compile(rb"<\?xml[^>]*\?>\s*")
"""junitparser writes it at the start of each suite if it works without lxml."""


class JunitWriter(HostWriter):
    """Writes suites one by one. Their parent element has no numbers, which would have to come first."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        stream.write(b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sshprobe">\n')

    def add(self, host: HostRecord) -> None:
        """Write the suite of one host."""
        host = printable(host)
        suite = TestSuite(endpoint(host.host, host.port))
        suite.timestamp = host.started_at
        suite.hostname = host.host
        cases = [_test(host, verdict, category) for verdict in host.verdicts for category in _CATEGORIES]
        cases += map(_fleet_test, host.fleet_findings)
        suite.add_testcases(cases if host.verdicts else [*cases, _not_judged(host)])
        text = bytes(suite.tostring())  # type: ignore[no-untyped-call] # junitparser types only some of its methods
        self._stream.write(_DECLARATION.sub(b"", text) + b"\n")

    def finish(self, summary: SummaryRecord) -> None:
        """End the element."""
        self._stream.write(b"</testsuites>\n")


def _fleet_test(finding: Finding) -> TestCase:
    case = TestCase(finding.id, _FLEET, 0)
    case.result = [_failure([finding])] if finding.counts else []
    return case


def _test(host: HostRecord, verdict: Verdict, category: Category) -> TestCase:
    case = TestCase(category, verdict.profile, 0)
    found = [each for each in verdict.findings if each.category == category]
    bad = [each for each in found if each.counts or each.deviation]
    waived = [each for each in found if each.waived is not None]
    unseen = list(verdict.not_observed)
    if verdict.compliant is None or verdict.grade_is_partial or host.status != "ok":
        unseen = unseen or [host.error or host.status]
    if bad:
        case.result = [_failure(bad)]
    elif unseen:
        case.result = [Skipped(f"not everything was observed: {'; '.join(unseen)}")]
    elif waived:
        case.result = [Skipped("; ".join(_waiver(each) for each in waived))]
    return case


def _failure(found: list[Finding]) -> Failure:
    first, *others = map(_words, found)
    failure = Failure(f"{first} and {len(others)} more" if others else first, found[0].severity)
    failure.text = "\n".join(_details(each) for each in found)
    return failure


def _words(finding: Finding) -> str:
    about = f"{finding.algorithm}: " if finding.algorithm else ""
    return f"{about}{finding.message}"


def _details(finding: Finding) -> str:
    advice = f"; to fix it: {finding.remediation}" if finding.remediation else ""
    return f"{finding.severity} {finding.id} {_words(finding)}; expected: {finding.expected}{advice}"


def _waiver(finding: Finding) -> str:
    waived = finding.waived
    assert waived is not None
    return f"{finding.id} {_words(finding)} is waived until {waived.until}: {waived.reason}"


def _not_judged(host: HostRecord) -> TestCase:
    case = TestCase("verdict", "sshprobe", 0)
    words = "the record has no verdict: use `sshprobe grade`" if host.status == "ok" else host.error or host.status
    case.result = [Error(words, host.status)]
    return case


FORMAT = HostFormat(JunitWriter)
