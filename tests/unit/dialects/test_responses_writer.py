"""Answers for clients of OpenAI's Responses: whole bodies and streams."""

import json
from typing import Any

import pytest
from hypothesis import given
from wire_strategies import chat_events

from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, signed, with_call_signature
from assay.dialects.responses import Responses
from assay.dialects.sse import Parser
from assay.errors import RateLimited, RequestError
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
    Message,
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

RESPONSES_DIALECT = Responses()
CLIENT = Request(model="route", stream=True)
BEGIN = Begin(id="x1", model="m", created=7)
STOP = Finished(finish=Finish(kind="stop", native="stop"))
CALL = [ToolCallDelta(index=0, id="c1", name="f"), ToolCallDelta(index=0, arguments='{"a":'),
        ToolCallDelta(index=0, arguments="1}")]  # fmt: skip


def told(*events: Event, request: Request = CLIENT) -> list[dict[str, Any]]:
    """The events of a stream; checks the names and the running numbers."""
    encoder = RESPONSES_DIALECT.encoder(request)
    data = b"".join((*(encoder.encode(event) for event in events), encoder.close()))
    found = Parser().feed(data)
    bodies = [json.loads(event.data) for event in found]
    assert [event.name for event in found] == [body["type"] for body in bodies]
    assert [body["sequence_number"] for body in bodies] == list(range(len(bodies)))
    return bodies


def final(*events: Event, request: Request = CLIENT) -> dict[str, Any]:
    """The answer that the stream's last event holds."""
    return told(*events, request=request)[-1]["response"]


def whole(response: Response, request: Request = CLIENT) -> dict[str, Any]:
    """A whole answer."""
    return json.loads(RESPONSES_DIALECT.write_response(response, request))


def kinds(bodies: list[dict[str, Any]]) -> list[str]:
    """The types of events, without what all begin with."""
    return [body["type"].removeprefix("response.") for body in bodies]


def numbered(value: Any) -> Any:
    """An answer with ids of ours numbered in order, since they are made up anew each time."""
    names: dict[str, str] = {}

    def walk(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: walk(inner) if key != "id" else names.setdefault(inner, f"#{len(names)}")
                    for key, inner in one.items()}  # fmt: skip
        return [walk(inner) for inner in one] if isinstance(one, list) else one

    return walk({**value, "created_at": 0})


def sent_back(response: dict[str, Any]) -> Message:
    """What a client that sends the whole output back says with it."""
    body = {"model": "m", "input": response["output"]}
    (message,) = RESPONSES_DIALECT.read_request(json.dumps(body).encode()).messages
    return message


def test_the_life_of_a_text() -> None:
    """Every event that clients wait for, in order, around the deltas."""
    bodies = told(BEGIN, TextDelta(text="He"), TextDelta(text="llo"), STOP)
    assert kinds(bodies) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert bodies[0]["response"]["output"] == []
    assert bodies[6]["text"] == "Hello"
    (item,) = bodies[-1]["response"]["output"]
    assert item == bodies[-2]["item"]
    assert item["content"] == [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}]


def test_ids_are_stable_over_the_stream() -> None:
    """Trap 18: an item has one id, of its kind, from its beginning to the whole answer."""
    bodies = told(BEGIN, ReasoningDelta(text="hm"), TextDelta(text="a"), *CALL, STOP)
    added = {body["output_index"]: body["item"]["id"] for body in bodies if body["type"].endswith("item.added")}
    assert [ident.split("_")[0] for ident in added.values()] == ["rs", "msg", "fc"]
    assert all(body["item_id"] == added[body["output_index"]] for body in bodies if "item_id" in body)
    assert [item["id"] for item in bodies[-1]["response"]["output"]] == list(added.values())
    assert {body["response"]["id"] for body in bodies if "response" in body} == {"x1"}


def test_places_count_every_item() -> None:
    """Trap 17: a call behind reasoning and text is at place 2."""
    bodies = told(BEGIN, ReasoningDelta(text="hm"), TextDelta(text="a"), *CALL, STOP)
    places = {body["output_index"] for body in bodies if body["type"].startswith("response.function_call")}
    assert places == {2}


