"""Invoices that are late. Dates are ISO text (YYYY-MM-DD), so that they compare as text."""

from __future__ import annotations


def overdue(invoices: list[dict], today: str) -> list[int]:
    """Ids of the invoices that are not paid (`paid_on` is None) and were due before today."""
    return [one["id"] for one in invoices if one["paid_on"] is None and one["due_on"] < today]


def reminder_fee(days_late: int) -> int:
    """Fee in NOK: 70 when it is more than 28 days late, 35 when more than 14, else 0."""
    if days_late > 28:
        return 70
    if days_late > 14:
        return 35
    return 0


def total_by_customer(invoices: list[dict]) -> dict[str, int]:
    """Sum of the amounts of each customer."""
    totals = {}
    for one in invoices:
        totals[one["customer"]] = totals.get(one["customer"], 0) + one["amount"]
    return totals
