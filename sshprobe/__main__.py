"""The command `sshprobe`, also `python -m sshprobe`: the command line in its own process."""

from __future__ import annotations

import gc
import sys

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""New objects between two garbage collections. Startup creates 60,000 objects; Python's default is 700."""


NOT_FOR_SSH = ("ssl", "asyncio.sslproto")
"""asyncio imports these, which takes 5 ms, and SSH does not use them."""


def run() -> int:
    """Run the command line and return the exit code. The garbage collector ignores imported objects."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from sshprobe.deferred_imports import defer_imports

        defer_imports(*NOT_FOR_SSH)
        from sshprobe.cli import main
        from sshprobe.platform.signals import ignore

        code = main()
        ignore()  # all output is written: keep the exit code
    except KeyboardInterrupt:  # during imports, or a signal at exit
        return 130
    except Exception as error:  # a module cannot be read: no descriptor is left, or the disk is broken
        from sshprobe.model.errors import bug_line

        print(f"error: {error.strerror if isinstance(error, OSError) else bug_line(error)}", file=sys.stderr)
        return 2
    gc.freeze()  # otherwise the interpreter scans all objects for garbage several times at exit
    return code


if __name__ == "__main__":
    sys.exit(run())
