"""Attempts as people read them: a table, or one line each where they are followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assay.decision.table import printable, table
from assay.ledger.finished import AttemptRow
from assay.numerals import told_usd

__all__ = ["line", "rendered"]

_HEAD = ("time", "request", "place", "deployment", "kind", "outcome", "s", "in", "out", "cost", "notes")
_ID_CHARS = 16
"""The first 12 of an id are the millisecond that it was made in, which others share under load."""
_WIDTHS = (14, _ID_CHARS, 5, 20, 20, 10, 7, 7, 7, 20, 0)
_LONGEST_NOTE = 120


def rendered(rows: Sequence[AttemptRow], spent: dict[str, float]) -> str:
    """A table, and what this month has cost."""
    month = f"this month: {told_usd(spent['settled_usd'])} settled, {told_usd(spent['held_usd'])} held"
    return "\n".join([*(table(_HEAD, [_cells(row) for row in rows]) if rows else ["no attempts match"]), month])


def line(row: AttemptRow) -> str:
    """One attempt; lines stand below each other about as in a table."""
    return "  ".join(printable(cell).ljust(width) for cell, width in zip(_cells(row), _WIDTHS, strict=True)).rstrip()


def _cells(row: AttemptRow) -> tuple[str, ...]:
    purpose = row.purpose or ("shadow" if row.shadow else None)
    return (
        datetime.fromtimestamp(row.started_at).astimezone().strftime("%m-%d %H:%M:%S"),
        row.request_id[:_ID_CHARS],
        row.path,
        row.deployment,
        row.kind or "-",
        f"{row.outcome} ({purpose})" if purpose else row.outcome,
        _number(row.total_s, ".2f"),
        _number(row.input_tokens, "d"),
        _number(row.output_tokens, "d"),
        _cost(row),
        _notes(row)[:_LONGEST_NOTE],
    )


def _notes(row: AttemptRow) -> str:
    """What went wrong, what the upstream was not told, whose answer was continued, and why it was asked."""
    told = (
        row.message,
        row.emulated and f"emulated: {row.emulated}",
        row.batch_id and f"in batch {row.batch_id[:12]}",
        row.continued_from and f"continues {row.continued_from[:_ID_CHARS]}",
        row.why,
    )
    return "; ".join(one for one in told if one)


def _number(value: float | None, form: str) -> str:
    return format(value, form) if value is not None else "-"


def _cost(row: AttemptRow) -> str:
    if row.cost_basis == "held":
        return f"held {told_usd(row.reserved_usd)}" if row.reserved_usd is not None else "held"
    if row.cost_usd is None:
        return f"{row.engine_s:.2f} CPU s" if row.engine_s is not None else "unknown"
    return told_usd(row.cost_usd) + (" (bound)" if row.cost_basis == "bound" else "")
