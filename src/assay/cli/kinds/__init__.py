"""`assay kinds`: the kinds of work that requests named, and those that they could name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.group import Commands
from assay.cli.ledger import opened_ledger
from assay.cli.since import moment

if TYPE_CHECKING:
    from assay.ledger.comparisons import KindTraffic

COMMANDS = {"suggest": "kinds.suggest"}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS, invoke_without_command=True)
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day, 2026-11-01 (UTC).")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, since: float, config: str | None, as_json: bool) -> None:
    """Show which kinds of work clients' requests named, with their number and cost.

    A request's kind is what its header x-assay-kind says; else what its key stands for; else its route's. Requests
    without one are told apart by nothing: `assay kinds suggest` looks for kinds among them.

    \b
    Examples:
      assay kinds
      assay kinds --since 30d --json
      assay kinds suggest --route support

    Exit code 4: no request was answered.
    """
    if ctx.invoked_subcommand is not None:
        return
    found = _kinds(run(_traffic(since, config)))
    requests = sum(one["requests"] for one in found)
    untagged = sum(one["requests"] for one in found if not one["kind"])
    value = {"kinds": found, "requests": requests, "untagged_share": untagged / requests if requests else None}
    emit(value, as_json, "" if as_json else "\n".join(_lines(found, requests, untagged)))
    finish(0 if requests else 4)


async def _traffic(since: float, config: str | None) -> list[KindTraffic]:
    from assay.config.load import load
    from assay.ledger.comparisons import kind_traffic

    async with opened_ledger(load(config)) as ledger:
        return await kind_traffic(ledger, since_s=since)


def _kinds(rows: Iterable[KindTraffic]) -> list[dict[str, Any]]:
    """By kind, the most frequent first; an empty one is none."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = kinds.setdefault(row.kind, {"kind": row.kind, "requests": 0, "usd": 0.0, "unpriced": 0, "targets": {}})
        one["requests"] += row.requests
        one["usd"] += row.usd or 0.0
        one["unpriced"] += row.unpriced
        one["targets"][row.target] = one["targets"].get(row.target, 0) + row.requests
    return sorted(kinds.values(), key=lambda one: (-one["requests"], one["kind"]))


def _lines(found: list[dict[str, Any]], requests: int, untagged: int) -> Iterator[str]:
    from assay.decision.table import table
    from assay.numerals import digits

    if not requests:
        yield "no request of a client was answered in this time"
        return
    usd = sum(one["usd"] for one in found)
    rows = [
        (
            one["kind"] or "(none)", f"{one['requests']:,}", f"{one['requests'] / requests:.1%}",
            digits(one["usd"]) + (f" + {one['unpriced']:,} of unknown cost" if one["unpriced"] else ""),
            f"{one['usd'] / usd:.1%}" if usd else "-", ", ".join(sorted(one["targets"])),
        )
        for one in found
    ]  # fmt: skip
    yield from table(("kind", "requests", "share", "USD", "of cost", "called as"), rows)
    if untagged:
        yield f"{untagged / requests:.1%} name no kind: assay kinds suggest looks for kinds among them"
