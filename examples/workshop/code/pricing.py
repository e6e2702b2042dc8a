"""What work and parts cost. Money is whole Norwegian kroner (NOK), tax included."""

from __future__ import annotations


def labour_price(minutes: int, per_hour_nok: int = 880) -> int:
    """Price of labour: every started quarter of an hour is charged."""
    quarters = -(-minutes // 15)
    return quarters * per_hour_nok // 4


def discounted(price_nok: int, percent: int) -> int:
    """The price after a discount of so many per cent, rounded down to whole kroner."""
    return price_nok * (100 - percent) // 100


def volume_discount(pieces: int) -> int:
    """Per cent off for a number of equal parts: 5 from 5 pieces on, 10 from 20 pieces on, else 0."""
    if pieces >= 20:
        return 10
    if pieces >= 5:
        return 5
    return 0
