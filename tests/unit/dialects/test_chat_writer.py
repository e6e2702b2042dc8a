"""Answers for clients of chat completions."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from wire_strategies import chat_events

from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, signed
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.sse import Parser
from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Document,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    OpaqueDelta,
    Raw,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Unknown,
    Usage,
    UsageReport,
    fold,
)  # fmt: skip

CHAT = OpenAIChat()
CLIENT = Request(model="route", stream=True, stream_usage=True)
BEGIN = Begin(id="c1", model="m", created=7)
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}
STOP = Finished(finish=Finish(kind="stop", native="stop"))


def encode(*events: Event, request: Request = CLIENT) -> bytes:
    """The streamed body of events."""
    encoder = CHAT.encoder(request)
    return b"".join((*(encoder.encode(event) for event in events), encoder.close()))


def chunks(*events: Event, request: Request = CLIENT) -> list[dict[str, Any]]:
    """The chunks of a stream; checks that it ends with the marker."""
    parser = Parser()
    found = parser.feed(encode(*events, request=request))
    assert found.pop().data == b"[DONE]"
    return [json.loads(event.data) for event in found]


def decode(body: bytes) -> list[Event]:
    """The events of a stream."""
    decoder = CHAT.decoder()
    return [*decoder.feed(body), *decoder.close()]


def written(response: Response) -> dict[str, Any]:
    """The body of a whole answer."""
    return json.loads(CHAT.write_response(response, CLIENT))


class Said(NamedTuple):
    """What an answer says, however its pieces are cut."""

    text: str
    reasoning: str
    opaque: list[Any]
    refusal: str
    notes: list[Any]
    others: list[Any]
    rest: tuple[Any, ...]


def said(response: Response) -> list[Said]:
    """What each choice of an answer says."""
    return [_said_by(choice, response.usage) for choice in (response, *response.alternatives)]


def _said_by(choice: Response, usage: Usage | None) -> Said:
    parts = choice.parts
    numbers = [getattr(usage, key) for key in ("input", "output", "total", "cached", "cache_write", "reasoning")]
    return Said(
        choice.text,
        "".join(part.text for part in parts if isinstance(part, Reasoning)),
        [entry for part in parts if isinstance(part, Reasoning) for entry in part.opaque],
        "".join(part.text for part in parts if isinstance(part, Refusal)),
        [note for part in parts if isinstance(part, Text) for note in part.annotations],
        [part for part in parts if isinstance(part, ToolCall | Unknown)],
        (choice.id, choice.model, choice.created, choice.finish, choice.logprobs, choice.extra, numbers),
    )


@given(chat_events())
def test_decode_of_encode_gives_the_events_back(events: list[Event]) -> None:
    """What a client's stream says is what the events said, up to the merging of pieces."""
    assert said(fold(decode(encode(*events)))) == said(fold(events))


@given(chat_events())
def test_whole_and_streamed_bodies_say_the_same(events: list[Event]) -> None:
    """A whole answer is the fold of its stream, on the wire too."""
    whole = CHAT.read_response(CHAT.write_response(fold(events), CLIENT))
    streamed, again = said(fold(decode(encode(*events)))), said(fold(whole))
    for one, other in zip(streamed, again, strict=True):
        sides = [sorted(side.others, key=lambda part: isinstance(part, ToolCall)) for side in (one, other)]
        assert sides[0] == sides[1]
        assert one._replace(others=[]) == other._replace(others=[])


def test_one_head_for_all_chunks() -> None:
    """Trap 17: id, time and model are the same in all chunks, even when a second provider takes over."""
    second = Begin(id="other", model="m2", created=9, extra={"system_fingerprint": "fp"})
    found = chunks(BEGIN, TextDelta(text="a"), second, TextDelta(text="b"), STOP)
    assert {(c["id"], c["model"], c["created"], c["object"]) for c in found} == {
        ("c1", "m", 7, "chat.completion.chunk")
    }
    assert [c.get("system_fingerprint") for c in found] == [None, "fp", "fp"]


