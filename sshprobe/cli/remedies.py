"""Remedies for hosts of saved records, under the profiles of their verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import HostRecord
    from sshprobe.model.remedy import Remedy
    from sshprobe.model.verdict import Verdict
    from sshprobe.profiles import Profile
    from sshprobe.remedy import RemedyCache


class Remedies:
    """Makes remedies. A verdict names its profile: it must be one of `profiles`, or built in with the same version.

    Arguments:
        profiles: the profiles of a scan or a grading.
        strict: returns whether the verdicts are strict. It is called at the first host.
        fleet: findings across the fleet are fixed too.
    """

    def __init__(self, profiles: Sequence[Profile], strict: Callable[[], bool], fleet: FleetIndex | None) -> None:
        self._profiles = {(each.id, each.version): each for each in profiles}
        self._strict = strict
        self._fleet = fleet
        self._caches: dict[tuple[str, str], RemedyCache | None] = {}

    def remedy_for(self, record: HostRecord, verdict: Verdict) -> Remedy | None:
        """Return the remedy of a host for one of its verdicts; None if its profile is not known."""
        key = verdict.profile, verdict.profile_version
        if key not in self._caches:
            self._caches[key] = self._cache(verdict)
        cache = self._caches[key]
        return None if cache is None else cache.remedy_for(record)

    def _cache(self, verdict: Verdict) -> RemedyCache | None:
        from sshprobe.remedy import RemedyCache

        profile = self._profiles.get((verdict.profile, verdict.profile_version)) or _built_in(verdict)
        if profile is None:
            note(f"no lines to paste for {verdict.profile}: use `sshprobe grade RECORDS --profile FILE -o report.html`")
            return None
        return RemedyCache(profile, strict=self._strict(), fleet=self._fleet)


def _built_in(verdict: Verdict) -> Profile | None:
    from sshprobe.profiles import is_built_in, load_profile

    try:
        profile = load_profile(verdict.profile) if is_built_in(verdict.profile) else None
    except InputError:  # of the family "openssh-X.Y", with a release that is not known here
        return None
    return profile if profile is not None and profile.version == verdict.profile_version else None
