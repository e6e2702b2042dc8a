"""Dates that are known as exactly as they are known: `2026`, `2026-11` or `2026-11-30`."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

__all__ = ["days_until", "ends_within", "first_day", "last_day"]


def first_day(text: str) -> date:
    """The earliest day that it may mean."""
    year, month, day = (*(int(part) for part in text.split("-")), 0, 0)[:3]
    return date(year, month or 1, day or 1)


def last_day(text: str) -> date:
    """The latest day that it may mean."""
    year, month, day = (*(int(part) for part in text.split("-")), 0, 0)[:3]
    month = month or 12
    return date(year, month, day or monthrange(year, month)[1])


def days_until(text: str, today: date) -> int:
    """Days that are surely left until an end, to the earliest day that it may mean; 0 = today, negative = past."""
    return (first_day(text) - today).days


def ends_within(text: str, days: int, today: date) -> bool:
    """Whether an end may be so many days away or fewer, or past; with 0 days: today or before."""
    return days_until(text, today) <= days
