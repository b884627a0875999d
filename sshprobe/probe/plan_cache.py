"""Plans that were made before. Only for speed: `sshprobe.probe.plan` decides, and this remembers.

Most hosts of a fleet offer the same lists and give the same answers, so the same few plans are made again and again.
The key of a plan is everything that it depends on while nothing has failed: the lists, the wanted facts and the
answers. After the first failure nothing is remembered.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter

from sshprobe.probe import plan
from sshprobe.probe.probe_progress import Answer, ExchangePlan, ProbeProgress, Wanted
from sshprobe.wire.messages import NAME_LISTS, KexInit

PLANS_KEPT = 64
"""Plans of one kind of lists. A host needs one for each of its connections."""

_lists = attrgetter(*NAME_LISTS)


def next_exchange(server: KexInit, progress: ProbeProgress, wanted: Wanted) -> ExchangePlan | None:
    """Return what `plan.next_exchange` returns."""
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


@lru_cache(maxsize=64)  # fleets offer the same lists again and again; few, as in `wire.messages`
def _plans(lists: tuple[tuple[bytes, ...], ...], wanted: Wanted) -> dict[Done, ExchangePlan | None]:
    return {}
