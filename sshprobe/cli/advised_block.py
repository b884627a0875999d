"""The block of one host, with what to change there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import HostRecord
    from sshprobe.profiles import Profile
    from sshprobe.render.text.terminal import Terminal


def block_with_advice(
    record: HostRecord,
    terminal: Terminal,
    profiles: Sequence[Profile],
    *,
    strict: bool,
    verbose: bool = False,
    fleet: FleetIndex | None = None,
) -> str:
    """Return the block of one host with what to change under each of `profiles`."""
    from sshprobe.remedy import remedy
    from sshprobe.render.text.host_block import host_block

    judged = {verdict.profile for verdict in record.verdicts}
    remedies = {each.id: remedy(record, each, strict=strict, fleet=fleet) for each in profiles if each.id in judged}
    return host_block(record, terminal, remedies=remedies, verbose=verbose)
