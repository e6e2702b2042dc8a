"""Answers of Anthropic, whole and streamed, as events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.opaque import ANTHROPIC, GEMINI, encrypted, signed
from assay.errors import AuthFailed, BadRequest, ContextTooLong, MalformedReply, Overloaded, RateLimited
from assay.types import (
    Event,
    Failed,
    Finish,
    Finished,
    Reasoning,
    Refusal,
    Response,
    Text,
    TextDelta,
    ToolCall,
    Unknown,
    Usage,
    UsageReport,
    fold,
)  # fmt: skip

UPSTREAM = Anthropic()
PAGE = {"type": "char_location", "cited_text": "x", "document_index": 0}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x", "url": "u"}]}
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
    {"type": "redacted_thinking", "data": "blob"},
    {"type": "text", "text": "One", "citations": [PAGE]},
    {"type": "text", "text": "Two"},
    SEARCH,
    FOUND,
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "é"}, "caller": {"type": "direct"}},
    {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}, "caller": {"type": "code_execution_20260120"}},
]
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 7}
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "container": {"id": "c_1"},
    "usage": {**USAGE, "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "standard"},
}


def sse(*events: dict[str, Any], end: str = "\n") -> bytes:
    """The bytes of a stream of these events, as Anthropic writes them."""
    return "".join(f"event: {one['type']}{end}data: {json.dumps(one)}{end}{end}" for one in events).encode()


def start(**usage: Any) -> dict[str, Any]:
    """The first event of a stream."""
    message = {**ANSWER, "content": [], "stop_reason": None, "container": None, "usage": usage or USAGE}
    return {"type": "message_start", "message": message}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def block(index: int, wire: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """One block, begun, continued and ended."""
    return [
        {"type": "content_block_start", "index": index, "content_block": wire},
        *deltas,
        {"type": "content_block_stop", "index": index},
    ]


def ended(reason: str | None = "end_turn", **fields: Any) -> list[dict[str, Any]]:
    """The end of a stream."""
    end = {"stop_reason": reason, "stop_sequence": None, **fields.pop("delta", {})}
    usage = fields.pop("usage", {"output_tokens": 7})
    return [{"type": "message_delta", "delta": end, "usage": usage, **fields}, {"type": "message_stop"}]


STREAM: list[dict[str, Any]] = [
    start(),
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        delta(0, "thinking_delta", thinking="H"),
        delta(0, "thinking_delta", thinking="m."),
        delta(0, "signature_delta", signature="sig"),
    ),
    *block(1, {"type": "redacted_thinking", "data": "blob"}),
    *block(
        2,
        {"type": "text", "text": "", "citations": []},
        delta(2, "citations_delta", citation=PAGE),
        delta(2, "text_delta", text="One"),
    ),
    *block(3, {"type": "text", "text": ""}, delta(3, "text_delta", text="T"), delta(3, "text_delta", text="wo")),
    *block(
        4,
        {**SEARCH, "input": {}},
        delta(4, "input_json_delta", partial_json='{"quer'),
        delta(4, "input_json_delta", partial_json='y": "q"}'),
    ),
    *block(5, FOUND),
    *block(
        6,
        {**CONTENT[6], "input": {}},
        delta(6, "input_json_delta", partial_json=""),
        delta(6, "input_json_delta", partial_json='{"a":'),
        delta(6, "input_json_delta", partial_json='"é"}'),
    ),
    *block(7, CONTENT[7]),
    *ended("tool_use", delta={"container": {"id": "c_1"}}, usage=ANSWER["usage"]),
]


def decode(data: bytes, size: int = 1 << 20) -> list[Event]:
    """The events of a stream that comes in chunks of `size` bytes."""
    decoder = UPSTREAM.decoder()
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    return events + decoder.close()


def whole(**fields: Any) -> Response:
    """A whole answer with these fields."""
    return fold(UPSTREAM.read_response(json.dumps({**ANSWER, **fields}).encode()))


def test_a_whole_answer_has_its_parts() -> None:
    """Order and borders of blocks stay; signatures, citations, server tools and callers are kept."""
    response = whole()
    assert response.parts == (
        Reasoning(text="Hm.", opaque=(signed("sig", ANTHROPIC),)),
        Reasoning(opaque=(encrypted("blob", ANTHROPIC),)),
        Text(text="One", annotations=(PAGE,)),
        Text(text="Two"),
        Unknown(dialect="anthropic", raw=SEARCH),
        Unknown(dialect="anthropic", raw=FOUND),
        ToolCall(id="toolu_1", name="f", arguments='{"a":"é"}'),
        ToolCall(id="toolu_2", name="g", arguments="{}", extra={"caller": {"type": "code_execution_20260120"}}),
    )
    assert response.finish == Finish(kind="tool_calls", native="tool_use")
    assert (response.id, response.model) == ("msg_1", "claude")
    assert response.extra == {"container": {"id": "c_1"}}


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_folds_to_the_whole_answer(size: int, end: str) -> None:
    """Trap 20: any chunk border and line end gives the very value that the JSON of the same answer gives."""
    assert fold(decode(b": comment" + end.encode() * 2 + sse(*STREAM, end=end), size)) == whole()


def test_usage_counts_as_it_does_everywhere() -> None:
    """Trap 6 and 9: input includes what was read from and written to the cache, each counted once."""
    usage = whole().usage
    assert usage == Usage(
        input=15, output=7, cached=3, cache_write=2, reasoning=4, total=22, native=dict(ANSWER["usage"])
    )
    assert fold([UsageReport(usage=Usage())]).usage == Usage()


def test_the_end_of_a_stream_stands_over_its_start() -> None:
    """Trap 7: the numbers of `message_delta` are totals; what it does not repeat stays from the start."""
    first = start(input_tokens=10, cache_read_input_tokens=3, output_tokens=1)
    events = decode(sse(first, *ended(usage={"output_tokens": 7, "input_tokens": None})))
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    assert [(usage.input, usage.output, usage.cache_write) for usage in reports] == [(13, 1, None), (13, 7, None)]


def test_iterations_are_billed_together() -> None:
    """Trap 8: a compaction is not in the numbers at the top; what is billed is the sum."""
    steps = [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 20},
        {"type": "message", "input_tokens": 10, "output_tokens": 7},
    ]
    usage = whole(usage={"input_tokens": 10, "output_tokens": 7, "iterations": steps}).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.total) == (110, 27, 137)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("a_new_reason", "stop"),
    ],
)
def test_reasons_keep_their_word(reason: str, kind: str) -> None:
    """Trap 11: the kind is for everybody, the word is the provider's."""
    assert whole(stop_reason=reason).finish == Finish(kind=kind, native=reason)
    assert fold(decode(sse(start(), *ended(reason)))).finish == Finish(kind=kind, native=reason)