def test_a_head_is_made_where_there_is_none() -> None:
    """Without a provider's id one is made, once; the model is the one that the client called."""
    found = chunks(TextDelta(text="a"), STOP)
    assert len({c["id"] for c in found}) == 1
    assert found[0]["id"].startswith("chatcmpl-")
    assert found[0]["model"] == "route"
    body = written(Response(parts=(Text(text="a"),)))
    assert body["id"].startswith("chatcmpl-")
    assert body["created"] > 1_700_000_000


def test_the_role_stands_in_the_first_chunk_of_each_choice() -> None:
    """Once per choice, whatever comes first."""
    found = chunks(BEGIN, TextDelta(text="a"), TextDelta(text="b"), TextDelta(text="c", choice=1), STOP)
    assert [c["choices"][0]["delta"].get("role") for c in found] == ["assistant", None, "assistant", None]


def test_usage_only_on_demand_and_only_once() -> None:
    """Trap 7: the last report is written in a chunk without choices, if the client asked for it."""
    events = [
        BEGIN,
        TextDelta(text="a"),
        *(UsageReport(usage=Usage(input=n, output=1, total=n + 1)) for n in (1, 2)),
        STOP,
    ]
    last = chunks(*events)[-1]
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
    assert not any("usage" in chunk for chunk in chunks(*events, request=Request(stream=True)))


def test_every_chunk_has_a_choice_unless_usage_was_asked_for() -> None:
    """Clients that read `choices[0]` of each chunk get through, whatever a host says after the last one."""
    events = [BEGIN, STOP, UsageReport(usage=Usage(input=1, output=1)), Begin(extra={"timings": {"a": 1}})]
    found = chunks(*events, request=Request(stream=True))
    assert all(chunk["choices"] for chunk in found)
    assert found[-1]["timings"] == {"a": 1}
    assert found[-1]["choices"][0]["finish_reason"] is None


def test_passed_bytes_lose_only_usage_that_the_client_did_not_ask_for() -> None:
    """The gateway asks for usage on every stream; a chunk without choices is handed on to who asked for it alone."""
    text = b'data: {"choices":[{"delta":{"content":"\\"choices\\":[]"}}],"usage":null}\n\n'
    filtered = b'data: {"choices": [], "prompt_filter_results": []}\n\n'
    usage = b'data: {"choices": [ ], "usage": {"prompt_tokens": 1}}\r\n\r\n'
    broken = b'data: {"choices":[]\n\n'
    data = filtered + text + usage + broken + b"data: [DONE]\n\n"
    assert CHAT.encoder(CLIENT).passed(data) == data
    assert CHAT.encoder(Request(stream=True)).passed(data) == filtered + text + broken + b"data: [DONE]\n\n"


