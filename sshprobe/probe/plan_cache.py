"""Plans that were made before. Only for speed: `sshprobe.probe.plan` says what comes next, and this remembers it.

Most hosts of a fleet offer what others offered and answer what is asked, so the same few plans are made again and
again. What is kept is found by all that a plan is made of while nothing has failed: the lists, what is wanted, and what
was answered. It is made from those alone, too, so nothing else can have had a part in it. After the first failure,
`plan` is asked each time.
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
        known[done] = _planned(_lists(server), wanted, *done)
    return known[done]


Done = tuple[frozenset[str], tuple[str, ...], tuple[str, ...], int | None, bool, Answer, tuple[str, ...]]


@lru_cache(maxsize=64)  # fleets offer the same lists again and again; few, as in `wire.messages`
def _plans(lists: tuple[tuple[bytes, ...], ...], wanted: Wanted) -> dict[Done, ExchangePlan | None]:
    return {}


def _planned(
    lists: tuple[tuple[bytes, ...], ...],
    wanted: Wanted,
    answered: frozenset[str],
    groups: tuple[str, ...],
    narrow_groups: tuple[str, ...],
    least_bits: int | None,
    maybe_openssh: bool,
    authentication: Answer,
    further: tuple[str, ...],
) -> ExchangePlan | None:
    progress = ProbeProgress(
        answered=set(answered),
        groups=dict.fromkeys(groups, "answered"),
        narrow_groups=dict.fromkeys(narrow_groups, "answered"),
        least_bits=least_bits,
        maybe_openssh=maybe_openssh,
        authentication=authentication,
        further=dict.fromkeys(further, "answered"),
    )
    server = KexInit(cookie=bytes(16), **dict(zip(NAME_LISTS, lists, strict=True)))  # type: ignore[arg-type]
    return plan.next_exchange(server, progress, wanted)
