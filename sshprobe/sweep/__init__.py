"""Many hosts: concurrency, pacing, order and second tries. Knows neither what is asked nor how it is judged."""

from sshprobe.sweep.engine import Job, Progress, Sweep

__all__ = ["Job", "Progress", "Sweep"]
