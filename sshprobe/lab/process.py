"""A server process: started, watched through its log, and ended by its pid together with its children."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.server import LabError

_START_SECONDS = 20.0
_STOP_SECONDS = 3.0
_TICK = 0.02
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def find_program(name: str) -> Path | None:
    """Return the program `name` from PATH or the system's folders (an ordinary user's PATH lacks the sbin ones)."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM_FOLDERS)
    return None if found is None else Path(found)


_handed_out: set[tuple[str, int]] = set()


def free_port(host: str) -> int:
    """Return a TCP port of `host` that is free now and that this process has not handed out before.

    Another process may still take it first; then the server has to be started again on another port.
    """
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if (host, port) not in _handed_out:
            _handed_out.add((host, port))
            return port


def run_tool(*arguments: str | Path) -> str:
    """Run a short program, such as ssh-keygen, and return its standard output.

    Raises LabError with its standard error.
    """
    try:
        done = subprocess.run(
            [str(find_program(str(arguments[0])) or arguments[0]), *map(str, arguments[1:])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise LabError(f"`{arguments[0]}` is not installed") from error
    if done.returncode:
        raise LabError(f"`{Path(arguments[0]).name}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def make_key(spec: str, path: Path) -> Path:
    """Make a private key at `path` (and `path.pub`). `spec`: "rsa", "rsa:2048", "ecdsa:384", "ed25519", "dsa"."""
    kind, _, bits = spec.partition(":")
    size = ["-b", bits] if bits else []
    run_tool("ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "lab", "-f", path)
    return path


class ServerProcess:
    """One process whose standard output and error go to `log_file`."""

    def __init__(self, arguments: Sequence[str | Path], log_file: Path, *, stdio: socket.socket | None = None) -> None:
        """Start it. `stdio` becomes its standard input and output (inetd style); otherwise it has no input.

        It has its own session: an interrupt from the terminal ends us, and we end it. If `setpriv` (util-linux) is
        installed, the kernel also ends it when we are killed.
        """
        words = [str(argument) for argument in arguments]
        setpriv = find_program("setpriv")
        if setpriv is not None:
            words = [str(setpriv), "--pdeathsig", "TERM", "--", *words]
        self._log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL if stdio is None else stdio.fileno(),
                stdout=log.fileno() if stdio is None else stdio.fileno(),
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def log(self) -> str:
        """Its output so far; bytes that are not UTF-8 are escaped."""
        return self._log_file.read_text("utf-8", "backslashreplace")

    async def wait_for_line(self, text: str) -> None:
        """Wait until its log holds `text`. Raises LabError when it ends first, or takes too long."""
        for _ in range(int(_START_SECONDS / _TICK)):
            ended = self.returncode is not None
            log = self.log()
            if text in log:
                return
            if ended:
                break
            await asyncio.sleep(_TICK)
        tail = " / ".join(self.log().strip().splitlines()[-4:]) or "it wrote nothing"
        state = f"ended with {self.returncode}" if self.returncode is not None else f"did not write {text!r}"
        raise LabError(f"`{self._process.args[0] if isinstance(self._process.args, list) else ''}` {state}: {tail}")

    async def stop(self) -> None:
        """Stop it and its children with SIGTERM, then SIGKILL. Return when they have ended."""
        # sshd puts each connection into its own session, outside the process group, and these outlive the listener.
        # So they are looked up while the listener is still their parent.
        family = descendants(self.pid)
        try:
            if self._process.poll() is None:
                self._process.terminate()
            for pid in family:
                _signal(pid, signal.SIGTERM)
            for _ in range(int(_STOP_SECONDS / _TICK)):
                if self._process.poll() is not None and not any(map(is_alive, family)):
                    return
                await asyncio.sleep(_TICK)
        finally:
            for pid in family:
                if is_alive(pid):
                    _signal(pid, signal.SIGKILL)
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def is_alive(pid: int) -> bool:
    """Return whether the process `pid` runs. A zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        if Path("/proc/self/stat").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    return state not in "ZX"


def descendants(pid: int) -> list[int]:
    """Return the children of `pid` and their children, or an empty list without /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = entry.read_text().partition(" ")
        except OSError:
            continue
        parents.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found: list[int] = []
    queue = [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found
