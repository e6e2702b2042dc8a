"""Answers for clients of Messages, whole and streamed."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import texts, usages, words

from assay.dialects.anthropic import Anthropic, AnthropicCount
from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, signed, with_call_signature
from assay.dialects.sse import Parser
from assay.errors import MalformedReply, RequestError
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
    OpaqueDelta,
    Part,
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

MESSAGES = Anthropic()
CLIENT = Request(model="route", stream=True)
BEGIN = Begin(id="msg_1", model="m")
PAGE = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}}


def end(kind: Any = "stop", **more: Any) -> Finished:
    """The end of an answer."""
    return Finished(finish=Finish(kind=kind, native=more.pop("native", kind), **more))


def stream(*events: Event) -> bytes:
    """The bytes of a streamed answer."""
    encoder = MESSAGES.encoder(CLIENT)
    return b"".join((*(encoder.encode(event) for event in events), encoder.close()))


def events(*said: Event) -> list[dict[str, Any]]:
    """The events of a streamed answer; checks that each has the name of its type."""
    found = Parser().feed(stream(*said))
    wires = [json.loads(one.data) for one in found]
    assert [one.name for one in found] == [wire["type"] for wire in wires]
    return wires


def message(*said: Event) -> dict[str, Any]:
    """What a client puts together from a stream; checks the rules of its order."""
    first, *middle, last = events(*said)
    assert (first["type"], last["type"]) == ("message_start", "message_stop")
    whole: dict[str, Any] = first["message"]
    open_blocks: dict[int, str] = {}
    for wire in middle:
        match wire["type"]:
            case "content_block_start":
                assert wire["index"] == len(whole["content"])
                whole["content"].append(wire["content_block"])
                open_blocks[wire["index"]] = ""
            case "content_block_delta":
                assert wire["index"] in open_blocks
                _grow(whole["content"][wire["index"]], wire["delta"], open_blocks, wire["index"])
            case "content_block_stop":
                text = open_blocks.pop(wire["index"])
                if text:
                    whole["content"][wire["index"]]["input"] = json.loads(text)
            case "message_delta":
                assert not open_blocks
                whole |= wire["delta"]
                whole["usage"] |= wire["usage"]
                whole |= {key: value for key, value in wire.items() if key not in ("type", "delta", "usage")}
    return whole


def _grow(block: dict[str, Any], delta: dict[str, Any], texts_so_far: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "input_json_delta":
            texts_so_far[index] += delta["partial_json"]
        case other:
            raise AssertionError(other)


def whole(response: Response) -> dict[str, Any]:
    """A whole answer."""
    return json.loads(MESSAGES.write_response(response, CLIENT))


def content(*parts: Part) -> list[dict[str, Any]]:
    """The blocks of these parts; checks that the stream of the same answer has the same."""
    blocks = whole(Response(id="msg_1", parts=parts, finish=Finish(kind="stop")))["content"]
    assert message(BEGIN, *unfolded(parts), end())["content"] == blocks
    return blocks


def unfolded(parts: tuple[Part, ...]) -> list[Event]:
    """The events that fold to these parts."""
    told: list[Event] = []
    for number, part in enumerate(parts):
        match part:
            case Text():
                told.append(TextDelta(text=part.text, block=number))
                told += [Annotation(data=note) for note in part.annotations]
            case Reasoning():
                told.append(ReasoningDelta(text=part.text, block=number))
                told += [OpaqueDelta(data=entry, block=number) for entry in part.opaque]
            case Refusal():
                told.append(RefusalDelta(text=part.text))
            case ToolCall():
                told.append(ToolCallDelta(index=number, id=part.id, name=part.name, extra=part.extra))
                told += [ToolCallDelta(index=number, arguments=piece) for piece in part.arguments]
            case Image() | Audio() | Unknown():
                told.append(ContentDelta(part=part))
    return told


# --------------------------------------------------------------------------------------------- blocks


def test_parts_become_blocks() -> None:
    """Text with its citations, thinking with its signature, calls with their input, media and server tools."""
    assert content(
        Reasoning(text="Hm.", opaque=(signed("s1", ANTHROPIC),)),
        Reasoning(opaque=(encrypted("b1", ANTHROPIC),)),
        Text(text="One", annotations=(PAGE,)),
        Text(text="Two"),
        ToolCall(id="t1", name="f", arguments='{"a": 1}'),
        ToolCall(id="t2", name="f", arguments=""),
        Unknown(dialect="anthropic", raw=SEARCH),
        Image(data="AA==", media_type="image/png"),
        Image(url="https://x/a.png"),
    ) == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
        {"type": "redacted_thinking", "data": "b1"},
        {
            "type": "text",
            "text": "One",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://x",
                    "title": "X",
                    "cited_text": "",
                    "encrypted_index": "",
                }
            ],
        },
        {"type": "text", "text": "Two"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "f", "input": {}},
        SEARCH,
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
    ]


def test_signatures_of_other_makers_come_back_from_a_messages_client() -> None:
    """Trap 3: they reach the client, which sends them back as they are, and the maker gets its own again."""
    parts = (
        Reasoning(text="summary", opaque=(encrypted("b", RESPONSES, "rs_1"),)),
        Text(text="said"),
        Reasoning(opaque=(encrypted("g", GEMINI),)),
        ToolCall(id="t", name="f", arguments="{}", extra=with_call_signature("gs")),
    )
    blocks = content(*parts)
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": blocks}]}
    assert MESSAGES.read_request(json.dumps(body).encode()).messages[0].parts == parts


def test_several_signatures_keep_their_texts() -> None:
    """Entries that name their text, as OpenRouter's do, become a block each."""
    one = {"type": "reasoning.text", "text": "A", "signature": "s1", "format": ANTHROPIC}
    two = {"type": "reasoning.text", "text": "B", "signature": "s2", "format": ANTHROPIC}
    nothing = {"type": "reasoning.text", "text": "C", "format": "x"}
    told = Response(parts=(Reasoning(text="ABC", opaque=(one, two, nothing)),))
    assert whole(told)["content"] == [
        {"type": "thinking", "thinking": "A", "signature": "s1"},
        {"type": "thinking", "thinking": "B", "signature": "s2"},
        {"type": "thinking", "thinking": "C", "signature": ""},
    ]


