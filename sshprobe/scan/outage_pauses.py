"""Pauses of a scan while this machine has lost its network (`sshprobe.net.outage`).

While the network is lost, nothing new is started. A job that failed and overlaps an outage, or a stop of this process,
waits for the end of the pause and is started anew.
"""

from __future__ import annotations

from collections.abc import Callable

from sshprobe.net import Network
from sshprobe.net.outage import OutageMonitor, SharedWitnesses

MAX_PAUSE = 30.0
"""Seconds to wait for a lost network. One that stays away is taken as it is."""

NETWORK_BACK = "the network is back"
"""How the message of the end of a pause begins."""

MAX_FRESH_STARTS = 3
"""Times that a job is started anew because of outages."""

LOOK_INTERVAL = 1.0
"""Seconds between two looks at the network."""

LOOK_INTERVAL_LOST = 0.25
"""The same while it is lost."""


class Outages:
    """The outages of one scan. Its callbacks come from the network's timers.

    - `on_pause()`, `on_end()`: stop starting jobs, and start them again. `on_end` returns how many hosts that an outage
      cut off are probed again.
    - `report(message)`: tell the user of a pause and its end.
    - `shared`: witnesses of other processes of the scan.
    """

    def __init__(
        self,
        network: Network,
        *,
        on_pause: Callable[[], None],
        on_end: Callable[[], int],
        report: Callable[[str], None],
        shared: SharedWitnesses | None = None,
    ) -> None:
        self.is_pausing = False
        self._network = network
        self._on_pause = on_pause
        self._on_end = on_end
        self._report = report
        self.monitor = OutageMonitor(network, shared=shared)
        self._began = 0.0
        self._timer = network.call_later(LOOK_INTERVAL, self._look)

    def disturbed(self, checks: int) -> bool:
        """Return whether a job that failed now, and started at `checks`, says nothing about its host.

        May begin a pause.
        """
        disturbed = self.monitor.disturbed(checks)
        if self.monitor.is_lost:
            self._pause()
        return disturbed

    def stop(self) -> None:
        """End a pause now: the scan is to end."""
        if self.is_pausing:
            self._end()

    def _look(self) -> None:
        self._timer = self._network.call_later(LOOK_INTERVAL, self._look)
        if self.monitor.check():
            self._pause()

    def _look_while_lost(self) -> None:
        if not self.monitor.check():
            hosts = self._end()
            again = f": {hosts} {'host is' if hosts == 1 else 'hosts are'} probed again" if hosts else ""
            self._report(NETWORK_BACK + again)
        elif self._network.time() >= self._began + MAX_PAUSE:
            self.monitor.give_up()
            self._report(f"the network is not back after {MAX_PAUSE:g} s: the scan continues without it")
            self._end()
        else:
            self._timer = self._network.call_later(LOOK_INTERVAL_LOST, self._look_while_lost)

    def _pause(self) -> None:
        if self.is_pausing:
            return
        self.is_pausing = True
        self._began = self._network.time()
        self._report("this machine lost its network: pausing")
        self._timer.cancel()
        self._timer = self._network.call_later(LOOK_INTERVAL_LOST, self._look_while_lost)
        self._on_pause()

    def _end(self) -> int:
        self.is_pausing = False
        self._timer.cancel()
        self._timer = self._network.call_later(LOOK_INTERVAL, self._look)
        return self._on_end()
