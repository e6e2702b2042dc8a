"""Experiments in which the truth is known: requests of sessions to a split between scripted deployments."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, NamedTuple

from assay.errors import AssayError
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.feedback import Feedback
from assay.ledger.rows import FeedbackRow, new_id
from assay.ledger.store import SqliteLedger
from assay.types import Message, Request

TOML = """
[deployments.old]
model = "x/old"
dialect = "scripted"
script = "old.json"
retries = 0
breaker = { failures = 100000 }
price_usd_per_mtok = { input = 1, output = 1 }
settings = { max_tokens = 4 }

[deployments.new]
model = "x/new"
dialect = "scripted"
script = "new.json"
retries = 0
breaker = { failures = 100000 }
price_usd_per_mtok = { input = 1, output = 1 }
settings = { max_tokens = 4 }

[routes.desk]
candidates = ["old", "new"]
policy = { kind = "split", weights = { old = 1, new = 1 }, on_failure = "next" }
"""
YES = {"default": "yes"}
BUSY = {"rules": [{"match": ".", "error": "Overloaded"}]}


class Served(NamedTuple):
    """A request that was made: its id, and the arm that it was dealt."""

    id: str
    arm: str


class Desk:
    """The route `desk`, and what people say of its answers."""

    def __init__(self, spine: Spine, ledger: SqliteLedger) -> None:
        self.spine, self.ledger = spine, ledger

    async def ask(self, session: str | None, text: str = "hello", target: str = "desk", **options: Any) -> Served:
        """One request."""
        trace = Trace()
        request = Request(model=target, session=session, messages=(Message.of("user", text),))
        with suppress(AssayError):
            await self.spine.answer(request, target, trace, Options(**options))
        return Served(trace.request_id, trace.deals[0].deal.arm if trace.deals else "")

    async def ask_all(self, sessions: int, each: int = 1, begin: int = 0) -> list[Served]:
        """Requests of so many sessions."""
        return [await self.ask(f"s{n}") for n in range(begin, begin + sessions) for _ in range(each)]

    async def say(self, request_id: str, verdict: str | None = None, **more: Any) -> None:
        """Feedback."""
        row: Any = FeedbackRow(id=new_id(), request_id=request_id, created_at=time.time(), verdict=verdict, **more)  # type: ignore[arg-type]
        await Feedback(self.ledger).add(row)
