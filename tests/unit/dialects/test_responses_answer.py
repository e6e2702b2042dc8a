"""Answers of OpenAI's Responses, read: whole and streamed."""

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest

from assay.dialects.opaque import ANTHROPIC, RESPONSES, encrypted, signed
from assay.dialects.responses import Responses
from assay.errors import BadRequest, MalformedReply, Overloaded, RateLimited
from assay.types import (
    Annotation,
    Event,
    Failed,
    Finish,
    Reasoning,
    Refusal,
    Request,
    Response,
    Text,
    TextDelta,
    ToolCall,
    Unknown,
    Usage,
    fold,
)  # fmt: skip

RESPONSES_DIALECT = Responses()
CLIENT = Request(model="route")
NOTE = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 2}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
OUTPUT: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "encrypted_content": "BLOB",
     "summary": [{"type": "summary_text", "text": "first"}, {"type": "summary_text", "text": "second"}]},
    {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "commentary", "content": [
        {"type": "output_text", "text": "Hello", "annotations": [NOTE], "logprobs": []}]},
    SEARCH,
    {"type": "reasoning", "id": "rs_2", "summary": []},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
    {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "f", "arguments": "", "status": "completed"},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c3", "name": "sh", "input": "ls", "status": "completed"},
]  # fmt: skip
USAGE = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}, "output_tokens": 7,
         "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 17}  # fmt: skip


def whole(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A whole answer."""
    return {"id": "resp_1", "object": "response", "created_at": 7, "model": "gpt", "status": "completed",
            "output": list(output), "usage": USAGE, "error": None, "incomplete_details": None} | fields  # fmt: skip


def read(*output: dict[str, Any], **fields: Any) -> Response:
    """A whole answer, read."""
    return fold(RESPONSES_DIALECT.read_response(json.dumps(whole(*output, **fields)).encode()))


def stream(*events: dict[str, Any], line: str = "\n") -> bytes:
    """The bytes of a stream."""
    return "".join(f"event: {e.get('type')}{line}data: {json.dumps(e)}{line}{line}" for e in events).encode()


def decode(data: bytes, size: int = 0) -> list[Event]:
    """The events of a stream that comes in pieces of `size` bytes; 0 = in one."""
    decoder = RESPONSES_DIALECT.decoder()
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def text_events(place: int, ident: str, *deltas: str, done: bool = True) -> Iterable[dict[str, Any]]:
    """The events of a message of one text."""
    item = {"type": "message", "id": ident, "role": "assistant", "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": place, "item": item}
    for delta in deltas:
        yield {"type": "response.output_text.delta", "item_id": ident, "output_index": place, "content_index": 0,
               "delta": delta, "logprobs": []}  # fmt: skip
    if done:
        part = {"type": "output_text", "text": "".join(deltas), "annotations": [], "logprobs": []}
        full = item | {"status": "completed", "content": [part]}
        yield {"type": "response.output_item.done", "output_index": place, "item": full}


def own_stream(response: dict[str, Any]) -> bytes:
    """The stream that our own writer makes of a whole answer."""
    encoder = RESPONSES_DIALECT.encoder(CLIENT)
    events = RESPONSES_DIALECT.read_response(json.dumps(response).encode())
    return b"".join(encoder.encode(event) for event in events) + encoder.close()


CREATED = {"type": "response.created", "response": whole(status="in_progress", usage=None)}
COMPLETED = {"type": "response.completed", "response": whole()}


def test_an_answer_of_many_items_is_read_in_time() -> None:
    """Two thousand items take a second, not half a minute: what is known of the earlier ones is not made anew."""
    events = [event for place in range(2000) for event in text_events(place, f"msg_{place}", "x")]
    data, decoder = stream(*events), RESPONSES_DIALECT.decoder()
    began = time.process_time()
    told = decoder.feed(data)
    assert time.process_time() - began < 8.0
    assert fold(told).text == "x" * 2000


def test_every_kind_of_item_is_read() -> None:
    """Reasoning with its blob, text with its notes, calls of both kinds, a provider's own tool: in order."""
    response = read(*OUTPUT)
    assert response.parts[:4] == (
        Reasoning(text="first"),
        Reasoning(text="second", opaque=(encrypted("BLOB", RESPONSES, "rs_1"),)),
        Text(text="Hello", annotations=(NOTE,)),
        Unknown(dialect="openai-responses", raw=SEARCH),
    )
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [
        ("c1", "f", '{"a":1}'), ("c2", "f", ""), ("c3", "sh", "ls"),
    ]  # fmt: skip
    assert (response.id, response.model, response.created) == ("resp_1", "gpt", 7)


def test_usage_is_in_our_convention() -> None:
    """Traps 6 and 9: input includes what was cached and written, output includes reasoning; nothing is added up."""
    usage = read(*OUTPUT).usage
    assert usage == Usage(input=10, output=7, total=17, cached=4, cache_write=2, reasoning=5, native=USAGE)
    assert read(usage={"input_tokens": 1, "output_tokens": 2}).usage == Usage(
        input=1, output=2, native={"input_tokens": 1, "output_tokens": 2}
    )


@pytest.mark.parametrize(("fields", "want"), [
    ({}, Finish(kind="stop", native="completed")),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
     Finish(kind="length", native="max_output_tokens")),
    ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
     Finish(kind="content_filter", native="content_filter")),
    ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, Finish(kind="stop", native="steered")),
    ({"status": "queued"}, Finish(kind="stop", native="queued")),
])  # fmt: skip
def test_how_it_ended(fields: dict[str, Any], want: Finish) -> None:
    """Trap 11: the provider's word is kept, also one that has no counterpart."""
    assert read(**fields).finish == want


