"""What to scan: hosts, networks, ranges, files and inventories as a lazy stream, and what must never be contacted.

All syntax is checked before the first target comes out; nothing is expanded before it is asked for. A /8 costs
as much memory as one host.
"""

from sshprobe.targets.exclusions import Exclusions
from sshprobe.targets.iterables import ADDRESSES, TargetLike, Targets, TargetSource, open_target, open_targets, word_of
from sshprobe.targets.saved_records import targets_of_records
from sshprobe.targets.specification import Target
from sshprobe.targets.stream import TargetStream, parse_targets

__all__ = [
    "ADDRESSES",
    "Exclusions",
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
