"""The bills of `assay cost` as text: the work, each candidate, its lines, where they cross and what moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.decision.table import table
from assay.envelope.written import plain
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.envelope.bills import Assumption, Bill, Bills, Crossing
    from assay.envelope.sensitivity import Swing
    from assay.envelope.traffic import Traffic
    from assay.envelope.workload import Workload

_HEAD = ("candidate", "had by", "USD a month", "range", "per 1,000", "machines", "busy")
_HAD = {"host": "the token", "rent": "renting", "buy": "buying", "have": "having it"}
_WIDTH = 30
MOST = 40
"""Candidates that a table shows."""
SWINGS = 6
"""Inputs that are shown of each sensitivity; JSON has them all."""


def render(bills: Bills, detailed: int) -> str:
    """Everything as text; candidates beyond `detailed` with their totals only."""
    lines = [_work(bills.workload)]
    if bills.traffic:
        lines += _observed(bills.traffic)
    shown = bills.bills[:MOST]
    lines += ["", *table(_HEAD, [_row(bill) for bill in shown])]
    if len(bills.bills) > MOST:
        lines.append(f"... and {len(bills.bills) - MOST} more; name some, or see all with --json")
    lines += [f"{bill.name} ({_aside(bill)}): unknown, {bill.unknown}" for bill in shown if bill.unknown]
    known = [bill for bill in bills.bills if bill.usd_per_month is not None]
    if len(bills.bills) <= detailed and known:
        lines += ["", *_matrix(known), *_notes(known), *_break_even(known), *_tax(known), *_sensitivity(known[0])]
    lines += ["", "Assumptions are defaults to argue with: assay cost --assumptions, --assume NAME=VALUE."]
    return "\n".join(lines)


def render_assumptions(rows: Sequence[Assumption]) -> str:
    """Every assumption with its value and who says so."""
    cells = [
        (row.name, f"{row.value:g}", row.source + ("" if row.verified else " (unverified)"), row.note or "-")
        for row in rows
    ]
    return "\n".join(table(("assumption", "value", "source", "what it is"), cells))


def _work(work: Workload) -> str:
    cached = f" ({work.cached_share:.0%} cached)" if work.cached_share else ""
    batched = f", {work.batch_share:.0%} in batches" if work.batch_share else ""
    return (
        f"{work.requests_per_day:,.6g} requests a day: {work.input_tokens:,.5g} tokens in{cached}, "
        f"{work.output_tokens:,.5g} out{batched}, busiest hour {work.peak_factor:.3g} x a mean one; "
        f"{work.days_per_month:g} days"
    )


def _observed(traffic: Sequence[Traffic]) -> list[str]:
    whole, *kinds = traffic
    usd = f"{whole.usd_per_month:,.2f} USD" if whole.usd_per_month is not None else "an unknown sum"
    lines = [f"observed: {plural(whole.requests, 'request')} in {whole.days:.3g} days, which did cost {usd} a month"]
    if kinds:
        head = ("kind", "a day", "tokens in", "cached", "out", "in batches", "busiest hour")
        cells = [
            (
                one.kind or "(none)", plain(one.workload.requests_per_day), f"{one.workload.input_tokens:,.5g}",
                f"{one.workload.cached_share:.0%}", f"{one.workload.output_tokens:,.5g}",
                f"{one.workload.batch_share:.0%}", f"{one.workload.peak_factor:.3g} x",
            )
            for one in kinds
        ]  # fmt: skip
        lines += ["", *table(head, cells, indent="  ")]
    return lines


def _row(bill: Bill) -> tuple[str, ...]:
    if bill.usd_per_month is None:
        return (bill.name, _HAD[bill.tenure], "unknown", "-", "-", "-", "-")
    return (
        bill.name,
        _HAD[bill.tenure],
        _usd(bill.usd_per_month),
        _range(bill.usd_low, bill.usd_high),
        _small(bill.usd_per_1000),
        _range(bill.machines_low, bill.machines_high, bill.machines),
        f"{bill.utilisation:.0%}" if bill.utilisation is not None else "-",
    )


def _aside(bill: Bill) -> str:
    return f"by {_HAD[bill.tenure]}" if bill.tenure == "host" else _HAD[bill.tenure]


def _usd(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"


def _range(low: float | None, high: float | None, value: float | None = None) -> str:
    """`3`, `2 to 5`, or `3 (2 to 5)` with its value; `-` where nothing is unsure or known."""
    if low is None or high is None:
        return "-"
    spread = f"{low:,.0f} to {high:,.0f}"
    if value is None:
        return spread if spread.split(" to ")[0] != spread.split(" to ")[1] else "-"
    return f"{value:,.0f}" + (f" ({spread})" if low != high else "")


def _matrix(bills: Sequence[Bill]) -> list[str]:
    """What each bill is made of, line by line."""
    names = dict.fromkeys(line.name for bill in bills for line in bill.lines)
    of = [{line.name: line.usd for line in bill.lines} for bill in bills]
    head = ("USD a month", *(f"[{number}]" for number, _ in enumerate(bills, 1)))
    rows = [(name, *(_usd(one[name]) if name in one else "-" for one in of)) for name in names]
    total = ("all together", *(_usd(bill.usd_per_month or 0.0) for bill in bills))
    keys = [f"[{number}] {bill.name}, by {_HAD[bill.tenure]}" for number, bill in enumerate(bills, 1)]
    return [*table(head, [*rows, total]), *keys]


def _notes(bills: Sequence[Bill]) -> list[str]:
    said = dict.fromkeys(f"{bill.name}: {note}" for bill in bills for note in bill.notes)
    return ["", *said] if said else []


def _break_even(bills: Sequence[Bill]) -> list[str]:
    lines = [
        f"  {bill.name} ({_aside(bill)}) against {one.against}: {_crossing(one)}"
        for bill in bills
        for one in bill.break_even
    ]
    return ["", "Break-even, in requests a day of this kind:", *lines] if lines else []


def _crossing(one: Crossing) -> str:
    return _where(one) + _in_doubt(one)


def _where(one: Crossing) -> str:
    if one.first is None:
        return f"at no volume ({one.reason})"
    if one.always == one.first:
        return f"{one.first:,.0f} ({one.reason})"
    for_good = "never for good" if one.always is None else f"for good from {one.always:,.0f}"
    return f"first at {one.first:,.0f} ({one.reason}), {for_good}"


def _in_doubt(one: Crossing) -> str:
    """The same for the fastest and the slowest that the machines may be."""
    if one.first_if_fast == one.first == one.first_if_slow:
        return ""
    fast, slow = ("none" if end is None else f"{end:,.0f}" for end in (one.first_if_fast, one.first_if_slow))
    return f"; {fast} if fast, {slow} if slow"


def _tax(bills: Sequence[Bill]) -> list[str]:
    lines = []
    for bill in bills:
        tax = bill.prompt_tax
        if tax is None:
            continue
        back = (
            f"; tuning it in pays back in {tax.months_to_pay_back:.1f} months"
            if tax.months_to_pay_back is not None
            else ""
        )
        lines.append(f"  {bill.name} ({_aside(bill)}): {tax.usd_per_month:,.2f} USD a month{back}")
    return ["", "Prompt tax, what the fixed instruction costs:", *lines] if lines else []


def _sensitivity(bill: Bill) -> list[str]:
    """The strongest inputs of the cheapest candidate, with bars."""
    swings = bill.sensitivity[:SWINGS]
    if not swings:
        return []
    widest = max(one.width for one in swings)
    rows = [_swing(one, widest) for one in swings]
    return ["", f"What moves {bill.name} ({_aside(bill)}) most, USD a month, each input alone:", *table(
        ("input", "low", "high", "USD if low", "USD if high", ""), rows, indent="  "
    )]  # fmt: skip


def _swing(one: Swing, widest: float) -> tuple[str, ...]:
    bar = "#" * max(1, round(_WIDTH * one.width / widest))
    return (one.name, plain(one.at_low), plain(one.at_high), _usd(one.usd_low), _usd(one.usd_high), bar)
