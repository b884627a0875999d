"""For whom authentication methods were seen, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sshprobe.model.observation import Observation, UserAuthentication

SOMEBODY = "the user asked"
"""Who is meant where a record does not name the user."""


def answers_by_user(observation: Observation) -> Mapping[str, UserAuthentication]:
    """Return the answers that came, by user. Empty: nobody's methods were seen."""
    found = observation.authentication_by_user
    if found is None:
        methods, accepted = observation.authentication_methods, observation.authentication_none_accepted
        only = UserAuthentication(methods=methods, none_accepted=accepted)
        found = {observation.authentication_user or SOMEBODY: only}
    return {user: each for user, each in found.items() if each.methods is not None or each.none_accepted is not None}


def unanswered_users(observation: Observation) -> list[str]:
    """Return the users who were asked about and of whom no list came."""
    return [user for user, each in (observation.authentication_by_user or {}).items() if each.methods is None]


def methods_of_all(observation: Observation) -> list[str] | None:
    """Return the methods that are listed for any user, each once, as they came; None: no list was seen."""
    lists = [each.methods for each in answers_by_user(observation).values() if each.methods is not None]
    return list(dict.fromkeys(name for names in lists for name in names)) if lists else None


def methods_for_everybody(observation: Observation) -> list[str]:
    """Return the methods that are listed for each user of whom a list came: who switches others off leaves these."""
    lists = [each.methods for each in answers_by_user(observation).values() if each.methods is not None]
    return [name for name in lists[0] if all(name in names for names in lists)] if lists else []


def users_with(observation: Observation, method: str) -> list[str]:
    """Return the users for whom a method is listed."""
    return [user for user, each in answers_by_user(observation).items() if method in (each.methods or ())]


def users_with_an_empty_list(observation: Observation) -> list[str]:
    """Return the users for whom an answer came that lists no method, and was no success either."""
    answers = answers_by_user(observation).items()
    return [user for user, each in answers if not (each.none_accepted or each.methods is None or any(each.methods))]


def accepted_without_credential(observation: Observation) -> list[str]:
    """Return the users whom "none" logged in."""
    return [user for user, each in answers_by_user(observation).items() if each.none_accepted]


def with_answers(observation: Observation, change: Callable[[UserAuthentication], UserAuthentication]) -> Observation:
    """Return what would be seen if each answer that came were changed so, in the old fields and by user."""

    def changed(answer: UserAuthentication) -> UserAuthentication:
        return answer if answer.methods is None and answer.none_accepted is None else change(answer)

    first = changed(
        UserAuthentication(
            methods=observation.authentication_methods, none_accepted=observation.authentication_none_accepted
        )
    )
    found = observation.authentication_by_user
    return msgspec.structs.replace(
        observation,
        authentication_methods=first.methods,
        authentication_none_accepted=first.none_accepted,
        authentication_by_user=found and {user: changed(each) for user, each in found.items()},
    )


def in_words(users: list[str]) -> str:
    """Return users as a phrase: "users root and nobody", "user nobody", which "nobody" alone would turn around."""
    *others, last = users
    if others:
        return f"users {', '.join(others)} and {last}"
    return last if last == SOMEBODY else f"user {last}"
