"""What the host keys of many hosts say together."""

from __future__ import annotations

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
    """True: the hosts agree in all that was seen of two of them: identification, name-lists, extensions, keys, sizes of
    groups, authentication methods. They are one machine under several addresses, or clones of one image. False:
    they differ, so they are several machines.
    None: in records of before this field."""


class SharedPrime(msgspec.Struct, frozen=True, kw_only=True):
    """A prime that the moduli of two or more RSA host keys have in common: all their private keys are known."""

    bits: int
    """Size of the prime in bits."""
    fingerprints: list[str]
    """The keys, sorted."""
    hosts: list[str]
    """"address:port" of all that have one of them, sorted."""


class WeakKey(msgspec.Struct, frozen=True, kw_only=True):
    """A host key that is weak by itself."""

    fingerprint: str
    """Fingerprint of the key."""
    type: str
    """Key type."""
    bits: int | None
    """Size in bits. None: a type that we cannot decode."""
    findings: list[str]
    """Ids of findings, sorted: "host_key.roca"."""
    hosts: list[str]
    """"address:port", sorted."""


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the host keys of many hosts say together. Keys whose signature was wrong are left out."""

    shared_host_keys: list[SharedKey]
    """Keys that were seen on more than one address."""
    shared_primes: list[SharedPrime] | None
    """None: not looked for."""
    weak_keys: list[WeakKey]
    """Keys that are weak by themselves."""
    known_keys_checked: bool
    """Whether the keys were looked up in a list of keys whose private half is known."""
    moduli_tested: bool = False
    """Whether each RSA modulus was tested for being prime or easy to factor."""
    moduli_left_out: int = 0
    """Distinct RSA keys of more than 16,384 bits, which were left out of the search for shared primes."""