def test_usage_keeps_what_the_provider_said() -> None:
    """The provider's own object goes out; our numbers win where they differ; foreign forms are translated."""
    native = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_cache_hit_tokens": 3, "cost": 0.1}
    usage = Usage(input=6, output=2, total=7, cached=3, cache_write=0, native=native)
    wire = written(Response(usage=usage))["usage"]
    assert wire == native | {"prompt_tokens": 6, "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0}}
    foreign = Usage(input=6, output=2, reasoning=1, native={"input_tokens": 4})
    assert written(Response(usage=foreign))["usage"] == {
        "prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8,
        "completion_tokens_details": {"reasoning_tokens": 1},
    }  # fmt: skip
    assert "total_tokens" not in written(Response(usage=Usage(input=6)))["usage"]


def test_calls_are_numbered_from_zero() -> None:
    """Trap 17: upstream numbers with gaps (Responses counts reasoning items too) are closed up."""
    found = chunks(
        BEGIN,
        ToolCallDelta(index=1, id="a", name="f"),
        ToolCallDelta(index=1, arguments="{}"),
        ToolCallDelta(index=4, id="b", name="g", extra={"type": "custom"}),
        ToolCallDelta(index=4, arguments="raw", name="2"),
        ToolCallDelta(index=1, id="late", extra={"signature": "s"}),
    )
    calls = [c["choices"][0]["delta"]["tool_calls"][0] for c in found]
    assert calls == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": "{}"}},
        {"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}},
        {"index": 1, "custom": {"input": "raw", "name": "2"}},
        {"index": 0, "id": "late", "function": {"arguments": ""}, "signature": "s"},
    ]


def test_legacy_calls_stay_legacy() -> None:
    """A `function_call` goes out as one, whole and streamed."""
    extra = {"assay:function_call": True}
    events = [ToolCallDelta(index=0, name="f", arguments="{", extra=extra), ToolCallDelta(index=0, arguments="}")]
    assert [c["choices"][0]["delta"]["function_call"] for c in chunks(BEGIN, *events)] == [
        {"name": "f", "arguments": "{"}, {"arguments": "}"},
    ]  # fmt: skip
    assert written(fold(events))["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    ("form", "delta", "message"),
    [
        (None, {"reasoning_content": "t"}, {"content": "x", "reasoning_content": "t"}),
        ("reasoning", {"reasoning": "t"}, {"content": "x", "reasoning": "t"}),
        (
            "thinking",
            {"content": [THINKING]},
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                    {"type": "text", "text": "x"},
                ]
            },
        ),
    ],
)
def test_reasoning_goes_out_under_the_name_it_came_under(
    form: str | None, delta: dict[str, Any], message: dict[str, Any]
) -> None:
    """The form that the provider used is the form that its clients know."""
    head = Begin(id="c1", extra={"assay:reasoning": form} if form else {})
    events = [head, ReasoningDelta(text="t"), TextDelta(text="x")]
    assert chunks(*events)[0]["choices"][0]["delta"] == {"role": "assistant", **delta}
    body = written(fold(events))
    assert body["choices"][0]["message"] == {"role": "assistant", "refusal": None, **message}
    assert "assay:reasoning" not in body


def test_signatures_go_out() -> None:
    """Blobs of any provider stand in `reasoning_details`; Mistral's in its chunks."""
    events = [
        BEGIN,
        ReasoningDelta(text="t"),
        OpaqueDelta(data={"type": "thinking", "signature": "s"}),
        TextDelta(text="x"),
    ]
    assert chunks(*events)[1]["choices"][0]["delta"] == {"reasoning_details": [{"type": "thinking", "signature": "s"}]}
    assert written(fold(events))["choices"][0]["message"]["reasoning_details"] == [
        {"type": "thinking", "signature": "s"}
    ]
    mistral = [
        Begin(extra={"assay:reasoning": "thinking"}),
        ReasoningDelta(text="t"),
        OpaqueDelta(data={"type": "thinking", "closed": True}),
    ]
    assert written(fold(mistral))["choices"][0]["message"]["content"][0]["closed"] is True
    assert chunks(*mistral)[1]["choices"][0]["delta"]["content"] == [{"type": "thinking", "closed": True}]


def test_signatures_go_out_with_the_text_they_are_over() -> None:
    """Trap 3, 4, 5: a client that keeps `reasoning_details` can send each back with its own text, streamed or not."""
    events: list[Event] = [
        BEGIN,
        *(ReasoningDelta(text=text, block=0) for text in ("on", "e")),
        OpaqueDelta(data=signed("s1", ANTHROPIC), block=0),
        OpaqueDelta(data=encrypted("e", ANTHROPIC), block=1),
        ReasoningDelta(text="two", block=2),
        OpaqueDelta(data=signed("s2", ANTHROPIC), block=2),
        ReasoningDelta(text="sum", block=3),
        OpaqueDelta(data=encrypted("r", RESPONSES, "rs_1"), block=3),
        TextDelta(text="x", block=4),
        OpaqueDelta(data=encrypted("g", GEMINI), block=5),
    ]
    details = [
        signed("s1", ANTHROPIC) | {"text": "one"},
        encrypted("e", ANTHROPIC),
        signed("s2", ANTHROPIC) | {"text": "two"},
        {"type": "reasoning.summary", "summary": "sum", "format": RESPONSES},
        encrypted("r", RESPONSES, "rs_1"),
        encrypted("g", GEMINI),
    ]
    message = written(fold(events))["choices"][0]["message"]
    assert message["reasoning_content"] == "onetwosum"
    assert message["reasoning_details"] == details
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(*events)]
    assert [entry for delta in deltas for entry in delta.get("reasoning_details", [])] == details


