"""The comparison of the host keys of many hosts."""

from __future__ import annotations

from collections.abc import Set
from typing import TypeVar

import msgspec


class SharedKey(msgspec.Struct, frozen=True, kw_only=True):
    """One host key seen on more than one address."""

    fingerprint: str
    """Fingerprint of the key."""
    type: str
    """Key type."""
    hosts: list[str]
    """"address:port", sorted."""
    agree: bool | None = None
    """True: no fact that was seen of two hosts differs: they are one machine with several addresses, or clones of one
    image. False: they differ, so they are several machines. None: the record is older than this field."""


class SharedPrime(msgspec.Struct, frozen=True, kw_only=True):
    """A prime in the moduli of two or more RSA host keys: anyone can compute their private keys."""

    bits: int
    """Size of the prime in bits."""
    fingerprints: list[str]
    """The keys, sorted."""
    hosts: list[str]
    """"address:port" of all hosts with one of the keys, sorted."""


class WeakKey(msgspec.Struct, frozen=True, kw_only=True):
    """A host key that is weak by itself."""

    fingerprint: str
    """Fingerprint of the key."""
    type: str
    """Key type."""
    bits: int | None
    """Size in bits. None: an unknown type."""
    findings: list[str]
    """Ids of findings, sorted: "host_key.roca"."""
    hosts: list[str]
    """"address:port", sorted."""


_Found = TypeVar("_Found", SharedKey, SharedPrime, WeakKey)


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of the host keys of many hosts, without keys that had a wrong signature."""

    shared_host_keys: list[SharedKey]
    """Keys that were seen on more than one address."""
    shared_primes: list[SharedPrime] | None
    """Primes that keys share. None: not searched."""
    weak_keys: list[WeakKey]
    """Keys that are weak by themselves."""
    known_keys_checked: bool
    """Whether the keys were looked up in a list of keys whose private half is known."""
    moduli_tested: bool = False
    """Whether each RSA modulus was tested for being prime or easy to factor."""
    moduli_left_out: int = 0
    """Distinct RSA keys of more than 16,384 bits, without a search for shared primes."""

    def of_hosts(self, hosts: Set[str]) -> FleetReport:
        """Return the report about the keys of some hosts, each "address:port", with all hosts that have them."""

        def kept(found: list[_Found]) -> list[_Found]:
            return [each for each in found if not hosts.isdisjoint(each.hosts)]

        primes = None if self.shared_primes is None else kept(self.shared_primes)
        keys, weak = kept(self.shared_host_keys), kept(self.weak_keys)
        return msgspec.structs.replace(self, shared_host_keys=keys, shared_primes=primes, weak_keys=weak)
