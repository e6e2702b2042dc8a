"""`assay spend`: what was spent, by whom, on what; and what one model would have cost instead."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.ledger import opened_ledger
from assay.cli.since import in_order, moment

if TYPE_CHECKING:
    from assay.envelope.against import Against
    from assay.ledger.spend import SpendRow, Window
    from assay.ledger.store import SqliteLedger

_BY = ("key", "team", "route", "model", "deployment", "kind", "day", "purpose")


class BudgetLine(NamedTuple):
    """How a budget stands, in USD; `period` is empty for all time."""

    budget: str
    per: str
    period: str
    spent_usd: float
    held_usd: float
    limit_usd: float
    left_usd: float


@click.command("spend")
@click.option("--by", type=click.Choice(_BY), default="route", show_default=True, help="What the sums are by.")
@click.option("--since", callback=moment, help="Only from then on: 30m, 12h, 7d, 4w, or a day (2026-11-01, UTC).")
@click.option("--until", callback=moment, help="Only before, said likewise.")
@click.option(
    "--against", metavar="NAME", help="What the answered requests would have cost on this deployment or model."
)
@config_option
@json_option
def command(by: str, since: float, until: float, against: str | None, config: str | None, as_json: bool) -> None:
    """Show what was spent, the dearest first, and how budgets stand.

    Costs are sums of the ledger's rows: measured by the hosts' counts, or at a bound where nobody has counted. What
    nobody knows the price of is counted, and not taken for 0. Days are UTC.

    --against puts the price of one model on the tokens of the answered requests, and takes what the routing, judges,
    guards, shadows and further tries did cost into the bill that it is compared with. It says what it assumes.

    \b
    Examples:
      assay spend                           by route; then the budgets
      assay spend --by key --since 30d
      assay spend --by day --since 7d --json
      assay spend --by purpose              answers, judges, guards, shadows, evals
      assay spend --against frontier --since 30d

    Exit code 4: with --against, nobody knows what that model costs, or nothing was answered.
    """
    from assay.ledger.spend import Window

    in_order(since, until)
    window = Window(since, until or Window().until)
    if against is not None:
        finish(run(_against(against, window, config, as_json)))
    rows, budgets = run(_spent(by, window, config))
    told = {"by": by, "rows": [_plain(row) for row in rows], "total": _total(rows)}
    told["budgets"] = [line._asdict() for line in budgets]
    emit(told, as_json, "" if as_json else _shown(by, rows, budgets))


async def _spent(by: Any, window: Window, config: str | None) -> tuple[list[SpendRow], list[BudgetLine]]:
    from assay.config.load import load
    from assay.ledger.spend import spend_by

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        return await spend_by(ledger, by, window), await _budgets(ledger, loaded.config)


async def _budgets(ledger: SqliteLedger, config: Any) -> list[BudgetLine]:
    from assay.access.key import key_of
    from assay.alerts.budgets import budgets_of
    from assay.ledger.budgets import Line, period_of
    from assay.ledger.keys import keys
    from assay.ledger.spend import held_on, settled_on

    now = time.time()
    known = [key_of(row, number, config.budgets) for number, row in enumerate(await keys(ledger))]
    budgets = budgets_of(config, known, now)
    lines = []
    for budget, name in budgets.items():
        line = Line(budget.scope, period_of(now, budget.per))
        spent, held = await settled_on(ledger, line), await held_on(ledger, line)
        left = max(0.0, budget.limit_usd - spent - held)
        lines.append(BudgetLine(name, budget.per, line.period, spent, held, budget.limit_usd, left))
    return lines


def _plain(row: SpendRow) -> dict[str, Any]:
    from assay.ledger.budgets import usd_of

    return {
        "what": row.what, "name": row.name, "attempts": row.attempts, "usd": row.usd,
        "measured_usd": usd_of(row.measured_pico), "bound_usd": usd_of(row.bound_pico),
        "held_usd": usd_of(row.held_pico), "bounds": row.bounds, "unknown": row.unknown, "running": row.running,
        "input_tokens": row.input_tokens, "cached_tokens": row.cached_tokens, "output_tokens": row.output_tokens,
        "engine_s": row.engine_s,
    }  # fmt: skip


def _total(rows: list[SpendRow]) -> dict[str, Any]:
    from assay.ledger.budgets import usd_of

    measured, bound = sum(row.measured_pico for row in rows), sum(row.bound_pico for row in rows)
    counted = ("attempts", "bounds", "unknown", "running", "input_tokens", "cached_tokens", "output_tokens")
    return {
        "usd": usd_of(measured + bound), "measured_usd": usd_of(measured), "bound_usd": usd_of(bound),
        "held_usd": usd_of(sum(row.held_pico for row in rows)),
    } | {name: sum(getattr(row, name) for row in rows) for name in counted}  # fmt: skip


def _shown(by: str, rows: list[SpendRow], budgets: list[BudgetLine]) -> str:
    from assay.decision.table import table
    from assay.numerals import told_usd

    if not rows:
        lines = ["nothing was asked in this time"]
    else:
        head = (by, "spent", "calls", "input", "output", "engine s", "notes")
        total = _total(rows)
        names = Counter(row.name for row in rows)
        cells = [_cells(row, shared=names[row.name] > 1) for row in rows]
        cells.append((
            "all", _sum(total["usd"], total["unknown"]), f"{total['attempts']:,}", f"{total['input_tokens']:,}",
            f"{total['output_tokens']:,}", _seconds(sum(row.engine_s or 0.0 for row in rows)),
            _notes(total["bounds"], total["bound_usd"], total["unknown"], total["running"], total["held_usd"]),
        ))  # fmt: skip
        lines = table(head, cells)
    if budgets:
        lines += ["", *table(
            ("budget", "period", "spent", "held", "limit", "left"),
            [
                (line.budget, line.period or "in all", *(told_usd(usd) for usd in line[3:]))
                for line in budgets
            ],
        )]  # fmt: skip
    return "\n".join(lines)


def _cells(row: SpendRow, *, shared: bool) -> tuple[str, ...]:
    """One row; keys that share a name, for others with it were revoked, have the beginning of their ids beside it."""
    from assay.ledger.budgets import usd_of

    what = row.what or "-"
    name = f"{row.name} ({what[:12]})" if row.name and shared else row.name or what
    return (
        name, _sum(row.usd, row.unknown), f"{row.attempts:,}", f"{row.input_tokens:,}", f"{row.output_tokens:,}",
        _seconds(row.engine_s),
        _notes(row.bounds, usd_of(row.bound_pico), row.unknown, row.running, usd_of(row.held_pico)),
    )  # fmt: skip


def _sum(usd: float, unknown: int) -> str:
    """USD; where there is nothing but what nobody knows the price of, that."""
    from assay.numerals import told_usd

    return told_usd(usd) if usd or not unknown else "unknown"


def _seconds(seconds: float | None) -> str:
    return f"{seconds:,.1f}" if seconds else "-"


def _notes(bounds: int, bound_usd: float, unknown: int, running: int, held_usd: float) -> str:
    from assay.numerals import told_usd

    notes = [
        f"{bounds:,} at their bound ({told_usd(bound_usd)})" if bounds else "",
        f"{unknown:,} whose cost is unknown" if unknown else "",
        f"{running:,} running, {told_usd(held_usd)} held" if running else "",
    ]
    return "; ".join(note for note in notes if note)


async def _against(name: str, window: Window, config: str | None, as_json: bool) -> int:
    from assay.cli.spend_against import compare, rendered

    found: Against | None = await compare(name, window, config)
    if found is None:
        text = f"what {name} would have cost cannot be told: no price is known of it, or nothing was answered"
        emit({"against": name, "compared": None, "reason": text}, as_json, text)
        return 4
    told = {"against": name, "compared": found, "saved_usd": found.saved_usd}
    emit(told, as_json, "" if as_json else rendered(found))
    return 0
