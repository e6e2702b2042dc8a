"""Forecasts of evaluations as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.numerals import told_usd

if TYPE_CHECKING:
    from assay.evals.figures.power import Ability, Plan
    from assay.evals.runs.forecast import Asked, Forecast

__all__ = ["foretold"]


def foretold(found: Sequence[Forecast], power: Plan) -> str:
    """Forecasts as text."""
    from assay.decision.table import table

    lines: list[str] = []
    for one in found:
        lines.append(f"{one.target}  ({f'continues run {one.run}' if one.run else 'a new run'})")
        rows = [
            (name, str(kind.samples), str(kind.repeats), str(kind.missing), _usd(kind))
            for name, kind in one.kinds.items()
        ]
        samples = sum(kind.samples for kind in one.kinds.values())
        rows.append(("overall", str(samples), "", str(one.missing), _usd(one)))
        lines += table(("kind", "samples", "times", "to ask", "costs at most"), rows, indent="  ")
        lines += [f"  judges ({', '.join(one.judges)}) read the answers, so that only --max-usd bounds what they cost"
                  ] if one.judges else []  # fmt: skip
        lines += [f"  the bound is not known: {one.problem}"] if one.problem else []
        lines.append("")
    return "\n".join([*lines, _able(power.overall)])


def _able(one: Ability) -> str:
    from assay.numerals import plural

    shown = dict.fromkeys(f"{share * 100:.0f}" if share is not None else None for share in one.detectable)
    known = " to ".join(points for points in shown if points is not None)
    basis = "as earlier runs differed" if one.basis == "measured" else "where they differ seldom, or often"
    some = f"two candidates apart that are {known} points from each other ({basis}; 80 % power)"
    none = "no two candidates apart, however much they differ"
    return (
        f"{plural(one.samples, 'sample')} can tell {some if known else none}; "
        f"the share of one is known within {one.half_width * 100:.0f} points."
    )


def _usd(asked: Asked | Forecast) -> str:
    usd = told_usd(asked.bound_usd) if asked.bound_usd is not None else "not known in USD"
    return f"{usd} plus judges" if asked.judges and asked.missing else usd
