"""Counts how often a call goes from one file of the package to another."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


class Hops:
    """Transitions between files, and calls in each file, while `counted` is on."""

    def __init__(self, tree: Path) -> None:
        self._package = f"{tree}/sshprobe/"
        self.hops: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()

    def _hook(self, frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(self._package):
            return
        self.calls[file] += 1
        caller = "" if frame.f_back is None else frame.f_back.f_code.co_filename
        if caller != file and caller.startswith(self._package):
            self.hops[caller, file] += 1

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Reset the counts."""
        self.hops.clear()
        self.calls.clear()
        sys.setprofile(self._hook)
        try:
            yield
        finally:
            sys.setprofile(None)

    def result(self) -> dict[str, Any]:
        """Return the counts, the most frequent transitions first."""
        start = len(self._package)
        most = [(f"{a[start:]} > {b[start:]}", number) for (a, b), number in self.hops.most_common(12)]
        return {"transitions": self.hops.total(), "files": len(self.calls), "most": most}
