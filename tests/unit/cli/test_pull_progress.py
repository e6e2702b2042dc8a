"""How a download is shown: lines where nobody draws, a bar on a terminal, nothing where it is not wanted."""

from __future__ import annotations

import pytest

from assay.cli import progress
from assay.cli.progress import PullProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_bytes_rate_and_time_left(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """What was here before does not count into the rate; between two lines pass some seconds."""
    with PullProgress("tiny", 500_000_000) as watch:
        watch.at(100_000_000)
        clock[0] += 4.0
        watch.at(120_000_000)
        clock[0] += 4.0
        watch.at(180_000_000)
    assert capsys.readouterr().err == "  180 of 500 MB, 10.0 MB/s, 32 s left\n"


def test_a_download_that_starts_over_has_a_rate_of_its_own(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """No negative rate after the bytes were thrown away; without a known size there is no time left."""
    with PullProgress("tiny", None) as watch:
        watch.at(100_000_000)
        clock[0] += 10.0
        watch.at(0)
        clock[0] += 10.0
        watch.at(50_000_000)
    assert capsys.readouterr().err == "  0 MB\n  50 MB, 5.0 MB/s\n"


def test_quiet_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Neither lines nor sentences."""
    with PullProgress("tiny", 10, quiet=True) as watch:
        clock[0] += 10.0
        watch.at(5)
        watch.say("a sentence")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentences stand above it, markup in them is text."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with PullProgress("tiny", 1_000_000) as watch:
        watch.at(500_000)
        watch.say("hub: [red]no[/red]")
    told = capsys.readouterr().err
    assert "hub: [red]no[/red]" in told
    assert "500.0/1.0" in told or "0.5/1.0 MB" in told
