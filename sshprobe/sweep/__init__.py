"""Many hosts: concurrency, pacing, order, second tries, processes. Knows neither what is asked nor how it is judged."""

from sshprobe.sweep.engine import Outcome, Progress, Sweep
from sshprobe.sweep.jobs import Job, Shortcut, Way, WayEnded, WayLeft
from sshprobe.sweep.pool import Pool, PoolError
from sshprobe.sweep.worker import FLUSH_RESULTS, Numbered, serve

__all__ = [
    "FLUSH_RESULTS",
    "Job",
    "Numbered",
    "Outcome",
    "Pool",
    "PoolError",
    "Progress",
    "Shortcut",
    "Sweep",
    "Way",
    "WayEnded",
    "WayLeft",
    "serve",
]
