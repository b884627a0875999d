"""Sets of numbers as disjoint intervals in ascending order: small, however many numbers they hold.

A set is a pair of sequences of equal length, the first and the last number of each interval, both included.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

Intervals = tuple[Sequence[int], Sequence[int]]


def merge(intervals: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the union of `intervals`, given as pairs (first, last) in any order."""
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(intervals):
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts


def holds(intervals: Intervals, value: int) -> bool:
    """Return whether `value` is in the set."""
    firsts, lasts = intervals
    index = bisect_right(firsts, value) - 1
    return index >= 0 and value <= lasts[index]


def outside(intervals: Intervals, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield, in order, the parts of `first` to `last` that are not in the set."""
    firsts, lasts = intervals
    for index in range(bisect_left(lasts, first), len(firsts)):
        if firsts[index] > last:
            break
        if first < firsts[index]:
            yield first, firsts[index] - 1
        first = lasts[index] + 1
    if first <= last:
        yield first, last