def test_an_answer_with_calls_ends_with_them() -> None:
    """The status does not tell; the items do."""
    assert read(OUTPUT[4]).finish == Finish(kind="tool_calls", native="completed")


def test_a_refusal_is_a_refusal() -> None:
    """Trap 10: a refusal part is not text."""
    item = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    assert read(item).parts == (Refusal(text="no"),)


def test_a_blob_says_whose_it_is() -> None:
    """A host that relays others' models names the maker."""
    item = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": "SIG", "format": "anthropic-claude-v1"}  # fmt: skip
    assert read(item).parts == (Reasoning(text="t", opaque=(signed("SIG", ANTHROPIC),)),)


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
def test_a_stream_folds_to_the_whole_answer(size: int, line: str) -> None:
    """Traps 17, 18 and 20: whatever the borders and line ends, with reasoning items counted among the places."""
    data = own_stream(whole(*OUTPUT)).replace(b"\n", line.encode())
    assert fold(decode(data, size)) == read(*OUTPUT, **fold_extra(data))


def fold_extra(data: bytes) -> dict[str, Any]:
    """The fields that our writer says of an answer beside what it read."""
    last = json.loads([line for line in data.replace(b"\r", b"\n").split(b"\n") if line.startswith(b"data")][-1][5:])
    return {key: value for key, value in last["response"].items() if key not in ("output", "usage")}


def test_deltas_are_told_as_they_come() -> None:
    """Trap 17: empty deltas are legal; a client need not wait for the item."""
    decoder = RESPONSES_DIALECT.decoder()
    *first, last = text_events(0, "m", "He", "", "llo")
    told = [event for event in decoder.feed(stream(CREATED, *first)) if isinstance(event, TextDelta)]
    assert [event.text for event in told] == ["He", "llo"]
    rest = decoder.feed(stream(last, COMPLETED)) + decoder.close()
    assert not [event for event in rest if isinstance(event, TextDelta)]


def test_items_that_come_in_turns_keep_their_order() -> None:
    """Deltas of a later item wait until the one before it is complete."""
    (add_a, a1, a2, done_a), (add_b, b1, done_b) = list(text_events(0, "a", "1", "2")), list(text_events(1, "b", "x"))
    events = decode(stream(CREATED, add_a, add_b, a1, b1, done_b, a2, done_a, COMPLETED))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["1", "2", "x"]
    assert [part.text for part in fold(events).parts if isinstance(part, Text)] == ["12", "x"]


