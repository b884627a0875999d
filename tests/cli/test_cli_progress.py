"""What is shown while a scan waits."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading

import pytest


@pytest.mark.parametrize("options", [(), ("--no-progress",)], ids=["shown", "not wanted"])
def test_a_silence_is_explained(options: tuple[str, ...]) -> None:
    """Of one host there is no progress; but where it hangs up, nothing happens for a while."""
    taken = []

    def hang_up(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            taken.append(connection)
            connection.close()

    ours, theirs = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        server = threading.Thread(target=hang_up, args=(listener,))
        server.start()
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "sshprobe", "scan", target, "--throttle-wait", "1", *options]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        server.join()
    os.close(theirs)
    try:
        said = os.read(ours, 65_536).decode()
    except OSError:  # nothing was written before the other end was closed
        said = ""
    os.close(ours)
    assert done.returncode == 3
    assert len(taken) == 2
    assert said.count("or the connection was closed; it is asked once more") == (0 if options else 1)
