"""The context of advice: names that a server should stop offering, and the abilities of its software."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sshprobe.algorithms import AlgorithmType, canonical, weakness_of
from sshprobe.grading.offers import Offer
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Platform
from sshprobe.profiles import Profile

NEW_KEY = (
    "host_key.size",
    "host_key.malformed",
    "host_key.close_primes",
    "host_key.roca",
    "host_key.exponent",
    "host_key.small_private_key",
    "host_key.small_order",
    "host_key.factored",
    "host_key.known",
    "host_key.shared",
    "host_key.shared_prime",
)
"""Findings that a new host key fixes."""

SSH1 = "2.0..7.3"
"""Releases of OpenSSH with a choice of `Protocol`: later ones have no SSH-1 (7.4 release notes), earlier ones no
SSH-2."""

NO_GSS = "GSSAPIKeyExchange no"
AGAINST_A_NAME = ("forbidden", "unlisted", "stronger", "weak", "dated", "deadline")
"""Second parts of ids, as in "cipher.weak", of findings against one name."""

OLD_RSA = ("host_key.weak", "ssh-rsa")
"""Id and algorithm of the finding on an RSA key that signs with SHA-1."""

CHACHA20 = "chacha20-poly1305@openssh.com"


class RemedyContext(msgspec.Struct, frozen=True, kw_only=True):
    """One observation under one profile, made by `prepare_context`."""

    observation: Observation
    profile: Profile
    """The profile, with the waived login methods allowed."""
    strict: bool
    """Whether an unlisted name deviates even if it is as strong as the listed ones."""
    platform: Platform | None
    """The system of the server, if sshprobe can write its sshd_config. None: other software."""
    version: str | None
    """The version of OpenSSH in the identification, "9.2p1", perhaps with patches of a distribution. None: `platform`
    is None, or the identification hides the version."""
    is_newer_than_known: bool
    """Whether `version` is newer than the releases in the catalogue."""
    signs_with_sha1_only: bool
    """Whether an RSA key of `version` signs with SHA-1 only: OpenSSH before 7.2."""
    offered: dict[AlgorithmType, dict[str, Offer]]
    """The server's offers by canonical name."""
    to_remove: dict[AlgorithmType, frozenset[str]]
    """Canonical names that should go."""
    waived: dict[AlgorithmType, frozenset[str]]
    """Canonical names that stay because of a waiver. No list may consist of them alone."""
    must_stay: dict[AlgorithmType, set[str]]
    """Canonical names that have a finding but stay: without them the host would be worse."""
    needs_post_quantum: bool
    """Whether the profile requires a post-quantum key exchange, but all of the server's must go."""
    instead: dict[AlgorithmType, list[str] | None]
    """For other software, the replacements of the names that go: see `replacements.choose`."""
    lines: dict[AlgorithmType, str | None]
    """The line of sshd_config with the remaining names. For other software, a description of `instead`."""


def not_waived(context: RemedyContext, category: AlgorithmType, found: Iterable[str]) -> list[str]:
    """Return the names of `found` that no waiver covers."""
    waived = context.waived[category]
    return [name for name in found if canonical(category, name) not in waived]


def is_unknown(category: AlgorithmType, name: str) -> bool:
    """Return whether the only fault of a name is that the catalogue does not know it. A later release may have it."""
    weak = weakness_of(category, name)
    return weak is not None and weak.reason == "unknown"
