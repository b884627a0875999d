"""`sshprobe report --by deadline`: connects profiles and grader with the view, which does not depend on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sshprobe.cli.options.grading import load_profiles
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.grading.mandates import Acceptance
    from sshprobe.model.name_lists import AlgorithmType
    from sshprobe.model.records import HostRecord
    from sshprobe.profiles import Deadline, Profile
    from sshprobe.views.deadline_report import Deadlines, DeadlineUse, ExchangeUse, Mandate
    from sshprobe.views.deadlines import DeadlineBuilder, Ending


def dated_profiles(names: tuple[str, ...], at: date | None) -> list[Profile]:
    """Return the named profiles, or all built-in ones with deadlines, as of `at`.

    Raises `InputError` for a named one without deadlines.
    """
    from sshprobe.profiles import available_profiles, load_profile

    names = names or tuple(id for id in available_profiles() if load_profile(id).deadline)
    found = load_profiles(names, at=at, remarks=False)
    for profile in found:
        if not profile.deadline:
            dated = ", ".join(id for id in available_profiles() if load_profile(id).deadline)
            raise InputError(f"profile `{profile.id}` has no deadlines. These have: {dated}")
    return found


def deadline_builder(profiles: Sequence[Profile]) -> DeadlineBuilder:
    """Return the builder of the view for these profiles."""
    from sshprobe.grading.mandates import endings
    from sshprobe.views.deadlines import DeadlineBuilder, Ending

    def find(record: HostRecord) -> list[Ending | None]:
        return [each and Ending(*each) for profile in profiles for each in endings(profile, record)]

    mandates, exchanges = _mandates(profiles)
    return DeadlineBuilder(
        [_use(profile, deadline) for profile in profiles for deadline in profile.deadline],
        find,
        mandates=mandates,
        exchanges=exchanges,
        at=next((profile.at.isoformat() for profile in profiles if profile.at is not None), None),
    )


def deadlines_of(algorithms: Iterable[tuple[AlgorithmType, str]]) -> Deadlines:
    """Return the dates that the built-in profiles have for some algorithms."""
    import msgspec

    from sshprobe.grading.checks.deadlines import applies_to
    from sshprobe.views.deadline_report import Deadlines

    profiles = dated_profiles((), None)
    names = sorted(set(algorithms))
    uses = []
    for profile in profiles:
        for deadline in profile.deadline:
            ending = {name: 0 for type_, name in names if type_ == deadline.section and applies_to(deadline, name)}
            if ending:
                uses.append(msgspec.structs.replace(_use(profile, deadline), algorithms=ending))
    uses.sort(key=lambda use: (use.until, use.profile, use.category))
    return Deadlines(uses, *_mandates(profiles))


def _use(profile: Profile, deadline: Deadline) -> DeadlineUse:
    from sshprobe.views.deadline_report import DeadlineUse

    return DeadlineUse(
        until=deadline.until.isoformat(),
        profile=profile.id,
        category=deadline.section,
        only_advises=deadline.only_advises,
        document=deadline.document,
        where=deadline.where,
        checked=deadline.checked,
        binding=deadline.binding,
    )


def _mandates(profiles: Sequence[Profile]) -> tuple[list[Mandate], list[ExchangeUse]]:
    """Return what each profile says of the kinds of key exchanges, and which of these satisfy most profiles."""
    from sshprobe.grading.mandates import EXCHANGES, acceptance
    from sshprobe.views.deadline_report import Mandate

    accepted = {
        profile.id: {name: acceptance(profile, kind, name) for kind, names in EXCHANGES.items() for name in names}
        for profile in profiles
    }
    mandates = [
        Mandate(
            profile=profile.id,
            title=profile.title,
            kinds={kind: _best(accepted[profile.id][name] for name in names) for kind, names in EXCHANGES.items()},
        )
        for profile in profiles
    ]
    return mandates, _exchanges(accepted)


def _best(accepted: Iterable[Acceptance]) -> str:
    """Describe the best answer of a profile for a kind of key exchange."""
    best = max(accepted, key=lambda each: (each.is_accepted, each.until or "9", each.is_recommended))
    if not best.is_accepted:
        return "no"
    until = "" if best.until is None else f"until {best.until}"
    if not best.is_recommended:
        return f"not recommended, {until}".removesuffix(", ")
    return until or "yes"


def _exchanges(accepted: dict[str, dict[str, Acceptance]]) -> list[ExchangeUse]:
    from sshprobe.algorithms import lookup
    from sshprobe.grading.mandates import EXCHANGES
    from sshprobe.views.deadline_report import ExchangeUse

    found = []
    for kind, names in EXCHANGES.items():
        for name in names:
            entry = lookup("kex", name)
            answers = {profile: answer[name] for profile, answer in accepted.items()}
            found.append(
                ExchangeUse(
                    algorithm=name,
                    kind=kind,
                    in_openssh=entry is not None and bool(entry.openssh_in_code),
                    accepted_by=[profile for profile, answer in answers.items() if answer.is_accepted],
                    accepted_for_ever_by=[profile for profile, answer in answers.items() if answer.lasts],
                    not_recommended_by=[
                        profile for profile, answer in answers.items() if answer.lasts and not answer.is_recommended
                    ],
                )
            )
    found.sort(key=lambda each: (-len(each.accepted_for_ever_by), -len(each.accepted_by), not each.in_openssh))
    return found
