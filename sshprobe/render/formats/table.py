"""A view as a table, for people: by host, by algorithm, by key."""

from __future__ import annotations

from sshprobe.model.escape import escape_unprintable
from sshprobe.render.formats.format import View, ViewFormat
from sshprobe.render.text.group_table import few, group_table
from sshprobe.render.text.phrases import count
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.by_algorithm import AlgorithmView
from sshprobe.views.by_host import HostsView
from sshprobe.views.by_key import KeyView


def _algorithms(view: AlgorithmView, terminal: Terminal, verbose: bool) -> str:
    """Return the table of algorithms. Markers in the list of key exchanges stand apart, at the end."""
    uses = sorted(view.report.algorithms, key=lambda use: use.is_marker)
    rows = [
        [
            "marker" if use.is_marker else use.category,
            escape_unprintable(use.algorithm),
            str(len(use.hosts)),
            use.severity or "",
        ]
        for use in uses
    ]
    return group_table(
        ["class", "algorithm", "hosts", "weakness"],
        rows,
        view,
        terminal,
        which=lambda room: [few(use.hosts, view.names, room, verbose=verbose) for use in uses],
        right=("hosts",),
        below=0,
        shortened=(("algorithm", 20),),
    )


def _keys(view: KeyView, terminal: Terminal, verbose: bool) -> str:
    """Return the table of keys with findings, and with `verbose` all."""
    keys = view.report.keys
    shown = [key for key in keys if key.findings or verbose]
    hidden = len(keys) - len(shown)
    rows = [
        [
            escape_unprintable(key.fingerprint),
            escape_unprintable(key.type),
            "" if key.bits is None else str(key.bits),
            str(len(key.hosts)),
            ", ".join(_words(id, key.agree) for id in key.findings),
        ]
        for key in shown
    ]
    listed = "it is" if hidden == 1 else "they are"
    sentence = f"{count(hidden, 'host key')} without a finding: {listed} listed with -v."
    return group_table(
        ["fingerprint", "type", "bits", "hosts", "findings"],
        rows,
        view,
        terminal,
        which=lambda room: [few(key.hosts, view.names, room, verbose=verbose) for key in shown],
        right=("bits", "hosts"),
        below=1,
        shortened=(("type", 15), ("fingerprint", 20)),
        left_out=sentence if hidden else "",
    )


def _words(id: str, agree: bool | None) -> str:
    reason = id.partition(".")[2].replace("_", " ")
    return f"{reason} (one machine or clones)" if reason == "shared" and agree else reason


def _hosts(view: HostsView, terminal: Terminal, verbose: bool) -> str:
    """Return the table of findings above a note, and with `verbose` all."""
    hosts = view.report.hosts
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
        left_out = "No shared or broken key or group was found. `sshprobe grade` judges sizes and algorithms."
    return group_table(
        headers,
        [[escape_unprintable(cell) for cell in row] for row in rows],
        view,
        terminal,
        below=2,
        shortened=(("name", 7), ("answer", 16), ("finding", 20), ("host", 20)),
        left_out=left_out,
    )


def _render(view: View, terminal: Terminal, verbose: bool) -> str:
    if isinstance(view, AlgorithmView):
        return _algorithms(view, terminal, verbose)
    return _keys(view, terminal, verbose) if isinstance(view, KeyView) else _hosts(view, terminal, verbose)


FORMAT = ViewFormat(_render, suffixes=("", ".txt"))
