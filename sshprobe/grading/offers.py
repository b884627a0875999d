"""The name-lists of a server's KEXINIT (RFC 4253 section 7.1) by algorithm, with both directions combined."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sshprobe.algorithms import AlgorithmType, canonical, is_marker, is_unknown, lookup, names_aead_cipher
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
"""The most names of one algorithm in a finding."""

LONGEST_LIST = 256
"""Lists of up to this many names are kept whole. The catalogue has fewer names of any type."""

MOST_UNKNOWN = 64
"""The number of unknown names to keep of a longer list."""


_FIELDS = tuple((category, field) for category in WORDS for _, field in FIELDS[category])


class Offer(msgspec.Struct):
    """One algorithm that a server offers, with all its names and directions."""

    name: str
    """The shortest name, without a vendor's "@..."."""
    names: list[str]
    directions: list[str]

    def observed(self) -> str:
        """Return the names as text, with the direction if it is only one of two."""
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
    """Return `offers` for each type whose lists were seen."""
    return {category: offers(observation, category) for category in FIELDS if is_observed(observation, category)}


def seen_lists(observation: Observation, category: AlgorithmType) -> list[list[str]]:
    """Return the lists of a type that were seen, one per direction, without markers and empty names."""
    found = [getattr(observation, field) for _, field in FIELDS[category]]
    return [[name for name in names if name and not is_marker(name)] for names in found if names is not None]


def is_observed(observation: Observation, category: AlgorithmType) -> bool:
    """Return whether any list of the type was seen."""
    return any(getattr(observation, field) is not None for _, field in FIELDS[category])


def missing_lists(observation: Observation, category: AlgorithmType) -> Iterator[str]:
    """Yield descriptions of the lists of a type that were not seen, or that have nothing to negotiate."""
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
    return bool(name) and not is_marker(name) and not (category == "mac" and names_aead_cipher(name))


def _all_aead(observation: Observation, direction: str) -> bool:
    ciphers = getattr(observation, dict(FIELDS["cipher"])[direction])
    entries = [lookup("cipher", name) for name in ciphers or ()]
    return bool(entries) and all(entry is not None and entry.aead == "yes" for entry in entries)


def shorten_lists(observation: Observation) -> Observation:
    """Return an observation without most of the unknown names of lists that are too long to judge.

    A host can invent tens of thousands of names, and each would be a finding. `Observation.names_left_out` counts the
    names left out. They cannot be judged, so if there are any the score is 0 and `compliant` is never true. Further
    names of one algorithm, such as GSS-API mechanisms, are left out too. They are judged like the first ones.
    """
    changes: dict[str, list[str]] = {}
    left_out = 0
    for category, field in _FIELDS:
        names = getattr(observation, field)
        if names is None or len(names) <= LONGEST_LIST:
            continue
        kept: list[str] = []
        unknown = 0
        of_one: dict[str, int] = {}
        for name in dict.fromkeys(names):
            if name and is_unknown(category, name):
                unknown += 1
                if unknown > MOST_UNKNOWN:
                    continue
            same = canonical(category, name)
            of_one[same] = of_one.get(same, 0) + 1
            if of_one[same] <= MOST_UNKNOWN:
                kept.append(name)
        changes[field] = kept
        left_out += max(0, unknown - MOST_UNKNOWN)
    if not changes:
        return observation
    return msgspec.structs.replace(observation, names_left_out=observation.names_left_out + left_out, **changes)
