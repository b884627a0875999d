"""Charts as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sshprobe.model.verdict import GRADES

WIDTH, HEIGHT = 600, 120


class Bar(NamedTuple):
    """A rectangle of a chart."""

    x: float
    y: float
    width: float
    height: float
    letter: str
    """The grade of its colour."""
    title: str


class GradePoint(NamedTuple):
    """The grades of one scan."""

    started_at: str
    grades: dict[str, int]


def grade_bars(points: Sequence[GradePoint]) -> list[Bar]:
    """Return a stack of rectangles for each scan: the worst letter at the bottom, heights by the number of hosts."""
    most = max((sum(point.grades.values()) for point in points), default=0)
    if not most:
        return []
    width = WIDTH / len(points)
    bars = []
    for number, point in enumerate(points):
        y = float(HEIGHT)
        for letter in reversed(GRADES):
            hosts = point.grades.get(letter, 0)
            if hosts:
                height = HEIGHT * hosts / most
                y -= height
                title = f"{point.started_at[:10]}: {hosts:,} with {letter}"
                bars.append(
                    Bar(round(number * width, 2), round(y, 2), round(width, 2), round(height, 2), letter, title)
                )
    return bars
