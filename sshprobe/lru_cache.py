"""A cache with a limit on number and weight of its entries, for values that a scan needs repeatedly."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 1024

MAX_WEIGHT = 4 * 1024 * 1024
"""Bytes of JSON. Its objects need about three times as many. A common server needs 10 kB for one profile, a server that
invents names may need megabytes."""


class LruCache(Generic[K, V]):
    """A cache that drops the least recently used entry.

    Two caches with the same calls in the same order have the same keys.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value of `key` and mark it as used. Return None if there is none."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Add a value under a new key, of any weight. `weight`: about its size in bytes."""
        self._entries[key] = value, weight
        self._weight += weight
        while len(self._entries) > 1 and (len(self._entries) > MAX_ENTRIES or self._weight > MAX_WEIGHT):
            self._weight -= self._entries.popitem(last=False)[1][1]