def test_what_no_delta_told_is_told_by_the_item() -> None:
    """A host that sends no deltas, or not all, loses nothing; nor one that ends no item, or announces none."""
    bare = [event for event in text_events(0, "a", "12") if "delta" not in event["type"]]
    assert fold(decode(stream(CREATED, *bare, COMPLETED))).text == "12"
    assert fold(decode(stream(CREATED, *text_events(0, "a", "1", done=False), COMPLETED))).text == "1"
    lonely = list(text_events(0, "a", "1", done=False))[1:]
    assert fold(decode(stream(CREATED, *lonely, COMPLETED))).text == "1"
    final = {"type": "response.completed", "response": whole(OUTPUT[1])}
    assert fold(decode(stream(CREATED, *text_events(0, "msg_1", "Hel", done=False), final))).text == "Hello"


def test_a_note_is_told_once() -> None:
    """An event for each note, and the item that holds them all, are the same notes."""
    added, delta, done = text_events(0, "a", "12")
    done["item"]["content"][0]["annotations"] = [NOTE]
    note = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": NOTE}
    events = decode(stream(CREATED, added, delta, note, done, COMPLETED))
    assert [event for event in events if isinstance(event, Annotation)] == [Annotation(data=NOTE)]


def test_the_blob_of_the_last_word_counts() -> None:
    """OpenAI encrypts anew in its last event: the fold has that blob, and so have stream and whole answer alike."""
    early = OUTPUT[0] | {"encrypted_content": "EARLY"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": early}
    final = {"type": "response.completed", "response": whole(OUTPUT[0])}
    assert fold(decode(stream(CREATED, done, final))) == read(OUTPUT[0])


def test_log_probabilities_are_those_of_chat() -> None:
    """The entries are alike in both formats; they come with the complete item, which has the bytes too."""
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    item = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Hi", "logprobs": [token]}]}
    assert read(item).logprobs == {"content": [token]}


def test_raw_reasoning_is_told_from_a_summary() -> None:
    """Servers of open models stream the reasoning itself, which is `content`, before the item is known whole."""
    item = {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "r"}},
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    decoded = decode(stream(CREATED, *events, {"type": "response.completed", "response": whole(item)}))
    encoder = RESPONSES_DIALECT.encoder(CLIENT)
    sent = b"".join(encoder.encode(event) for event in decoded) + encoder.close()
    assert b"reasoning_summary" not in sent
    assert b'"response.reasoning_text.delta"' in sent
    assert fold(decoded).parts == (Reasoning(text="hm"),)


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_a_cut_stream_is_an_error(cut: int) -> None:
    """A stream without its last event is no answer, `[DONE]` or not."""
    events = [CREATED, *text_events(0, "m", "Hello"), COMPLETED][:cut]
    for tail in (b"", b"data: [DONE]\n\n"):
        decoder = RESPONSES_DIALECT.decoder()
        decoder.feed(stream(*events) + tail)
        with pytest.raises(MalformedReply):
            decoder.close()


