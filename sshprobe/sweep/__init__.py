"""Many hosts: concurrency, pacing, order and second tries. Knows neither what is asked nor how it is judged."""

from sshprobe.sweep.engine import Job, Outcome, Progress, Sweep

__all__ = ["Job", "Outcome", "Progress", "Sweep"]
