"""Sums of money in words: what is cheap does not look free."""

from __future__ import annotations

__all__ = ["digits", "told_usd"]


def digits(usd: float) -> str:
    """Two decimals, or three figures for less than one."""
    if usd >= 1 or usd == 0:
        return f"{usd:,.2f}"
    return f"{usd:#.3g}" if usd >= 0.0001 else f"{usd:.1e}"


def told_usd(usd: float) -> str:
    """`1.23 USD`, `0.00120 USD`."""
    return f"{digits(usd)} USD"
