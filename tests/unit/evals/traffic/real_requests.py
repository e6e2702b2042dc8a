"""Real requests for tests: made up, and put into a ledger as the spine keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from assay.config.schema import Config, Serve
from assay.inference.bodies import Bodies
from assay.inference.trace import Record, Trace
from assay.ledger.feedback import Feedback
from assay.ledger.rows import FeedbackRow, new_id
from assay.ledger.store import Ledger
from assay.types import Label, Message, Part, Request, Response, Text


class Asked(NamedTuple):
    """One request, its answer and what somebody said of it."""

    text: str
    answer: str | tuple[Part, ...] = "yes"
    kind: str | None = "words"
    said: dict[str, Any] | None = None
    deployment: str = "good"
    label: Label = Label.UNLABELLED
    target: str = "good"
    request: dict[str, Any] = {}


async def keep(ledger: Ledger, asked: Iterable[Asked], **serve: Any) -> list[str]:
    """Keep requests in a ledger, in this order; gives their ids."""
    bodies, feedback = Bodies(ledger, Config(serve=Serve(**{"bodies": "full", **serve}))), Feedback(ledger)
    ids, written = [], []
    for number, one in enumerate(asked):
        trace = Trace(target=one.target)
        trace.request_id = f"{trace.request_id[:12]}{number:06x}{trace.request_id[18:]}"
        parts = (Text(text=one.answer),) if isinstance(one.answer, str) else one.answer
        trace.answering = Record(id="1", path="0", deployment=one.deployment, response=Response(parts=parts))
        request = Request(messages=(Message.of("user", one.text),), kind=one.kind)
        keeper = bodies.keeper(one.target)
        assert keeper is not None
        import msgspec

        written.append(keeper.keep(msgspec.structs.replace(request, **one.request), one.label, trace))
        if one.said is not None:
            row = {"id": new_id(), "request_id": trace.request_id, "created_at": 1.0, **one.said}
            written.append(feedback.add(FeedbackRow(**row)))
        ids.append(trace.request_id)
        if len(written) > 1000:
            await asyncio.gather(*written)
            written.clear()
    await asyncio.gather(*written)
    return ids
