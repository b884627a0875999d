"""Tables of what hosts have in common: by host, by algorithm, by key."""

from __future__ import annotations

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.records import SummaryRecord
from sshprobe.render.text.group_table import few, fleet_table
from sshprobe.render.text.phrases import count
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.by_algorithm import ByAlgorithm
from sshprobe.views.by_host import ByHost
from sshprobe.views.by_key import ByKey


def algorithm_table(
    view: ByAlgorithm, summary: SummaryRecord, terminal: Terminal, *, servers: int, verbose: bool = False
) -> str:
    """Return the table of algorithms. Signals in the list of key exchanges stand apart, at the end."""
    uses = sorted(view.document(summary).algorithms, key=lambda use: use.marker)
    rows = [
        [
            "marker" if use.marker else use.category,
            escape_unprintable(use.algorithm),
            str(len(use.hosts)),
            use.severity or "",
            few(use.hosts, view.names, verbose=verbose),
        ]
        for use in uses
    ]
    return fleet_table(
        ["class", "algorithm", "hosts", "weakness", "which"], rows, summary, terminal, servers=servers, right=(2,)
    )


def key_table(view: ByKey, summary: SummaryRecord, terminal: Terminal, *, servers: int, verbose: bool = False) -> str:
    """Return the table of keys with findings, and with `verbose` all."""
    keys = view.document(summary).keys
    shown = [key for key in keys if key.findings or verbose]
    hidden = len(keys) - len(shown)
    rows = [
        [
            escape_unprintable(key.fingerprint),
            escape_unprintable(key.type),
            "" if key.bits is None else str(key.bits),
            str(len(key.hosts)),
            ", ".join(_words(id, key.agree) for id in key.findings),
            few(key.hosts, view.names, verbose=verbose),
        ]
        for key in shown
    ]
    headers = ["fingerprint", "type", "bits", "hosts", "findings", "which"]
    sentence = (
        f"{count(hidden, 'host key')} without a finding: {'it is' if hidden == 1 else 'they are'} listed with -v."
    )
    return fleet_table(
        headers, rows, summary, terminal, servers=servers, right=(2, 3), left_out=sentence if hidden else ""
    )


def _words(id: str, agree: bool | None) -> str:
    reason = id.partition(".")[2].replace("_", " ")
    return f"{reason} (one machine or clones)" if reason == "shared" and agree else reason


def host_table(view: ByHost, summary: SummaryRecord, terminal: Terminal, *, servers: int, verbose: bool = False) -> str:
    """Return the table of findings above a note, and with `verbose` all."""
    hosts = view.document(summary).hosts
    rows = [
        [
            host.host,
            name,
            "",
            finding.severity,
            finding.id,
            escape_unprintable(finding.algorithm or ""),
            "" if finding.observed == finding.algorithm else escape_unprintable(finding.observed),
        ]
        for host, name in zip(hosts, view.names, strict=True)
        for finding in host.findings
        if finding.severity != "note" or verbose or view.every
    ]
    rows += [
        [host.host, name, host.software or host.status, "", "", "", ""]
        for host, name in zip(hosts, view.names, strict=True)
        if not host.findings
    ]
    about = "algorithm" if view.every else "key"
    headers = ["host", "name", "answer", "severity", "finding", about, "observed"]
    notes = sum(finding.severity == "note" for host in hosts for finding in host.findings)
    left_out = ""
    if notes and not (verbose or view.every):
        left_out = f"{count(notes, 'note is', 'notes are')} listed with -v."
    elif not rows and view.has_keys:
        left_out = "No shared or broken key or group was found; sizes and algorithms are what `sshprobe grade` judges."
    return fleet_table(
        headers,
        [[escape_unprintable(cell) for cell in row] for row in rows],
        summary,
        terminal,
        servers=servers,
        left_out=left_out,
    )
