"""The command `sshprobe`, which is `python -m sshprobe` too: the command line in a process of its own."""

from __future__ import annotations

import gc
import signal
import sys

OBJECTS_BETWEEN_COLLECTIONS = 10_000
"""So many more than before, and Python looks for garbage among the newest. Its own 700 are met 80 times in a start."""


def run() -> int:
    """Run the command line and return the exit code, sparing the collector what is not garbage: all that is imported.

    That is a fifth of what a scan of one host costs.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from sshprobe.cli import main
        from sshprobe.interrupts import ENDING_SIGNALS

        code = main()
        for number in ENDING_SIGNALS:  # all is written: the exit code stays what it is
            signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:  # while modules are imported, or a signal on the way out
        return 130
    except Exception as error:  # a module that cannot be read: no descriptor is left, or the disk is broken
        from sshprobe.model.errors import bug_line

        print(f"error: {error.strerror if isinstance(error, OSError) else bug_line(error)}", file=sys.stderr)
        return 2
    gc.freeze()  # else the interpreter goes through everything as it ends, several times, before it lets go of it
    return code


if __name__ == "__main__":
    sys.exit(run())
