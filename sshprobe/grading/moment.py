"""When a host was seen: the only "now" that grading knows, because it has no clock.

Seconds are those since 1970-01-01 UTC, as in certificates. Years go to 9999.
"""

from __future__ import annotations

import re

from sshprobe.records import Observation

_DAYS_TO_1970 = 719468
_LAST = 253402300799
"""The last second of the year 9999."""

_RFC_3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)


def seen_at(observation: Observation) -> int | None:
    """When an observation was begun, in seconds. None for what is no moment: records can come from anywhere."""
    match = _RFC_3339.fullmatch(observation.started_at)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    offset = 0 if match[7] is None else (int(match[8]) * 60 + int(match[9])) * (60 if match[7] == "+" else -60)
    return _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset


def words_of(seconds: int) -> str:
    """A moment as people write it, "2026-11-21 13:00 UTC"; past the year 9999 the number itself."""
    if not 0 <= seconds <= _LAST:
        return f"second {seconds}"
    # Eras of 400 years, which begin on the first of March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    days, rest = divmod(seconds, 86400)
    era, day_of_era = divmod(days + _DAYS_TO_1970, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * from_march + 2) // 5 + 1
    month = from_march + 3 if from_march < 10 else from_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04}-{month:02}-{day:02} {rest // 3600:02}:{rest // 60 % 60:02} UTC"


def _days(year: int, month: int, day: int) -> int:
    year -= month <= 2
    from_march = month - 3 if month > 2 else month + 9
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * from_march + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - _DAYS_TO_1970
