"""Runs sshprobe in forked copies of this process, which has loaded the shim and all modules.

A line of JSON on standard input starts a run. A line on standard output has its exit status and calls.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import sshprobe.cli.grade
import sshprobe.cli.output
import sshprobe.cli.progress
import sshprobe.cli.resume
import sshprobe.cli.run
import sshprobe.cli.scan
import sshprobe.cli.text_sink
import sshprobe.render.text.fleet_table
import sshprobe.scan.scanner
import sshprobe.scan.workers.runner
import sshprobe.store.cutting
import sshprobe.store.files
import sshprobe.store.reading
import sshprobe.store.resuming
from sshprobe.__main__ import run

MODULES = sshprobe


def child(wanted: dict[str, Any]) -> None:
    """Run sshprobe once, in this process."""
    os.chdir(wanted["folder"])
    null = os.open(os.devnull, os.O_RDWR)
    error = os.open(wanted["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, there in enumerate((null, null, error)):
        os.dup2(there, number)
    os.closerange(3, 64)
    os.environ["FAULT_LOG"] = wanted["log"]
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    shim.fault_begin(ctypes.c_long(wanted["at"]), int(wanted["kill"]), wanted["folder"].encode())
    sys.argv = ["sshprobe", *wanted["arguments"]]
    code = 70
    try:
        code = run()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        wanted = json.loads(line)
        Path(wanted["log"]).unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            child(wanted)
        _, status = os.waitpid(pid, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


if __name__ == "__main__":
    serve()