def test_a_refusal_keeps_its_words() -> None:
    """Trap 10: a refusal in words is a text that says so, and ends the message; it comes back as a refusal."""
    told = Response(parts=(Refusal(text="I won't."),), finish=Finish(kind="stop", native="stop"))
    block = {"type": "text", "text": "I won't.", "refusal": True}
    sent = whole(told)
    assert (sent["content"], sent["stop_reason"]) == ([block], "refusal")
    streamed = message(BEGIN, RefusalDelta(text="I "), RefusalDelta(text="won't."), end())
    assert (streamed["content"], streamed["stop_reason"]) == ([block], "refusal")
    assert fold(MESSAGES.read_response(json.dumps(sent).encode())).parts == told.parts


def test_an_explained_refusal_is_not_told_twice() -> None:
    """Trap 10: Anthropic's own explanation stays in `stop_details`."""
    details = {"type": "refusal", "category": None, "explanation": "No."}
    native = {**whole(Response()), "stop_reason": "refusal", "stop_details": details}
    said = MESSAGES.read_response(json.dumps({**native, "id": "msg_1"}).encode())
    for sent in (whole(fold(said)), message(*said)):
        assert (sent["content"], sent["stop_reason"], sent["stop_details"]) == ([], "refusal", details)
    elsewhere = [msgspec.structs.replace(one, id="x") if isinstance(one, Begin) and one.id else one for one in said]
    for sent in (whole(fold(elsewhere)), message(*elsewhere)):
        assert sent["content"] == [{"type": "text", "text": "No.", "refusal": True}]


def test_calls_in_parallel_are_blocks_of_their_own() -> None:
    """Trap 2 and 17: whole calls one after another, and pieces of several in turns, with empty ones between."""
    one, two = ToolCallDelta(index=0, id="a", name="f"), ToolCallDelta(index=1, id="b", name="f")
    first, second = (msgspec.structs.replace(call, arguments=f'{{"x":{n}}}') for n, call in ((1, one), (2, two)))
    pieces = [ToolCallDelta(index=n, arguments=text) for n, text in ((0, '{"x"'), (1, '{"x":'), (0, ":1}"), (1, "2}"))]
    empty, late = ToolCallDelta(index=0), ToolCallDelta(index=1, arguments='{"x":2}')
    want = [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "f", "input": {"x": 2}},
    ]
    for said in ([first, second], [one, two, *pieces], [first, two, empty, late]):
        assert message(BEGIN, *said, end("tool_calls"))["content"] == want


def test_a_call_is_closed_when_the_next_one_begins() -> None:
    """A client may run a tool as soon as its block ends: a whole call does not wait for the message."""
    kinds = [
        (wire["type"], wire.get("index"))
        for wire in events(
            BEGIN,
            ToolCallDelta(index=0, id="a", name="f", arguments="{}"),
            ToolCallDelta(index=1, id="b", name="f", arguments="{}"),
        )
    ]
    assert kinds[3:5] == [("content_block_stop", 0), ("content_block_start", 1)]


