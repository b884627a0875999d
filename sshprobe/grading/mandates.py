"""The key exchanges that profiles with deadlines accept, and until when. The documents contradict each other on
hybrids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sshprobe.grading.assess import assess
from sshprobe.grading.checks.deadlines import applies_to, standings
from sshprobe.grading.offers import is_observed, offers
from sshprobe.model.observation import Observation
from sshprobe.profiles import Kind, Profile

EXCHANGES: dict[Kind, tuple[str, ...]] = {
    "hybrid": ("mlkem768x25519-sha256", "mlkem1024nistp384-sha384", "sntrup761x25519-sha512"),
    "pure": ("mlkem1024-sha384", "mlkem768-sha256"),
    "classical": ("curve25519-sha256", "ecdh-sha2-nistp384", "diffie-hellman-group16-sha512"),
}
"""Key exchanges of each kind that represent the others."""


class Acceptance(NamedTuple):
    """Whether a profile accepts a key exchange, and until when."""

    is_accepted: bool
    """Whether it passes before all deadlines."""
    until: str | None
    """Its last day. None: it has no deadline."""
    is_recommended: bool
    """Whether the document does not advise against its kind."""

    @property
    def lasts(self) -> bool:
        """Whether the profile accepts it without a time limit."""
        return self.is_accepted and self.until is None


def acceptance(profile: Profile, kind: Kind, exchange: str) -> Acceptance:
    """Return whether a profile accepts a key exchange of `EXCHANGES`, and until when. `kind`: its kind there."""
    offering = Observation(
        target="", host="", address=None, port=22, status="ok", started_at="", duration_ms=0, connections=1,
        kex_algorithms=[exchange],
    )  # fmt: skip
    undated = msgspec.structs.replace(profile, at=None)
    about = [each for each in profile.deadline if each.section == "kex" and applies_to(each, exchange)]
    ends = sorted(each.until.isoformat() for each in about if not each.only_advises)
    refused = [
        finding
        for finding in assess(offering, undated).findings
        if finding.deviation and finding.category == "kex" and finding.algorithm == exchange
    ]
    return Acceptance(not refused, ends[0] if ends else None, kind not in profile.advised_against)


def endings(profile: Profile, observation: Observation) -> Iterator[tuple[list[str], bool] | None]:
    """Yield for each deadline of a profile the offered names that end then, and whether that day has passed.

    None: the list was not seen. If the day of the scan is not known, no day has passed.
    """
    for deadline, is_past in zip(profile.deadline, standings(profile, observation), strict=True):
        if not is_observed(observation, deadline.section):
            yield None
        else:
            offered = offers(observation, deadline.section).values()
            yield [each.name for each in offered if applies_to(deadline, each.name)], is_past is True
