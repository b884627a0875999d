"""The signals that ask this process to end, and handlers for them. Windows has two of them, and no Ctrl-Z."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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
        signal.raise_signal(number)  # the process stops here
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


def ignore(signals: Iterable[signal.Signals] = ENDING_SIGNALS) -> None:
    """Ignore signals from now on: another process decides, or all work is done."""
    for number in signals:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def on_interrupt(
    handler: Callable[[], None],
    *,
    is_blocked: Callable[[], bool] = lambda: False,
    unblock: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Call `handler`, in the main thread, for each Ctrl-C, SIGTERM, SIGHUP and SIGQUIT during the block.

    Works with and without an event loop; without one, only between two steps of Python. SIGHUP and SIGQUIT stay ignored
    if they were (nohup).

    `is_blocked`: whether the main thread waits for a reader of its output. Then the second Ctrl-C, or the first of
    another signal, counts twice and calls `unblock`, which may raise.
    """
    loop: Any = None
    if "asyncio" in sys.modules:  # otherwise no loop is running
        with suppress(RuntimeError):
            loop = sys.modules["asyncio"].get_running_loop()
    times = 0

    def called(number: int, frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        blocked = is_blocked() and (times > 1 or number != signal.SIGINT)
        for _ in range(2 if blocked and times == 1 else 1):
            if loop is None:
                handler()
            else:
                loop.call_soon_threadsafe(handler)
        if blocked:
            times += 1
            unblock()

    with handling(called):
        yield