def test_signed_reasoning_is_read_back_once() -> None:
    """A gateway behind a gateway: the text that goes out again with its signature is not told twice."""
    events: list[Event] = [
        BEGIN,
        *(ReasoningDelta(text=text, block=0) for text in ("on", "e")),
        OpaqueDelta(data=signed("s1", ANTHROPIC), block=0),
        ReasoningDelta(text="two", block=1),
        OpaqueDelta(data=signed("s2", ANTHROPIC), block=1),
        TextDelta(text="x", block=2),
        STOP,
    ]
    entries = tuple(signed(f"s{n}", ANTHROPIC) | {"text": text} for n, text in ((1, "one"), (2, "two")))
    for parts in (
        fold(decode(encode(*events))).parts,
        fold(CHAT.read_response(CHAT.write_response(fold(events), CLIENT))).parts,
    ):
        assert parts == (Reasoning(text="onetwo", opaque=entries), Text(text="x"))


def test_a_signature_behind_something_else_takes_no_text_of_before() -> None:
    """The text that a signature is over is the one right before it."""
    events = [ReasoningDelta(text="t"), TextDelta(text="x"), OpaqueDelta(data=signed("s", ANTHROPIC))]
    assert chunks(BEGIN, *events)[-1]["choices"][0]["delta"]["reasoning_details"] == [signed("s", ANTHROPIC)]


def test_notes_of_other_formats_become_chat_annotations() -> None:
    """A page of the web is a `url_citation`, whoever found it."""
    note = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c", "encrypted_index": "i"}
    events = [BEGIN, TextDelta(text="x"), Annotation(data=note)]
    page = {"url": "u", "title": "t", "content": "c", "encrypted_index": "i"}
    want = [{"type": "url_citation", "url_citation": page}]
    assert chunks(*events)[1]["choices"][0]["delta"]["annotations"] == want
    assert written(fold(events))["choices"][0]["message"]["annotations"] == want


def test_parts_that_are_not_text() -> None:
    """Images, sound, files and unknown parts have a place; foreign ones are named with their dialect."""
    image = Image(data="AA", media_type="image/png")
    image_wire = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    parts = (
        image,
        Audio(data="AA", format="", extra={"id": "a"}),
        Unknown(dialect="other", raw={"x": 1}),
        Unknown(dialect="openai", raw={"type": "reference"}),
        Document(file_id="f"),
    )
    message = written(Response(parts=parts))["choices"][0]["message"]
    assert message["images"] == [image_wire]
    assert message["audio"] == {"id": "a", "data": "AA"}
    assert message["native_parts"] == [{"dialect": "other", "raw": {"x": 1}}]
    assert message["content"] == [{"type": "reference"}, {"type": "file", "file": {"file_id": "f"}}]
    found = [c["choices"][0]["delta"] for c in chunks(BEGIN, *(ContentDelta(part=part) for part in parts))]
    assert found[0] == {"role": "assistant", "images": [image_wire]}
    assert [list(delta) for delta in found[1:]] == [["audio"], ["native_parts"], ["content"], ["content"]]


@pytest.mark.parametrize(
    ("parts", "content"),
    [((), ""), ((Text(text="a"), Text(text="b")), "ab"), ((ToolCall(id="a", name="f"),), None)],
)
def test_content_of_whole_answers(parts: Any, content: str | None) -> None:
    """Texts are joined; null stands beside tool calls without a text."""
    assert written(Response(parts=parts))["choices"][0]["message"]["content"] == content


