"""The signals that ask this process to end, and handlers for them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
"""Ctrl-C, `kill`, a closed terminal, Ctrl-\\. Windows has the first two."""


@contextmanager
def handling(handler: Callable[[int, FrameType | None], None], *, interrupts: bool = True) -> Iterator[None]:
    """Call `handler` for the `ENDING_SIGNALS` during the block, except for SIGHUP and SIGQUIT if they are ignored.

    `interrupts`: also for SIGINT. Only the main thread can handle signals; in others nothing changes.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING_SIGNALS:
            now = signal.getsignal(number)
            first = number in (signal.SIGINT, signal.SIGTERM)
            if (interrupts or number != signal.SIGINT) and (first or now is not signal.SIG_IGN):
                before[number] = now
                signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def around_stops(before: Callable[[], None], after: Callable[[], None]) -> Iterator[None]:
    """Call `before` when Ctrl-Z is about to stop this process during the block, and `after` when it continues.

    Nothing changes on Windows, in threads other than the main one, and if Ctrl-Z is ignored.
    """
    number = getattr(signal, "SIGTSTP", None)
    if (
        number is None
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(number) is not signal.SIG_DFL
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        before()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # it stops in here
        signal.signal(number, stop)
        after()

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def delaying_interrupts() -> Iterator[None]:
    """Delay the `ENDING_SIGNALS` until the end of the block."""
    waiting: list[int] = []
    with handling(lambda number, frame: waiting.append(number)):
        yield
    if waiting:
        signal.raise_signal(waiting[0])
