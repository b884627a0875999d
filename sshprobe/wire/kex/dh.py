"""Diffie-Hellman over finite fields: fixed groups (RFC 4253, 8268; RFC 2409, 3526) and group exchange (RFC 4419).

`cryptography` deprecates these and refuses half of the groups that servers use, so this is plain `pow()` with the
cheapest exponent (see `_exponent`). gmpy2, if installed, makes many of them five times as fast.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from sshprobe.wire.codec import byte, mpint, read_mpints, read_strings, uint32
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import GroupReceived
from sshprobe.wire.kex.exchange import GroupExchangeRequest, KeyExchange, Reply
from sshprobe.wire.limits import GROUP_EXCHANGE_MODULUS_BITS
from sshprobe.wire.messages import KEX_DH_GEX_INIT, KEX_DH_GEX_REQUEST, KEX_DH_GEX_REQUEST_OLD, KEXDH_INIT

_INIT, _GEX_INIT = byte(KEXDH_INIT), byte(KEX_DH_GEX_INIT)
_GEX_REQUEST, _GEX_REQUEST_OLD = byte(KEX_DH_GEX_REQUEST), byte(KEX_DH_GEX_REQUEST_OLD)
_REPLY = ("K_S", "f", "signature")
_SIZES = struct.Struct(">III")  # min, n, max

GENERATOR = 2
"""Of all groups below."""

_FORMULA = {
    "group1": (1024, 129093),  # RFC 2409 6.2, the Second Oakley Group
    "group5": (1536, 741804),  # RFC 3526 2
    "group14": (2048, 124476),  # RFC 3526 3
    "group15": (3072, 1690314),  # RFC 3526 4
    "group16": (4096, 240904),  # RFC 3526 5
    "group17": (6144, 929484),  # RFC 3526 6
    "group18": (8192, 4743158),  # RFC 3526 7
}
"""Bits and the constant c of the MODP groups: p = 2^b - 2^(b-64) - 1 + 2^64 * (floor(2^(b-130) * pi) + c).

All have a prime (p-1)/2. RFC 4253 section 8.1 calls the 1024-bit one "group1".
"""

POWERS_WITHOUT_GMPY2 = 200
"""The import of gmpy2 takes as long as this many powers, so a scan of one host does not need it."""

_powers = itertools.count()


def _power(base: int, exponent: int, modulus: int) -> int:
    if next(_powers) < POWERS_WITHOUT_GMPY2:
        return pow(base, exponent, modulus)
    return int(_powmod()(base, exponent, modulus))


@cache
def _powmod() -> Callable[[int, int, int], int]:
    try:
        from gmpy2 import powmod
    except ImportError:
        return pow
    power: Callable[[int, int, int], int] = powmod
    return power


def _exponent(modulus: int, generator: int) -> int:
    """Return the smallest power of two x for which g^x is twice as long as the modulus, so that e looks like any other.

    Its secrecy does not matter: we send nothing but a user name, and the server's signature over an exchange hash with
    our fresh cookie and both public values proves its host key. 2048 bits take 12 squarings. 32 random bits took four
    times as long, and 256 bits half of a scan's CPU. A man in the middle could change the authentication methods of an
    old server without a curve, as he could with 32 bits, but he cannot forge its host key.
    """
    minimum = -(-2 * modulus.bit_length() // max(1, generator.bit_length() - 1))
    return 1 << (minimum - 1).bit_length()


@lru_cache(maxsize=256)  # the servers of a fleet use few different groups; an entry has at most 5 kB
def _our_share(modulus: int, generator: int) -> tuple[int, bytes, bytes]:
    """Return our exponent, e as mpint, and p and g as mpints. They depend on the group only."""
    exponent = _exponent(modulus, generator)
    return exponent, mpint(_power(generator, exponent, modulus)), mpint(modulus) + mpint(generator)


@cache
def group(name: str) -> int:
    """Return the prime of a group: "group14"."""
    bits, constant = _FORMULA[name]
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi(bits - 130) + constant) << 64)


@cache
def _pi(bits: int) -> int:
    """Return floor(2^bits * pi), by Machin's formula with 64 guard bits."""
    one = 1 << (bits + 64)
    return 4 * (4 * _arctan_inverse(5, one) - _arctan_inverse(239, one)) >> 64


