"""Pauses of a scan, in which nothing new is started: this machine ran out of resources, or has lost its network.

A job that failed during an outage (`sshprobe.net.outage`), or during a stop of this process, waits for the end of the
outage and is started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sshprobe.net import Network
from sshprobe.net.outage import OutageMonitor, SharedWitnesses
from sshprobe.scan.limits import AdaptiveSlots

LOCAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each new try after this machine ran out of resources."""

MAX_PAUSE = 30.0
"""Seconds to wait for a lost network. Then the scan continues without it."""

NETWORK_BACK = "the network is back"
"""The start of the message at the end of an outage."""

MAX_FRESH_STARTS = 3
"""A target is started again at most this many times because of outages."""

LOOK_INTERVAL = 1.0
"""Seconds between two checks of the network."""

LOOK_INTERVAL_LOST = 0.25
"""The same while it is lost."""


class Pauses:
    """The pauses of one scan. They end by timers of `network`.

    - `slots`: after a lack of resources, these show when there are enough again.
    - `report(message)`: tells the user of a pause, and of the end of an outage.
    - `shared`: witnesses of other processes of the scan.
    """

    def __init__(
        self,
        network: Network,
        slots: AdaptiveSlots,
        *,
        report: Callable[[str], None],
        shared: SharedWitnesses | None = None,
    ) -> None:
        self.monitor = OutageMonitor(network, shared=shared)
        self.calm = asyncio.Event()
        """Set while the scan may start something new."""
        self.calm.set()
        self.outage_over = asyncio.Event()
        """Set while this machine has its network, as far as known."""
        self.outage_over.set()
        self._network = network
        self._slots = slots
        self._report = report
        self._reported: set[str] = set()
        """The reported resource errors since there were enough resources."""
        self._cut_off = 0
        """Hosts that wait for the end of the outage."""
        self._began = 0.0
        self._timer = network.call_later(LOOK_INTERVAL, self._look)

    def pause(self, resource_error: str, seconds: float, then: Callable[[], None]) -> None:
        """Start nothing new until a pause for lack of resources is over, and call `then` afterwards."""
        if self._slots.unlimited:
            self._reported.clear()
        if resource_error not in self._reported:
            self._reported.add(resource_error)
            self._report(f"{resource_error}: pausing")
        self.calm.clear()

        def end() -> None:
            if self.outage_over.is_set():
                self.calm.set()
            then()

        self._network.call_later(seconds, end)

    def disturbed(self, checks: int) -> bool:
        """Return whether the failure of a job, which started at `checks`, may not be due to its host.

        May begin a pause. The caller waits for `outage_over` and starts the host again.
        """
        disturbed = self.monitor.disturbed(checks)
        if self.monitor.is_lost:
            self._begin_outage()
        self._cut_off += disturbed and not self.outage_over.is_set()
        return disturbed

    def end_outage(self) -> None:
        """End the pause of an outage now, if there is one."""
        if not self.outage_over.is_set():
            self._cut_off = 0
            self.outage_over.set()
            self.calm.set()
            self._timer.cancel()
            self._timer = self._network.call_later(LOOK_INTERVAL, self._look)

    def _begin_outage(self) -> None:
        if self.outage_over.is_set():
            self.outage_over.clear()
            self.calm.clear()
            self._began = self._network.time()
            self._report("this machine lost its network: pausing")
            self._timer.cancel()
            self._timer = self._network.call_later(LOOK_INTERVAL_LOST, self._look_while_lost)

    def _look(self) -> None:
        self._timer = self._network.call_later(LOOK_INTERVAL, self._look)
        if self.monitor.check():
            self._begin_outage()

    def _look_while_lost(self) -> None:
        if not self.monitor.check():
            hosts = self._cut_off
            again = f": {hosts} {'host is' if hosts == 1 else 'hosts are'} probed again" if hosts else ""
            self._report(NETWORK_BACK + again)
            self.end_outage()
        elif self._network.time() >= self._began + MAX_PAUSE:
            self.monitor.give_up()
            self._report(f"the network is not back after {MAX_PAUSE:g} s: the scan continues without it")
            self.end_outage()
        else:
            self._timer = self._network.call_later(LOOK_INTERVAL_LOST, self._look_while_lost)
