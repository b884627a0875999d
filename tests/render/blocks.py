"""The block of a host, made from its record in one step."""

from collections.abc import Mapping

from sshprobe.cli.neutral_profile import describe
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.render.text.host_block import host_block
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.host import host_view


def block_of(
    record: HostRecord, terminal: Terminal, *, remedies: Mapping[str, Remedy] | None = None, verbose: bool = False
) -> str:
    return host_block(host_view(record, remedies or {}, describe), terminal, verbose=verbose)
