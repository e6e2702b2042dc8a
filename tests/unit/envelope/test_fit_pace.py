"""How the pace of the processors is read."""

import pytest

from assay.envelope import pace


def test_the_pace_is_work_by_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time in which others had the processor does not count, and a clock that stood still is no division by 0."""
    ticks = iter([10.0, 10.5, 3.0, 3.0])
    monkeypatch.setattr(pace.time, "thread_time", lambda: next(ticks))
    assert pace.read_pace() == pace._TIMES / 0.5
    assert pace.read_pace() > 0
