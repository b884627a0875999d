"""Targets: hosts, networks, ranges, files and inventories as a lazy stream, and the hosts that must never be contacted.

All syntax is checked before the first target; targets are expanded one by one. A /8 takes as much memory as one host.
"""

from sshprobe.targets.exclusions import Exclusions
from sshprobe.targets.iterables import ADDRESSES, TargetLike, Targets, TargetSource, open_target, open_targets, word_of
from sshprobe.targets.live import LiveTargets
from sshprobe.targets.specs import Target
from sshprobe.targets.stream import TargetStream, parse_targets, targets_of_records

__all__ = [
    "ADDRESSES",
    "Exclusions",
    "LiveTargets",
    "Target",
    "TargetLike",
    "TargetSource",
    "TargetStream",
    "Targets",
    "open_target",
    "open_targets",
    "parse_targets",
    "targets_of_records",
    "word_of",
]
