"""ssh_scan's rules for lists and policies, rewritten after its policy_manager.rb and grader.rb (no code of it).

Names are equal if they are equal up to the "@". A list that a policy leaves empty is not checked. Every list with a
missing name, and every list with a superfluous one, is a recommendation. Each costs ten points of 100.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshprobe.model.observation import Observation

_FIELDS = {
    "kex": ("kex_algorithms",),
    "encryption": ("encryption_algorithms_client_to_server", "encryption_algorithms_server_to_client"),
    "macs": ("mac_algorithms_client_to_server", "mac_algorithms_server_to_client"),
}
LISTS = tuple(_FIELDS)
"""By its names."""

_NEEDED = (
    *(field for fields in _FIELDS.values() for field in fields),
    "server_host_key_algorithms",
    "compression_algorithms_client_to_server",
    "compression_algorithms_server_to_client",
)
_LETTERS = ((91, "A"), (81, "B"), (71, "C"), (61, "D"), (0, "F"))


@dataclass(frozen=True)
class Judged:
    """Result for one host. `outside` and `missing`: list to names."""

    outside: dict[str, list[str]]
    missing: dict[str, list[str]]
    recommendations: int
    grade: str


def policies() -> dict[str, dict[str, Any]]:
    """By the ids of our profiles."""
    document = tomllib.loads((Path(__file__).parent / "ssh_scan_policies.toml").read_text())
    return {name: value for name, value in document.items() if isinstance(value, dict)}


def judge(policy: dict[str, Any], seen: Observation) -> Judged | None:
    """Return the result, or None if one of eight lists is empty: ssh_scan then grades nothing."""
    if not all(getattr(seen, field) for field in _NEEDED):
        return None
    outside, missing = {}, {}
    for list_, fields in _FIELDS.items():
        offered = list(dict.fromkeys(name for field in fields for name in getattr(seen, field)))
        wanted = policy[list_]
        outside[list_] = [name for name in offered if _base(name) not in map(_base, wanted)] if wanted else []
        missing[list_] = [name for name in wanted if _base(name) not in map(_base, offered)]
    found = sum(map(bool, [*outside.values(), *missing.values()]))
    methods = seen.authentication_methods or []
    found += any(method not in policy["auth_methods"] for method in methods)
    protocol = seen.identification.protocol if seen.identification else "2.0"
    found += float(protocol) < policy["ssh_version"]
    score = 100 - 10 * found
    return Judged(outside, missing, found, next(grade for least, grade in _LETTERS if score >= least))


def _base(name: str) -> str:
    return name.split("@")[0]
