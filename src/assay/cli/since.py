"""The option `--since`: requests of the ledger that are not older."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

__all__ = ["DAY_S", "moment"]

DAY_S = 86_400
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}


def moment(context: click.Context, option: click.Parameter, given: str | None) -> float:
    """`7d`, `12h` back from now, or `2026-11-01` (UTC), as seconds since 1970; a callback of click.

    Raises:
        click.BadParameter: it is neither.
    """
    if given is None:
        return 0.0
    span = re.fullmatch(r"(\d{1,9})([smhdw])", given)
    if span is not None:
        return time.time() - int(span[1]) * _UNITS_S[span[2]]
    try:
        day = datetime.fromisoformat(given)
    except ValueError:
        problem = f"{given!r} is neither a span (30m, 12h, 7d, 4w) nor a day (2026-11-01)"
        raise click.BadParameter(problem, context, option) from None
    return (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).timestamp()
