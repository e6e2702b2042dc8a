"""How an evaluation tells how it goes."""

from __future__ import annotations

from typing import Any

import pytest

from assay.cli import progress
from assay.cli.progress import EvalProgress, VerdictProgress
from assay.ledger.rows import ResultRow


def row(value: float | None, **more: Any) -> ResultRow:
    """One result."""
    values: dict[str, Any] = {
        "run_id": "r", "sample_id": "s", "kind": "k", "value": value, "unscored": None, "cost_basis": "measured",
        "cached": False, "created_at": 1.0, "scores": b"[]", "answer": "", "cost_usd": 0.01,
    }  # fmt: skip
    return ResultRow(**{**values, **more})


def test_a_line_says_passed_cost_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every five seconds where there is no terminal; answers from the cache cost nothing now, judges do."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with EvalProgress(40) as shown:
        for value in (1.0, 1.0, 0.0):
            shown.result("m", row(value))
        shown.result("m", row(None, cost_usd=None))
        shown.result("m", row(1.0, cached=True, cost_usd=5.0))
        assert capsys.readouterr().err == ""
        now[0] = 105.0
        shown.result("m", row(1.0, grading_usd=0.02))
    told = capsys.readouterr().err
    assert told == "  6 of at most 40 asked, 80% passed, 1 unscored, 0.0600 USD, 1.2 a second, 28 s left\n"


def test_an_unknown_cost_is_not_told_as_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once a cost is not known the sum is not either, and nothing is said of it; long times are told in hours."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = EvalProgress(10_000)
    shown.result("m", row(1.0))
    now[0] = 6.0
    shown.result("m", row(1.0, cost_usd=None))
    assert capsys.readouterr().err == "  2 of at most 10000 asked, 100% passed, 0.3 a second, 8.3 h left\n"


def test_a_terminal_gets_a_bar_with_what_it_comes_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked, how many are done, and how it goes."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    with EvalProgress(40) as shown:
        shown.result("m", row(1.0))
        shown.verdict("k", "m", "passes")
    told = capsys.readouterr().err
    assert "k: m passes" in told
    assert "k · m" in told and "1/40" in told and "100% passed" in told  # noqa: PT018 - one line of the screen


def test_verdicts_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """How many there will be, and now and then how many there are."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with VerdictProgress() as shown:
        shown.of(12)
        shown.one()
        now[0] = 105.0
        shown.one()
    assert capsys.readouterr().err == "  12 verdicts\n  2 of 12 verdicts\n"
