"""A cache that is bounded in number and weight, for what occurs again and again during a scan."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 1024

MAX_WEIGHT = 4 * 1024 * 1024
"""Bytes of JSON, whose objects take about three times as many. A common server takes 10 kB under one profile; a server
that makes names up can bring it to megabytes."""


class LruCache(Generic[K, V]):
    """A cache that drops the entry that was not used for longest.

    Two caches that get the same calls in the same order hold the same keys.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value of `key`, None where there is none, and count that as a use."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Add a value under a new key, however heavy it is. `weight` is about its size in bytes."""
        self._entries[key] = value, weight
        self._weight += weight
        while len(self._entries) > 1 and (len(self._entries) > MAX_ENTRIES or self._weight > MAX_WEIGHT):
            self._weight -= self._entries.popitem(last=False)[1][1]
