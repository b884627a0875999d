"""The order of a sweep: a keyed permutation of all its targets that needs no memory.

The index of a target is cut into two digits, one of base `a` (low) and one of base `b` (high). In turn, a keyed hash of
one is added to the other: a Feistel network over Z_a x Z_b (Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
CT-RSA 2002, section 5), each round of which can be undone, so that no two indices meet. With a * b a little above the
size of the space, the few results outside are encrypted again until they are inside (cycle walking, section 4 there).

The high digit of each index depends on a hash of the low one: neighbours in the space are far apart in time, and every
subnet gets its connections spread over the whole sweep. This is for manners and not for secrecy.
"""

from __future__ import annotations

import hashlib
import math

_64_BITS = 2**64 - 1
_ROUNDS = 4


class Permutation:
    """A permutation of the numbers 0 to `size` - 1. The same size and seed (0 or more) always give the same one."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._low_base = math.isqrt(max(size - 1, 0)) + 1
        self._high_base = max(-(-size // self._low_base), 1)
        digest = hashlib.blake2b(b"sshprobe order %d" % seed, digest_size=8 * _ROUNDS).digest()
        self._keys = [int.from_bytes(digest[start : start + 8], "big") for start in range(0, 8 * _ROUNDS, 8)]

    def __getitem__(self, position: int) -> int:
        """Return the index that comes at `position`. Raises IndexError where there is none."""
        if not 0 <= position < self.size:
            raise IndexError(position)
        low_base, high_base = self._low_base, self._high_base
        first, second, third, fourth = self._keys
        index = position
        while True:
            high, low = divmod(index, low_base)
            low = (low + _mix(high, first)) % low_base
            high = (high + _mix(low, second)) % high_base
            low = (low + _mix(high, third)) % low_base
            high = (high + _mix(low, fourth)) % high_base
            index = high * low_base + low
            if index < self.size:
                return index


def _mix(value: int, key: int) -> int:
    """Return 64 bits that look random: the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    value = ((value ^ value >> 64) + key) & _64_BITS  # half an index of an IPv6 space can be longer than 64 bits
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _64_BITS
    return value ^ value >> 31
