"""When a scheduled scan runs: pure functions of a cron expression, the time of the last run, and the time now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from sshprobe.model.errors import InputError

LONGEST_WAIT = timedelta(minutes=5)
"""The planner is asked again after this long, since a clock can jump and a computer can sleep."""

_SOONEST = timedelta(minutes=1)
"""The shortest time between two runs."""


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


def plan(schedule: Schedule, last: datetime | None, since: datetime, now: datetime) -> Plan:
    """Return whether a scan is due.

    A missed time, also several of them, makes one run. A last run in the future, from a clock that was wrong, counts as
    a run now: else no scan would run until then.

    Arguments:
        schedule: its times.
        last: when its last run began, by the history. None: it never ran.
        since: when this schedule was first seen: earlier times were not missed.
        now: the time now. All times are aware of their zone.
    """
    begin = min(now, since if last is None else last)
    following = schedule.following(begin)
    if following > now:
        return Plan(False, following)
    return Plan(last is None or now - last >= _SOONEST or last > now, following)


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