def test_pieces_of_parallel_calls_may_come_in_turns() -> None:
    """Each call keeps its own arguments, and is complete only at the end."""
    bodies = told(
        BEGIN, ToolCallDelta(index=0, id="a", name="f"), ToolCallDelta(index=3, id="b", name="f"),
        ToolCallDelta(index=3, arguments="{}"), ToolCallDelta(index=0, arguments="[]"), STOP,
    )  # fmt: skip
    calls = [(item["call_id"], item["arguments"]) for item in bodies[-1]["response"]["output"]]
    assert calls == [("a", "[]"), ("b", "{}")]


def test_a_tool_of_free_text_has_events_of_its_own() -> None:
    """A custom call says `input`, in the deltas and in the item."""
    bodies = told(BEGIN, ToolCallDelta(index=0, id="a", name="sh", arguments="ls", extra={"type": "custom"}), STOP)
    assert "custom_tool_call_input.delta" in kinds(bodies)
    (item,) = bodies[-1]["response"]["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "ls")


def test_a_refusal_is_a_part_of_its_own() -> None:
    """Trap 10: refusals survive, in the stream and in the whole answer."""
    bodies = told(BEGIN, RefusalDelta(text="no "), RefusalDelta(text="way"), STOP)
    assert "refusal.done" in kinds(bodies)
    assert bodies[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no way"}]


@pytest.mark.parametrize(("finish", "status", "reason"), [
    (Finish(kind="stop", native="end_turn"), "completed", None),
    (Finish(kind="tool_calls", native="tool_use"), "completed", None),
    (Finish(kind="length", native="MAX_TOKENS"), "incomplete", "max_output_tokens"),
    (Finish(kind="content_filter", native="SAFETY"), "incomplete", "content_filter"),
    (Finish(kind="error", native="MALFORMED_FUNCTION_CALL"), "failed", None),
])  # fmt: skip
def test_how_it_ended_in_this_formats_words(finish: Finish, status: str, reason: str | None) -> None:
    """Trap 11: the word of the provider is kept beside the format's own."""
    body = whole(Response(parts=(Text(text="x"),), finish=finish))
    assert (body["status"], (body["incomplete_details"] or {}).get("reason")) == (status, reason)
    assert body["native_finish_reason"] == finish.native
    assert told(BEGIN, TextDelta(text="x"), Finished(finish=finish))[-1]["type"] == f"response.{status}"


def test_the_item_that_a_limit_cut_says_so() -> None:
    """Only the last item is not complete."""
    body = final(BEGIN, *CALL, TextDelta(text="x"), Finished(finish=Finish(kind="length", native="length")))
    assert [item["status"] for item in body["output"]] == ["completed", "incomplete"]


def test_usage_has_every_number_that_the_format_demands() -> None:
    """Traps 6 and 7: it comes in the last event only; details that nobody told are 0, as the schema wants numbers."""
    bodies = told(BEGIN, TextDelta(text="x"), STOP, UsageReport(usage=Usage(input=5, output=2, cached=3)))
    assert bodies[0]["response"]["usage"] is None
    assert bodies[-1]["response"]["usage"] == {
        "input_tokens": 5, "output_tokens": 2, "total_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip


@pytest.mark.parametrize("part", [
    Reasoning(text="hm", opaque=(signed("SIG", ANTHROPIC),)),
    Reasoning(opaque=(signed("SIG", ANTHROPIC),)),
    Reasoning(opaque=(encrypted("DATA", ANTHROPIC),)),
    Reasoning(opaque=(encrypted("DATA", GEMINI),)),
    Reasoning(text="hm", opaque=(encrypted("DATA", RESPONSES, "rs_9"),)),
    Reasoning(text="hm", opaque=({"type": "reasoning.text", "signature": "S", "format": "x-v1", "index": 0},)),
    Reasoning(text="hm"),
])  # fmt: skip
def test_signatures_survive_a_round_trip(part: Reasoning) -> None:
    """Traps 3 and 4: the blob of any maker reaches the client as it is, and comes back as what it was."""
    body = whole(Response(parts=(part, Text(text="x")), finish=STOP.finish))
    secrets = [value for entry in part.opaque for key, value in entry.items() if key in ("signature", "data")]
    assert [body["output"][0].get("encrypted_content")] == (secrets or [None])
    back = sent_back(body).parts[0]
    assert isinstance(back, Reasoning)
    assert (back.text, [strip(entry) for entry in back.opaque]) == (part.text, [strip(one) for one in part.opaque])


def strip(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without the id of its item."""
    return {key: value for key, value in entry.items() if key != "id"}


def test_a_blob_without_its_maker_goes_nowhere() -> None:
    """A client that drops unknown fields leaves the id, which tells that no host of this format made the blob."""
    body = whole(Response(parts=(Reasoning(text="hm", opaque=(signed("SIG", ANTHROPIC),)),), finish=STOP.finish))
    del body["output"][0]["format"]
    (part,) = sent_back(body).parts
    assert isinstance(part, Reasoning)
    assert part.opaque[0]["format"] == "unknown"


def test_blobs_of_several_thoughts_are_items_of_their_own() -> None:
    """An item holds one blob; thoughts and redacted thoughts keep their order."""
    thoughts = (
        Reasoning(text="a", opaque=(signed("A", ANTHROPIC),)), Reasoning(opaque=(encrypted("R", ANTHROPIC),)),
        Reasoning(text="b", opaque=(signed("B", ANTHROPIC),)),
    )  # fmt: skip
    body = whole(Response(parts=(*thoughts, Text(text="x")), finish=STOP.finish))
    assert [item.get("encrypted_content") for item in body["output"]] == ["A", "R", "B", None]
    assert sent_back(body).parts[:3] == thoughts


def test_no_two_items_have_one_id() -> None:
    """A relayed answer may speak of one item in several blocks; the official SDK refuses an id that comes twice."""
    told_twice = [
        OpaqueDelta(data={"type": "reasoning.summary", "summary": "a", "id": "rs_1", "format": RESPONSES}, block=0),
        OpaqueDelta(data=encrypted("D", RESPONSES, "rs_1"), block=1),
    ]
    items = final(BEGIN, *told_twice, TextDelta(text="x"), STOP)["output"]
    assert len({item["id"] for item in items}) == 3


def test_a_signature_on_a_call_survives() -> None:
    """Trap 3: Gemini's signature is an extra field of the call, from its beginning to the whole answer."""
    extra = with_call_signature("S")
    bodies = told(BEGIN, ToolCallDelta(index=0, id="c", name="f", arguments="{}", extra=extra), STOP)
    item = bodies[-1]["response"]["output"][0]
    assert item["extra_content"] == extra["extra_content"]
    (call,) = sent_back(bodies[-1]["response"]).parts
    assert isinstance(call, ToolCall)
    assert call.extra["extra_content"] == extra["extra_content"]


def test_notes_are_in_this_formats_words() -> None:
    """Citations of chat and of Anthropic become flat ones; one without a place is on the whole text."""
    events = [TextDelta(text="abc"), Annotation(data={"type": "url_citation", "url_citation": {"url": "https://x"}})]
    bodies = told(BEGIN, *events, STOP)
    want = {"type": "url_citation", "url": "https://x", "start_index": 0, "end_index": 3, "title": ""}
    (note,) = [body for body in bodies if body["type"].endswith("annotation.added")]
    assert (note["annotation"], note["annotation_index"]) == (want, 0)
    assert bodies[-1]["response"]["output"][0]["content"][0]["annotations"] == [want]


def test_borders_between_texts_are_kept() -> None:
    """Texts of other blocks are parts of their own, in one message."""
    body = final(BEGIN, TextDelta(text="a", block=0), TextDelta(text="b", block=1), STOP)
    assert [part["text"] for part in body["output"][0]["content"]] == ["a", "b"]


def test_log_probabilities_stand_with_their_text() -> None:
    """They come in a delta of their own and are in the complete part."""
    token = {"token": "x", "logprob": -1.0, "bytes": [120], "top_logprobs": []}
    events = (TextDelta(text="x"), Logprobs(data={"content": [token], "refusal": None}))
    bodies = told(BEGIN, *events, STOP)
    assert bodies[-1]["response"]["output"][0]["content"][0]["logprobs"] == [token]
    assert [body["logprobs"] for body in bodies if body["type"].endswith("text.delta")] == [[], [token]]
    assert whole(fold([BEGIN, *events, *CALL, STOP]))["output"][0]["content"][0]["logprobs"] == [token]


def test_what_has_no_item_is_kept_beside() -> None:
    """An image is a call of the image tool; a sound and a foreign part are in an extension."""
    raw = {"type": "server_tool_use", "id": "s"}
    body = final(
        BEGIN, ContentDelta(part=Image(data="AA", media_type="image/webp")),
        ContentDelta(part=Unknown(dialect="anthropic", raw=raw)), ContentDelta(part=Audio(data="AA", format="wav")),
        TextDelta(text="x"), STOP,
    )  # fmt: skip
    assert [item["type"] for item in body["output"]] == ["image_generation_call", "message"]
    assert (body["output"][0]["result"], body["output"][0]["output_format"]) == ("AA", "webp")
    assert body["native_parts"][0] == {"dialect": "anthropic", "raw": raw}
    assert body["native_parts"][1]["raw"]["data"] == "AA"


def test_an_answer_repeats_what_was_asked() -> None:
    """The format wants the request's settings in the answer, as the client said them and not a deployment."""
    tool = {"type": "function", "name": "f", "parameters": {}, "strict": False}
    asked = RESPONSES_DIALECT.read_request(json.dumps({
        "model": "r", "input": "x", "instructions": "Brief.", "tools": [tool], "tool_choice": "required",
        "temperature": 0.5, "max_output_tokens": 9, "metadata": {"a": "b"}, "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_object"}}, "parallel_tool_calls": False,
    }).encode())  # fmt: skip
    applied = {"assay:response": {"instructions": "SECRET", "tools": [], "temperature": 1.0, "store": True}}
    body = whole(Response(finish=STOP.finish, extra=applied), asked)
    assert (body["instructions"], body["tools"], body["tool_choice"]) == ("Brief.", [tool], "required")
    assert (body["metadata"], body["max_output_tokens"], body["parallel_tool_calls"]) == ({"a": "b"}, 9, False)
    assert (body["text"], body["reasoning"]["effort"]) == ({"format": {"type": "json_object"}}, "low")
    assert (body["temperature"], body["store"]) == (1.0, True)


def test_a_deployments_instructions_are_never_told() -> None:
    """What an upstream of this format repeats of the prompt that a deployment applied stays inside."""
    applied = {"assay:response": {"instructions": "SECRET", "tools": [{"type": "web_search"}]}}
    body = whole(Response(finish=STOP.finish, extra=applied))
    assert (body["instructions"], body["tools"]) == (None, [])


def test_foreign_fields_do_not_mean_something_else_here() -> None:
    """A field of another format's answer is kept; one whose name this format has is told apart."""
    body = whole(Response(finish=STOP.finish, extra={"provider": "P", "prompt": [], "service_tier": "on_demand"}))
    assert body["provider"] == "P"
    assert body["native_fields"] == {"prompt": [], "service_tier": "on_demand"}
    assert "prompt" not in body


def test_a_failure_ends_the_stream_well() -> None:
    """Trap 20: an `error` that the official SDK raises, then `response.failed` with what there is; nothing after."""
    encoder = RESPONSES_DIALECT.encoder(CLIENT)
    events = (BEGIN, TextDelta(text="Hel"), Failed(error=RateLimited.__name__, message="slow"))
    data = b"".join(encoder.encode(event) for event in events)
    assert encoder.close() == encoder.encode(TextDelta(text="x")) == b""
    *_, error, last = [json.loads(event.data) for event in Parser().feed(data)]
    assert (error["type"], error["code"], error["error"]["message"]) == ("error", "rate_limit_exceeded", "slow")
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow"}
    assert last["response"]["output"][0]["content"][0]["text"] == "Hel"


def test_a_failure_tells_nothing_internal() -> None:
    """An error that is not a provider's is told without its words."""
    encoder = RESPONSES_DIALECT.encoder(CLIENT)
    data = encoder.encode(Failed(error="KeyError", message="secret"))
    assert b"secret" not in data
    assert b"response.failed" in data


def test_an_error_before_the_answer_is_an_error_object() -> None:
    """The field is named under `param`."""
    wire = RESPONSES_DIALECT.write_error(RequestError("input is missing", field="input"))
    assert wire.status == 400
    assert json.loads(wire.body)["error"]["param"] == "input"


def test_raw_bytes_write_nothing() -> None:
    """What is decoded from them follows."""
    assert RESPONSES_DIALECT.encoder(CLIENT).encode(Raw(data=b"x")) == b""


def test_other_choices_are_left_out() -> None:
    """The format has one answer."""
    body = final(BEGIN, TextDelta(text="a"), TextDelta(text="b", choice=1), STOP)
    assert body["output"][0]["content"][0]["text"] == "a"


@given(chat_events())
def test_stream_and_whole_answer_are_the_same(events: list[Event]) -> None:
    """Whatever another format's answer holds: the last event is the whole answer, and both are read alike."""
    first = [event for event in events if getattr(event, "choice", 0) == 0 and not isinstance(event, Logprobs)]
    body, last = whole(fold(first)), final(*first)
    assert numbered(last) == numbered(body)
    assert fold(RESPONSES_DIALECT.read_response(json.dumps(body).encode())).text == fold(first).text


def test_the_official_sdk_takes_both_forms() -> None:
    """Every event and answer validates against the SDK's models, and its accumulator builds the same answer."""
    openai = pytest.importorskip("openai")
    from openai.lib.streaming.responses._responses import ResponseStreamState
    from openai.types.responses import Response as Model
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    events = [
        BEGIN, ReasoningDelta(text="hm", block=0), OpaqueDelta(data=signed("S", ANTHROPIC), block=0),
        TextDelta(text="a", block=1), Annotation(data={"type": "url_citation", "url_citation": {"url": "https://x"}}),
        RefusalDelta(text="no"), *CALL, ContentDelta(part=Image(data="AA", media_type="image/png")),
        UsageReport(usage=Usage(input=1, output=1)), Finished(finish=Finish(kind="tool_calls", native="tool_use")),
    ]  # fmt: skip
    bodies = told(*events)
    state = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for body in bodies:
        state.handle_event(adapter.validate_python(body))
    built = state._completed_response
    assert built is not None
    assert (built.output_text, built.output[-2].type) == ("a", "function_call")
    assert Model.model_validate(whole(fold(events))).output_text == "a"
    assert Refusal(text="no") in sent_back(bodies[-1]["response"]).parts


def test_a_blob_behind_another_formats_part_is_an_item_by_itself() -> None:
    """A blob with nothing before it, whole as in the stream: the text that it does not belong to is not its own."""
    events: list[Event] = [
        ReasoningDelta(text="t"),
        ContentDelta(part=Unknown(dialect="gemini", raw={"x": 1})),
        OpaqueDelta(data={"type": "reasoning.encrypted", "data": "b"}),
        Finished(finish=Finish(kind="stop", native="stop")),
    ]
    body, last = whole(fold(events)), final(*events)
    assert numbered(last) == numbered(body)
    assert [item.get("encrypted_content") for item in body["output"]] == [None, "b"]


@pytest.mark.parametrize("text_after", [True, False], ids=["item told", "item open"])
def test_a_blob_encrypted_anew_is_in_the_whole_answer(text_after: bool) -> None:
    """Whether or not its item has been told when the host says it anew, the last event has the last blob."""
    first, last = (encrypted(data, RESPONSES, "rs_1") for data in ("FIRST", "LAST"))
    events: list[Event] = [OpaqueDelta(data=first, block=0)]
    events += [TextDelta(text="done", block=1)] if text_after else []
    events += [OpaqueDelta(data=last, amends=True), STOP]
    encoder = RESPONSES_DIALECT.encoder(Request())
    wire = b"".join(encoder.encode(event) for event in events) + encoder.close()
    ended = [json.loads(line[6:]) for line in wire.split(b"\n") if line.startswith(b"data: ")][-1]
    assert ended["response"]["output"][0]["encrypted_content"] == "LAST"