def _arctan_inverse(x: int, one: int) -> int:
    total = term = one // x
    square, divisor, sign = x * x, 3, -1
    while term:
        term //= square
        total += sign * (term // divisor)
        divisor += 2
        sign = -sign
    return total


class _Shares:
    """Our half of one exchange in one group: `e`, and p and g as `group`, encoded."""

    def __init__(self, modulus: int, generator: int) -> None:
        self._modulus = modulus
        self._exponent, self.e, self.group = _our_share(modulus, generator)

    def secret(self, f: int) -> bytes:
        """Return K as mpint. Raises `RemoteProtocolError` outside [2, p-2] (RFC 4253 section 8 has [1, p-1])."""
        if not 1 < f < self._modulus - 1:
            raise RemoteProtocolError("the server's public value is out of range")
        return mpint(_power(f, self._exponent, self._modulus))

    def reply(self, payload: bytes, what: str, hashed: bytes) -> Reply:
        """Read K_S, f and signature. `hashed`: the fields of the exchange hash between the first two."""
        host_key, raw, signature = read_strings(payload, what, _REPLY, 1)
        f = int.from_bytes(raw, "big", signed=True)
        # f is encoded again: the server hashes the number, and may have sent it with leading zeros.
        return Reply(host_key, signature, payload[1 : 5 + len(host_key)] + hashed + mpint(f), self.secret(f))


class FixedGroupExchange(KeyExchange):
    """A fixed group: 30 e, 31 K_S f signature."""

    def __init__(self, name: str, hash_name: str, group_name: str) -> None:
        self.name, self.exchange_hash = name, hash_name
        self._shares = _Shares(group(group_name), GENERATOR)
        self.first = _INIT + self._shares.e

    def read_reply(self, payload: bytes) -> Reply:
        """Read KEXDH_REPLY."""
        return self._shares.reply(payload, "KEXDH_REPLY", self._shares.e)


class GroupExchange(KeyExchange):
    """Group exchange: 34 min n max, 31 p g, 32 e, 33 K_S f signature.

    A server that answers 34 with UNIMPLEMENTED gets the older form, 30 n, in the same connection (RFC 4419 section 5).
    """

    def __init__(self, name: str, hash_name: str, request: GroupExchangeRequest) -> None:
        self.name, self.exchange_hash = name, hash_name
        self._request = request
        self._old = False
        self._shares: _Shares | None = None
        self._hashed = b""
        self._modulus_bits = 0
        self.first = _GEX_REQUEST + self._sizes()

    def start_again(self) -> bytes:
        """Return the payload of KEX_DH_GEX_REQUEST_OLD, the old form of `first`."""
        self._old = True
        return _GEX_REQUEST_OLD + self._sizes()

    def _sizes(self) -> bytes:
        request = self._request
        return uint32(request.n) if self._old else _SIZES.pack(request.min, request.n, request.max)

    def read_reply(self, payload: bytes) -> Reply:
        """Read KEX_DH_GEX_REPLY."""
        assert self._shares is not None  # `read_group` comes first
        return self._shares.reply(payload, "KEX_DH_GEX_REPLY", self._hashed)

    def hash_variants(self, reply: Reply) -> Iterator[tuple[str, bytes]]:
        """Yield the fields of the exchange hash with other sizes than those of our request.

        paramiko >= 5 raises n to its smallest size and hashes the changed request (kex_gex.py). Go's server hashes
        constants (x/crypto ssh/kex.go). All other fields are those of the RFC, with our cookie.
        """
        if self._shares is None or self._old:
            return
        request, bits = self._request, self._modulus_bits
        at = 4 + len(reply.host_key)
        head, rest = reply.public[:at], reply.public[at + _SIZES.size :]
        mins = dict.fromkeys((request.min, 1024, 2048, bits))
        sizes = dict.fromkeys((2048, bits, request.n, 1024))
        maxima = dict.fromkeys((request.max, 8192, bits))
        for maximum, n, minimum in itertools.product(maxima, sizes, mins):
            if minimum <= n <= maximum and (minimum, n, maximum) != (request.min, request.n, request.max):
                yield f"min {minimum}, n {n}, max {maximum}", head + _SIZES.pack(minimum, n, maximum) + rest

    def read_group(self, payload: bytes) -> tuple[GroupReceived, bytes | None]:
        """Read KEX_DH_GEX_GROUP. Return its event and our answer, None for a group that is not used.

        Raises `RemoteProtocolError` if it is malformed.
        """
        modulus, generator = read_mpints(payload, "KEX_DH_GEX_GROUP", ("p", "g"), 1)
        if modulus <= 3 or modulus % 2 == 0 or not 1 < generator < modulus - 1:
            fault = "the server's group is no group: an even or tiny modulus, or a generator out of range"
            return GroupReceived(modulus, generator, fault), None
        if modulus.bit_length() > max(self._request.max, GROUP_EXCHANGE_MODULUS_BITS):
            return GroupReceived(modulus, generator, "the server's modulus is larger than what we asked for"), None
        self._shares = _Shares(modulus, generator)
        self._modulus_bits = modulus.bit_length()
        e = self._shares.e
        self._hashed = self._sizes() + self._shares.group + e
        return GroupReceived(modulus, generator, None), _GEX_INIT + e
