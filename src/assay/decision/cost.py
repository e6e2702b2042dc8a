"""What one answer of a candidate costs, in words."""

from __future__ import annotations

from assay.decision.decision import CandidateResult
from assay.numerals import digits

__all__ = ["cost_of"]


def cost_of(one: CandidateResult) -> str:
    """Cost of one answer: measured, or expected and marked with `~`."""
    if one.usd is not None and (one.usd > 0 or one.engine_s is None):
        return f"{digits(one.usd * 1000)} USD/1k"
    if one.engine_s is not None:
        return f"{one.engine_s:.2f} CPU s"
    if one.expected is not None:
        return f"~{one.expected:.2f} CPU s" if one.expected_unit == "s" else f"~{digits(one.expected * 1000)} USD/1k"
    return "unknown"
