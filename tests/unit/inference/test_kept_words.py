"""What the ledger keeps of an error's words: hosts repeat what they were sent."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from assay.errors import BadRequest, RequestError
from assay.inference.settling import words_of
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.finished import requests_of
from assay.ledger.store import SqliteLedger
from assay.types import Message, Request
from faults import Answer, FaultyHost

SECRET = "ghp_" + "a1B2" * 9
SAID = json.dumps({"error": {"message": f"messages.0: unexpected value 'token {SECRET}'", "type": "invalid"}}).encode()


def test_credentials_in_the_words_of_a_host_are_taken_out() -> None:
    """And no more than so many characters are kept; what assay says itself stays as it is."""
    assert SECRET not in words_of(BadRequest(f"unexpected value {SECRET}"))
    assert len(words_of(BadRequest("x" * 5000))) == 2000
    assert words_of(RequestError("127.0.0.1: who")) == "127.0.0.1: who"


async def test_a_prompt_that_a_host_repeats_leaves_no_key_in_the_ledger(
    make_spine: Callable[..., Spine], ledger: SqliteLedger
) -> None:
    """Neither the attempt's row nor the request's has it, though no body is kept; the caller is told all."""
    async with FaultyHost(Answer(status=400, body=SAID)) as host:
        spine = make_spine(f'[deployments.m]\nmodel = "x/m"\ndialect = "openai"\nbase_url = "{host.url}"\n', {})
        trace = Trace()
        with pytest.raises(BadRequest, match=SECRET):
            await spine.answer(Request(messages=(Message.of("user", SECRET),)), "m", trace)
    (attempt,) = await ledger.attempts(request_id=trace.request_id)
    (request,) = await requests_of(ledger, [trace.request_id])
    for said in (attempt["message"], request.reason):
        assert "messages.0: unexpected value" in said
        assert SECRET not in said
