"""One live line on standard error while a scan runs; without a terminal, a plain line now and then."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sshprobe.cli.standard_streams import has_colour, is_quiet
from sshprobe.platform.signals import around_stops

if TYPE_CHECKING:
    from rich.live import Live

    from sshprobe.scan.job import Progress
    from sshprobe.views.summary import SummaryBuilder

_PLAIN_INTERVAL = 10.0
"""Seconds between lines in a log."""

_SILENCE = 1.0
"""Seconds of waiting for one host before a message appears."""

_WAITS = "note: the host throttles, or the connection was closed; it is probed once more, after --throttle-wait"


class SweepProgress:
    """Shows the progress of a scan of at most `total` targets (None: a stream). With `only`, shows waits for that host.

    Prints nothing unless `wanted`. `stats`: seconds between plain lines, for logs; then no live line is drawn.
    """

    def __init__(
        self, counters: Progress, *, total: int | None, only: str, wanted: bool, stats: float | None = None
    ) -> None:
        self._counters = counters
        self._total = total
        self._only = only
        self._wanted = not is_quiet() and (wanted or stats is not None)
        self._lines_only = stats is not None
        self._interval = stats or _PLAIN_INTERVAL
        self._start = 0.0
        self._stopped_at = 0.0
        self._hidden: Live | None = None  # while this process is stopped
        self._is_switching = False
        self._live: Live | None = None
        self._live_is_ours = threading.RLock()  # for one host another thread shows it
        self._summary: SummaryBuilder | None = None
        self.held = 0
        """Targets that are already in the file of a resumed scan."""

    @contextlib.contextmanager
    def showing(self, summary: SummaryBuilder) -> Iterator[None]:
        """Show progress during the block; `summary` has the counts so far."""
        self._summary = summary
        self._start = time.monotonic()
        with around_stops(self._before_stop, self._after_stop), self._way():
            yield

    def _is_done(self) -> bool:
        """Whether all targets are done. Never true for a stream, which may have more."""
        return self._total is not None and self.held + self._counters.done >= self._total

    def _before_stop(self) -> None:
        """Erase the line and show the cursor again."""
        self._stopped_at = time.monotonic()
        with self._live_is_ours:
            self._hidden = None if self._is_switching else self._live
            if self._hidden is not None:
                self._hidden.stop()

    def _after_stop(self) -> None:
        self._start += time.monotonic() - self._stopped_at  # time while stopped does not count for the rate
        with self._live_is_ours:
            if self._hidden is not None and not self._is_done():
                self._hidden.start()

    @contextlib.contextmanager
    def _switching(self) -> Iterator[None]:
        """Start or stop the live line. Ctrl-Z during the switch does not touch the line."""
        self._is_switching = True
        try:
            yield
        finally:
            self._is_switching = False

    def _way(self) -> contextlib.AbstractContextManager[None]:
        """Return the display for a log, a terminal with one host, or one with many."""
        one = self._total == 1
        if not self._wanted or not _may_start_threads():
            return contextlib.nullcontext()
        if self._lines_only:
            return self._in_log()
        if sys.stderr.isatty():
            return self._of_a_wait() if one else self._on_terminal()
        return contextlib.nullcontext() if one else self._in_log()

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Hide the live line while other text is printed. It stays hidden once all hosts are done."""
        with self._live_is_ours:
            if self._live is None:
                yield
                return
            with self._switching():
                self._live.stop()
            try:
                yield
            finally:
                if not self._is_done():
                    with self._switching():
                        self._live.start()

    def say(self, words: str) -> None:
        """Print one line above the live line, unless `-q` was given."""
        if is_quiet():
            return
        with self.pause():
            print(words, file=sys.stderr, flush=True)

    def line(self) -> str:
        """Return "612 of 1,024   298 ssh   71/s   6 s left   A 201  B 60"."""
        new = self._counters.done
        done = self.held + new
        parts = [f"{done:,} of {self._total:,}" if self._total is not None else f"{done:,} done"]
        if self._summary is not None:
            parts.append(f"{sum(self._first_grades().values()):,} ssh")
        elapsed = time.monotonic() - self._start
        if new and elapsed > 1:
            rate = new / elapsed
            parts.append(f"{rate:,.0f}/s")
            if self._total is not None:
                left = max(self._total - done, 0) / rate
                parts.append(f"{left:,.0f} s left" if left < 100 else f"{left / 60:,.0f} min left")
        if self._counters.waiting:
            parts.append(f"{self._counters.waiting:,} to probe again")
        grades = "  ".join(f"{letter} {number}" for letter, number in sorted(self._first_grades().items()))
        return "   ".join([*parts, grades] if grades else parts)

    def _first_grades(self) -> dict[str, int]:
        # The drawing thread reads while the scan counts, so it iterates over copies.
        profiles = [] if self._summary is None else list(self._summary.grades.values())
        return dict(profiles[0]) if profiles else {}

    @contextlib.contextmanager
    def _on_terminal(self) -> Iterator[None]:
        live = _live_line(self.line)
        with self._switching():
            live.start()
        self._live = live
        try:
            yield
        finally:
            self._live = None
            live.stop()

    @contextlib.contextmanager
    def _in_log(self) -> Iterator[None]:
        def write(ended: threading.Event) -> None:
            while not ended.wait(self._interval):
                print(self.line(), file=sys.stderr, flush=True)

        with _beside(write):
            yield

    @contextlib.contextmanager
    def _of_a_wait(self) -> Iterator[None]:
        """The line for a single host, which has no counts. It explains waits: for the host, and before our second
        try."""

        def write(ended: threading.Event) -> None:
            until = time.monotonic() + _SILENCE
            reported = False
            while not ended.wait(0.2):
                if self._counters.waiting and not reported:
                    reported = True
                    self.say(_WAITS)
                if self._live is None and time.monotonic() >= until:
                    live = _live_line(lambda: f"waiting for {self._only} ...", style="dim")
                    with self._live_is_ours:
                        if not self._is_done():
                            self._live = live
                            live.start()

        try:
            with _beside(write):
                yield
        finally:
            if self._live is not None:
                self._live.stop()
                self._live = None


def _may_start_threads() -> bool:
    """Whether this machine can start a thread. Without one, a scan runs without progress."""
    try:
        threading.Thread(target=str, daemon=True).start()
    except RuntimeError:
        return False
    return True


def _live_line(words: Callable[[], str], style: str = "") -> Live:
    """Return a live line on standard error. Stopping erases it."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    return Live(
        console=Console(stderr=True, no_color=not has_colour(sys.stderr)),
        get_renderable=lambda: Text(words(), style, no_wrap=True, overflow="crop"),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


@contextlib.contextmanager
def _beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` in a thread. Its event is set when the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1.0)  # standard error may block
