"""Findings for DefectDojo's "Generic Findings Import".

Keys, values and lengths follow its parser (dojo/tools/generic/json_parser.py) and its model of a finding, both of
2026-11. It refuses a file with an unknown key, and shows texts as Markdown.
"""

from __future__ import annotations

import re
from typing import IO, Any

import msgspec

from sshprobe.model import timestamps
from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.markdown import code, sentence
from sshprobe.render.text.terminal import printable
from sshprobe.views.host_findings import HostFinding, host_findings
from sshprobe.views.host_names import software

_SEVERITIES = {"critical": "Critical", "high": "High", "medium": "Medium", "low": "Low", "note": "Info"}

_LONGEST_TITLE = 511
_LONGEST_ID = 500
_LONGEST_SOFTWARE = 500
"""Characters in the columns of its database."""

_CVE = re.compile(r"CVE-\d{4}-\d{4,}")

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""Names and addresses that its URL parser accepts."""

_encode = msgspec.json.Encoder().encode


class DefectDojoWriter(HostWriter):
    """Writes the findings of hosts one by one: those above a note, and waived ones as accepted risks."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._context = context
        self._separator = b"\n"
        stream.write(b'{"name":"sshprobe","type":"sshprobe","findings":[')

    def add(self, host: HostRecord) -> None:
        """Write the findings of one host."""
        host = printable(host)
        for found in host_findings(host):
            if found.finding.counts or found.finding.waived is not None:
                self._stream.write(self._separator + _encode(self._finding(host, found)))
                self._separator = b",\n"

    def finish(self, summary: SummaryRecord) -> None:
        """End the document."""
        self._stream.write(b"\n]}\n")

    def _finding(self, host: HostRecord, found: HostFinding) -> dict[str, Any]:
        finding, text = found.finding, self._context.explain(found.finding.id)
        title = finding.id if text is None else text.title
        title = f"{title}: {finding.algorithm}" if finding.algorithm else title
        about = f"{code(finding.algorithm)}: " if finding.algorithm else ""
        lines = [
            f"{code(endpoint(host.host, host.port))} {about}{sentence(finding.message)}.",
            f"Expected: {sentence(finding.expected)}. Observed: {code(finding.observed) or 'nothing'}.",
            f"Profiles: {', '.join(map(code, found.profiles)) or 'none, it is a comparison of hosts'}.",
        ]
        key = "|".join((host.address or host.host, str(host.port), finding.id, finding.algorithm or ""))
        result: dict[str, Any] = {
            "title": title[:_LONGEST_TITLE],
            "severity": _SEVERITIES[finding.severity],
            "description": "\n\n".join(lines),
            "active": finding.waived is None,
            "risk_accepted": finding.waived is not None,
            "verified": False,
            "dynamic_finding": True,
            "static_finding": False,
            "vuln_id_from_tool": finding.id,
            "unique_id_from_tool": key[:_LONGEST_ID],
            "component_name": software(host.identification)[:_LONGEST_SOFTWARE],
            "tags": [*host.labels, *found.profiles],
        }
        if timestamps.parse(host.started_at) is not None:
            result["date"] = host.started_at[:10]
        if text is not None:
            result["impact"] = text.why
        if finding.waived is not None:
            waived = finding.waived
            result["severity_justification"] = f"Waived until {sentence(waived.until)}: {sentence(waived.reason)}"
        if finding.remediation is not None:
            result["mitigation"] = f"To fix it: {sentence(finding.remediation)}"
        if finding.references:
            result["references"] = "\n".join(f"- {sentence(each)}" for each in finding.references)
        if found_ids := dict.fromkeys(_CVE.findall(" ".join(finding.references))):
            result["vulnerability_ids"] = list(found_ids)
        if _HOST.fullmatch(host.host):
            result["endpoints"] = [f"ssh://{endpoint(host.host, host.port)}"]
        return result


FORMAT = HostFormat(DefectDojoWriter)
