"""Whether a score may hide points: something that findings are made of was not seen (`Verdict.grade_is_partial`)."""

from __future__ import annotations

from sshprobe.algorithms import lookup
from sshprobe.grading.checks.group_numbers import leaves_groups_untested
from sshprobe.grading.offers import has_missing_lists
from sshprobe.grading.sizes import SAFE_MODULUS_BITS, group_exchange_methods, smallest_modulus
from sshprobe.grading.users import answers_by_user, unanswered_users
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile


def is_partial(observation: Observation, profile: Profile) -> bool:
    """Return whether a host could have more findings that cost points than those that were seen.

    Of a server that speaks SSH-1 only all was seen that there is. A host that lets anyone in without a credential lists
    no methods, and none could make its score worse.
    """
    if observation.status == "ssh1_only":
        return False
    return (
        observation.status != "ok"
        or observation.depth != "full"
        or observation.identification is None
        or observation.several_servers
        or observation.names_left_out > 0
        or has_missing_lists(observation)
        or _hides_keys(observation)
        or _hides_groups(observation, profile)
        or _hides_methods(observation)
    )


def _hides_keys(observation: Observation) -> bool:
    """Return whether a key on offer was not shown, or has no proof: then it was not judged in full."""
    if observation.host_keys is None or any(key.signature_verified is not True for key in observation.host_keys):
        return True
    entries = (lookup("host_key", name) for name in observation.server_host_key_algorithms or () if name)
    return not observation.host_keys and any(entry is None or entry.family != "none" for entry in entries)


def _hides_groups(observation: Observation, profile: Profile) -> bool:
    """Return whether the smallest group is not known, for `group_exchange.modulus`, or a group was not tested."""
    if not group_exchange_methods(observation):
        return False
    if leaves_groups_untested(observation):
        return True
    least = SAFE_MODULUS_BITS if profile.group_exchange is None else profile.group_exchange.min_bits
    return smallest_modulus(observation, least) is None


def _hides_methods(observation: Observation) -> bool:
    """Return whether no method was listed for a user who was asked for."""
    answers = answers_by_user(observation)
    listed = all(each.none_accepted or any(each.methods or ()) for each in answers.values())
    return not (answers and listed) or bool(unanswered_users(observation))
