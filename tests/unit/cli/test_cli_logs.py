"""`assay logs`: what a row tells a person."""

from __future__ import annotations

from typing import Any

from assay.cli.logs import _render

ROW: dict[str, Any] = {
    "started_at": 0.0, "request_id": "0123456789abcdef", "path": "0", "deployment": "small", "kind": None,
    "outcome": "ok", "total_s": 0.5, "input_tokens": 3, "output_tokens": 2, "cost_usd": 0.1, "cost_basis": "measured",
    "engine_s": None, "message": None, "why": None, "emulated": None, "shadow": 0, "continued_from": None,
}  # fmt: skip
SPENT = {"settled_usd": 0.1, "held_usd": 0.0}


def line(**more: Any) -> str:
    """The line of one attempt."""
    return _render([{**ROW, **more}], SPENT).splitlines()[-2]


def test_a_row_tells_why_and_what_was_not_told() -> None:
    """The reason, the emulated features, whose answer it continues, and the error come last, the error first."""
    told = line(
        message="refused", emulated="seed, json_schema", continued_from="fedcba9876543210", why="fallback: a failed"
    )
    assert told.endswith("refused; emulated: seed, json_schema; continues fedcba987654; fallback: a failed")
    assert line().endswith("0.100000 USD")


def test_a_shadow_is_marked() -> None:
    """What was shown to nobody is not taken for an answer."""
    assert "ok (shadow)" in line(shadow=1)
    assert "shadow" not in line()
