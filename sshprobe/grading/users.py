"""Authentication methods, by user and for all users combined."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sshprobe.model.observation import Observation, UserAuthentication

SOMEBODY = "the user asked"
"""The key for answers in a record that does not name the user."""


def answers_by_user(observation: Observation) -> Mapping[str, UserAuthentication]:
    """Return the answers of the server by user. Empty: no answers."""
    found = observation.authentication_by_user
    if found is None:
        methods, accepted = observation.authentication_methods, observation.authentication_none_accepted
        only = UserAuthentication(methods=methods, none_accepted=accepted)
        found = {observation.authentication_user or SOMEBODY: only}
    return {user: each for user, each in found.items() if each.methods is not None or each.none_accepted is not None}


def unanswered_users(observation: Observation) -> list[str]:
    """Return the users of the scan without a list of methods."""
    return [user for user, each in (observation.authentication_by_user or {}).items() if each.methods is None]


def methods_of_all(observation: Observation) -> list[str] | None:
    """Return the methods that are listed for any of the users, each once, in order. None: there is no list."""
    lists = _lists(observation)
    return list(dict.fromkeys(name for names in lists for name in names)) if lists else None


def methods_for_everybody(observation: Observation) -> list[str]:
    """Return the methods that are listed for every user with a list."""
    lists = _lists(observation)
    return [name for name in lists[0] if all(name in names for names in lists)] if lists else []


def _lists(observation: Observation) -> list[list[str]]:
    return [each.methods for each in answers_by_user(observation).values() if each.methods is not None]


def users_with(observation: Observation, method: str) -> list[str]:
    """Return the users for whom a method is listed."""
    return [user for user, each in answers_by_user(observation).items() if method in (each.methods or ())]


def users_with_an_empty_list(observation: Observation) -> list[str]:
    """Return the users whose answer was a refusal that lists no method."""
    answers = answers_by_user(observation).items()
    return [user for user, each in answers if not (each.none_accepted or each.methods is None or any(each.methods))]


def accepted_without_credential(observation: Observation) -> list[str]:
    """Return the users whom "none" logged in."""
    return [user for user, each in answers_by_user(observation).items() if each.none_accepted]


def with_answers(observation: Observation, change: Callable[[UserAuthentication], UserAuthentication]) -> Observation:
    """Return an observation with every answer changed, in the old fields and by user."""

    def changed(answer: UserAuthentication) -> UserAuthentication:
        return answer if answer.methods is None and answer.none_accepted is None else change(answer)

    methods, accepted = observation.authentication_methods, observation.authentication_none_accepted
    first = changed(UserAuthentication(methods=methods, none_accepted=accepted))
    found = observation.authentication_by_user
    return msgspec.structs.replace(
        observation,
        authentication_methods=first.methods,
        authentication_none_accepted=first.none_accepted,
        authentication_by_user=found and {user: changed(each) for user, each in found.items()},
    )


def in_words(users: list[str]) -> str:
    """Return users as a phrase: "users root and nobody", "user nobody"."""
    *others, last = users
    if others:
        return f"users {', '.join(others)} and {last}"
    return last if last == SOMEBODY else f"user {last}"
