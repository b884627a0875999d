"""Findings as SARIF 2.1.0 (OASIS, errata 01 of 2023), for GitHub code scanning and other viewers.

A result needs a line in a file: the line of the target in the inventory if the scan read one and it is unchanged, else
the line of the record, else the host as "ssh://host:port". GitHub refuses more than 25,000 results in a run
(docs.github.com, "SARIF results exceed one or more limits", read 2026-11), so the worst are kept.
"""

from __future__ import annotations

import hashlib
import re
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import msgspec

from sshprobe.model import timestamps
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SourceFile, SummaryRecord, SweepRecord
from sshprobe.model.verdict import SEVERITIES, Severity
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.terminal import printable
from sshprobe.views.fleet import SILENT
from sshprobe.views.host_findings import HostFinding, host_findings

MOST_RESULTS = 25_000
"""The most results in the run."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "note": "note"}

_SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.5", "note": "0.0"}
"""Severity to a value in GitHub's ranges for `security-severity`: critical over 9.0, high from 7.0, medium from 4.0."""

_EMBEDDED = re.compile(r"\](?=\()|\{(?=\d)")
"""Places where text of a server would begin a link, "[text](URI)", or a placeholder, "{0}" (SARIF 3.11.5, 3.11.6)."""

_IN_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\]")

_encode = msgspec.json.Encoder().encode


class _Result(NamedTuple):
    """A result without its place."""

    encoded: bytes
    """JSON without `locations`."""
    host: str
    """"host:port"."""
    names: tuple[str, ...]
    """Possible words for it in a line of an inventory."""
    record: tuple[str, int] | None
    """File and line of its record."""


class SarifWriter(HostWriter):
    """Collects the worst results, and writes one run."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._context = context
        self._tool = ""
        self._started_at = ""
        self._files: dict[SourceFile, None] = {}
        self._results: dict[Severity, list[_Result]] = {severity: [] for severity in SEVERITIES}
        self._left_out = 0
        self._rules: dict[str, Severity] = {}
        """Id of a finding to its worst severity."""

    def header(self, record: SweepRecord) -> None:
        """Keep the names of the files with targets."""
        self._tool = self._tool or escape_unprintable(record.tool)
        self._started_at = self._started_at or record.started_at
        if record.settings is not None:
            self._files |= dict.fromkeys((*record.settings.files, *record.settings.inventories))

    def add(self, host: HostRecord) -> None:
        """Keep the results of one host: findings above a note, and waived ones as suppressed."""
        place = self._context.place()
        host = printable(host)
        for found in host_findings(host):
            finding = found.finding
            if not finding.counts and finding.waived is None:
                continue
            known = self._rules.get(finding.id, finding.severity)
            self._rules[finding.id] = min(known, finding.severity, key=SEVERITIES.index)
            names = tuple(dict.fromkeys((host.target, host.host, endpoint(host.host, host.port))))
            result = _Result(_encode(_result(host, found)), endpoint(host.host, host.port), names, place)
            self._results[finding.severity].append(result)
            if sum(map(len, self._results.values())) > MOST_RESULTS:
                self._left_out += 1
                next(self._results[severity] for severity in reversed(SEVERITIES) if self._results[severity]).pop()

    def finish(self, summary: SummaryRecord) -> None:
        """Write the run."""
        write = self._stream.write
        run = {"invocations": [self._invocation(summary)], "tool": {"driver": self._driver()}}
        write(b'{"$schema":%s,"version":"2.1.0","runs":[{' % _encode(_SCHEMA))
        write(_encode(run)[1:-1] + b',"results":[')
        found = [each for results in self._results.values() for each in results]
        lines = self._context.find_lines(self._files, {name for each in found for name in each.names})
        for number, each in enumerate(found):
            line = next((lines[name] for name in each.names if name in lines), each.record)
            location = _encode(_place(each, line))
            write(b'%s%s,"locations":[%s]}' % (b",\n" if number else b"\n", each.encoded[:-1], location))
        write(b"\n]}]}\n")
        if self._left_out:
            self._context.note(f"{self._words_left_out()}: GitHub takes {MOST_RESULTS:,} results in a run")

    def _words_left_out(self) -> str:
        return f"results left out, the least severe: {self._left_out:,}"

    def _driver(self) -> dict[str, Any]:
        name, _, version = self._tool.partition(" ")
        rules = []
        for id_, severity in sorted(self._rules.items()):
            text = self._context.explain(id_)
            rule: dict[str, Any] = {"id": id_, "defaultConfiguration": {"level": _LEVELS[severity]}}
            if text is not None:
                rule["shortDescription"] = {"text": text.title}
                rule["fullDescription"] = {"text": text.meaning}
                rule["help"] = {"text": f"{text.why} {text.fix}"}
            rule["properties"] = {"tags": ["security", "ssh"], "security-severity": _SECURITY_SEVERITY[severity]}
            rules.append(rule)
        driver: dict[str, Any] = {"name": name or "sshprobe", "rules": rules}
        return driver | ({"semanticVersion": version} if version else {})

    def _invocation(self, summary: SummaryRecord) -> dict[str, Any]:
        words = []
        unseen = sum(number for status, number in summary.all_statuses.items() if status in SILENT)
        if unseen:
            words.append(f"hosts without an answer, which have no results: {unseen:,}")
        if self._left_out:
            words.append(self._words_left_out())
        invocation: dict[str, Any] = {"executionSuccessful": not summary.interrupted}
        if timestamps.parse(self._started_at) is not None:
            invocation["startTimeUtc"] = self._started_at
        if words:
            invocation["toolExecutionNotifications"] = [{"level": "note", "message": {"text": each}} for each in words]
        return invocation


def _result(host: HostRecord, found: HostFinding) -> dict[str, Any]:
    finding, name = found.finding, endpoint(host.host, host.port)
    about = f"{finding.algorithm}: " if finding.algorithm else ""
    advice = f". To fix it: {finding.remediation}" if finding.remediation else ""
    key = "\0".join((host.host, str(host.port), host.address or "", finding.id, finding.algorithm or ""))
    text = f"{name}: {about}{finding.message}{advice}"
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": {"text": _EMBEDDED.sub(r"\g<0> ", text)},
        "partialFingerprints": {"hostFinding/v1": hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()},
        "properties": {
            "severity": finding.severity,
            "profiles": list(found.profiles),
            "expected": finding.expected,
            "observed": finding.observed,
            "references": finding.references,
        },
    }
    if finding.waived is not None:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.waived.reason}]
    return result


def _place(result: _Result, line: tuple[str, int] | None) -> dict[str, Any]:
    """Return the location of a result. A relative path stays relative, because GitHub searches for it in the
    repository."""
    if line is None:
        uri, number = f"ssh://{_authority(result.host)}", 1
    else:
        uri, number = quote(line[0].encode("utf-8", "surrogateescape")), line[1]
        uri = f"file://{uri}" if uri.startswith("/") else uri
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": number}},
        "logicalLocations": [{"fullyQualifiedName": result.host, "kind": "resource"}],
    }


def _authority(place: str) -> str:
    """Return "host:port" as in a URI (RFC 3986 section 3.2): records are not trusted."""
    host, _, port = place.rpartition(":")
    return place if _IN_BRACKETS.fullmatch(host) else f"{quote(host, safe='')}:{port}"


FORMAT = HostFormat(SarifWriter)
