"""A cache of plans, only for speed: `sshprobe.probe.plan` makes them.

Most hosts of a fleet offer the same lists and give the same answers, so few plans repeat. The key of a plan is
everything that it depends on before a failure: the lists, the wanted facts and the answers. After the first failure,
nothing is cached.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter

from sshprobe.probe import plan
from sshprobe.probe.probe_progress import Answer, ExchangePlan, ProbeProgress, Wanted
from sshprobe.wire.messages import NAME_LISTS, KexInit

PLANS_KEPT = 64
"""The most plans per set of lists. A host needs one for each of its connections."""

_lists = attrgetter(*NAME_LISTS)


def next_exchange(server: KexInit, progress: ProbeProgress, wanted: Wanted) -> ExchangePlan | None:
    """Return the result of `plan.next_exchange`, cached."""
    if progress.troubled:
        return plan.next_exchange(server, progress, wanted)
    known = _plans(_lists(server), wanted)
    done = (
        frozenset(progress.answered),
        tuple(progress.groups),
        tuple(progress.narrow_groups),
        progress.least_bits,
        progress.maybe_openssh,
        progress.authentication,
        tuple(progress.further),
    )
    if done not in known:
        if len(known) >= PLANS_KEPT:
            known.clear()
        known[done] = plan.next_exchange(server, progress, wanted)
    return known[done]


Done = tuple[frozenset[str], tuple[str, ...], tuple[str, ...], int | None, bool, Answer, tuple[str, ...]]


@lru_cache(maxsize=64)  # fleets repeat few lists, as in `wire.messages`
def _plans(lists: tuple[tuple[bytes, ...], ...], wanted: Wanted) -> dict[Done, ExchangePlan | None]:
    return {}
