"""Numbers in words: sums of money, of which what is cheap does not look free, and how many of something."""

from __future__ import annotations

__all__ = ["digits", "plural", "told_usd", "verb"]


def digits(usd: float) -> str:
    """Two decimals, or three figures for less than one."""
    if usd >= 1 or usd == 0:
        return f"{usd:,.2f}"
    return f"{usd:#.3g}" if usd >= 0.0001 else f"{usd:.1e}"


def told_usd(usd: float) -> str:
    """`1.23 USD`, `0.00120 USD`."""
    return f"{digits(usd)} USD"


def plural(number: int, noun: str) -> str:
    """`1 kind`, `1,200 kinds`, `2 batches`, `3 tries`: the noun's end is what changes."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb that goes with so many: of `1 of 3 samples` it is `is`, of `2 of 3 samples` it is `are`."""
    return one if number == 1 else many
