"""What one answer of a candidate costs, in words."""

from __future__ import annotations

from assay.decision.decision import CandidateResult

__all__ = ["cost_of", "digits"]


def cost_of(one: CandidateResult) -> str:
    """Cost of one answer: measured, or expected and marked with `~`."""
    if one.usd is not None and (one.usd > 0 or one.engine_s is None):
        return f"{digits(one.usd * 1000)} USD/1k"
    if one.engine_s is not None:
        return f"{one.engine_s:.2f} CPU s"
    if one.expected is not None:
        return f"~{one.expected:.2f} CPU s" if one.expected_unit == "s" else f"~{digits(one.expected * 1000)} USD/1k"
    return "unknown"


def digits(usd: float) -> str:
    """Two decimals, or three figures for less than one: what is cheap does not look free."""
    if usd >= 1 or usd == 0:
        return f"{usd:,.2f}"
    return f"{usd:#.3g}" if usd >= 0.0001 else f"{usd:.1e}"
