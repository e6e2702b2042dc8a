"""The tokens of a call: at most before it is sent, and what it took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.gateway.tokens import most_tokens, taken_tokens
from assay.inference.trace import Record, Trace
from assay.types import Native, Request, Response, Sampling, Usage

CONFIG = """
[deployments.said]
model = "x/said"
dialect = "scripted"
script = "s.json"
settings = { max_tokens = 64 }
[deployments.unsaid]
model = "x/unsaid"
dialect = "scripted"
script = "s.json"
[routes.limited]
candidates = ["unsaid", "said"]
max_tokens = 100
[routes.outer]
candidates = ["limited"]
max_tokens = 7
[routes.open]
candidates = ["unsaid"]
"""


@pytest.mark.parametrize(
    ("model", "sampling", "tokens"),
    [
        ("said", Sampling(max_tokens=20), 30),
        ("said", Sampling(), 74),
        ("said", Sampling(n=3), 10 + 3 * 64),
        ("said", Sampling(max_tokens=-5, n=-1), 10),
        ("limited", Sampling(), 110),
        ("outer", Sampling(), 110),
        ("unsaid", Sampling(), 10),
        ("nobody", Sampling(), 10),
    ],
)
def test_a_call_takes_so_much_at_most(
    make_spine: Callable[..., Any], model: str, sampling: Sampling, tokens: int
) -> None:
    """A token for each byte, and the longest answer that request, settings or route allow."""
    targets = make_spine(CONFIG, {"s.json": {"rules": []}}).targets
    native = Native(dialect="openai", raw=b"0123456789")
    assert most_tokens(Request(model=model, sampling=sampling, native=native), targets) == tokens


def test_what_answers_nothing_takes_its_input() -> None:
    """An embedding or a count has no answer."""
    native = Native(dialect="openai", raw=b"0123456789")
    for form in ("embedding", "count"):
        assert most_tokens(Request(model="x", form=form, native=native), {}) == 10  # type: ignore[arg-type]


def record(usage: Usage | None = None, **more: Any) -> Record:
    """One attempt."""
    return Record(id="a", path="0", deployment="d", response=Response(usage=usage) if usage else None, **more)


@pytest.mark.parametrize(
    ("records", "tokens"),
    [
        ([], 0),
        ([record(Usage(input=5, output=3))], 8),
        ([record(Usage(input=5))], 5),
        ([record(), record(Usage(input=5, output=3))], 8),  # the first was refused before it was sent
        ([record(cost_basis="bound", cancelled=True)], 100),
        ([record(Usage(), cost_basis="unknown")], 100),
        ([record(Usage(input=5, output=3), cached=True)], 0),
        ([record(Usage(input=5, output=3)), record(Usage(input=50, output=30))], 88),
    ],
)
def test_a_call_has_taken_what_its_hosts_counted(records: list[Record], tokens: int) -> None:
    """All attempts count, at the bound where a host has not told; what was not sent, or was cached, took none."""
    assert taken_tokens(Trace(records=records), 100) == tokens
