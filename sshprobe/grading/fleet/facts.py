"""Facts of a host for the comparison of a fleet: its address, its keys, and digests of its other answers."""

from __future__ import annotations

import base64
import hashlib
from operator import attrgetter
from typing import NamedTuple

from sshprobe.grading.keys.blobs import decoded, plain_blob, rsa_key
from sshprobe.grading.keys.known_keys import KnownKeys
from sshprobe.grading.keys.primes import has_small_factor
from sshprobe.grading.keys.weaknesses import weaknesses_of
from sshprobe.grading.users import answers_by_user
from sshprobe.model.name_lists import FIELDS, LANGUAGES
from sshprobe.model.observation import HostKey, Observation, endpoint

LARGEST_MODULUS_BITS = 16_384
"""Longer RSA moduli are left out of the search for shared primes: no software makes them, and one of 270,000 bits,
which fits into a packet, costs as much as a hundred others."""

_LISTS = {
    "algorithms": attrgetter(*(field for fields in FIELDS.values() for _, field in fields)),
    "languages": attrgetter(*LANGUAGES),
}

Facets = tuple[tuple[str, bytes], ...]
"""The name of each question and a digest of its answer, for questions with an answer."""


class KeyFacts(NamedTuple):
    """The facts of a distinct host key."""

    digest: bytes
    """SHA-256 of the plain blob: the fingerprint."""
    type: str
    bits: int | None
    modulus: bytes
    """Big-endian. Empty for other types than RSA, and for a modulus that is not the product of two large primes."""
    weaknesses: tuple[str, ...]
    is_oversized: bool = False
    """Whether it is an RSA key of more than `LARGEST_MODULUS_BITS`, for which `modulus` is empty."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH prints it."""
        if len(self.digest) != 32:
            return self.digest.rstrip(b"\0").decode("utf-8")
        return "SHA256:" + base64.b64encode(self.digest).rstrip(b"=").decode("ascii")


class HostFacts(NamedTuple):
    """The facts of a host."""

    address: str
    port: int
    facets: Facets
    keys: tuple[KeyFacts, ...]

    @property
    def endpoint(self) -> str:
        """ "192.0.2.1:22", with brackets around an IPv6 address."""
        return endpoint(self.address, self.port)


def answers_of(observation: Observation) -> list[tuple[str, object]]:
    """Return the answers that a server repeats on each connection, except for its keys: they distinguish two machines.

    Identification, name-lists, extensions, authentication methods, and sizes of groups, each with the name of its
    question, and None without an answer. Banners and lines before the identification are left out, as they may contain
    the time or an address, and so are the lists of an address with several servers.
    """
    answers: list[tuple[str, object]] = []
    said = observation.identification
    if said is not None:
        answers.append(("identification", (said.protocol, said.software, said.lasting_comments)))
    if not observation.several_servers:
        for name, lists_of in _LISTS.items():
            lists = lists_of(observation)  # all from one message: either all are known or none
            answers.append((name, None if None in lists else lists))
        extensions = observation.extensions
        answers.append(("extensions", None if extensions is None else sorted(extensions.items())))
    for user, answer in answers_by_user(observation).items():
        answers.append((f"methods of {user}", answer.methods))
    for group in observation.group_exchange or ():
        answers.append((f"{group.algorithm} {group.min} {group.n} {group.max}", group.modulus_bits))
    return answers


def facets_of(answers: list[tuple[str, object]]) -> Facets:
    """Return a digest of each answer of `answers_of`."""
    return tuple((name, _short_digest(answer)) for name, answer in answers if answer is not None)


def _short_digest(answer: object) -> bytes:
    return hashlib.blake2b(repr(answer).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def is_counted(key: HostKey) -> bool:
    """Return whether a key belongs to the host. A key with a wrong signature may belong to any host."""
    return key.signature_verified is not False


def fingerprint_digest(fingerprint: str) -> bytes:
    """Return the SHA-256 in a fingerprint, "SHA256:..."."""
    text = fingerprint.removeprefix("SHA256:")
    found = decoded(text + "=" * (-len(text) % 4))
    # Records are not trusted. A text that is not a SHA-256 is kept unchanged, and is longer than one.
    return found if len(found) == 32 else fingerprint.encode("utf-8", "replace").ljust(33, b"\0")


def key_facts(key: HostKey, digest: bytes, known: KnownKeys | None) -> KeyFacts:
    """Return the facts of a key. `known`: the keys whose private half is known."""
    blob = decoded(key.blob)
    rsa = rsa_key(blob)
    modulus = b""
    is_oversized = rsa is not None and rsa.n.bit_length() > LARGEST_MODULUS_BITS
    if rsa is not None and not is_oversized and not has_small_factor(rsa.n):
        modulus = rsa.n.to_bytes((rsa.n.bit_length() + 7) // 8, "big")
    weaknesses: tuple[str, ...] = weaknesses_of(key.blob)
    if known is not None and plain_blob(blob) in known:
        weaknesses = (*weaknesses, "known")
    return KeyFacts(digest, key.type, key.bits, modulus, weaknesses, is_oversized)
