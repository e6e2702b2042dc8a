"""Forecasts of evaluations as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.evals.figures.power import Plan
    from assay.evals.runs.forecast import Asked, Forecast

__all__ = ["foretold"]


def foretold(found: Sequence[Forecast], power: Plan) -> str:
    """Forecasts as text."""
    from assay.decision.explain import table

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
    shown = dict.fromkeys(f"{share * 100:.0f}" if share is not None else "-" for share in power.overall.detectable)
    basis = "as earlier runs differed" if power.overall.basis == "measured" else "where they differ seldom, or often"
    lines.append(
        f"{power.overall.samples} samples tell two candidates apart that are {' to '.join(shown)} points from each "
        f"other ({basis}; 80 % power); the share of one is known within {power.overall.half_width * 100:.0f} points."
    )
    return "\n".join(lines)


def _usd(asked: Asked | Forecast) -> str:
    usd = f"{asked.bound_usd:.6f} USD" if asked.bound_usd is not None else "not known in USD"
    return f"{usd} plus judges" if asked.judges and asked.missing else usd
