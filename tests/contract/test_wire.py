"""Recorded exchanges of public projects: decoded, encoded again and compared by an independent reader.

The recordings and the reader lie beside the checkout (`ASSAY_SHARED`, default `../shared`), not in it.
"""

import asyncio
import sys

import pytest
from benchmarks.wire import Tally, measure, shared, table

DATA, HARNESS = shared() / "data" / "wire", shared() / "measure" / "wire"
BAR = 0.99

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (DATA.is_dir() and HARNESS.is_dir()), reason=f"no recordings under {shared()}"),
]
ANSWERS = [
    f"{endpoint} {form} -> {side}"
    for endpoint in ("chat/completions", "completions")
    for form in ("json", "stream")
    for side in ("value", "json", "stream")
]


@pytest.fixture(scope="module")
def tally() -> Tally:
    """All figures, measured once; the table is printed."""
    figures = asyncio.run(measure(DATA, HARNESS))
    sys.stdout.write(table(figures) + "\n")
    return figures


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cell", ANSWERS)
def test_fields_of_recorded_answers_are_right(tally: Tally, cell: str) -> None:
    """At least 99 % of all applicable fields survive, for JSON and streams each, decoded and encoded again."""
    assert tally.exchanges[cell] >= 20, "the recordings are there"
    assert tally.share(cell) >= BAR, table(tally)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("endpoint", ["chat/completions", "completions"])
def test_any_cut_of_a_recorded_stream_gives_the_same_value(tally: Tally, endpoint: str) -> None:
    """However the server cuts a stream, the decoded value is the same, without exception."""
    for mode in ("event", "7", "1"):
        cell = f"{endpoint} stream cut as {mode}"
        assert tally.exchanges[cell] > 0
        assert tally.whole[cell] == tally.exchanges[cell], table(tally)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("endpoint", ["chat/completions", "completions"])
def test_recorded_requests_are_written_back(tally: Tally, endpoint: str) -> None:
    """At least 99 % of recorded requests, read and written again, are the same JSON."""
    cell = f"{endpoint} request"
    assert tally.whole[cell] / tally.exchanges[cell] >= BAR, table(tally)


@pytest.mark.timeout(600)
def test_recorded_errors_are_kept(tally: Tally) -> None:
    """Status, message, code and body of every recorded error survive."""
    assert tally.exchanges["error statuses"] >= 40
    assert tally.whole["error statuses"] == tally.exchanges["error statuses"], table(tally)


@pytest.mark.timeout(600)
def test_little_is_excluded(tally: Tally) -> None:
    """The figures speak of (nearly) all recordings."""
    assert sum(tally.excluded.values()) <= 0.01 * tally.exchanges["chat/completions request"], table(tally)