@pytest.mark.parametrize("event", [
    {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None},
    {"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "slow"}},
    {"type": "response.failed", "response": whole(status="failed", error={"code": "rate_limit_exceeded",
                                                                          "message": "slow"})},
    {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
])  # fmt: skip
def test_an_error_inside_a_stream_is_told(event: dict[str, Any]) -> None:
    """Trap 20: each form of an error under status 200 ends the stream as one."""
    *_, last = decode(stream(CREATED, event))
    assert isinstance(last, Failed)
    assert (last.error, last.message) == (RateLimited.__name__, "slow")


def test_a_failed_answer_is_told() -> None:
    """So is a whole answer whose status is `failed`."""
    events = RESPONSES_DIALECT.read_response(
        json.dumps(whole(status="failed", error={"code": "server_error", "message": "sorry"})).encode()
    )
    assert [event.message for event in events if isinstance(event, Failed)] == ["sorry"]


@pytest.mark.parametrize("body", [
    b"<html>", b"[]", b"{}", b'{"output": 7}', b'{"output": ["x"]}',
    b'{"output": [{"type": "message", "content": [{"type": "output_text"}]}]}',
    b'{"output": [{"type": "reasoning", "summary": [{}]}]}',
])  # fmt: skip
def test_what_cannot_be_read_is_an_error(body: bytes) -> None:
    """A body of another shape is the provider's mistake, and told as one."""
    with pytest.raises(MalformedReply):
        RESPONSES_DIALECT.read_response(body)


def test_what_came_before_an_unreadable_event_is_told() -> None:
    """The result does not hang on where the chunks were cut."""
    good = stream(CREATED, *list(text_events(0, "m", "Hello"))[:2])
    decoder = RESPONSES_DIALECT.decoder()
    assert any(isinstance(event, TextDelta) for event in decoder.feed(good + b"data: {oops\n\n"))
    with pytest.raises(MalformedReply):
        decoder.close()


def test_a_count_is_read() -> None:
    """The answer of the counting endpoint is a usage and nothing else."""
    body = b'{"object": "response.input_tokens", "input_tokens": 11}'
    usage = fold(RESPONSES_DIALECT.read_response(body)).usage
    assert usage is not None
    assert usage.input == 11


def test_errors_of_a_host_are_typed() -> None:
    """Trap 20: statuses and both forms of retry-after."""
    limited = RESPONSES_DIALECT.read_error(429, {"retry-after-ms": "1500"}, b'{"error": {"message": "slow"}}')
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_s == 1.5
    assert isinstance(RESPONSES_DIALECT.read_error(529, {}, b"{}"), Overloaded)
    assert isinstance(RESPONSES_DIALECT.read_error(400, {}, b'{"code": "invalid-argument", "error": "x"}'), BadRequest)


def test_one_item_has_one_id() -> None:
    """Some hosts give an item another id in each event; clients are told the first throughout."""
    added, delta, done = text_events(0, "first", "x")
    done["item"]["id"] = "second"
    encoder = RESPONSES_DIALECT.encoder(CLIENT)
    events = decode(stream(CREATED, added, delta, done, COMPLETED))
    sent = b"".join(encoder.encode(event) for event in events) + encoder.close()
    assert b"second" not in sent
    assert b'"item_id":"first"' in sent


def test_a_call_is_told_with_id_and_name_first() -> None:
    """Trap 17: the first piece of a call has its id and name, later ones arguments alone."""
    data = own_stream(whole(*OUTPUT[4:5]))
    (call,) = fold(decode(data)).tool_calls
    assert call == ToolCall(id="c1", name="f", arguments='{"a":1}', extra={"assay:item": {"id": "fc_1"}})


def test_log_probabilities_that_are_no_list_are_malformed() -> None:
    """What cannot be told on is not handed on."""
    part = {"type": "output_text", "text": "x", "annotations": [], "logprobs": True}
    body = {"id": "resp_1", "output": [{"type": "message", "id": "msg_1", "content": [part]}]}
    with pytest.raises(MalformedReply) as caught:
        RESPONSES_DIALECT.read_response(json.dumps(body).encode())
    assert "logprobs" in str(caught.value.__cause__)


@pytest.mark.parametrize("field", ["name", "call_id"])
@pytest.mark.parametrize("value", [7, ["f"], {"a": 1}])
def test_a_call_whose_name_is_no_text_is_malformed(field: str, value: object) -> None:
    """A number or a list is not handed on to a client, whole or streamed, and Python's words are not told."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", field: value}
    with pytest.raises(MalformedReply, match=r"^the answer has an unexpected form$"):
        read(call)
    decoder = RESPONSES_DIALECT.decoder()
    with pytest.raises(MalformedReply, match=r"^the answer has an unexpected form$"):
        decoder.feed(stream({"type": "response.output_item.added", "output_index": 0, "item": call}))
