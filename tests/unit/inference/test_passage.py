"""Whoever asks for bytes only gets the bytes, rows, errors and money that everybody else gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace
from upstreams import Behave, Heard, Seen, host, poured, rows, settled, sse, stream, trickle, well, whole

from assay.dialects import anthropic_request, chat_request
from assay.errors import AssayError
from assay.inference.passage import Passage
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.budgets import period_of
from assay.ledger.store import SqliteLedger
from assay.types import Event, Failed, Raw, Request, fold

MakeSpine = Callable[..., Spine]
TOML = """
[deployments.{name}]
model = "acme/{name}"
dialect = "openai"
base_url = "{url}"
retries = {retries}
idle_timeout_s = 5.0
breaker = {{ failures = 1000 }}
price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}
"""
ERROR = b'data: {"error": {"message": "fell over", "code": 500}}\n\n'


def asked(*, streamed: bool) -> Request:
    """A client's request, as the gateway reads it."""
    body = {"model": "up", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50, "stream": streamed}
    return chat_request.read_request(json.dumps(body).encode())


def says(*pieces: bytes, body: bytes = b"", status: str = "200 OK", kind: str | None = None) -> Behave:
    """A host that says these pieces to who wants a stream, and this body to everybody else."""

    async def behave(seen: Seen) -> None:
        if seen.json.get("stream") and pieces:
            await stream(seen, list(pieces))
        else:
            await seen.answer(body, status, kind=kind or "application/json")

    return behave


