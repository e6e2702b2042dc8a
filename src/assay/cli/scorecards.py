"""Scorecards as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.figures.comparison import Compared
    from assay.evals.figures.scorecard import Metrics, Scorecard
    from assay.evals.figures.steadiness import Figure, Steadiness

__all__ = ["COLUMNS", "cells", "render"]

COLUMNS = ("passed", "of", "share", "95 % interval", "unscored", "p50", "p95", "tokens", "cost each", "cached")
_REASONS = 3
_REASON_CHARS = 200


def render(cards: list[Scorecard], compared: Compared, place: str = "") -> str:
    """Scorecards and comparisons as text. `place` is what the next command needs, to be about the same suite."""
    from assay.evals.figures.comparison import verdict

    lines = [line for card in cards for line in (*_card(card), "")]
    if compared.pairs:
        lines += [verdict(compared), f"Where: assay compare {' '.join(side.name for side in compared.sides)}{place}"]
    return "\n".join(lines)


def _card(card: Scorecard) -> Iterator[str]:
    from assay.cli.figures import cost, cut
    from assay.cli.labels import told
    from assay.decision.table import table

    public = f", public benchmark by {card.public}" if card.public is not None else ""
    yield f"{card.target}  (run {card.run}, suite {card.suite}, seed {card.seed}{public})"
    rows = [(name, *cells(one)) for name, one in card.kinds.items() if one.total]
    rows.append(("overall", *cells(card.overall)))
    rows += [(f"{name}, made up", *cells(one)) for name, one in card.synthetic.items()]
    yield from table(("kind", *COLUMNS), rows, indent="  ")
    for name, steady in card.steadiness.items():
        yield from _steadiness(name, steady)
    if card.corrected is not None:
        yield f"  overall {told(card.corrected, card.overall.share)}"
    if card.overall.grading_usd:
        yield f"  grading costs {cost(card.overall.grading_usd, None)} an answer, on top"
    for reason, count in sorted(card.unscored.items(), key=lambda item: -item[1])[:_REASONS]:
        yield f"  {count} unscored: {cut(reason, _REASON_CHARS)}"
    if card.overall.batched:
        yield f"  {plural(card.overall.batched, 'answer')} came with batches: at a batch's price, without latencies"
    if card.overall.unscored and card.overall.bounds:
        low, high = card.overall.bounds
        yield f"  overall between {low:.1%} (all unscored wrong) and {high:.1%} (all right)"


def _steadiness(kind: str, found: Steadiness) -> Iterator[str]:
    tries = found.repeats
    any_of, all_of = _share(found.any_of[tries]), _share(found.all_of[tries])
    samples = plural(found.samples, "sample")
    yield f"  {kind}: {samples} {tries} times each, {found.steady.share:.0%} of them always the same;"
    yield f"    at least one of {tries} passes {any_of}, all of {tries} {all_of}"


def _share(one: Figure) -> str:
    return f"{one.share:.0%} [{one.interval[0]:.0%}, {one.interval[1]:.0%}]"


def cells(one: Metrics) -> tuple[str, ...]:
    """A row under `COLUMNS`."""
    from assay.cli.figures import cost, seconds
    from assay.evals.runs.tokens import told_tokens

    interval = f"{one.interval[0]:.0%} to {one.interval[1]:.0%}" if one.interval else "-"
    interval += f" ({plural(one.groups, 'group')})" if one.groups is not None else ""
    share = f"{one.share:.0%}" if one.share is not None else "-"
    times = (seconds(one.p50_s), seconds(one.p95_s))
    spent = cost(one.usd, one.engine_s)
    took = told_tokens(one.tokens)
    return (str(one.passed), str(one.total), share, interval, str(one.unscored), *times, took, spent, str(one.cached))
