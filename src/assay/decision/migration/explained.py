"""A migration as text: the verdict and the deadline first, then kind by kind, then what else changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from assay.decision.adapting.explained import explained as adaptations
from assay.decision.migration.expense import Expense
from assay.decision.migration.finding import Agreement, Finding, Footing, Verdict
from assay.decision.migration.migration import Migration
from assay.decision.migration.retirement import Retirement
from assay.decision.table import table
from assay.evals.figures.metrics import Metrics
from assay.numerals import digits, plural

__all__ = ["SAID", "ends", "explained", "points", "told_reasons"]

SAID = {Verdict.GO: "GO", Verdict.NO_GO: "NO-GO", Verdict.OPEN: "CANNOT TELL"}
"""The verdicts as they are told."""


def explained(found: Migration) -> str:
    """The whole of it, as plain text."""
    blocks = [
        [f"{found.old} -> {found.new}: {SAID[found.verdict]}: {found.reason}."],
        list(ends(found)),
        _kinds(found),
        [f"  {one.kind}{_source(one)}: {one.reason}" for one in found.findings],
        [f"  {kind}, left out: {why}" for kind, why in found.not_of_old.items()],
        _agreements(found.agreements),
        [f"  {kind}, left out of the draw: {told_reasons(reasons)}" for kind, reasons in found.left_out.items()],
        _expenses(found.expenses),
        _differences(found),
        [adaptations((found.adapted,)).rstrip()] if found.adapted is not None else [],
        list(_method(found)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{share * 100:+.1f}"


def ends(found: Migration) -> Iterator[str]:
    """Until when both will be there, in sentences."""
    if found.retires is not None:
        yield f"Deadline: {_end(found.retires)}{'; the move is forced' if found.forced else ''}."
    if found.new_retires is not None:
        yield f"And of the new one: {_end(found.new_retires)}."


def _end(end: Retirement) -> str:
    said = f"{end.deployment} ({end.model})"
    if end.retires is None:
        return f"{said} is retired"
    days = end.days_left or 0
    if days < 0:
        return f"{said} {'retired' if end.gone else 'may have retired'} on {end.retires}"
    return f"{said} retires on {end.retires}, in {plural(days, 'day')}"


# ----------------------------------------------------------------------------------------- by kind


def _kinds(found: Migration) -> list[str]:
    interval = f"{100 * (1 - found.error):g} % interval"
    head = ("kind", "on", "old", "new", "gained", "lost", "difference", interval, "verdict")
    return table(head, [_row(one) for one in found.findings], indent="  ")


def _row(one: Finding) -> tuple[str, ...]:
    paired = one.basis is Footing.PAIRED
    seen = f"{one.seen} of {one.total}" if paired else str(one.total)
    return (
        one.kind + _source(one),
        f"{seen}{' made up' if one.made_up else ''}",
        _passed(one.old),
        _passed(one.new),
        str(one.gained) if paired else "-",
        str(one.lost) if paired else "-",
        points(one.difference) if one.difference is not None else "-",
        _interval(one),
        f"{SAID[one.verdict]}{' (gate)' if one.basis is Footing.GATE else ''}",
    )


def _source(one: Finding) -> str:
    return "" if one.source == "suite" else ", real"


def _passed(found: Metrics | None) -> str:
    if found is None or not found.passed + found.failed:
        return "-"
    return f"{found.passed}/{found.passed + found.failed}"


def _interval(one: Finding) -> str:
    if one.interval is not None:
        return f"{points(one.interval[0])} to {points(one.interval[1])}"
    return f"fails at most {one.failure_bound:.1%}" if one.failure_bound is not None else "-"


def _agreements(found: Sequence[Agreement]) -> list[str]:
    if not found:
        return []
    rows = [
        (one.kind, str(one.requests), _share(one.again) if one.again is not None else "-", _share(one.new))
        for one in found
    ]
    said = "Agreement with the answers that were given to real requests; it decides nothing, others may be as good:"
    return [said, *table(("kind", "requests", "the old one again", "the new one"), rows, indent="  ")]


def told_reasons(counts: Mapping[str, int]) -> str:
    """How many for each reason: `2 private-only, 1 an image`."""
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def _share(found: Metrics) -> str:
    if found.share is None or found.interval is None:
        return "-"
    return f"{found.share:.0%} [{found.interval[0]:.0%}, {found.interval[1]:.0%}]"


# ------------------------------------------------------------------------------------ what else changes


def _expenses(found: Sequence[Expense]) -> list[str]:
    if not found:
        return []
    head = ("one answer", "USD per 1,000", "CPU s", "tokens in", "tokens out", "p50", "p95")
    said = f"Cost and latency on the {plural(found[0].answers, 'sample')} that both answered:"
    return [said, *table(head, [_expense(one) for one in found], indent="  ")]


def _expense(one: Expense) -> tuple[str, ...]:
    return (
        one.name,
        digits(one.usd * 1000) if one.usd is not None else "not known",
        _figure(one.engine_s, "{:.2f}"),
        _figure(one.input_tokens, "{:,.0f}"),
        _figure(one.output_tokens, "{:,.0f}"),
        _figure(one.p50_s, "{:.2f} s"),
        _figure(one.p95_s, "{:.2f} s"),
    )


def _figure(value: float | None, form: str) -> str:
    return form.format(value) if value is not None else "not known"


def _differences(found: Migration) -> list[str]:
    if not found.differences:
        return []
    rows = [("lost" if one.lost else "", one.fact, one.old, one.new) for one in found.differences]
    return ["What else changes:", *table(("", "fact", found.old, found.new), rows, indent="  ", most=160)]


def _method(found: Migration) -> Iterator[str]:
    yield f"Guarantee: {found.guarantee}."
    yield f"Speaks of: {found.population}."
    yield (
        f"Migration {found.id}, margin {found.margin * 100:g} points, seed {found.seed}, suite "
        f"{found.suite_digest[:12]}; {plural(found.asked_now, 'answer')} asked in this call."
    )
