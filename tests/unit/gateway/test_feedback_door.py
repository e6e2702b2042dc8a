"""`POST /v1/feedback`: recorded beside its request, refused with the field that is wrong, described like the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from assay.inference.bodies import read
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback

Served = Any  # of this folder's conftest


async def asked(served: Served, text: str = "hello", **more: Any) -> str:
    """The id of a request that was answered."""
    status, headers, _ = await served.ask(text, **more)
    assert status == 200
    return str(headers["x-assay-request-id"])


async def tell(served: Served, **said: Any) -> tuple[int, Any]:
    """Status and body of what the door answers."""
    status, _, body = await served.post("/feedback", said)
    return status, json.loads(body)


async def test_feedback_is_recorded(served: Served) -> None:
    """A verdict and an outcome stand in the ledger under the request's id when the client has its answer."""
    request_id = await asked(served)
    status, body = await tell(
        served, request_id=request_id, verdict="edited", correction="Hi.", metric="stars", value=4, comment="close"
    )
    assert status == 200
    (row,) = (await Feedback(served.spine.ledger).of([request_id]))[request_id]
    assert (row.verdict, row.correction, row.metric, row.value, row.comment) == ("edited", "Hi.", "stars", 4.0, "close")
    assert body["id"] == row.id
    assert body["request_id"] == request_id


async def test_one_answer_is_preferred_to_another(served: Served) -> None:
    """Both requests must be there; the row names the one that lost."""
    better, worse = await asked(served), await asked(served)
    assert (await tell(served, request_id=better, verdict="preferred", over=worse))[0] == 200
    (row,) = (await Feedback(served.spine.ledger).of([better]))[better]
    assert row.over_request_id == worse
    assert (await tell(served, request_id=better, verdict="preferred", over="f" * 32))[0] == 404


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, "a verdict"), ({"verdict": "fine"}, "known: accepted, edited, preferred, rejected"),
        ({"verdict": "preferred"}, "over"),
        ({"verdict": "accepted", "over": "b" * 32}, "over"), ({"metric": "stars"}, "value"),
        ({"metric": "stars", "value": "many"}, "value"), ({"value": 1}, "verdict"),
        ({"metric": "\n", "value": 1}, "metric"),
        ({"verdict": "accepted", "correction": "x"}, "edited"),
        ({"verdict": "edited", "correction": "x" * 200_001}, "correction"),
        ({"verdikt": "accepted"}, "did you mean 'verdict'"), ({"verdict": "preferred", "over": "a" * 32}, "itself"),
        ({"metric": "stars", "value": 1e300}, "value"),
    ],
)  # fmt: skip
async def test_wrong_feedback_is_refused(served: Served, said: dict[str, Any], told: str) -> None:
    """400 with what is wrong, in the format that the client speaks; nothing is recorded."""
    status, body = await tell(served, request_id="a" * 32, **said)
    assert status == 400, body
    assert told in body["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"null", b'{"verdict": "accepted"}', b"\xff", b"[" * 100_000])
async def test_what_is_no_feedback_is_refused(served: Served, body: bytes) -> None:
    """Bodies that are no JSON object of feedback are a client's mistake."""
    assert (await served.post("/feedback", body))[0] == 400


async def test_an_unknown_request_is_not_found(served: Served) -> None:
    """404 tells where the id stands; so does an id that is cut so short that two requests have it."""
    status, body = await tell(served, request_id="f" * 32, verdict="accepted")
    assert status == 404
    assert "x-assay-request-id" in body["error"]["message"]
    assert body["error"]["code"] == "not_found"
    first, second = await asked(served), await asked(served)
    common = next(n for n in range(32) if first[n] != second[n])
    if common:
        status, body = await tell(served, request_id=first[:common], verdict="accepted")
        assert status == 404
        assert "several" in body["error"]["message"]


async def test_the_door_takes_posts_only(served: Served) -> None:
    """Looking at it is 405 with what it takes."""
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/feedback") as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"


async def test_the_door_asks_for_the_key(serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where clients must show a key, feedback needs it too."""
    monkeypatch.setenv("ASSAY_TEST_KEY", "open-sesame")
    async with serving(api_key_env="ASSAY_TEST_KEY") as served:
        assert (await served.post("/feedback", {"request_id": "a", "verdict": "accepted"}))[0] == 401
        headers = {"authorization": "Bearer open-sesame"}
        assert (await served.post("/feedback", {"request_id": "a", "verdict": "accepted"}, headers))[0] == 404


async def test_words_of_feedback_are_redacted(serving: Callable[..., Any]) -> None:
    """Credentials are taken out always, personal data where the gateway or route wants it."""
    for personal, wanted in ((True, "mail <email-1>, <secret-1>"), (False, "mail ada@x.org, <secret-1>")):
        async with serving(redact_personal_data=personal) as served:
            request_id = await asked(served)
            await tell(
                served, request_id=request_id, verdict="edited", correction="mail ada@x.org, ghp_" + "a1B2c3" * 6
            )
            (row,) = (await Feedback(served.spine.ledger).of([request_id]))[request_id]
            assert row.correction == wanted


async def test_the_gateway_keeps_bodies_where_it_is_told_to(serving: Callable[..., Any]) -> None:
    """Streamed, whole and passed through: the exchange is there when the client has the end; by default it is not."""
    async with serving(bodies="full") as served:
        exchanges = Exchanges(served.spine.ledger)
        for more in ({}, {"stream": True}):
            status, headers, body = await served.post(
                "/chat/completions", {"model": "small", "messages": [{"role": "user", "content": "tools"}], **more}
            )
            assert (status, bool(body)) == (200, True)
            row = await exchanges.one(headers["x-assay-request-id"])
            assert row is not None
            found = read(row)
            assert found is not None
            assert found.request.messages[0].text == "tools"
            assert found.answer[0].name == "look"  # type: ignore[union-attr]
    async with serving() as served:
        assert await Exchanges(served.spine.ledger).one(await asked(served)) is None


async def test_the_door_is_described(served: Served) -> None:
    """/openapi.json has its fields, and /docs an example that can be pasted."""
    base = f"http://127.0.0.1:{served.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/openapi.json") as answer:
            document = await answer.json()
        async with session.get(f"{base}/docs") as answer:
            page = await answer.text()
    operation = document["paths"]["/v1/feedback"]["post"]
    assert set(operation["responses"]) == {"200", "4XX", "5XX"}
    fields = document["components"]["schemas"]["feedback-request"]["properties"]
    assert set(fields) == {"request_id", "verdict", "over", "metric", "value", "correction", "comment"}
    assert "/v1/feedback" in page
