"""Many hosts: concurrency, pacing, order, second tries, processes. Knows neither what is asked nor how it is judged.

Processes are in `pool` and `worker`, which are not imported here: they bring multiprocessing in, and most scans are
done by one process.
"""

from sshprobe.sweep.engine import Outcome, Progress, Sweep
from sshprobe.sweep.jobs import Job, Shortcut, Way, WayEnded, WayLeft
from sshprobe.sweep.turns import Limits

__all__ = [
    "Job",
    "Limits",
    "Outcome",
    "Progress",
    "Shortcut",
    "Sweep",
    "Way",
    "WayEnded",
    "WayLeft",
]
