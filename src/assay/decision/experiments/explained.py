"""An A/B in words, for a terminal and a page alike: figures in their units, and what is to be known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay.decision.experiments.experiment import Arm, Difference, Experiment, Verdict
from assay.decision.experiments.measured import SHARES
from assay.numerals import plural

__all__ = [
    "SAID", "decided_by", "more_needed", "notes", "sizes", "told_guarantee", "told_interval", "told_mean",
    "told_measure", "told_units",
]  # fmt: skip

SAID: Mapping[Verdict, str] = {
    "winner": "WINNER", "loser": "LOSER", "open": "CANNOT TELL", "mismatch": "MISMATCH",
}  # fmt: skip
_UNITS = {
    "session": "Sessions were dealt, and are what counts.",
    "request": "No request named a session: each was dealt by itself.",
    "mixed": "Sessions were dealt, and requests without one each by itself.",
}


def told_mean(measure: str, value: float | None, signed: bool = False) -> str:
    """A mean in the unit of its measure: shares in percent, times in seconds."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    if measure in SHARES:
        return f"{value * 100:{sign}.1f}%"
    return f"{value:{sign}.3g} s" if measure == "latency" else f"{value:{sign}.4g}"


def told_interval(one: Difference) -> str:
    """The interval of a difference, or `-`."""
    seen = one.compared
    if seen.interval is None:
        return "-"
    low, high = (told_mean(seen.measure, end, True) for end in seen.interval)
    return f"{low} to {high}"


def told_measure(measure: str, metric: str | None) -> str:
    """Its name; of an outcome that clients report, their own."""
    return (metric or measure) if measure == "metric" else measure


def decided_by(found: Experiment) -> str:
    """What decides, beside whom, and what was dealt."""
    what = found.metric if found.measure == "metric" else found.measure
    return f"Decided by {what}, beside {found.baseline}; split {found.version}"


def sizes(found: Experiment) -> str:
    """Whether the arms have the sessions that they were to have."""
    no = found.verdict == "mismatch"
    return f"Sessions as they were to be: p = {found.mismatch_p:.3g}" + (
        " - NO. DO NOT BELIEVE WHAT STANDS ABOVE." if no else "."
    )


def notes(found: Experiment) -> Iterator[str]:
    """What is in no figure."""
    for reason, count in found.left_out.items():
        yield f"Left out: {count}, {reason}."
    for arm in found.arms:
        asides = [f"{count} {word}" for count, word in _asides(arm) if count]
        if asides:
            yield f"Of {arm.name}: {', '.join(asides)}."


def more_needed(found: Experiment) -> Iterator[str]:
    """How many more sessions would tell, where it is open."""
    for one in found.deciding:
        if one.shows == "open" and one.more_units:
            yield f"About {plural(one.more_units, 'more session')} would show what {one.arm} differs by now."


def told_guarantee(found: Experiment) -> str:
    """What the intervals promise."""
    return f"Guarantee: {found.guarantee}; of the other measures, each by itself."


def told_units(found: Experiment) -> str:
    """What was dealt."""
    return _UNITS[found.unit]


def _asides(arm: Arm) -> tuple[tuple[int, str], ...]:
    return (
        (arm.cancelled, "left by the client"),
        (arm.beside, "answered by another arm"),
        (arm.unpriced, "whose cost nobody knows"),
    )
