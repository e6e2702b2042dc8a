"""Chat completion answers to events."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.opaque import ANTHROPIC
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import MalformedReply
from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Logprobs,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
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
HEAD = {"id": "c1", "created": 7, "model": "m"}
KEYS = (
    "choices delta message content tool_calls function index finish_reason usage error reasoning_details "
    "logprobs refusal audio images annotations text type id reasoning"
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(KEYS.split(" "))), inner, max_size=5)
    ),
    max_leaves=20,
)


def stream(*chunks: Any, done: bool = True) -> bytes:
    """An SSE body of chunks."""
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return body + (b"data: [DONE]\n\n" if done else b"")


def decode(body: bytes, cuts: Sequence[int] = ()) -> list[Event]:
    """The events of a stream, fed in pieces."""
    decoder, events, at = CHAT.decoder(), [], 0
    for cut in [*sorted(cuts), len(body)]:
        events += decoder.feed(body[at:cut])
        at = max(at, cut)
    return events + decoder.close()


def deltas(*many: dict[str, Any], finish: str = "stop", **more: Any) -> list[Event]:
    """The events of a stream whose choice has these deltas, without the head."""
    chunks = [{**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in many]
    end = {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **more}
    return decode(stream(*chunks, end))[1:]


def whole(message: dict[str, Any], **more: Any) -> Response:
    """The value of a whole answer with this message."""
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}
    return fold(CHAT.read_response(json.dumps(body).encode()))


STOP = Finished(finish=Finish(kind="stop", native="stop"))


def test_text() -> None:
    """A plain stream: head, pieces of text, an end."""
    assert deltas({"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"}) == [
        TextDelta(text="a"), TextDelta(text="b"), STOP,
    ]  # fmt: skip


def test_head_comes_once_and_fills_up() -> None:
    """Azure's first chunk has no id; later ones fill the head, and only changed fields are told again."""
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [1]}
    chunk = {
        **HEAD,
        "system_fingerprint": "fp",
        "obfuscation": "xx",
        "choices": [{"index": 0, "delta": {"content": "a"}}],
    }
    end = {**chunk, "obfuscation": "y", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    heads = [event for event in decode(stream(first, chunk, end)) if isinstance(event, Begin)]
    assert heads == [
        Begin(extra={"prompt_filter_results": [1]}),
        Begin(id="c1", model="m", created=7, extra={"system_fingerprint": "fp"}),
    ]


def test_tool_calls() -> None:
    """Trap 17: pieces of parallel calls are joined by number; empty pieces are legal."""
    events = deltas(
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        finish="tool_calls",
    )
    assert events[0] == ToolCallDelta(index=0, id="a", name="f")
    assert fold(events).tool_calls == (
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", arguments="{}"),
    )


def test_calls_that_share_a_number_stay_apart() -> None:
    """Gemini's OpenAI endpoint numbers all parallel calls 0; a new id with a name is a new call."""
    call = {"index": 0, "type": "function"}
    events = deltas(
        {"tool_calls": [{**call, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{**call, "id": "b", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
    )
    assert [(c.id, c.name, c.arguments) for c in fold(events).tool_calls] == [("a", "f", "{}"), ("b", "f", "{}")]


def test_a_host_that_repeats_itself() -> None:
    """Name and id in every piece do not double the name."""
    piece = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    more = {**piece, "function": {"name": "f", "arguments": "}"}}
    assert fold(deltas({"tool_calls": [piece]}, {"tool_calls": [more]})).tool_calls == (
        ToolCall(id="a", name="f", arguments="{}"),
    )


def test_odd_calls() -> None:
    """Calls without a number, arguments as an object or null, custom calls, extra fields, legacy calls."""
    response = whole(
        {
            "content": None,
            "tool_calls": [
                {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": None, "y": 2}, "z": 3},
                {"id": "c", "type": "custom", "custom": {"name": "h", "input": "raw"}},
            ],
            "function_call": {"name": "old", "arguments": "{}"},
        }
    )
    assert response.tool_calls == (
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", extra={"z": 3, "function": {"y": 2}}),
        ToolCall(id="c", name="h", arguments="raw", extra={"type": "custom"}),
        ToolCall(id="", name="old", arguments="{}", extra={"assay:function_call": True}),
    )
    pieces = fold(deltas({"function_call": {"name": "old", "arguments": "{"}}, {"function_call": {"arguments": "}"}}))
    assert pieces.tool_calls == response.tool_calls[3:]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_text(key: str) -> None:
    """DeepSeek's and OpenRouter's names for reasoning; the second one is noted."""
    events = deltas({key: "a", "content": ""}, {key: "b"}, {"content": "c"})
    assert [event for event in events if isinstance(event, ReasoningDelta)] == [
        ReasoningDelta(text="a"),
        ReasoningDelta(text="b"),
    ]
    assert fold(events).parts == (Reasoning(text="ab"), Text(text="c"))
    note = {} if key == "reasoning_content" else {"assay:reasoning": "reasoning"}
    assert fold(events).extra == note == whole({key: "ab", "content": "c"}).extra


def test_signatures_are_whole() -> None:
    """Pieces of a reasoning detail become one blob, equal to that of the whole answer; text goes out at once."""

    def piece(**fields: str) -> dict[str, Any]:
        return {
            "reasoning": fields.get("text"),
            "reasoning_details": [{"type": "reasoning.text", "index": 0, **fields}],
        }

    blob = {"type": "reasoning.encrypted", "index": 1, "data": "e"}
    streamed = fold(
        deltas(piece(text="a"), piece(text="b"), piece(signature="s"), {"reasoning_details": [blob]}, {"content": "x"})
    )
    detail = {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "s"}
    assert streamed.parts == (Reasoning(text="ab", opaque=(detail, blob)), Text(text="x"))
    assert streamed.parts == whole({"reasoning": "ab", "reasoning_details": [detail, blob], "content": "x"}).parts


def test_each_signature_of_a_maker_keeps_its_own_text() -> None:
    """Trap 3, 4: numbered entries of a known maker are parts of their own, whole and streamed."""

    def piece(index: int, **fields: str) -> dict[str, Any]:
        entry = {"type": "reasoning.text", "format": ANTHROPIC, "index": index, **fields}
        return {"reasoning": fields.get("text"), "reasoning_details": [entry]}

    streamed = fold(
        deltas(
            piece(0, text="a"),
            piece(0, text="b"),
            piece(0, signature="s"),
            piece(1, text="c"),
            piece(1, signature="t"),
            {"content": "x"},
        )
    )
    details = [piece(0, text="ab", signature="s"), piece(1, text="c", signature="t")]
    entries = [detail["reasoning_details"][0] for detail in details]
    assert streamed.parts == (
        Reasoning(text="ab", opaque=(entries[0],)),
        Reasoning(text="c", opaque=(entries[1],)),
        Text(text="x"),
    )
    assert streamed.parts == whole({"reasoning": "abc", "reasoning_details": entries, "content": "x"}).parts


def test_details_alone_give_the_text() -> None:
    """Where only the details hold the reasoning, its text is read from them."""
    details = [{"type": "reasoning.summary", "summary": "s", "index": 0}]
    assert whole({"reasoning_details": details, "content": "x"}).parts[0] == Reasoning(text="s", opaque=tuple(details))


def test_mistral_content_lists() -> None:
    """Thinking chunks are reasoning, text chunks text, others are kept."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "t"}], "closed": True}
    text, cite = {"type": "text", "text": "x"}, {"type": "reference", "reference_ids": [1]}
    expected = (
        Reasoning(text="t", opaque=({"type": "thinking", "thinking": [], "closed": True},)),
        Text(text="x"),
        Unknown(dialect="openai", raw=cite),
    )
    assert whole({"content": [thinking, text, cite]}).parts == expected
    assert fold(deltas({"content": [thinking]}, {"content": [text, cite]})).parts == expected
    noted = whole({"content": [{**text, "cache": 1}]})
    assert (noted.text, noted.extra["assay:message"]) == (
        "x",
        {"assay:text": [{"type": "text", "text": "", "cache": 1}]},
    )


def test_refusals_notes_and_logprobs() -> None:
    """Trap 10: refusals, citations and log-probabilities have events of their own."""
    note = {"type": "url_citation", "url": "u"}
    assert deltas({"refusal": "n"}, {"refusal": "o"}, {"annotations": [note]})[:-1] == [
        RefusalDelta(text="n"), RefusalDelta(text="o"), Annotation(data=note),
    ]  # fmt: skip
    chunks = [
        {
            **HEAD,
            "choices": [{"index": 0, "delta": {"content": token}, "logprobs": {"content": [token], "refusal": None}}],
        }
        for token in "ab"
    ]
    events = decode(stream(*chunks))
    assert events[2] == Logprobs(data={"content": ["a"], "refusal": None})
    assert fold(events).logprobs == {"content": ["a", "b"], "refusal": None}


def test_images_and_sound() -> None:
    """OpenRouter's images and OpenAI's spoken answers are parts; sound pieces are joined."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    odd = {"type": "other"}
    assert deltas({"images": [image, odd]})[:2] == [
        ContentDelta(part=Image(data="AA", media_type="image/png")),
        ContentDelta(part=Unknown(dialect="openai", raw=odd)),
    ]
    pieces = [
        {"id": "a1", "data": "QQ=="},
        {"transcript": "he"},
        {"data": "Qg==", "transcript": "y"},
        {"expires_at": 9},
    ]
    sound = Audio(data="QUI=", format="", extra={"id": "a1", "transcript": "hey", "expires_at": 9})
    assert fold(deltas(*({"audio": piece} for piece in pieces))).parts == (sound,)
    assert fold(deltas({"audio": {"data": "QU"}}, {"audio": {"data": "I="}})).parts == (Audio(data="QUI=", format=""),)
    assert whole({"content": None, "audio": {"data": "QUI=", "id": "a1"}}).parts == (
        Audio(data="QUI=", format="", extra={"id": "a1"}),
    )


def test_choices() -> None:
    """With n > 1 each choice has its own parts and end."""
    chunks = [{**HEAD, "choices": [{"index": n, "delta": {"content": str(n)}}]} for n in (1, 0)]
    ends = [
        {**HEAD, "choices": [{"index": n, "delta": {}, "finish_reason": w}]} for n, w in ((0, "stop"), (1, "length"))
    ]
    response = fold(decode(stream(*chunks, *ends)))
    assert (response.text, response.alternatives[0].text) == ("0", "1")
    assert response.alternatives[0].finish == Finish(kind="length", native="length")


@pytest.mark.parametrize(
    ("word", "kind"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("content_filter", "content_filter"),
     ("function_call", "tool_calls"), ("eos", "stop"), ("model_length", "length"), ("error", "error"),
     ("surprise", "stop")],
)  # fmt: skip
def test_finish_reasons(word: str, kind: str) -> None:
    """The provider's word is kept; unusual ones are noted for a client of this dialect."""
    finished = deltas({"content": "x"}, finish=word)[-1]
    assert isinstance(finished, Finished)
    assert finished.finish == Finish(kind=kind, native=word)  # type: ignore[arg-type]
    assert finished.extra == ({} if word == kind else {"assay:choice": {"finish_reason": word}})


def test_unknown_fields_are_kept() -> None:
    """Of the top level, the choice, the message and the call."""
    answer = {
        **HEAD,
        "provider": "p",
        "choices": [{"index": 0, "message": {"content": "x", "padding": "ab"}, "finish_reason": "stop", "seed": 3}],
    }
    extra = fold(CHAT.read_response(json.dumps(answer).encode())).extra
    assert extra == {"provider": "p", "assay:choice": {"seed": 3}, "assay:message": {"padding": "ab"}}
    late = decode(
        stream({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {**HEAD, "timings": {"a": 1}})
    )
    assert fold(late).extra == {"timings": {"a": 1}}


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}, Usage(input=5, output=3, total=8)),
        ({"prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1}}, Usage(cached=2, cache_write=1)),
        ({"prompt_tokens_details": {"cache_creation_tokens": 4}}, Usage(cache_write=4)),
        ({"cache_read_input_tokens": 2, "cache_creation_input_tokens": 7}, Usage(cached=2, cache_write=7)),
        ({"prompt_tokens_details": {"cache_write_tokens": 7}, "cache_creation_input_tokens": 7}, Usage(cache_write=7)),
        ({"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 1}, Usage(cached=6)),
        ({"cached_tokens": 6, "reasoning_tokens": 2}, Usage(cached=6, reasoning=2)),
        ({"completion_tokens_details": {"reasoning_tokens": 9}}, Usage(reasoning=9)),
        (
            {"prompt_tokens": 5.0, "completion_tokens": True, "total_tokens": "x", "prompt_tokens_details": None},
            Usage(input=5),
        ),
    ],
)
def test_usage_under_its_names(native: dict[str, Any], expected: Usage) -> None:
    """Trap 9: every relative's name for a number is read, none is counted twice, and what was said is kept."""
    usage = whole({"content": "x"}, usage=native).usage
    assert usage is not None
    assert usage.native == native
    assert (usage.input, usage.output, usage.total) == (expected.input, expected.output, expected.total)
    assert (usage.cached, usage.cache_write, usage.reasoning) == (
        expected.cached,
        expected.cache_write,
        expected.reasoning,
    )


def test_usage_of_streams() -> None:
    """Trap 7: usage may come in its own chunk without choices, in the last chunk, or inside Groq's own object."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    own = decode(
        stream(
            {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**HEAD, "choices": [], "usage": usage},
        )
    )
    for events in (own, deltas(usage=usage), deltas(x_groq={"usage": usage})):
        assert events[-1] == UsageReport(usage=Usage(input=1, output=2, total=3, native=usage))


def test_perplexity_repeats_the_message() -> None:
    """The running copy of the message beside each delta is not read as text."""
    chunk = {
        **HEAD,
        "choices": [{"index": 0, "delta": {"content": "a"}, "message": {"content": "a"}, "finish_reason": "stop"}],
    }
    assert fold(decode(stream(chunk, done=False))) == Response(
        id="c1", created=7, model="m", parts=(Text(text="a"),), finish=Finish(kind="stop", native="stop")
    )


def test_a_stream_with_an_end_and_no_marker_is_complete() -> None:
    """Some hosts leave out the end marker."""
    chunk = {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    assert decode(stream(chunk, done=False))[-1] == STOP


def test_a_marker_without_an_end() -> None:
    """The end marker alone ends the answer; the missing reason is not made up for the client."""
    chunk = {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]}
    assert decode(stream(chunk))[-1] == Finished(
        finish=Finish(kind="stop"), extra={"assay:choice": {"finish_reason": None}}
    )


@pytest.mark.parametrize(
    "body", [b"", b": hi\n\n", stream({**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]}, done=False)]
)
def test_a_cut_stream_is_malformed(body: bytes) -> None:
    """Neither an end marker nor a finish reason: the stream was cut."""
    with pytest.raises(MalformedReply, match="ended before"):
        decode(body)


def test_one_choice_of_two_is_not_enough() -> None:
    """A stream of two choices that ends after one of them was cut."""
    chunks = [
        {**HEAD, "choices": [{"index": n, "delta": {"content": "a"}, "finish_reason": w}]}
        for n, w in ((0, "stop"), (1, None))
    ]
    with pytest.raises(MalformedReply):
        decode(stream(*chunks, done=False))


@pytest.mark.parametrize(
    "bad",
    [b"data: {\n\n", b"data: []\n\n", b'data: {"choices":[{"delta":{"content":5}}]}\n\n', b'data: {"a":"\xff"}\n\n'],
)
def test_what_came_before_a_bad_event_is_handed_out(bad: bytes) -> None:
    """The events before an unreadable one come out, in any chunking; then the error does, again and again."""
    good = stream({**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]}, done=False)
    decoder = CHAT.decoder()
    assert decoder.feed(good + bad)[-1] == TextDelta(text="a")
    with pytest.raises(MalformedReply):
        decoder.feed(b"data: x\n\n")
    with pytest.raises(MalformedReply):
        decoder.close()


def test_an_error_inside_a_stream() -> None:
    """Trap 20: an error object ends the stream with a typed `Failed`; what came before stays."""
    error = {"message": "slow down", "code": 429, "type": "x"}
    chunk = {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]}
    events = decode(stream(chunk, {"error": error}, done=False))
    assert events[-1] == Failed(error="RateLimited", message="slow down", native=error)
    assert fold(events).text == "a"


def test_after_the_marker_nothing_counts() -> None:
    """Bytes behind the end marker are ignored."""
    assert decode(stream() + b"data: {bad\n\n") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[5]}',
        b"\xff",
        b'{"choices":[{"message":{"content":7}}]}',
    ],
)
def test_whole_answers_that_cannot_be_read(body: bytes) -> None:
    """No JSON, no choices, wrong types: malformed."""
    with pytest.raises(MalformedReply):
        CHAT.read_response(body)


def test_an_error_under_status_200() -> None:
    """OpenRouter and Azure send whole error bodies under 200."""
    body = b'{"error":{"message":"filtered","code":"content_filter"}}'
    assert CHAT.read_response(body)[-1] == Failed(
        error="ContentFiltered", message="filtered", native={"message": "filtered", "code": "content_filter"}
    )


@given(JSONS, st.booleans())
def test_any_json_is_read_or_refused(value: Any, streamed: bool) -> None:
    """Whatever a host sends, either events come out that fold, or `MalformedReply`."""
    try:
        events = decode(stream(value)) if streamed else CHAT.read_response(json.dumps(value).encode())
    except MalformedReply:
        return
    fold(events)


@given(st.data())
def test_any_cut_gives_the_same_events(data: st.DataObject) -> None:
    """Chunk borders, also inside UTF-8, change nothing."""
    texts = data.draw(st.lists(st.text(max_size=5), max_size=5))
    body = (
        b"".join(
            "data: {}\r\n\r\n".format(
                json.dumps({"id": "c", "choices": [{"delta": {"content": text}}]}, ensure_ascii=False)
            ).encode("utf-8", "replace")
            for text in texts
        )
        + b"data:[DONE]"
    )
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=9))
    assert decode(body, cuts) == decode(body) == decode(body, range(len(body)))


def test_a_null_after_the_end_undoes_nothing() -> None:
    """OpenRouter's last chunk, with the usage, repeats the choice with nulls: the end is told once."""
    end = {"index": 0, "delta": {"x": 1}, "finish_reason": "stop", "native_finish_reason": "end_turn"}
    last = {"index": 0, "delta": {"content": "", "x": None}, "finish_reason": None, "native_finish_reason": None}
    events = decode(stream({**HEAD, "provider": "p", "choices": [end]}, {**HEAD, "provider": None, "choices": [last]}))
    notes = {"assay:choice": {"native_finish_reason": "end_turn"}, "assay:message": {"x": 1}}
    assert events[1:] == [Finished(finish=STOP.finish, extra=notes)]


def test_fields_that_come_after_the_end_are_told() -> None:
    """A choice that says more after its finish reason is told again, whole; the last one counts."""
    chunks = [
        {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": word, **more}]}
        for word, more in (("stop", {}), (None, {"seed": 5}))
    ]
    assert decode(stream(*chunks))[1:] == [STOP, Finished(finish=STOP.finish, extra={"assay:choice": {"seed": 5}})]
