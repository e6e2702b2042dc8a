"""`assay logs`: what was asked of whom, with what outcome and at what cost."""

from __future__ import annotations

from typing import Any

import click

from assay.cli.door import config_option, emit, json_option, run
from assay.cli.recovery import show_recovered


@click.command("logs")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1), help="Newest so many.")
@click.option("--request", "request_id", help="Attempts of one request.")
@click.option("--run", "run_id", help="Attempts of one run.")
@click.option("-k", "--kind", help="Only this kind.")
@click.option("-m", "--model", "deployment", help="Only this deployment.")
@click.option("--bodies", "body_of", metavar="REQUEST", help="What was asked and answered, where its route keeps it.")
@click.option("--outcome", type=click.Choice(["running", "ok", "error", "cancelled", "cached", "lost"]))
@config_option
@json_option
def command(
    limit: int, request_id: str | None, run_id: str | None, kind: str | None, deployment: str | None,
    body_of: str | None, outcome: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show attempts from the ledger, newest first.

    \b
    Examples:
      assay logs
      assay logs --outcome lost          calls of processes that died, charged at their bound
      assay logs -m frontier -n 100 --json
      assay logs --bodies 019ac31f0b7e4d
    """
    if body_of is not None:
        body = run(_body(body_of, config))
        emit(body, as_json, "" if as_json else _render_body(body))
        return
    rows, spent = run(_logs(limit, request_id, run_id, kind, deployment, outcome, config))
    emit({"attempts": rows, "month": spent}, as_json, _render(rows, spent))


async def _logs(
    limit: int, request_id: str | None, run_id: str | None, kind: str | None, deployment: str | None,
    outcome: str | None, config: str | None,
) -> tuple[list[dict[str, Any]], dict[str, float]]:  # fmt: skip
    from assay.app import open_ledger
    from assay.config.load import load

    ledger = open_ledger(load(config))
    show_recovered(ledger.recovered)
    try:
        rows = await ledger.attempts(
            limit=limit, request_id=request_id, run_id=run_id, kind=kind, deployment=deployment, outcome=outcome
        )
        spent = await ledger.spent()
    finally:
        await ledger.close()
    return rows, {"settled_usd": spent.settled_usd, "held_usd": spent.held_usd}


async def _body(request_id: str, config: str | None) -> dict[str, Any]:
    """One exchange with what people said of it.

    Raises:
        LedgerError: none is kept of this request.
    """
    import msgspec

    from assay.app import open_ledger
    from assay.config.load import load
    from assay.errors import LedgerError
    from assay.inference.bodies import keeping, read
    from assay.ledger.exchanges import Exchanges
    from assay.ledger.feedback import Feedback

    ledger = open_ledger(load(config))
    try:
        row = await Exchanges(ledger).one(request_id)
        if row is None:
            raise LedgerError(
                f'no body of request {request_id!r} is kept; routes keep them where assay.toml says bodies = "full"'
            )
        feedback = (await Feedback(ledger).of([row.request_id])).get(row.request_id, [])
    finally:
        await ledger.close()
    kept = read(row)
    told = {name: getattr(row, name) for name in ("request_id", "target", "kind", "label", "deployment", "redacted")}
    return told | {
        "kept": keeping(row) or "too large",
        "request": msgspec.to_builtins(kept.request) if kept is not None else None,
        "answer": msgspec.to_builtins(kept.answer) if kept is not None else None,
        "feedback": msgspec.to_builtins(feedback),
    }


def _render_body(body: dict[str, Any]) -> str:
    import msgspec

    from assay.evals.suites.readable import readable, told
    from assay.types import Message, Part

    lines = [
        f"request {body['request_id']} to {body['target']}, kind {body['kind'] or '-'}, {body['label']}, answered by "
        f"{body['deployment'] or '-'}; {body['redacted']} pieces taken out"
    ]
    if body["request"] is None:
        lines.append(f"its text is not kept: {body['kept']}")
    else:
        messages = msgspec.convert(body["request"].get("messages", []), tuple[Message, ...])
        asked = told(messages) if messages else body["request"].get("prompt", "")
        answered = "\n".join(readable(msgspec.convert(body["answer"], tuple[Part, ...])))
        lines += ["", asked, "", "answered:", answered]
    for one in body["feedback"]:
        said = [f"{name} {one[name]}" for name in ("metric", "value", "correction", "comment") if one[name] is not None]
        lines.append(f"feedback: {'; '.join(filter(None, (one['verdict'], *said)))}")
    return "\n".join(lines)


def _render(rows: list[dict[str, Any]], spent: dict[str, float]) -> str:
    from datetime import datetime

    from assay.decision.table import table

    head = ("time", "request", "place", "deployment", "kind", "outcome", "s", "in", "out", "cost", "notes")
    cells = [
        (
            datetime.fromtimestamp(row["started_at"]).astimezone().strftime("%m-%d %H:%M:%S"),
            row["request_id"][:12],
            row["path"],
            row["deployment"],
            row["kind"] or "-",
            f"{row['outcome']} (shadow)" if row["shadow"] else row["outcome"],
            _number(row["total_s"], ".2f"),
            _number(row["input_tokens"], "d"),
            _number(row["output_tokens"], "d"),
            _cost(row),
            _notes(row)[:120],
        )
        for row in rows
    ]
    month = f"this month: {spent['settled_usd']:.6f} USD settled, {spent['held_usd']:.6f} USD held"
    return "\n".join([*(table(head, cells) if cells else ["no attempts yet"]), month])


def _notes(row: dict[str, Any]) -> str:
    """What went wrong, what the upstream was not told, whose answer was continued, and why it was asked."""
    told = (
        row["message"],
        row["emulated"] and f"emulated: {row['emulated']}",
        row.get("batch_id") and f"in batch {row['batch_id'][:12]}",
        row["continued_from"] and f"continues {row['continued_from'][:12]}",
        row["why"],
    )
    return "; ".join(filter(None, told))


def _number(value: float | None, form: str) -> str:
    return format(value, form) if value is not None else "-"


def _cost(row: dict[str, Any]) -> str:
    if row["cost_basis"] == "held":
        return "held"
    if row["cost_usd"] is None:
        return f"{row['engine_s']:.2f} CPU s" if row["engine_s"] is not None else "unknown"
    mark = " (bound)" if row["cost_basis"] == "bound" else ""
    return f"{row['cost_usd']:.6f} USD{mark}"