def test_a_long_call_costs_no_more_than_its_length() -> None:
    """Two megabytes of arguments in 50,000 pieces are told in well under the time of copying them with each piece."""
    encoder = MESSAGES.encoder(CLIENT)
    encoder.encode(ToolCallDelta(index=0, id="a", name="f"))
    piece = ToolCallDelta(index=0, arguments="x" * 40)
    began = time.process_time()
    for _ in range(50_000):
        encoder.encode(piece)
    assert time.process_time() - began < 4.0  # 50 GB of copies else


def test_odd_arguments_are_seen_to_be_odd() -> None:
    """A cut input of a whole answer is handed on where the client sees it; a stream has the text as it is."""
    call = ToolCall(id="a", name="f", arguments='{"x": ')
    assert whole(Response(parts=(call,)))["content"][0]["input"] == {"_unparsed": '{"x": '}
    begun = ToolCallDelta(index=0, id="a", name="f", arguments=call.arguments)
    assert events(BEGIN, begun, end("length"))[2]["delta"] == {"type": "input_json_delta", "partial_json": '{"x": '}
    for empty in ("", "null", "[]"):
        assert whole(Response(parts=(ToolCall(id="a", name="f", arguments=empty),)))["content"][0]["input"] == {}


def test_a_call_without_an_id_gets_one() -> None:
    """A client links its answer by the id."""
    (block,) = whole(Response(parts=(ToolCall(id="", name="f", arguments="{}"),)))["content"]
    assert block["id"].startswith("toolu_")


def test_what_no_block_can_hold_is_kept_aside() -> None:
    """Sounds and other formats' parts are in a field of the message, not in the text."""
    told = (Text(text="a"), Audio(data="AA==", format="wav"), Unknown(dialect="gemini", raw={"x": 1}))
    kept = whole(Response(parts=told))["native_parts"]
    assert [part["type"] for part in kept] == ["audio", "unknown"]
    assert message(BEGIN, *unfolded(told), end())["native_parts"] == kept


# ------------------------------------------------------------------------------------ head and ending


def test_ids_have_the_formats_form() -> None:
    """The provider's own where it has the form, else made from it, the same in both forms of the answer."""
    assert whole(Response(id="msg_x"))["id"] == "msg_x"
    assert whole(Response(id="chatcmpl-1.2"))["id"] == "msg_chatcmpl-1_2"
    assert message(Begin(id="chatcmpl-1.2"), end())["id"] == "msg_chatcmpl-1_2"
    assert whole(Response())["id"].startswith("msg_")
    assert whole(Response())["model"] == "route"


@pytest.mark.parametrize(
    ("finish", "parts", "reason", "native"),
    [
        (Finish(kind="stop", native="end_turn"), (), "end_turn", None),
        (Finish(kind="stop", native="pause_turn"), (), "pause_turn", None),
        (Finish(kind="length", native="model_context_window_exceeded"), (), "model_context_window_exceeded", None),
        (Finish(kind="stop", native="stop"), (), "end_turn", None),
        (Finish(kind="stop", native="eos"), (), "end_turn", "eos"),
        (Finish(kind="length", native="length"), (), "max_tokens", None),
        (Finish(kind="tool_calls", native="tool_calls"), (), "tool_use", None),
        (Finish(kind="stop", native="stop"), (ToolCall(id="a", name="f", arguments="{}"),), "tool_use", "stop"),
        (Finish(kind="content_filter", native="SAFETY"), (), "refusal", "SAFETY"),
        (Finish(kind="error", native="MALFORMED_FUNCTION_CALL"), (), "error", "MALFORMED_FUNCTION_CALL"),
        (Finish(kind="stop", native="stop", stop_sequence="END"), (), "stop_sequence", "stop"),
    ],
)
def test_reasons_for_the_end(finish: Finish, parts: tuple[Part, ...], reason: str, native: str | None) -> None:
    """Trap 11: the format's word for the kind; the provider's own beside it where it says more."""
    told = (
        whole(Response(parts=parts, finish=finish)),
        message(BEGIN, *unfolded(parts), Finished(finish=finish)),
    )
    for sent in told:
        assert (sent["stop_reason"], sent.get("native_finish_reason")) == (reason, native)
        assert sent["stop_sequence"] == finish.stop_sequence


