"""What was used last, bounded in number and in weight: for what is worth keeping while a sweep goes by."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

KEPT = 1024
"""Entries."""

KEPT_BYTES = 4 * 1024 * 1024
"""What they may weigh together: bytes of JSON, whose objects take about three times as many again. What is known of a
common server has 10 kB under one profile; a server that makes names up can bring it to megabytes."""


class Recent(Generic[K, V]):
    """A cache that forgets what was not used for longest.

    Two that are asked and given the same in the same order hold the same: what one has forgotten the other has too.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return what is kept under `key`, and use it."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep something new, however heavy. `weight` is about how many bytes it takes."""
        self._kept[key] = value, weight
        self._weight += weight
        while len(self._kept) > 1 and (len(self._kept) > KEPT or self._weight > KEPT_BYTES):
            self._weight -= self._kept.popitem(last=False)[1][1]
