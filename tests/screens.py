"""A pseudo-terminal of any size, on which tests run a command."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHOSEN_BY_TESTS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key not in CHOSEN_BY_TESTS},
    "TERM": "xterm-256color",
}


def on_a_screen(
    command: Sequence[str],
    width: int = 80,
    *,
    environment: Mapping[str, str] | None = None,
    status: int = 0,
    folder: str | Path = ROOT,
    errors: bool = False,
) -> str:
    """Return what `command` writes to a terminal of `width` columns and 24 rows, with `errors` on standard error too.

    It must end with `status`.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    environ = {**ENVIRONMENT, **(environment or {})}
    try:
        stderr = theirs if errors else subprocess.PIPE
        stderr = theirs if errors else subprocess.PIPE
        ended = subprocess.run(command, stdout=theirs, stderr=stderr, env=environ, cwd=folder, check=False)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    assert ended.returncode == status, ended.stderr
    return b"".join(pieces).decode().replace("\r\n", "\n")
