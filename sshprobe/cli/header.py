"""The first record of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sshprobe import __version__
from sshprobe.model import timestamps
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.model.records import ProfileReference, SweepRecord, SweepSettings
    from sshprobe.profiles import Profile

TOOL = f"sshprobe {__version__}"


def sweep_header(
    profiles: Sequence[Profile], *, strict: bool, seed: int | None = None, settings: SweepSettings | None = None
) -> SweepRecord:
    """Return the header of a sweep that starts now, with the arguments of this process.

    `seed` is that of its order, `settings` what of its options changes its records.
    """
    from sshprobe.model.records import SweepRecord

    return SweepRecord(
        tool=TOOL,
        arguments=[escape_unprintable(argument) for argument in sys.argv[1:]],
        profiles=references(profiles),
        started_at=timestamps.encode(datetime.now(UTC)),
        seed=seed,
        strict=strict,
        settings=settings,
    )


def references(profiles: Sequence[Profile]) -> list[ProfileReference]:
    """Return how records name profiles."""
    from sshprobe.model.records import ProfileReference

    return [
        ProfileReference(
            id=profile.id,
            version=profile.version,
            extends=list(profile.extends),
            unverified=profile.not_verified,
            digest=profile.digest,
        )
        for profile in profiles
    ]