def test_usage_is_told_in_the_formats_way() -> None:
    """Trap 6 and 9: what was cached is not in the input here; thinking is told, and the last report counts."""
    usage = Usage(input=20, output=9, cached=5, cache_write=3, reasoning=4, total=29)
    want = {
        "input_tokens": 12,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    assert whole(Response(usage=usage))["usage"] == want
    sent = events(BEGIN, TextDelta(text="a"), end(), UsageReport(usage=Usage(input=1)), UsageReport(usage=usage))
    assert sent[0]["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert sent[-2]["usage"] == want


def test_the_hosts_own_usage_is_told_in_its_words() -> None:
    """Trap 8: iterations, tiers and server tools are as Anthropic said them; another format's numbers are not."""
    native = {"input_tokens": 1, "output_tokens": 2, "iterations": [{"input_tokens": 5}], "service_tier": "batch"}
    assert whole(Response(usage=Usage(input=6, output=2, native=native)))["usage"] == native
    other = {"input_tokens": 6, "output_tokens": 2, "total_tokens": 8, "input_tokens_details": {}}
    assert whole(Response(usage=Usage(input=6, output=2, native=other)))["usage"] == {
        "input_tokens": 6,
        "output_tokens": 2,
    }


def test_fields_of_the_same_format_come_through() -> None:
    """What Anthropic says beyond our fields is told again; what another format says would mean nothing."""
    extra = {"container": {"id": "c"}, "context_management": {"applied_edits": []}, "assay:x": 1}
    for sent in (
        whole(Response(id="msg_1", extra=extra)),
        message(Begin(id="msg_1", model="m", extra=extra), end()),
    ):
        assert sent["container"] == {"id": "c"}
        assert sent["context_management"] == {"applied_edits": []}
        assert "assay:x" not in sent
    assert "system_fingerprint" not in whole(Response(id="chatcmpl-1", extra={"system_fingerprint": "f"}))


def test_a_failure_ends_the_stream() -> None:
    """Trap 20: a well-formed error event, and nothing behind it."""
    sent = events(BEGIN, TextDelta(text="a"), Failed(error="Overloaded", message="no room"))
    assert sent[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "no room"}}
    encoder = MESSAGES.encoder(CLIENT)
    assert encoder.encode(Failed(error="Timeout", message="late")).startswith(b"event: error\n")
    assert encoder.close() == b""


def test_raw_bytes_and_empty_pieces_write_nothing() -> None:
    """The events decoded from raw bytes follow; an empty text opens no block."""
    textless = OpaqueDelta(data={"type": "reasoning.text", "format": "x"})
    assert message(Raw(data=b"x"), BEGIN, TextDelta(text=""), ReasoningDelta(text=""), textless, end())["content"] == []
    assert whole(Response(parts=(Text(text=""), Reasoning())))["content"] == []


def test_an_empty_answer_is_well_formed() -> None:
    """An answer of nothing has a head, an end and usage."""
    sent = message()
    assert (sent["content"], sent["stop_reason"]) == ([], None)
    assert whole(Response())["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_a_count_is_told() -> None:
    """The tokens of the input; a count that nobody made is an error."""
    count = AnthropicCount()
    assert count.write_response(Response(usage=Usage(input=7)), CLIENT) == b'{"input_tokens":7}'
    with pytest.raises(MalformedReply):
        count.write_response(Response(), CLIENT)
    with pytest.raises(RequestError):
        count.encoder(CLIENT)


# ----------------------------------------------------------------------------------------- properties

objects = st.dictionaries(words, st.integers() | texts, max_size=2).map(
    lambda value: msgspec.json.encode(value).decode()
)
opaques = st.one_of(
    st.builds(signed, words, st.just(ANTHROPIC)),
    st.builds(encrypted, words, st.sampled_from([ANTHROPIC, GEMINI])),
    st.builds(encrypted, words, st.just(RESPONSES), words),
)
parts = st.one_of(
    st.builds(Text, text=words, annotations=st.lists(st.just(PAGE), max_size=1).map(tuple)),
    st.builds(Reasoning, text=words, opaque=st.lists(opaques, max_size=2).map(tuple)),
    st.builds(Reasoning, opaque=st.lists(opaques, min_size=1, max_size=2).map(tuple)),
    st.builds(ToolCall, id=words, name=words, arguments=objects),
    st.builds(Refusal, text=words),
    st.just(Unknown(dialect="anthropic", raw=SEARCH)),
)
answers = st.lists(parts, max_size=5).map(tuple)


@given(answers, usages, st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), st.integers(1, 40))
def test_both_forms_of_an_answer_are_the_same(said: tuple[Part, ...], usage: Usage, kind: Any, size: int) -> None:
    """A client of the stream gets what a client of the JSON gets, and our reader reads both alike, cut anywhere."""
    told = [BEGIN, *unfolded(said), end(kind), UsageReport(usage=usage)]
    response = fold(told)
    sent = whole(response)
    assert message(*told) == sent
    decoder, data = MESSAGES.decoder(), stream(*told)
    read = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    again = fold(MESSAGES.read_response(json.dumps(sent, ensure_ascii=False).encode()))
    assert fold(read + decoder.close()) == again
    assert again.text == response.text
    assert len(again.tool_calls) == len(response.tool_calls)
