"""What splits dealt to a request stands in its row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from assay.errors import AssayError
from assay.inference.spine import Spine
from assay.inference.trace import Dealt, Trace
from assay.ledger.rows import RequestRow
from assay.routing.protocol import Rolled
from assay.types import Message, Request

TOML = """
[deployments.old]
model = "x/old"
dialect = "scripted"
script = "old.json"
[deployments.new]
model = "x/new"
dialect = "scripted"
script = "new.json"
retries = 1
[routes.desk]
candidates = ["old", "new"]
policy = { kind = "split", weights = { old = 1, new = 0 }, on_failure = "next" }
[routes.outer]
candidates = ["desk"]
"""


async def dealt(spine: Spine, ledger: Any, target: str) -> list[Dealt]:
    """What the row of a request says of its deals."""
    trace = Trace()
    request = Request(model=target, session="s", messages=(Message.of("user", "hello"),))
    with suppress(AssayError):
        await spine.answer(request, target, trace)
    (row,) = await ledger.rows(RequestRow, "select * from requests where id = ?", (trace.request_id,))
    return msgspec.json.decode(row.dealt or "[]", type=list[Dealt])


async def test_the_first_arm_is_the_requests_whoever_answers(make_spine: Callable[..., Spine], ledger: Any) -> None:
    """An arm that fails, retried or not, is left for another; the row says which it was, and that it was left."""
    busy = {"rules": [{"match": ".", "error": "Overloaded", "retry_after_s": 0}]}
    spine = make_spine(TOML, {"old.json": {"default": "yes"}, "new.json": busy})
    (one,) = await dealt(spine, ledger, "desk")
    assert (one.route, one.deal.arm, one.deal.version, one.left) == ("desk", "old", "1", False)
    spine.take_rolled({"desk": Rolled("r1", {"old": 0.0, "new": 1.0})})
    (one,) = await dealt(spine, ledger, "desk")
    assert (one.deal.arm, one.deal.version, one.deal.shares) == ("new", "r1", {"new": 1.0})
    spine.take_rolled({"desk": Rolled("r1", {"old": 1e-9, "new": 1.0})})
    (one,) = await dealt(spine, ledger, "outer")
    assert (one.route, one.deal.arm, one.left) == ("desk", "new", True)


async def test_other_requests_say_nothing(make_spine: Callable[..., Spine], ledger: Any) -> None:
    """A request that meets no split has no deal in its row."""
    spine = make_spine(TOML, {"old.json": {"default": "yes"}, "new.json": {"default": "yes"}})
    assert await dealt(spine, ledger, "new") == []
