"""Feedback in a header of the next request, and by the id that stands in an answer's body."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay.config.schema import Config
from assay.errors import RequestError
from assay.inference import feedback
from assay.inference.bodies import Bodies
from assay.inference.route import LiveRoute
from assay.inference.spine import Options
from assay.inference.trace import Trace
from assay.ledger import feedback as ledger_feedback
from assay.ledger.budgets import Account
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.types import Message, Request

Served = Any  # of this folder's conftest


async def asked(served: Served, text: str, **headers: str) -> tuple[str, dict[str, str], Any]:
    """The id of a request, the headers of its answer and its body."""
    status, got, body = await served.ask(text, {name.replace("_", "-"): value for name, value in headers.items()})
    assert status == 200, body
    return got["x-assay-request-id"], got, body


async def test_a_header_of_the_next_request_says_what_came_of_the_last(served: Served) -> None:
    """It is recorded before that is answered, and its answer says so."""
    first, _, _ = await asked(served, "one")
    second, _, _ = await asked(served, "two")
    said = f"request_id={first}, verdict=preferred, over={second}; request_id={second}, metric=stars, value=2"
    _, headers, _ = await asked(served, "three", x_assay_feedback=said)
    assert headers["x-assay-feedback"] == "preferred; stars recorded"
    found = await Feedback(served.spine.ledger).of([first, second])
    assert (found[first][0].verdict, found[first][0].over_request_id) == ("preferred", second)
    assert (found[second][0].metric, found[second][0].value) == ("stars", 2.0)


async def test_what_is_said_of_an_unknown_request_fails_no_other(served: Served) -> None:
    """The request at hand is answered; what was not recorded is told."""
    _, headers, _ = await asked(served, "one", x_assay_feedback=f"request_id={'f' * 32}, verdict=accepted")
    assert headers["x-assay-feedback"].startswith("not recorded: ")
    assert "no request has this id" in headers["x-assay-feedback"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("accepted", "request_id=ID"),
        ("request_id=a, verdict=accepted, comment=no", "known:"),
        ("request_id=a, verdict=fine", "verdict"),
        ("request_id=a, metric=stars, value=many", "no number"),
        ("; ".join(["request_id=a, verdict=accepted"] * 9), "8 is the most"),
    ],
)
async def test_a_header_that_cannot_be_understood_is_refused(served: Served, said: str, told: str) -> None:
    """It is the client's mistake, and nothing is asked."""
    status, _, body = await served.ask("one", {"x-assay-feedback": said})
    assert status == 400
    assert told in body["error"]["message"]


async def test_an_answer_is_found_by_the_id_in_its_body(served: Served) -> None:
    """For whoever kept the body and not the header, in the formats of OpenAI and Anthropic, streamed and whole."""
    request_id, _, body = await asked(served, "found by its body")
    status, _, said = await served.post("/feedback", {"request_id": body["id"], "verdict": "accepted"})
    assert status == 200
    assert json.loads(said)["request_id"] == request_id
    message = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "of Anthropic's form"}]}
    _, headers, data = await served.post("/messages", message)
    assert json.loads(data)["id"].startswith("msg_")
    _, _, said = await served.post("/feedback", {"request_id": json.loads(data)["id"], "verdict": "accepted"})
    assert json.loads(said)["request_id"] == headers["x-assay-request-id"]


async def test_an_id_that_two_answers_have_is_not_clear(served: Served) -> None:
    """Hosts may give an id twice; nothing is recorded by guess."""
    _, _, body = await asked(served, "the same")
    await asked(served, "the same")
    status, _, said = await served.post("/feedback", {"request_id": body["id"], "verdict": "accepted"})
    assert status == 404
    assert "several" in json.loads(said)["error"]["message"]


async def test_said_twice_the_last_word_counts(served: Served) -> None:
    """Both are on record; sums take the last verdict, and the last figure of a metric."""
    request_id, _, _ = await asked(served, "one")
    for verdict, stars in (("accepted", 5), ("rejected", 1)):
        said = {"request_id": request_id, "verdict": verdict, "metric": "stars", "value": stars}
        assert (await served.post("/feedback", said))[0] == 200
    told = Feedback(served.spine.ledger)
    assert len((await told.of([request_id]))[request_id]) == 2
    (row,) = [one for one in await told.verdicts() if one.verdict]
    assert (row.verdict, row.requests) == ("rejected", 1)
    (outcome,) = await told.outcomes()
    assert (outcome.metric, outcome.requests, outcome.mean) == ("stars", 1, 1.0)


async def test_a_key_speaks_of_its_own_requests_only(served: Served) -> None:
    """Of another's it is told that there is none; of its team's it may speak."""
    spine = served.spine
    bodies = Bodies(spine.ledger, Config())
    trace = Trace()
    request = Request(messages=(Message.of("user", "hi"),))
    await spine.answer(request, "small", trace, Options(account=Account("mine", "us")))
    told = feedback.parse({"request_id": trace.request_id, "verdict": "accepted"})
    for account in (Account("mine", "us"), Account("other", "us"), Account()):
        assert (await feedback.record(told, spine.ledger, bodies, account)).verdict == "accepted"
    with pytest.raises(RequestError, match="no request has this id") as caught:
        await feedback.record(told, spine.ledger, bodies, Account("other", "them"))
    assert caught.value.status == 404


async def test_a_header_s_kind_wins_over_the_route_s(served: Served) -> None:
    """A request's kind is what its header says; else, its key saying nothing, its route's."""
    spine = served.spine
    policy = spine.route("small").policy
    spine.targets["kinded"] = LiveRoute(name="kinded", candidates=("small",), policy=policy, kind="routes")
    for headers, kind in (({}, "routes"), ({"x-assay-kind": "headers"}, "headers")):
        body = {"model": "kinded", "messages": [{"role": "user", "content": "hi"}]}
        _, got, _ = await served.post("/chat/completions", body, headers)
        (row,) = await Feedback(spine.ledger).requests(got["x-assay-request-id"])
        assert row.kind == kind


async def test_an_answer_is_found_among_many_by_its_id(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, the newest first; one that nobody gave is looked for to the end, and not found."""
    monkeypatch.setattr(ledger_feedback, "_PAGE", 2)
    bodies = [(await asked(served, f"one of many, {number}"))[2]["id"] for number in range(7)]
    found = Feedback(served.spine.ledger)
    for name in bodies:
        assert [row.response_id for row in await found.requests(name)] == [name]
    assert await found.requests("chatcmpl-nobody-s") == []


async def test_feedback_comes_after_its_bodies_are_gone(serving: Callable[..., Any]) -> None:
    """A verdict is for the request, which stays; words on it are deleted with the next bodies that are too old."""
    async with serving(bodies="full") as served:
        request_id, _, _ = await asked(served, "one")
        exchanges = Exchanges(served.spine.ledger)
        assert await exchanges.forget(2**32) == 1
        said = {"request_id": request_id, "verdict": "edited", "correction": "two"}
        assert (await served.post("/feedback", said))[0] == 200
        await exchanges.forget(2**32)
        (row,) = (await Feedback(served.spine.ledger).of([request_id]))[request_id]
        assert (row.verdict, row.correction) == ("edited", None)
