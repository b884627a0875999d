"""`python -m sshprobe`."""

import sys

from sshprobe.cli import main

if __name__ == "__main__":
    sys.exit(main())
