"""Memory for servers stays small, whatever they send."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.plan import offer
from sshprobe.wire.messages import KexInit
from tests.wire.playbook import KEXINIT_LISTS, kexinit

NAMES = [b"%x" % number for number in range(256)]


def made_up(seed: int) -> bytes:
    """A KEXINIT of nearly the largest packet, with as many names as fit: a megabyte of objects."""
    chosen = random.Random(seed)
    lists: dict[str, Any] = {field: b",".join(chosen.choices(NAMES, k=1150)) for field in KEXINIT_LISTS}
    return kexinit(**lists)


def test_invented_lists_are_soon_forgotten() -> None:
    tracemalloc.start()
    try:
        for seed in range(300):
            facts, server = ObservationBuilder(), KexInit.parse(made_up(seed))
            facts.add_kexinit(server)
            facts.lists()
            facts.hassh_server()
            offer(server)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 120_000_000