def test_the_stop_text_that_was_hit_is_told() -> None:
    """Trap 11: which of the stop sequences ended the answer."""
    finish = Finish(kind="stop", native="stop_sequence", stop_sequence="END")
    assert whole(stop_reason="stop_sequence", stop_sequence="END").finish == finish


def test_a_refusal_is_explained() -> None:
    """Trap 10: the explanation is the refusal's text; what was said before it stays, in both forms alike."""
    details = {"type": "refusal", "category": "bio", "explanation": "I can't help with that."}
    told = whole(content=[{"type": "text", "text": "Well"}], stop_reason="refusal", stop_details=details)
    assert told.parts == (Text(text="Well"), Refusal(text="I can't help with that."))
    assert told.extra["stop_details"] == details
    piece = block(0, {"type": "text", "text": ""}, delta(0, "text_delta", text="Well"))
    streamed = fold(decode(sse(start(), *piece, *ended("refusal", delta={"stop_details": details}))))
    assert (streamed.parts, streamed.finish) == (told.parts, told.finish)
    assert streamed.extra["stop_details"] == details


def test_a_refusal_without_words_invents_none() -> None:
    """Trap 10: where nothing is explained, the end alone tells it."""
    told = whole(content=[], stop_reason="refusal")
    assert told.parts == ()
    assert told.finish == Finish(kind="content_filter", native="refusal")


def test_compaction_and_unknown_blocks_are_whole() -> None:
    """Pieces of a block that has no class are put together; an unknown event of the stream is skipped."""
    events = decode(
        sse(
            start(),
            *block(0, {"type": "compaction", "content": None}, delta(0, "compaction_delta", content="sum")),
            {"type": "a_new_event", "x": 1},
            *ended(),
        )
    )
    assert fold(events).parts == (Unknown(dialect="anthropic", raw={"type": "compaction", "content": "sum"}),)


def test_blobs_of_others_keep_their_maker() -> None:
    """A gateway like ours passes other makers' blobs on: they are not taken for Anthropic's."""
    wire = {"type": "redacted_thinking", "data": "b", "format": GEMINI}
    assert whole(content=[wire]).parts == (Reasoning(opaque=(encrypted("b", GEMINI),)),)


