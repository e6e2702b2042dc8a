"""Who gets which stand at which hour."""

from __future__ import annotations

from datetime import date, timedelta


def first_free_hour(taken: set[int], opens: int, closes: int) -> int | None:
    """The first full hour from `opens` on, before `closes`, that is not taken; None if the day is full."""
    for hour in range(opens, closes):
        if hour not in taken:
            return hour
    return None


def overlap(start: int, end: int, other_start: int, other_end: int) -> bool:
    """Whether two jobs need the stand at the same time. A job may begin in the minute in which another ends."""
    return start < other_end and other_start < end


def share_out(minutes: list[int], stands: int) -> list[int]:
    """Minutes of work at each stand: every job in turn goes to the stand that has the least, the first of equals."""
    load = [0] * stands
    for job in minutes:
        load[load.index(min(load))] += job
    return load


def add_workdays(day: date, days: int) -> date:
    """The date so many working days later; Saturdays and Sundays do not count."""
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
    return day
