"""Spans of time on the command line: `--since`, for requests of the ledger that are not older, and others."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

__all__ = ["DAY_S", "in_order", "moment", "span_s"]

DAY_S = 86_400
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}


def span_s(text: str) -> int | None:
    """Seconds of `30m`, `12h`, `7d`, `4w`; None where it is no span."""
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    return int(found[1]) * _UNITS_S[found[2]] if found is not None else None


def moment(context: click.Context, option: click.Parameter, given: str | None) -> float:
    """`7d`, `12h` back from now, or `2026-11-01` (UTC), as seconds since 1970; a callback of click.

    Raises:
        click.BadParameter: it is neither.
    """
    if given is None:
        return 0.0
    span = span_s(given)
    if span is not None:
        return time.time() - span
    try:
        day = datetime.fromisoformat(given)
    except ValueError:
        problem = f"{given!r} is neither a span (30m, 12h, 7d, 4w) nor a day (2026-11-01)"
        raise click.BadParameter(problem, context, option) from None
    return (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).timestamp()


def in_order(since: float, until: float | None) -> None:
    """Refuse a time that ends before it begins: what is found in it is nothing, which would pass for an answer.

    Raises:
        click.UsageError: it does.
    """
    if until and until <= since:
        raise click.UsageError("--until lies before --since; both are said as from now (12h), or as a day")
