"""How figures are written in reports: short, with their unit, and never 0 for what is not known."""

from __future__ import annotations

import time

from assay.evals.runs.tokens import told_tokens
from assay.numerals import digits, plural, told_usd
from assay.report.view import Cost, KindView, Measure, Span

DASH = "–"


def percent(share: float | None) -> str:
    """`94%`; a share that is neither none nor all is never rounded to 0 % or 100 %."""
    if share is None:
        return DASH
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def span(interval: Span | None) -> str:
    """`72% to 99%`; one figure where both ends are the same."""
    if interval is None:
        return DASH
    low, high = percent(interval[0]), percent(interval[1])
    return low if interval[0] == interval[1] else f"{low} to {high}"


def measured_span(measure: Measure) -> str:
    """The interval of a share, with the number of groups that its samples come in."""
    return span(measure.interval) + (f" ({plural(measure.groups, 'group')})" if measure.groups is not None else "")


def cost(one: Cost | None) -> str:
    """Cost of an answer: `0.54 CPU s`, `0.123 USD/1k`; `~` marks what is not wholly measured."""
    if one is None:
        return "unknown"
    mark = "" if one.basis == "measured" else "~"
    if one.unit == "s":
        return f"{mark}{one.value:.2f} CPU s"
    return f"{mark}{digits(one.value * 1000)} USD/1k"


def money(usd: float | None) -> str:
    """`1.23 USD`, `0.0012 USD`; None = unknown."""
    return told_usd(usd) if usd is not None else "unknown"


def tokens(measure: Measure) -> str:
    """Tokens written for an answer: `240`, `1,850 (1,610 thought)`."""
    return told_tokens(measure.tokens) if measure.tokens is not None else DASH


def seconds(value: float | None) -> str:
    """CPU seconds: `0.54 CPU s`, `252 CPU s`."""
    if value is None:
        return "unknown"
    return f"{value:,.0f} CPU s" if value >= 100 else f"{value:.2f} CPU s"


def duration(value: float | None) -> str:
    """A latency: `0.41 s`, `12.3 s`, `340 ms`."""
    if value is None:
        return DASH
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:,.1f} s"


def count(measure: Measure) -> str:
    """`15 of 16`, with what is unscored."""
    if not measure.asked:
        return "not asked"
    text = f"{measure.passed} of {measure.scored}"
    return f"{text}, {measure.unscored} unscored" if measure.unscored else text


def failures(measure: Measure, bound: float) -> str:
    """`1 of 20 failed; failure rate at most 22% (95 %, exact)`, of a gate."""
    return f"{measure.failed} of {measure.scored} failed; failure rate at most {percent(bound)} (95 %, exact)"


def moment(at: float) -> str:
    """`2026-11-26 13:57 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def demand(kind: KindView) -> str:
    """`8 of 10 samples must pass`, and whether they were made up."""
    rest = f"; {kind.left_out:,} made-up ones decide nothing" if kind.left_out else ""
    return f"{kind.needed} of {plural(kind.total, 'made-up sample' if kind.made_up else 'sample')} must pass{rest}"
