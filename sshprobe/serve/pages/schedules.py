"""Rows of the scheduled scans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sshprobe.serve.pages.tables import Cell
from sshprobe.serve.schedule.runner import RunState


def schedule_rows(states: Iterable[RunState]) -> list[tuple[Cell, ...]]:
    """Return a row for each scheduled scan: its name, next run, last run and result."""
    return [
        (
            Cell(state.name),
            Cell("running now" if state.running_since else _time(state.next)),
            Cell(_time(state.last_end)),
            Cell(state.result or None, kind="foreign"),
        )
        for state in states
    ]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