def test_unusual_finish_reasons_go_out_as_they_came() -> None:
    """Trap 11: a client of this dialect sees the provider's own word; a foreign word becomes the kind and stands by."""
    native = Finished(
        finish=Finish(kind="stop", native="eos"), extra={"assay:choice": {"finish_reason": "eos", "seed": 1}}
    )
    foreign = Finished(finish=Finish(kind="length", native="MAX_TOKENS"))
    assert chunks(BEGIN, native)[0]["choices"][0] == {
        "index": 0,
        "delta": {"role": "assistant"},
        "finish_reason": "eos",
        "seed": 1,
    }
    for choice in (chunks(BEGIN, foreign)[0]["choices"][0], written(fold([foreign]))["choices"][0]):
        assert (choice["finish_reason"], choice["native_finish_reason"]) == ("length", "MAX_TOKENS")
    hit = Finished(finish=Finish(kind="stop", native="stop_sequence", stop_sequence="END"))
    body = CHAT.write_response(fold([hit]), CLIENT)
    assert json.loads(body)["choices"][0]["stop_reason"] == "END"
    again = fold(CHAT.read_response(body)).finish
    assert again == Finish(kind="stop", native="stop", stop_sequence="END")


def test_late_fields_are_not_lost() -> None:
    """Top-level fields that come after the last delta go out before the end marker."""
    assert chunks(BEGIN, STOP, Begin(extra={"timings": {"a": 1}}))[-1]["timings"] == {"a": 1}


def test_what_another_format_says_at_the_end_goes_out_too() -> None:
    """Fields that came with the end of the answer stand at the top, whole and streamed."""
    end = Finished(finish=Finish(kind="stop", native="STOP"), extra={"groundingMetadata": {"a": 1}})
    assert written(fold([BEGIN, end]))["groundingMetadata"] == {"a": 1}
    assert chunks(BEGIN, end)[0]["groundingMetadata"] == {"a": 1}


def test_a_failure_ends_the_stream_without_the_marker() -> None:
    """A client must not take a failed stream for a complete one; a key in a message is not shown."""
    native = {"message": "busy", "code": 503, "x": 1}
    body = encode(BEGIN, TextDelta(text="a"), Failed(error="Overloaded", message="busy", native=native))
    assert b"[DONE]" not in body
    assert decode(body)[-1] == Failed(error="Overloaded", message="busy", native=native)
    assert b"sk-" not in encode(Failed(error="AuthFailed", message="bad key sk-123", native={"message": "sk-123"}))
    assert b"secret" not in encode(Failed(error="KeyError", message="secret"))
    assert b'"code":"timeout"' in encode(Failed(error="Timeout", message="late"))


def test_raw_bytes_are_not_written_twice() -> None:
    """`Raw` is for pass-through; its decoded events follow."""
    assert CHAT.encoder(CLIENT).encode(Raw(data=b"data: x\n\n")) == b""
    assert CHAT.encoder(CLIENT).content_type == "text/event-stream"


def test_a_refusal_of_any_provider() -> None:
    """Trap 10: the words stand in `refusal` with no content; a block without words is an empty answer that says why."""
    words = [BEGIN, RefusalDelta(text="no"), Finished(finish=Finish(kind="content_filter", native="refusal"))]
    choice = written(fold(words))["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": "no"}
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("content_filter", "refusal")
    first, last = (chunk["choices"][0] for chunk in chunks(*words))
    assert first["delta"] == {"role": "assistant", "refusal": "no"}
    assert last["finish_reason"] == "content_filter"
    blocked = Finished(finish=Finish(kind="content_filter", native="PROHIBITED_CONTENT"))
    choice = written(fold([BEGIN, blocked]))["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "", "refusal": None}
    assert choice["native_finish_reason"] == "PROHIBITED_CONTENT"
