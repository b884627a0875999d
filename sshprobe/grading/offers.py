"""The name-lists of a KEXINIT as a server sent them (RFC 4253 section 7.1): both directions together, by algorithm."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sshprobe.algorithms import (
    AlgorithmType,
    canonical,
    is_marker,
    lookup,
    names_aead_cipher,
)
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation

WORDS: dict[AlgorithmType, str] = {
    "kex": "key exchange methods",
    "host_key": "host key algorithms",
    "cipher": "ciphers",
    "mac": "MACs",
    "compression": "compression methods",
}


MOST_NAMES = 32
"""Names of one algorithm that a finding has."""


class Offer(msgspec.Struct):
    """One algorithm as a server offers it, by whatever names and in whatever direction."""

    name: str
    """The one that stands for it: the shortest, which leaves out a vendor's "@..."."""
    names: list[str]
    directions: list[str]

    def observed(self) -> str:
        """Return the names in words, and the direction if there is only one of two."""
        names = sorted(self.names)
        text = ", ".join(names[:MOST_NAMES])
        if len(names) > MOST_NAMES:
            text += f" and {len(names) - MOST_NAMES:,} more names"
        return f"{text} ({self.directions[0]} only)" if len(self.directions) == 1 and self.directions[0] else text


def offers(observation: Observation, category: AlgorithmType) -> dict[str, Offer]:
    """Return the algorithms of one type by canonical name, in the server's order, without markers and empty names."""
    found: dict[str, Offer] = {}
    for direction, field in FIELDS[category]:
        for name in getattr(observation, field) or ():
            if not name or is_marker(name):
                continue
            same = canonical(category, name)
            offer = found.get(same)
            if offer is None:
                offer = found[same] = Offer(name, [], [])
            if name not in offer.names:
                offer.names.append(name)
                if (len(name), name) < (len(offer.name), offer.name):
                    offer.name = name
            if direction not in offer.directions:
                offer.directions.append(direction)
    return found


def offers_by_type(observation: Observation) -> dict[AlgorithmType, dict[str, Offer]]:
    """Return `offers` of each type whose lists were seen."""
    return {category: offers(observation, category) for category in FIELDS if is_observed(observation, category)}


def seen_lists(observation: Observation, category: AlgorithmType) -> list[list[str]]:
    """Return the lists of a type that were seen, one for each direction, without markers and empty names.

    A server with one empty list ends every connection, whatever the other list has.
    """
    found = [getattr(observation, field) for _, field in FIELDS[category]]
    return [[name for name in names if name and not is_marker(name)] for names in found if names is not None]


def is_observed(observation: Observation, category: AlgorithmType) -> bool:
    """Return whether any list of the type was seen."""
    return any(getattr(observation, field) is not None for _, field in FIELDS[category])


def missing_lists(observation: Observation, category: AlgorithmType) -> Iterator[str]:
    """Yield in words the lists of a type that were not seen, or that leave nothing to negotiate."""
    for direction, field in FIELDS[category]:
        names = getattr(observation, field)
        what = f"{WORDS[category]} {direction}".strip()
        if names is None:
            yield what
        elif not any(_can_be_chosen(category, name) for name in names):
            if category == "mac" and _all_aead(observation, direction):
                continue
            yield f"{what}: the list is empty"


def has_missing_lists(observation: Observation) -> bool:
    """Return whether any type has `missing_lists`."""
    return any(next(missing_lists(observation, category), None) is not None for category in FIELDS)


def _can_be_chosen(category: AlgorithmType, name: str) -> bool:
    """Return whether a client can choose an algorithm of the type by a name."""
    return bool(name) and not is_marker(name) and not (category == "mac" and names_aead_cipher(name))


def _all_aead(observation: Observation, direction: str) -> bool:
    ciphers = getattr(observation, dict(FIELDS["cipher"])[direction])
    entries = [lookup("cipher", name) for name in ciphers or ()]
    return bool(entries) and all(entry is not None and entry.aead == "yes" for entry in entries)
