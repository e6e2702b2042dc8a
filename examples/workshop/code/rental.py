"""Rental bikes: days and deposits."""

from __future__ import annotations

from datetime import date


def rental_days(first: date, last: date) -> int:
    """Days that are charged; the first and the last day both count."""
    return (last - first).days + 1


def deposit(price_nok: int) -> int:
    """A tenth of the bike's price, rounded up to full hundreds."""
    tenth = price_nok / 10
    hundreds = int(tenth // 100)
    if tenth > hundreds * 100:
        hundreds += 1
    return hundreds * 100
