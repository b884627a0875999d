"""Weeks of scheduled scans in simulated time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sshprobe.model.errors import InputError
from sshprobe.serve.schedule.planner import LONGEST_WAIT, Schedule, Times, parse_schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Computer:
    """A computer on which only the history survives."""

    def __init__(self, schedule: Schedule, begin: str) -> None:
        self.schedule = schedule
        self.true = at(begin)
        self.wrong = timedelta()
        self.history: list[datetime] = []
        self.started: list[datetime] = []
        self.restart()

    @property
    def now(self) -> datetime:
        return self.true + self.wrong

    def restart(self) -> None:
        """Start the server."""
        self.plan = Times(self.schedule, self.now)

    def sleep(self, **duration: float) -> None:
        """Let time pass without the server."""
        self.true += timedelta(**duration)

    def run(self, **duration: float) -> None:
        """Let time pass with the server, which looks when the planner says."""
        end = self.true + timedelta(**duration)
        while self.true < end:
            planned = self.plan.plan(max(self.history, default=None), self.now)
            if planned.is_due:
                self.plan.started(self.now)
                self.history.append(self.now)
                self.started.append(self.true)
                continue
            wait = min(LONGEST_WAIT, max(planned.next - self.now, timedelta(seconds=1)))
            self.true += min(wait, end - self.true)

    def times(self) -> list[str]:
        return [f"{each:%d %H:%M}" for each in self.started]


NIGHTLY = Schedule("30 2 * * *")


def test_a_week_has_seven_runs() -> None:
    computer = Computer(NIGHTLY, "2026-06-01T00:00")
    computer.run(days=7)
    assert computer.times() == [f"{day:02} 02:30" for day in range(1, 8)]


def test_restarts_double_and_lose_nothing() -> None:
    computer = Computer(NIGHTLY, "2026-06-01T00:00")
    for _ in range(7 * 24 * 4):
        computer.restart()
        computer.run(minutes=15)
    assert computer.times() == [f"{day:02} 02:30" for day in range(1, 8)]


def test_a_missed_time_makes_one_run_at_the_start() -> None:
    computer = Computer(NIGHTLY, "2026-06-01T00:00")
    computer.run(hours=12)
    computer.sleep(days=3)
    computer.restart()
    computer.run(days=1)
    assert computer.times() == ["01 02:30", "04 12:00", "05 02:30"]


def test_a_new_schedule_has_missed_nothing() -> None:
    computer = Computer(NIGHTLY, "2026-06-01T12:00")
    computer.run(days=1)
    assert computer.times() == ["02 02:30"]


def test_a_clock_that_jumps_back_doubles_and_loses_nothing() -> None:
    computer = Computer(NIGHTLY, "2026-06-03T02:00")
    computer.run(hours=1)
    assert computer.times() == ["03 02:30"]
    computer.wrong = timedelta(days=-1)
    computer.run(hours=1)
    assert computer.times() == ["03 02:30"]
    computer.run(days=2)
    assert computer.times() == ["03 02:30", "04 02:30", "05 02:30"]
    computer.wrong = timedelta()
    computer.run(days=2)
    days = {each.date() for each in computer.started}
    assert days == {at(f"2026-06-0{day}T00:00").date() for day in (3, 4, 5, 6, 7)}


def test_a_clock_that_is_years_ahead_does_not_stop_the_scans() -> None:
    computer = Computer(NIGHTLY, "2026-06-01T12:00")
    computer.wrong = timedelta(days=4000)
    computer.run(days=1)
    assert len(computer.started) == 2  # the jump looks like a missed run
    computer.wrong = timedelta()
    computer.run(days=7)
    assert len(computer.started) == 9


@pytest.mark.parametrize("minute", ["0 2 * * *", "30 2 * * *", "0 3 * * *", "59 1 * * *"])
@pytest.mark.parametrize("begin", ["2026-03-26T12:00", "2026-10-22T12:00"])
def test_a_change_of_the_clock_in_spring_and_autumn(minute: str, begin: str) -> None:
    computer = Computer(Schedule(minute, "Europe/Berlin"), begin)
    for _ in range(7 * 24 * 6):
        computer.restart()
        computer.run(minutes=10)
    assert len(computer.started) == 7
    gaps = [b - a for a, b in zip(computer.started, computer.started[1:], strict=False)]
    assert timedelta(hours=22) < min(gaps)
    assert max(gaps) < timedelta(hours=26)


def test_an_hourly_scan_over_a_change_of_the_clock() -> None:
    computer = Computer(Schedule("0 * * * *", "Europe/Berlin"), "2026-10-24T12:30")
    computer.run(hours=24)
    assert len(computer.started) == 24
    computer = Computer(Schedule("0 * * * *", "Europe/Berlin"), "2026-03-28T12:30")
    computer.run(hours=24)
    assert len(computer.started) == 24


@pytest.mark.parametrize(
    ("cron", "zone", "key"),
    [
        ("30 2 * *", None, "schedule"),
        ("30 2 * * * *", None, "schedule"),
        ("61 2 * * *", None, "schedule"),
        ("0 0 31 2 *", None, "schedule"),
        ("every day", None, "schedule"),
        (30, None, "schedule"),
        ("30 2 * * *", "Europe/Atlantis", "timezone"),
        ("30 2 * * *", "../../etc/passwd", "timezone"),
        ("30 2 * * *", 1, "timezone"),
        (None, "UTC", "timezone"),
    ],
)
def test_wrong_schedules(cron: object, zone: object, key: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schedule(cron, zone)
    assert caught.value.source == key


def test_right_schedules() -> None:
    assert parse_schedule(None, None) is None
    assert parse_schedule("30 2 * * 1-5", "Europe/Berlin") == Schedule("30 2 * * 1-5", "Europe/Berlin")
    assert parse_schedule("*/15 * * * *", None) == Schedule("*/15 * * * *")
