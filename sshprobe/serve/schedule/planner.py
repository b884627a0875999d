"""When a scheduled scan runs: by its cron expression, the time of the last run, and the time now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from sshprobe.model.errors import InputError

LONGEST_WAIT = timedelta(minutes=5)
"""The planner is asked again after this long, since a clock can jump and a computer can sleep."""

_SOONEST = timedelta(minutes=1)


class Schedule(NamedTuple):
    """The times of a scan."""

    cron: str
    """Five fields: minute, hour, day, month, weekday."""
    timezone: str = "UTC"

    def following(self, moment: datetime) -> datetime:
        """Return the first time after `moment`, in UTC.

        A time that a clock skips in spring is replaced by the first minute after the gap; a time that a clock repeats
        in autumn counts once.
        """
        local = moment.astimezone(ZoneInfo(self.timezone))
        found = (each.astimezone(UTC) for each in CronSim(self.cron, local))
        return next(each for each in found if each > moment)


class Plan(NamedTuple):
    """What to do with one scan now."""

    is_due: bool
    """Whether it runs now."""
    next: datetime
    """When it runs next, or the time that has passed if it is due; UTC."""


class Times:
    """Decides when one scan is due. It remembers what a wrong clock did.

    Arguments:
        schedule: its times.
        now: the time now. Times before it were not missed, unless the history has an older run. All times are aware of
            their zone.
    """

    def __init__(self, schedule: Schedule, now: datetime) -> None:
        self.schedule = schedule
        self._since = now - _SOONEST  # a start of the server in the minute of a run does not miss it
        self._own: datetime | None = None
        self._future: datetime | None = None

    def started(self, now: datetime) -> None:
        """Note that a run started now."""
        self._own = now

    def plan(self, by_history: datetime | None, now: datetime) -> Plan:
        """Return whether the scan is due.

        A missed time, also several of them, makes one run. A run in the future shows that the clock was wrong: it is
        forgotten, and the next time from now on counts.

        `by_history`: when its last run began, by the history. None: it never ran, or that is not known.
        """
        if by_history == self._future:
            by_history = None
        elif by_history is not None and by_history > now:
            self._since, self._future, by_history = now, by_history, None
        if self._own is not None and self._own > now:
            self._since, self._own = now, None
        last = max((each for each in (by_history, self._own) if each is not None), default=None)
        following = self.schedule.following(self._since if last is None else last)
        return Plan(following <= now, following)


def parse_schedule(cron: object, timezone: object) -> Schedule | None:
    """Return the schedule of a table, or None without one.

    Raises `InputError` whose source is the wrong key.
    """
    if cron is None:
        if timezone is not None:
            raise InputError("needs a `schedule`", source="timezone")
        return None
    if not isinstance(cron, str):
        raise InputError('is not a text such as "30 2 * * *"', source="schedule")
    if timezone is not None and not isinstance(timezone, str):
        raise InputError('is not a text such as "Europe/Berlin"', source="timezone")
    zone = timezone or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{zone!r} is not a time zone such as Europe/Berlin", source="timezone") from None
    try:
        if len(cron.split()) != 5:
            raise CronSimError("it has not five fields")
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        words = f": {str(error).lower()}" if str(error) else ""
        raise InputError(
            f'{cron!r} is not a schedule: minute, hour, day, month, weekday, as in "30 2 * * *"{words}',
            source="schedule",
        ) from None
    return Schedule(cron, zone)
