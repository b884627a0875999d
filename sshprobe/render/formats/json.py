"""A view as JSON, for programs."""

from __future__ import annotations

import msgspec

from sshprobe.render.formats.format import ViewFormat
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.report import ReportView


def _render(view: ReportView, terminal: Terminal, verbose: bool) -> str:
    return msgspec.json.encode(view.report).decode("utf-8") + "\n"


FORMAT = ViewFormat(_render)
