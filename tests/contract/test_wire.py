"""Recorded exchanges of public projects, translated between every two formats and compared by an independent reader.

The recordings and the reader lie beside the checkout (`ASSAY_SHARED`, default `../shared`), not in it.
"""

import sys

import pytest
from benchmarks.wire import ANSWER_PAIRS, REQUEST_PAIRS, answer_cells, measure, shared, table
from benchmarks.wire_tally import Tally

DATA, HARNESS = shared() / "data" / "wire", shared() / "measure" / "wire"
ANSWERS, REQUESTS = 0.995, 0.99

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (DATA.is_dir() and HARNESS.is_dir()), reason=f"no recordings under {shared()}"),
    pytest.mark.timeout(600),
]
UPSTREAMS = ("chat", "completions", "messages", "gemini", "responses")
CLIENTS = ("chat", "messages", "responses")
answers = pytest.mark.parametrize(("client", "upstream"), ANSWER_PAIRS)


@pytest.fixture(scope="module")
def tally() -> Tally:
    """All figures, measured once; the table is printed."""
    figures = measure(DATA, HARNESS)
    sys.stdout.write(table(figures) + "\n")
    return figures


@answers
def test_fields_of_recorded_answers_are_right(tally: Tally, client: str, upstream: str) -> None:
    """At least 99.5 % of all applicable fields reach the client, whatever was streamed and whatever is."""
    for cell in answer_cells(client, upstream):
        assert tally.exchanges[cell] >= 20, "the recordings are there"
        assert tally.share(cell) >= ANSWERS, cell


@answers
@pytest.mark.parametrize("field", ["refusal", "signatures"])
def test_refusals_and_signatures_are_never_lost(tally: Tally, client: str, upstream: str, field: str) -> None:
    """Trap 3, 4, 10: each refusal's words and each signature stand somewhere in the client's answer."""
    right, total = tally.field(field, *answer_cells(client, upstream))
    assert right == total


@pytest.mark.parametrize("client", CLIENTS)
def test_a_whole_answer_and_its_stream_say_the_same(tally: Tally, client: str) -> None:
    """Made from one value, both are read as one form."""
    cell = f"{client} json = stream"
    assert tally.exchanges[cell] >= 1000
    assert tally.all_right[cell] == tally.exchanges[cell]


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_any_cut_of_a_recorded_stream_gives_the_same_value(tally: Tally, upstream: str) -> None:
    """However the server cuts a stream, the decoded value is the same, without exception."""
    for mode in ("event", "7", "1"):
        cell = f"{upstream} stream cut as {mode}"
        assert tally.exchanges[cell] > 0
        assert tally.all_right[cell] == tally.exchanges[cell]


@pytest.mark.parametrize("pair", REQUEST_PAIRS)
def test_fields_of_recorded_requests_arrive(tally: Tally, pair: str) -> None:
    """At least 99 % of what a client asks for reaches an upstream of another format, and nothing is left unsent."""
    assert tally.exchanges[pair] >= 100, "the recordings are there"
    assert tally.share(pair) >= REQUESTS
    assert tally.unsent[pair] == 0


@pytest.mark.parametrize("client", [*CLIENTS, "completions"])
def test_recorded_requests_are_written_back(tally: Tally, client: str) -> None:
    """At least 99 % of recorded requests, read and written for their own format, are the same JSON."""
    cell = f"{client} request written back"
    assert tally.all_right[cell] / tally.exchanges[cell] >= REQUESTS


def test_recorded_errors_are_kept(tally: Tally) -> None:
    """Status, message and body of every recorded error survive, and each client is told of it."""
    assert tally.exchanges["error statuses"] >= 80
    assert tally.all_right["error statuses"] == tally.exchanges["error statuses"]


def test_no_recording_breaks_us(tally: Tally) -> None:
    """Each recording is read, or refused by name; none is an unexpected error."""
    assert not tally.exchanges["broken"]
    assert not [cell for cell in tally.exchanges if cell.endswith("unread")]


def test_little_is_excluded(tally: Tally) -> None:
    """The figures speak of (nearly) all recordings."""
    left_out = sum(count for reason, count in tally.excluded.items() if "refused by the provider" not in reason)
    assert left_out <= 0.02 * sum(tally.exchanges[f"{client} request written back"] for client in CLIENTS)
