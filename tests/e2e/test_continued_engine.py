"""A local engine is killed in the middle of an answer: a new one goes on where it stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import aclosing

import pytest

from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.providers.local.provider import LocalProvider
from assay.types import Begin, Failed, Finished, Message, Request, Sampling, TextDelta

pytestmark = pytest.mark.local

CONFIG = """
[deployments.small]
model = "huggingfacetb/smollm2-135m-instruct"
dialect = "local"
engine = { context_tokens = 512, slots = 1 }
retries = 0
"""
ASKED = Request(
    messages=(Message.of("user", "Write two sentences about bicycles."),), stream=True, sampling=Sampling(max_tokens=40)
)


async def test_the_answer_goes_on_where_it_stopped(make_spine: Callable[..., Spine], ledger: SqliteLedger) -> None:
    """One stream with one head and one end, its text begun as the uninterrupted one; both attempts are on record."""
    spine = make_spine(CONFIG)
    live = spine.targets["small"]
    assert isinstance(live, LiveDeployment)
    assert isinstance(live.provider, LocalProvider)
    whole = await spine.answer(ASKED, "small")
    trace, text, kinds, cut = Trace(), "", [], 0
    async with aclosing(spine.generate(ASKED, "small", trace)) as events:
        async for event in events:
            kinds.append(type(event))
            if isinstance(event, TextDelta):
                text += event.text
                process = live.provider.engine.process
                if len(text) > 30 and len(trace.records) == 1 and process is not None and process.is_alive:
                    os.kill(process.pid, signal.SIGKILL)
                    cut = len(text)
    # What follows may differ in a word: a prompt is reckoned in other steps than an answer, and rounds otherwise.
    assert text.startswith(whole.text[:cut])
    assert len(text) > cut + 40
    assert text.count(whole.text[:10]) == whole.text.count(whole.text[:10])
    assert (kinds.count(Begin), kinds.count(Finished), kinds.count(Failed)) == (1, 1, 0)
    rows = await ledger.attempts(request_id=trace.request_id)
    assert [(row["outcome"], row["error"]) for row in rows] == [("ok", None), ("error", "EngineCrashed")]
    assert rows[0]["continued_from"] == rows[1]["id"]
