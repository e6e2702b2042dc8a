"""How a canary goes: each request is counted for the arm that it was dealt, however deep that arm is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from assay.config.load import parse
from assay.config.schema import Config
from assay.decision.migration.canary import Canary
from assay.decision.migration.standing import Standing, standing_of
from assay.errors import AssayError
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.feedback import Feedback
from assay.ledger.rows import FeedbackRow, new_id
from assay.types import Message, Request

VERSION = "migrate-" + "0" * 32
TOML = f"""
[deployments.old]
model = "x/old"
dialect = "scripted"
script = "old.json"
retries = 0
breaker = {{ failures = 1000 }}
price_usd_per_mtok = {{ input = 1, output = 1 }}

[deployments.new]
model = "x/new"
dialect = "scripted"
script = "new.json"
retries = 0
breaker = {{ failures = 1000 }}
price_usd_per_mtok = {{ input = 1, output = 1 }}

[deployments.other]
model = "x/other"
dialect = "scripted"
script = "other.json"
price_usd_per_mtok = {{ input = 1, output = 1 }}

[routes.desk]
candidates = ["desk-before", "desk-after"]
[routes.desk.policy]
kind = "split"
version = "{VERSION}"
on_failure = "next"
weights = {{ desk-before = 0.5, desk-after = 0.5 }}

[routes.desk-before]
candidates = ["old", "other"]
policy = {{ kind = "fallback" }}

[routes.desk-after]
candidates = ["new"]
policy = {{ kind = "fallback" }}
"""
CANARY = Canary("desk", "0" * 32, "desk-before", "desk-after", 0.5)


@pytest.fixture
def config(tmp_path: Any) -> Config:
    """The configuration of the routes."""
    for name in ("old", "new", "other"):
        (tmp_path / f"{name}.json").write_text("{}")
    return parse(TOML.encode(), tmp_path / "assay.toml")


async def served(spine: Spine, requests: int) -> list[str]:
    """Requests of different sessions; gives their ids."""
    ids = []
    for number in range(requests):
        trace = Trace()
        request = Request(model="desk", session=f"s{number}", messages=(Message.of("user", f"ask {number}"),))
        with suppress(AssayError):
            await spine.answer(request, "desk", trace, Options())
        ids.append(trace.request_id)
    return ids


async def looked_at(ledger: Any, config: Config) -> Standing:
    """What `assay migrate --status` reads."""
    return await standing_of(ledger, config, CANARY, 0.1, 0.05)


async def test_arms_that_are_routes_are_told_apart(
    make_spine: Callable[..., Spine], config: Config, ledger: Any
) -> None:
    """Help from within the arm is no failure of it; help from the other arm is."""
    busy = {"rules": [{"match": ".", "error": "Overloaded"}]}
    spine = make_spine(TOML, {"old.json": busy, "other.json": {"default": "yes"}, "new.json": busy})
    await served(spine, 30)
    found = await looked_at(ledger, config)
    assert (found.old.name, found.new.name, found.unplaced) == ("desk-before", "desk-after", 0)
    assert found.old.requests + found.new.requests == 30
    assert min(found.old.requests, found.new.requests) > 5
    assert (found.old.failures, found.new.failures) == (0, found.new.requests)
    assert (found.advice, found.exit_code) == ("go-back", 1)
    assert found.old.p95_s is not None
    assert found.new.p95_s is None


async def test_both_arms_failing_alike_speak_for_neither(
    make_spine: Callable[..., Spine], config: Config, ledger: Any
) -> None:
    """A host that is down takes both arms: hold, not go back."""
    busy = {"rules": [{"match": ".", "error": "Overloaded"}]}
    spine = make_spine(TOML, {"old.json": busy, "other.json": busy, "new.json": busy})
    await served(spine, 20)
    found = await looked_at(ledger, config)
    assert found.old.failures == found.old.requests > 0
    assert found.new.failures == found.new.requests > 0
    assert found.advice == "hold"


async def test_feedback_counts_for_the_arm_and_runs_do_not(
    make_spine: Callable[..., Spine], config: Config, ledger: Any
) -> None:
    """The last verdict on a request is its arm's; what an eval asked of the route is no traffic."""
    yes = {"default": "yes"}
    spine = make_spine(TOML, {"old.json": yes, "other.json": yes, "new.json": yes})
    ids = await served(spine, 12)
    for one in ids:
        for verdict in ("accepted", "rejected"):
            row = FeedbackRow(id=new_id(), request_id=one, created_at=float(verdict == "rejected"), verdict=verdict)
            await Feedback(ledger).add(row)
    asked = Request(model="desk", session="eval", messages=(Message.of("user", "ask"),))
    await spine.answer(asked, "desk", Trace(run_id="r", sample_id="s"), Options())
    found = await looked_at(ledger, config)
    assert found.old.requests + found.new.requests == 12
    assert found.old.feedback == {"rejected": found.old.requests}
    assert found.new.feedback == {"rejected": found.new.requests}
    assert found.new.usd is not None
    assert found.new.usd > 0


async def test_before_any_request_it_holds(config: Config, ledger: Any) -> None:
    """Nothing has come: nothing is known, and nothing costs 0."""
    found = await looked_at(ledger, config)
    assert (found.advice, found.exit_code, found.old.usd) == ("hold", 4, None)
    assert found.new.interval == (0.0, 1.0)
