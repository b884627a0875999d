"""Lists of names that are longer than any server's: a host can make up names by the ten thousand.

Each name that no catalogue knows would be a finding of its own, and would be judged again for each step of a remedy.
"""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, canonical, is_unknown
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation

MOST_NAMES = 256
"""Names of one list that are never left out. The catalogue has fewer of any class."""

MOST_UNKNOWN = 64
"""Of a longer list, names that are not in the catalogue."""

_FIELDS = tuple((category, field) for category in ALGORITHM_TYPES for _, field in FIELDS[category])


def shorten_lists(observation: Observation) -> Observation:
    """Return an observation without most of the unknown names of lists that are too long to be judged.

    Those that are left out count in `Observation.names_left_out`: nobody can say what they are, so the score is 0 and
    `compliant` is never true. Further names of one algorithm, such as mechanisms of GSS-API, are left out too; they
    are judged as the first ones are.
    """
    changes: dict[str, list[str]] = {}
    left_out = 0
    for category, field in _FIELDS:
        names = getattr(observation, field)
        if names is None or len(names) <= MOST_NAMES:
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
