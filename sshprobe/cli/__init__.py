"""The command line: one module a command, each loaded when it is used. Nothing imports this package.

Exit codes: 0 all graded and nothing at or above `--fail-on`; 1 `--fail-on` was reached; 2 wrong usage or unreadable
input; 3 no host could be graded; 130 interrupted. Where two apply: 2 before all others (nothing was scanned),
then 130, then 3, then 1.
"""

from sshprobe.cli.main import main

__all__ = ["main"]
