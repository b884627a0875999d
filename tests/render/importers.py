"""Rules of programs that import ssh-audit's JSON, rewritten without their code.

- DefectDojo, `dojo/tools/ssh_audit/parser.py` (2024): one object; a finding for each "kex", "key" and "mac" entry with
  notes of "fail" (High) or "warn" (Medium); the endpoint is the target cut at ":".
- secureCodeBox, `scanners/ssh-audit/parser/parser.js` (2024): "recommendations", "critical" (High) and "warning"
  (Medium), each with "del" or "chg"; it fails on any other level or action.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Imported(NamedTuple):
    """A finding as the importer stores it."""

    title: str
    severity: str
    text: str
    host: str
    port: str


def defect_dojo(document: dict[str, Any]) -> list[Imported]:
    found = []
    assert isinstance(document["cves"], list)
    host, port = document["target"].split(":")[:2]
    for list_ in ("kex", "key", "mac"):
        for entry in document[list_]:
            notes = entry["notes"]
            lines = [notes[level] for level in ("fail", "warn", "info") if notes.get(level)]
            severity = "High" if "fail" in notes else "Medium" if "warn" in notes else None
            if severity is not None:
                title = f"{document['banner']['raw']}_{entry['algorithm']}"
                found.append(Imported(title, severity, str([*lines, entry.get("keysize", "")]), host, port))
    return found


def secure_code_box(document: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Return (severity, list, names) of each finding."""
    found = []
    assert document["banner"]["protocol"][0] in "12"
    for level, actions in document["recommendations"].items():
        severity = {"critical": "HIGH", "warning": "MEDIUM"}[level]
        for action, lists in actions.items():
            assert action in ("del", "chg")
            for list_, entries in lists.items():
                names = [each["name"] + (f" (Note: {each['notes']})" if each["notes"] else "") for each in entries]
                found.append((severity, list_, names))
    return found