async def breaks_off(seen: Seen) -> None:
    """Three events, or half a body, and the connection is gone."""
    if seen.json.get("stream"):
        await seen.begin()
        for piece in sse("one", " two", done=False, finish=False, usage=None):
            await seen.chunk(piece)
    else:
        await seen.say(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
    seen.reset()


async def the_other_form(seen: Seen) -> None:
    """A whole answer to who wants a stream, a stream to who wants none."""
    if seen.json.get("stream"):
        await seen.answer(whole())
    else:
        await stream(seen, sse("hello", " there"))


def thinking(*texts: str) -> list[bytes]:
    """Pieces of thoughts."""
    return [
        piece.replace(b'"content": "', b'"reasoning": "', 1)
        for piece in sse(*texts, done=False, finish=False, usage=None)
    ]


CALLS = b'data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}}]}\n\n'  # noqa: E501 - one event
MANY = ("one", " two", " three", " \N{EURO SIGN}", '"', " five", "", " six")
MANY_CALLS = [CALLS, *(CALLS.replace(b"{}", b"~~" * size) for size in range(5)), CALLS.replace(b'"t"', b'"u"')]
FINISH = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n'
THOUGHT = {"reasoning_tokens": 3}
HOSTS: dict[str, Behave] = {
    "well": well,
    "without usage": says(*sse("one", usage=None), body=whole(usage=None)),
    "usage beyond what can be": says(
        *sse("one", usage={"prompt_tokens": 10**6, "completion_tokens": 10**6}),
        body=whole(usage={"prompt_tokens": 10**6, "completion_tokens": 10**6}),
    ),
    "cached and reasoning tokens": says(
        *sse("one", usage={"prompt_tokens": 9, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}),
        body=whole(usage={"prompt_tokens": 9, "completion_tokens": 7, "completion_tokens_details": THOUGHT}),
    ),
    "tool calls": says(CALLS, FINISH, b"data: [DONE]\n\n", body=whole(object="x")),
    "thoughts": says(*thinking("hm", ", hm", ", hm"), *sse("one", " two", " three")[1:], body=whole(reasoning="hm")),
    "many words": says(*sse(*MANY), body=whole()),
    "many words, then an error": says(*sse(*MANY, done=False, finish=False, usage=None), ERROR, body=ERROR[6:]),
    "many words, then nothing": says(*sse(*MANY, done=False, finish=False, usage=None), body=whole()[:-9]),
    "words behind the end": says(*sse(*MANY, done=False, usage=None), *sse("more", " words"), body=whole()),
    "words behind the mark": says(*sse(*MANY, finish=False, usage=None), *sse("more", " words"), body=whole()),
    "many calls": says(*MANY_CALLS, *sse()[1:], body=whole()),
    "many calls, cut": says(*MANY_CALLS, body=b"{"),
    "signs of life": says(b": wait\n\n", *sse("one"), body=whole()),
    "other line ends": says(*(piece.replace(b"\n", b"\r\n") for piece in sse("one", " two")), body=whole("")),
    "all in one piece": says(b"".join(sse("one", " two")), body=whole()),
    "cut between events": says(*sse("one", done=False, finish=False, usage=None), body=whole()[:-9]),
    "cut inside an event": says(*sse("one", done=False, finish=False, usage=None), b'data: {"id": "up', body=b"{"),
    "an error event": says(*sse("one", done=False, finish=False, usage=None), ERROR, body=ERROR[6:]),
    "an error event at once": says(ERROR, body=b'{"error": {"message": "no"}}'),
    "an unreadable event": says(*sse("one", done=False, finish=False, usage=None), b"data: {oops\n\n", body=b"{oops"),
    "more empty lines": says(*(piece + b"\n" for piece in sse(*MANY)), body=whole()),
    "more empty lines, then nothing": says(*(piece + b"\n" for piece in sse("one", " two")[:3]), body=b"{"),
    "not a word": says(sse()[0].replace(b'"role": "assistant", ', b""), b"data: [DONE]\n\n", body=whole("")),
    "no id": says(*(piece.replace(b'"up-1"', b'""') for piece in sse("one")), body=whole(id="", service_tier="")),
    "nothing": says(b"data: [DONE]\n\n", body=b'{"choices": []}'),
    "429": says(body=b'{"error": {"message": "slowly"}}', status="429 Too Many Requests"),
    "500": says(body=b"<html>", status="500 Oops"),
    "redirect": says(body=b"", status="302 Found"),
    "breaks off": breaks_off,
    "the other form": the_other_form,
}  # fmt: skip


async def outcome(spine: Spine, target: str, request: Request, *, bytes_only: bool) -> tuple[bytes, Any, Trace]:
    """The bytes, how it ended, and the trace of one request; whoever wants bytes only asks as the gateway does."""
    trace, events, problem = Trace(), [], None
    try:
        if bytes_only and not request.stream:
            answer = await spine.whole(request, target, trace, Options(bytes_only=True))
            return (answer, None, trace) if isinstance(answer, bytes) else (b"", answer, trace)
        ask = poured(spine) if bytes_only else spine.generate
        async with aclosing(ask(request, target, trace, Options(bytes_only=bytes_only))) as said:
            events = [event async for event in said]
    except AssayError as error:
        problem = (type(error).__name__, str(error))
    if not request.stream and problem is None and not any(isinstance(event, Raw) for event in events):
        return b"", fold(events), trace
    if events and isinstance(events[-1], Failed):
        problem = (events[-1].error, events[-1].message, "in the stream")
    return b"".join(event.data for event in events if isinstance(event, Raw)), problem or decoded(events), trace


def decoded(events: list[Event]) -> Any:
    """The events of an answer whose bytes could not pass."""
    return None if any(isinstance(event, Raw) for event in events) else events


def comparable(ledger: SqliteLedger, trace: Trace) -> list[dict[str, Any]]:
    """The rows of a request, without what no two requests share."""
    own = {"id", "request_id", "started_at", "total_s", "first_event_s", "session_id", "answered_by"}
    attempts = rows(ledger.path, f"select * from attempts where request_id = '{trace.request_id}' order by path")
    requests = rows(ledger.path, f"select * from requests where id = '{trace.request_id}'")
    return [{key: value for key, value in row.items() if key not in own} for row in (*attempts, *requests)]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("behave", HOSTS.values(), ids=HOSTS)
async def test_both_ways_are_one(
    make_spine: MakeSpine, ledger: SqliteLedger, behave: Behave, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes, the same error, the same rows and the same money; only the words are not read."""
    made: list[Passage] = []
    monkeypatch.setattr(Passage, "_called", _noting(made))
    async with host(behave) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        request = asked(streamed=streamed)
        general = await outcome(spine, "up", request, bytes_only=False)
        assert not made
        passed = await outcome(spine, "up", request, bytes_only=True)
        assert made
        assert up.seen[0].body == up.seen[1].body
    assert passed[:2] == general[:2]
    assert comparable(ledger, passed[2]) == comparable(ledger, general[2])
    assert passed[2].cost == general[2].cost
    assert [record.outcome for record in passed[2].records] == [record.outcome for record in general[2].records]


def told(name: str, **more: Any) -> bytes:
    """One event of a streamed message."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 9}}
BEGINNING = [
    told("message_start", message=MESSAGE),
    told("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    *(told("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in MANY),
]
END = [
    told("content_block_stop", index=0),
    told("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
    told("message_stop"),
]


@pytest.mark.parametrize(
    "pieces",
    [
        [*BEGINNING, *END],
        BEGINNING,
        [*BEGINNING, told("error", error={"type": "overloaded_error", "message": "later"})],
        [*BEGINNING, b"event: x\ndata: {oops\n\n"],
        [b"".join([*BEGINNING, *END])],
    ],
    ids=["well", "cut", "an error event", "an unreadable event", "all in one piece"],
)
async def test_both_ways_of_messages_are_one(make_spine: MakeSpine, ledger: SqliteLedger, pieces: list[bytes]) -> None:
    """As above; of many pieces of a text only the first is decoded."""
    body = {"model": "up", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50, "stream": True}
    request = anthropic_request.read_request(json.dumps(body).encode())
    async with host(says(*pieces)) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0).replace('"openai"', '"anthropic"'))
        general = await outcome(spine, "up", request, bytes_only=False)
        passed = await outcome(spine, "up", request, bytes_only=True)
    assert passed[:2] == general[:2]
    assert comparable(ledger, passed[2]) == comparable(ledger, general[2])
    assert passed[2].records[0].passed_through


def _noting(made: list[Passage]) -> Any:
    original = Passage._called

    def called(passage: Passage, attempted: Any) -> Any:
        made.append(passage)
        return original(passage, attempted)

    return called


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_retries_and_fallbacks_are_as_ever(make_spine: MakeSpine, ledger: SqliteLedger, streamed: bool) -> None:
    """What fails before it has begun is asked again, then elsewhere; each try has its row."""
    bad = says(body=b"", status="503 Busy")
    async with host(bad) as first, host(well) as second:
        toml = TOML.format(name="a", url=first.url, retries=1) + TOML.format(name="b", url=second.url, retries=0)
        spine = make_spine(toml + '[routes.r]\ncandidates = ["a", "b"]\n')
        general = await outcome(spine, "r", asked(streamed=streamed), bytes_only=False)
        passed = await outcome(spine, "r", asked(streamed=streamed), bytes_only=True)
    assert passed[:2] == general[:2]
    assert comparable(ledger, passed[2]) == comparable(ledger, general[2])
    assert passed[2].tried == "a=Overloaded (503), a=Overloaded (503), b=ok"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_who_is_not_needed_does_not_matter(
    make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """A candidate that may not be called keeps no request from the first one's short way."""
    made: list[Passage] = []
    monkeypatch.setattr(Passage, "_called", _noting(made))
    monkeypatch.delenv("MISSING_KEY", raising=False)
    async with host(well) as up:
        toml = TOML.format(name="up", url=up.url, retries=0) + TOML.format(name="barred", url=up.url, retries=0)
        spine = make_spine(toml + 'api_key_env = "MISSING_KEY"\n[routes.r]\ncandidates = ["up", "barred"]\n')
        general = await outcome(spine, "r", asked(streamed=streamed), bytes_only=False)
        assert not made
        passed = await outcome(spine, "r", asked(streamed=streamed), bytes_only=True)
        assert made
    assert passed[:2] == general[:2]
    assert comparable(ledger, passed[2]) == comparable(ledger, general[2])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_who_cannot_fit_is_passed_over(make_spine: MakeSpine, ledger: SqliteLedger, streamed: bool) -> None:
    """A prompt that is too long for the first candidate goes to the next one, whichever way it goes."""
    async with host(well) as up:
        short = TOML.format(name="short", url=up.url, retries=0).replace("acme/short", "openai/gpt-4o")
        long = TOML.format(name="long", url=up.url, retries=0)
        spine = make_spine(short + long + '[routes.r]\ncandidates = ["short", "long"]\n')
        text = "a " * 128_001
        body = {"model": "r", "messages": [{"role": "user", "content": text}], "max_tokens": 5, "stream": streamed}
        request = chat_request.read_request(json.dumps(body).encode())
        general = await outcome(spine, "r", request, bytes_only=False)
        passed = await outcome(spine, "r", request, bytes_only=True)
    assert passed[:2] == general[:2]
    assert comparable(ledger, passed[2]) == comparable(ledger, general[2])
    assert passed[2].tried == "long=ok"


@pytest.mark.parametrize("bytes_only", [False, True], ids=["general", "short"])
@pytest.mark.parametrize("scope", ["r", "up"])
@pytest.mark.parametrize("usd", [0.0, 1.0])
async def test_budgets_on_the_way_count(
    make_spine: MakeSpine, ledger: SqliteLedger, usd: float, scope: str, bytes_only: bool
) -> None:
    """Those of the route and of the deployment at its end, whichever way a request goes."""
    async with host(well) as up:
        toml = TOML.format(name="up", url=up.url, retries=0) + '[routes.r]\ncandidates = ["up"]\n'
        spine = make_spine(toml + f'[budgets.b]\nusd = {usd}\nroute = "{scope}"\n')
        _, problem, _ = await outcome(spine, "r", asked(streamed=False), bytes_only=bytes_only)
    if usd:
        month = period_of(time.time(), "month")
        assert [row["scopes"] for row in rows(ledger.path)] == [f'[["route:{scope}","{month}"]]']
    else:
        assert problem[0] == "BudgetExceeded"
        assert not up.seen


async def test_a_head_goes_on_at_once(make_spine: MakeSpine) -> None:
    """Nobody waits for the first word to learn that an answer has begun."""
    more = asyncio.Event()

    async def slow(seen: Seen) -> None:
        head, *rest = sse("one")
        await seen.begin()
        await seen.chunk(head)
        await more.wait()
        for piece in rest:
            await seen.chunk(piece)
        await seen.chunk(b"")

    async with host(slow) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        async with aclosing(poured(spine)(asked(streamed=True), "up", None, Options(bytes_only=True))) as answer:
            first = await asyncio.wait_for(anext(answer), 5)
            assert isinstance(first, Raw)
            assert first.data == sse("one")[0]
            more.set()
            rest = [event.data async for event in answer if isinstance(event, Raw)]
    assert b"".join(rest) == b"".join(sse("one")[1:])


async def test_after_a_head_another_may_still_answer(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A host that fails after its head is one that failed before the answer: the next candidate is asked."""
    head = sse("", done=False, finish=False, usage=None)[0]

    async def falls(seen: Seen) -> None:
        await seen.begin()
        await seen.chunk(head)
        seen.reset()

    async with host(falls) as first, host(well) as second:
        toml = TOML.format(name="a", url=first.url, retries=0) + TOML.format(name="b", url=second.url, retries=0)
        spine = make_spine(toml + '[routes.r]\ncandidates = ["a", "b"]\n')
        said, problem, trace = await outcome(spine, "r", asked(streamed=True), bytes_only=True)
    assert problem is None
    assert said.endswith(b"data: [DONE]\n\n")
    assert b" there" in said
    assert trace.answering is not None
    assert trace.answering.deployment == "b"
    assert [row["outcome"] for row in rows(ledger.path)] == ["error", "ok"]


@pytest.mark.parametrize("pieces", [0, 1], ids=lambda count: f"after {count} pieces")
async def test_whoever_leaves_is_cancelled_upstream(make_spine: MakeSpine, ledger: SqliteLedger, pieces: int) -> None:
    """The host sees it, the bound is charged, and nothing stays held."""
    async with host(trickle) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        answer = poured(spine)(asked(streamed=True), "up", None, Options(bytes_only=True))
        work = asyncio.create_task(_take(answer, pieces))
        await asyncio.wait_for(_some(up.seen), 5)
        if pieces:
            await asyncio.wait_for(work, 5)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await answer.aclose()
        [row] = await settled(ledger.path, 1)
        for _ in range(200):
            if up.seen[0].gone_at is not None:
                break
            await asyncio.sleep(0.01)
        assert up.seen[0].gone_at is not None
    assert (row["outcome"], row["cost_basis"]) == ("cancelled", "bound")
    assert row["cost_usd"] == row["reserved_usd"]
    [request] = rows(ledger.path, "select * from requests")
    assert request["outcome"] == "cancelled"


async def _take(answer: Any, pieces: int) -> None:
    for _ in range(pieces or 99):
        await anext(answer)


async def _some(seen: list[Seen]) -> None:
    while not seen:  # noqa: ASYNC110 - the host of these tests tells nobody
        await asyncio.sleep(0.005)


async def test_a_cut_answer_has_its_words(make_spine: MakeSpine) -> None:
    """What has passed unread is read when somebody must know it: who continues, or tells of the cut."""
    for behave, words in (breaks_off, "one two"), (HOSTS["many words, then an error"], "".join(MANY)):
        async with host(behave) as up:
            spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
            _, problem, trace = await outcome(spine, "up", asked(streamed=True), bytes_only=True)
        assert problem[-1] == "in the stream"
        [record] = trace.records
        assert record.so_far is not None
        assert record.so_far.text == words


async def test_what_the_client_has_is_known_to_the_byte(make_spine: MakeSpine) -> None:
    """Empty lines that came with an event are no event that was kept back."""
    pieces = [piece + b"\n" for piece in sse(*MANY, done=False, finish=False, usage=None)]
    async with host(says(*pieces)) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        made: list[Passage] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Passage, "_called", _noting(made))
            said, _, _ = await outcome(spine, "up", asked(streamed=True), bytes_only=True)
    assert said == b"".join(pieces)
    assert fold(made[0].had).text == "".join(MANY)


async def test_a_client_leaves_an_answer_that_no_decoder_takes(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Its bytes have passed, since nobody reads that member; the row is written all the same."""

    async def behave(seen: Seen) -> None:
        await seen.begin()
        for piece in sse("one", " two", done=False, finish=False, usage=None):
            await seen.chunk(piece.replace(b"{", b'{"note": 1e999, ', 1))
        await asyncio.sleep(5)

    async with host(behave) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        answer = poured(spine)(asked(streamed=True), "up", None, Options(bytes_only=True))
        await _take(answer, 1)
        work = asyncio.create_task(_take(answer, 0))
        await asyncio.sleep(0.1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await answer.aclose()
        [row] = await settled(ledger.path, 1)
    assert (row["outcome"], row["cost_basis"]) == ("cancelled", "bound")


@pytest.mark.parametrize("limit", ["total_timeout_s", "first_token_timeout_s", "deadline"])
async def test_a_slow_client_says_nothing_of_its_host(make_spine: MakeSpine, limit: str) -> None:
    """What the host has said within its limits is handed on, however long the client takes for it."""
    taken: list[bytes] = []

    class Slow(Heard):
        def pass_on(self, data: bytes) -> Any:
            taken.append(data)
            return lambda: asyncio.sleep(0.4)

    async with host(well) as up:
        toml = TOML.format(name="up", url=up.url, retries=0)
        spine = make_spine(toml + (f"{limit} = 0.3\n" if limit != "deadline" else ""))
        request = replace(asked(streamed=True), deadline_s=0.3 if limit == "deadline" else None)
        sink = Slow()
        await spine.stream(sink, request, "up", None, Options(bytes_only=True))
    end = sink.events.get_nowait()
    assert isinstance(end, Raw)
    assert b"".join(taken) + end.data == b"".join(sse("hello", " there"))


async def test_who_sees_the_end_may_rely_on_the_ledger(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """The last events of a stream wait until the attempt and the request are on record."""
    known: list[list[str]] = []

    class Looks(Heard):
        def pass_on(self, data: bytes) -> None:
            known.append([row["outcome"] for row in rows(ledger.path, "select outcome from requests")])

        def tell(self, event: Event) -> None:
            assert isinstance(event, Raw)
            assert b"finish_reason" in event.data
            assert event.data.endswith(b"data: [DONE]\n\n")
            known.append([row["outcome"] for row in rows(ledger.path, "select outcome from requests")])
            known.append([row["outcome"] for row in rows(ledger.path)])

    async with host(well) as up:
        spine = make_spine(TOML.format(name="up", url=up.url, retries=0))
        await spine.stream(Looks(), asked(streamed=True), "up", None, Options(bytes_only=True))
    assert known[0] == []
    assert known[-2:] == [["answered"], ["ok"]]
