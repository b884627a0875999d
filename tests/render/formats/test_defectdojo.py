"""`--format defectdojo`, by the rules of DefectDojo's parser, rewritten without its code.

Read in 2026-11: dojo/tools/generic/json_parser.py, and the columns of a finding in dojo/models.py.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sshprobe.model.verdict import Effect, Waived
from tests.render.writing import HOSTILE, hostile_host, report_of
from tests.sample_records import WANTING, debian12, failed, judged

REQUIRED = {"title", "severity", "description"}
TAKEN_OUT = {"endpoints", "files", "tags", "vulnerability_ids", "cwes"}
ALLOWED = {
    *("date", "cwe", "cve", "cvssv3", "cvssv3_score", "mitigation", "impact", "steps_to_reproduce", "active"),
    *("severity_justification", "references", "false_p", "out_of_scope", "risk_accepted", "under_review", "verified"),
    *("param", "payload", "line", "file_path", "component_name", "component_version", "static_finding", "service"),
    *("dynamic_finding", "unique_id_from_tool", "vuln_id_from_tool", "nb_occurences", "publish_date", "is_mitigated"),
}
LONGEST = {"title": 511, "unique_id_from_tool": 500, "vuln_id_from_tool": 500, "component_name": 500, "severity": 8}


def imported(data: bytes) -> list[dict[str, Any]]:
    """Return the findings of a file that the parser accepts."""
    document = json.loads(data)
    assert isinstance(document["name"], str)
    for each in document["findings"]:
        assert each.keys() >= REQUIRED
        assert not each.keys() - ALLOWED - REQUIRED - TAKEN_OUT
        assert each["severity"] in ("Critical", "High", "Medium", "Low", "Info")
        date.fromisoformat(each.get("date", "2026-11-20"))
        for field, most in LONGEST.items():
            assert len(each.get(field, "")) <= most
        for endpoint in each.get("endpoints", ()):
            parts = urlsplit(endpoint)
            assert (parts.scheme, bool(parts.hostname), parts.port) == ("ssh", True, 22)
    return list(document["findings"])


def test_findings_have_what_the_parser_requires() -> None:
    waiver = Waived(reason="until June", until="2027-06-30", hosts="*", effect=Effect(points=5), deviation=True)
    bad, *others = WANTING.findings
    bad = msgspec.structs.replace(bad, waived=waiver, deviation=False, references=["CVE-2023-48795", "RFC 4253"])
    host = msgspec.structs.replace(debian12(), labels=["env=prod"], host="2001:db8::1")
    host = judged(host, msgspec.structs.replace(WANTING, findings=[*others, bad]))
    found = imported(report_of("defectdojo", [host, failed("timeout", "no answer")]))
    assert [(each["vuln_id_from_tool"], each["severity"], each["active"]) for each in found] == [
        ("kex.dated", "Medium", True),
        ("authentication.unlisted", "Medium", True),
        ("mac.weak", "High", False),
    ]
    assert found[0]["endpoints"] == ["ssh://[2001:db8::1]:22"]
    assert found[2]["risk_accepted"] is True
    assert found[2]["severity_justification"] == "Waived until 2027-06-30: until June"
    assert found[2]["vulnerability_ids"] == ["CVE-2023-48795"]
    assert found[0]["tags"] == ["env=prod", "mozilla-modern"]
    assert len({each["unique_id_from_tool"] for each in found}) == 3
    assert imported(report_of("defectdojo", [])) == []


def test_text_of_a_server_is_not_markup_and_a_malformed_host_has_no_endpoint() -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm=HOSTILE * 30, message=HOSTILE, observed=HOSTILE)
    (found,) = imported(
        report_of("defectdojo", [judged(hostile_host(), msgspec.structs.replace(WANTING, findings=[bad]))])
    )
    assert "endpoints" not in found
    assert "\\<script\\>" in found["description"]