def test_a_stream_of_a_host_that_ends_no_block_is_read() -> None:
    """What is open at the end is closed then; a whole input at the start counts."""
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    begun = {"type": "content_block_start", "index": 0, "content_block": call}
    response = fold(decode(sse(start(), begun, *ended("tool_use"))))
    assert response.parts == (ToolCall(id="t", name="f", arguments='{"a":1}'),)


# --------------------------------------------------------------------------------------------- faults


def test_a_cut_stream_is_no_answer() -> None:
    """What came is handed out; the missing end is an error."""
    decoder = UPSTREAM.decoder()
    events = decoder.feed(sse(*STREAM[:5]))
    assert fold(events).parts
    with pytest.raises(MalformedReply, match="before its end"):
        decoder.close()


def test_a_block_that_the_end_finds_broken_is_an_error() -> None:
    """A host that marks the end in the middle of a tool's input has sent no answer."""
    begun = {"type": "content_block_start", "index": 0, "content_block": SEARCH}
    decoder = UPSTREAM.decoder()
    decoder.feed(sse(start(), begun, delta(0, "input_json_delta", partial_json="{"), {"type": "message_stop"}))
    with pytest.raises(MalformedReply, match="unexpected form"):
        decoder.close()


@pytest.mark.parametrize("tail", [b"", b"data: [DONE]\n\n"])
def test_a_stream_without_its_end_marker_is_malformed(tail: bytes) -> None:
    """A reason alone does not end the stream: a client of this format, who gets the bytes, waits for the marker."""
    decoder = UPSTREAM.decoder()
    assert Finished(finish=Finish(kind="stop", native="end_turn")) in decoder.feed(sse(start(), *ended()[:1]) + tail)
    with pytest.raises(MalformedReply, match="end marker"):
        decoder.close()


def test_an_error_inside_a_stream_ends_it() -> None:
    """Trap 20: an error event under status 200 is typed as the error is; what came before it stays."""
    piece = block(0, {"type": "text", "text": "a"})
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    *_, last = decode(sse(start(), *piece, error))
    assert isinstance(last, Failed)
    assert (last.error, last.message) == ("Overloaded", "Overloaded")


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {no json}\n\n",
        b"data: []\n\n",
        sse(delta(5, "text_delta", text="x")),
        sse(*block(0, {"type": "text", "text": 7})),
        sse({"type": "message_start"}),
        sse(*block(0, {**SEARCH}, delta(0, "input_json_delta", partial_json="{"))),
    ],
)
def test_an_unreadable_stream_hands_out_what_came_before(bad: bytes) -> None:
    """Broken JSON, another shape, a piece of no block: an error in the tree, behind the events before it."""
    decoder = UPSTREAM.decoder()
    good = sse(start(), *block(0, {"type": "text", "text": "a"}))
    events = decoder.feed(good + bad)
    assert TextDelta(text="a", block=0) in events
    with pytest.raises(MalformedReply):
        decoder.close()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"content": 7}', b'{"content": [{}]}', b'{"content": null}']
)
def test_an_unreadable_answer_is_an_error(body: bytes) -> None:
    """No JSON, no object, no blocks."""
    with pytest.raises(MalformedReply):
        UPSTREAM.read_response(body)


def test_an_error_under_status_200_is_one() -> None:
    """A whole body that is an error object is a failure, not an empty answer."""
    (event,) = UPSTREAM.read_response(b'{"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}')
    assert isinstance(event, Failed)
    assert event.error == "RateLimited"


def test_a_count_is_read() -> None:
    """The answer to a count is the tokens of the input."""
    (event,) = UPSTREAM.read_response(b'{"input_tokens": 2095}')
    assert isinstance(event, UsageReport)
    assert event.usage.input == 2095


def test_an_end_without_a_reason_is_an_end() -> None:
    """`message_stop` without a stop reason still ends the answer."""
    events = decode(sse(start(), *ended(None)))
    assert events[-1] == Finished(finish=Finish(kind="stop"))


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (529, "overloaded_error", "Overloaded", Overloaded),
        (429, "rate_limit_error", "slow down", RateLimited),
        (401, "authentication_error", "invalid x-api-key", AuthFailed),
        (404, "not_found_error", "model: x", BadRequest),
        (413, "request_too_large", "too large", BadRequest),
        (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", ContextTooLong),
    ],
)
def test_errors_have_their_class(status: int, kind: str, message: str, error: type[Exception]) -> None:
    """Trap 20: 529 is overload; the message, the wait and the request's id are kept."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    caught = UPSTREAM.read_error(status, {"retry-after": "7", "request-id": "req_1"}, body)
    assert type(caught) is error
    assert message in str(caught)
    assert (caught.status, caught.retry_after_s, caught.request_id, caught.code) == (status, 7.0, "req_1", kind)
