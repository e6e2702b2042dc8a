"""Gemini's answers to events: traps of the format, and what belongs to no single part."""

import contextlib
import json
from typing import Any

import pytest
from gemini_wire import GEMINI, HEAD, USAGE, answers, array, chunk, chunked, decode, sse, streamed, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.dialects.opaque import GEMINI as MAKER
from assay.dialects.opaque import call_signature, encrypted, signed
from assay.errors import MalformedReply
from assay.types import (
    Audio,
    Begin,
    Document,
    Failed,
    Finish,
    Finished,
    Image,
    Reasoning,
    ReasoningDelta,
    Response,
    Text,
    TextDelta,
    ToolCall,
    Unknown,
    Usage,
    UsageReport,
    Video,
    fold,
)  # fmt: skip

KEYS = (
    "candidates content parts text thought thoughtSignature functionCall name args id inlineData mimeType data "
    "finishReason index usageMetadata promptTokenCount totalTokenCount promptFeedback blockReason error message "
    "groundingMetadata groundingChunks groundingSupports segment endIndex groundingChunkIndices web uri "
    "citationMetadata citationSources logprobsResult chosenCandidates token logProbability embeddings values "
    "totalTokens responseId modelVersion createTime"
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split(" ")), inner, max_size=6),
    max_leaves=24,
)


def call(name: str = "f", **args: Any) -> dict[str, Any]:
    """A part that is a call."""
    return {"functionCall": {"name": name, "args": args}}


def test_text_over_chunks_is_one_part() -> None:
    """Pieces of a text over chunks are one part; head, usage and end come once each."""
    body = sse(chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP"), {**HEAD, "usageMetadata": USAGE})
    assert decode(body) == [
        Begin(id="r-1", model="gemini-2.5-flash-001"),
        TextDelta(text="a", block=1),
        TextDelta(text="b", block=1),
        UsageReport(usage=Usage(input=10, output=12, reasoning=7, total=22, native=USAGE)),
        Finished(finish=Finish(kind="stop", native="STOP")),
    ]


def test_parts_of_one_chunk_are_parts_of_their_own() -> None:
    """Two texts within a chunk are two parts, with the border between them."""
    assert whole({"text": "a"}, {"text": "b"}).parts == (Text(text="a"), Text(text="b"))


def test_stop_after_a_call_is_tool_calls() -> None:
    """Trap 1: STOP is said for tool calls, too, and in a later chunk than the call."""
    response = streamed(chunk(call(x=1)), chunk({"text": ""}, finish="STOP"))
    assert response.finish == Finish(kind="tool_calls", native="STOP")
    assert streamed(chunk(finish="STOP"), chunk(call(x=1))).finish == response.finish
    assert whole(call(x=1), finish="MAX_TOKENS").finish == Finish(kind="length", native="MAX_TOKENS")


def test_every_function_call_is_a_call_of_its_own() -> None:
    """Trap 2: parallel calls have one name, no index and no id; none is joined to another."""
    same = (call("w", city="Paris"), call("w", city="Rome"))
    assert whole(*same).tool_calls == streamed(chunk(*same), chunk(finish="STOP")).tool_calls
    assert streamed(chunk(same[0]), chunk(same[1], finish="STOP")).tool_calls == (
        ToolCall(id="call_r-1_0", name="w", arguments='{"city":"Paris"}'),
        ToolCall(id="call_r-1_1", name="w", arguments='{"city":"Rome"}'),
    )


def test_ids_of_calls() -> None:
    """A native id stays; one made here is legal everywhere, and unique over candidates and answers."""
    assert whole({"functionCall": {"id": "q6jp", "name": "f"}}).tool_calls == (
        ToolCall(id="q6jp", name="f", arguments="{}"),
    )
    long = {**chunk(call(), finish="STOP"), "responseId": "r" * 80}
    ident = fold(GEMINI.read_response(json.dumps(long).encode())).tool_calls[0].id
    assert len(ident) <= 64
    assert ident.replace("_", "").isalnum()
    assert ident == streamed(long).tool_calls[0].id
    nameless = {key: value for key, value in chunk(call(), finish="STOP").items() if key != "responseId"}
    assert streamed(nameless).tool_calls[0].id != streamed(nameless).tool_calls[0].id
    two = [{**chunk(call(), finish="STOP")["candidates"][0], "index": index} for index in (0, 1)]
    response = streamed({**HEAD, "candidates": two})
    assert response.tool_calls[0].id != response.alternatives[0].tool_calls[0].id


def test_signature_on_a_call_stays_with_the_call() -> None:
    """Trap 3: the signature of a call is kept on just that call."""
    first, second = whole({**call(), "thoughtSignature": "c2ln"}, call()).tool_calls
    assert call_signature(first.extra) == "c2ln"
    assert call_signature(second.extra) is None


@pytest.mark.parametrize("parts", [
    [{"text": "ab", "thoughtSignature": "c2ln"}],
    [{"text": "ab"}, {"text": "", "thoughtSignature": "c2ln"}],
    [{"text": "ab"}, {"thoughtSignature": "c2ln"}],
])  # fmt: skip
def test_signature_on_a_text_or_an_empty_part_follows_the_text(parts: list[dict[str, Any]]) -> None:
    """Trap 3: on a text part or in a last empty part, it is the blob after that text, whole and streamed alike."""
    want = (Text(text="ab"), Reasoning(opaque=(encrypted("c2ln", MAKER),)))
    assert whole(*parts).parts == want
    assert streamed(*(chunk(part) for part in parts), chunk(finish="STOP")).parts == want


def test_signature_on_a_thought_is_over_its_text() -> None:
    """A signed thought is one reasoning part with its signature; a text after a signed text is another part."""
    parts = whole({"text": "t", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"}).parts
    assert parts == (Reasoning(text="t", opaque=(signed("c2ln", MAKER),)), Text(text="a"))


def test_thoughts_are_reasoning() -> None:
    """Parts marked as thoughts are reasoning, not text; a text after them is no part of them."""
    events = decode(sse(chunk({"text": "t", "thought": True}), chunk({"text": "u", "thought": True}, {"text": "a"}),
                        chunk(finish="STOP")))  # fmt: skip
    assert [event for event in events if isinstance(event, (TextDelta, ReasoningDelta))] == [
        ReasoningDelta(text="t", block=1), ReasoningDelta(text="u", block=1), TextDelta(text="a", block=2),
    ]  # fmt: skip


@pytest.mark.parametrize(("usage", "want"), [
    ({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
     {"input": 10, "output": 5, "total": 15}),
    ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 22},
     {"input": 10, "output": 12, "reasoning": 7, "total": 22}),
    ({"promptTokenCount": 10, "toolUsePromptTokenCount": 100, "candidatesTokenCount": 5, "totalTokenCount": 115},
     {"input": 110, "output": 5, "total": 115}),
    ({"promptTokenCount": 10, "cachedContentTokenCount": 8, "candidatesTokenCount": 5, "totalTokenCount": 15},
     {"input": 10, "cached": 8, "output": 5, "total": 15}),
    ({"promptTokenCount": 10, "totalTokenCount": 10}, {"input": 10, "output": 0, "total": 10}),
    ({"promptTokenCount": 10}, {"input": 10}),
    ({}, None),
])  # fmt: skip
def test_usage(usage: dict[str, int], want: dict[str, int] | None) -> None:
    """Trap 6: input has the tools' prompt, output the thoughts; what was not said is not known."""
    response = streamed({**chunk(finish="STOP"), "usageMetadata": usage})
    assert response.usage == (None if want is None else Usage(**want, native=usage))


def test_the_last_usage_counts() -> None:
    """Trap 7: each chunk repeats the usage; the last one counts, and a number it leaves out still holds."""
    first = {**chunk({"text": "a"}), "usageMetadata": {"promptTokenCount": 10, "thoughtsTokenCount": 7}}
    same = {**chunk({"text": "b"}), "usageMetadata": {"promptTokenCount": 10, "thoughtsTokenCount": 7}}
    last = {**chunk(finish="STOP"), "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5}}
    reports = [event.usage for event in decode(sse(first, same, last)) if isinstance(event, UsageReport)]
    assert [(usage.input, usage.output, usage.reasoning) for usage in reports] == [(10, 7, 7), (10, 12, 7)]


def test_usage_comes_before_what_it_is_for() -> None:
    """The input's size is told before the first piece of the answer, as a Messages stream begins with it."""
    events = decode(sse({**chunk({"text": "a"}, finish="STOP"), "usageMetadata": USAGE}))
    assert [type(event) for event in events] == [Begin, UsageReport, TextDelta, Finished]


@pytest.mark.parametrize("more", [{}, {"candidates": []}])
def test_blocked_prompt(more: dict[str, Any]) -> None:
    """Trap 10: a blocked prompt has no candidates; it ends as content_filter with the reason and without a text."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    body = {**HEAD, "promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}, **more}
    response = fold(GEMINI.read_response(json.dumps(body).encode()))
    assert response.parts == ()
    assert response.finish == Finish(kind="content_filter", native="PROHIBITED_CONTENT")
    assert response.usage is not None
    assert response.usage.input == 4
    assert response.extra == {"promptFeedback": feedback}
    assert streamed(body) == response


@pytest.mark.parametrize(("word", "kind"), [
    ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
    ("BLOCKLIST", "content_filter"), ("SPII", "content_filter"), ("IMAGE_SAFETY", "content_filter"),
    ("MALFORMED_FUNCTION_CALL", "error"), ("OTHER", "error"), ("UNHEARD_OF", "error"),
])  # fmt: skip
def test_finish_words(word: str, kind: str) -> None:
    """Trap 11: each word has a kind, and stays as the native one; a word that is not known is no good end."""
    finish = whole({"text": "a"}, finish=word).finish
    assert finish == Finish(kind=kind, native=word)  # type: ignore[arg-type] # a kind


def test_finish_as_a_number() -> None:
    """A host that writes enumerations as numbers is understood."""
    body = chunk({"text": "a"})
    body["candidates"][0]["finishReason"] = 2
    assert streamed(body).finish == Finish(kind="length", native="MAX_TOKENS")


def test_filtered_candidate_without_content() -> None:
    """Trap 10: a candidate that was filtered has no content."""
    body = {"candidates": [{"finishReason": "SAFETY", "index": 0, "finishMessage": "no"}], **HEAD}
    response = streamed(body)
    assert (response.parts, response.finish) == ((), Finish(kind="content_filter", native="SAFETY"))
    assert response.extra == {"finishMessage": "no"}


def test_media_of_an_answer() -> None:
    """Images, sounds, videos and files of an answer are parts; a thought's draft is not shown as the answer's."""
    inline = [("image/png", "aQ=="), ("audio/wav", "YQ=="), ("video/mp4", "dg=="), ("application/pdf", "cA==")]
    parts = [{"inlineData": {"mimeType": kind, "data": data}} for kind, data in inline]
    draft = {"thought": True, **parts[0]}
    assert whole(*parts, draft).parts == (
        Image(data="aQ==", media_type="image/png"),
        Audio(data="YQ==", format="wav"),
        Video(data="dg==", media_type="video/mp4"),
        Document(data="cA==", media_type="application/pdf"),
        Unknown(dialect="gemini", raw=draft),
    )


def test_server_side_tools_are_verbatim() -> None:
    """Code that ran at the provider is kept as it came, in order; its signature follows it."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    assert whole({**code, "thoughtSignature": "c2ln"}, result, {"text": "a"}).parts == (
        Unknown(dialect="gemini", raw=code),
        Reasoning(opaque=(encrypted("c2ln", MAKER),)),
        Unknown(dialect="gemini", raw=result),
        Text(text="a"),
    )


def test_grounding_is_a_note_for_each_source() -> None:
    """Each source is a citation on the text, by characters, also where the text is signed; the whole is kept."""
    metadata = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"title": "B"}},
            {"maps": {"uri": "https://c", "title": "C"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 5, "text": "bc"}, "groundingChunkIndices": [0]},
            {"segment": {"endIndex": 99}, "groundingChunkIndices": [2]},
        ],
    }
    response = whole({"text": "é bc", "thoughtSignature": "c2ln"}, groundingMetadata=metadata)
    text = response.parts[0]
    assert isinstance(text, Text)
    assert text.annotations == (
        {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A", "start_index": 2, "end_index": 4}},
        {"type": "grounding_chunk", "grounding_chunk": {"retrievedContext": {"title": "B"}}},
        {"type": "url_citation", "url_citation": {"url": "https://c", "title": "C"}},
    )
    assert len(response.parts) == 2
    assert response.extra["groundingMetadata"] == metadata


def test_grounding_over_chunks_is_merged() -> None:
    """Empty grounding in the first chunks and the sources in the last one are one note each."""
    sources = {"groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}]}
    response = streamed(
        chunk({"text": "a"}, groundingMetadata={}),
        chunk({"text": "b"}, groundingMetadata={"webSearchQueries": ["q"]}),
        chunk(finish="STOP", groundingMetadata=sources),
    )
    assert response.extra["groundingMetadata"] == {"webSearchQueries": ["q"], **sources}
    assert [len(part.annotations) for part in response.parts if isinstance(part, Text)] == [1]


def test_grounding_that_repeats_or_goes_on() -> None:
    """Sources that a chunk repeats are one note, and those that it adds are counted behind the ones before."""

    def metadata(*names: str, support: int, text: str) -> dict[str, Any]:
        segment = {"startIndex": 0 if text == "a" else 1, "endIndex": 1 if text == "a" else 2, "text": text}
        return {
            "groundingChunks": [{"web": {"uri": f"https://{name}", "title": name}} for name in names],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [support]}],
        }

    first = chunk({"text": "ab"}, groundingMetadata=metadata("x", support=0, text="a"))
    repeated = chunk(finish="STOP", groundingMetadata=metadata("x", "y", support=1, text="b"))
    added = chunk(finish="STOP", groundingMetadata=metadata("y", support=0, text="b"))
    for last in (repeated, added):
        text = streamed(first, last).parts[0]
        assert isinstance(text, Text)
        notes = [note["url_citation"] for note in text.annotations]
        assert [(note["title"], note["start_index"]) for note in notes] == [("x", 0), ("y", 1)]


def test_places_in_several_texts_are_not_guessed() -> None:
    """Where the answer has several texts, a note says its source and no place."""
    metadata = {"citationSources": [{"startIndex": 0, "endIndex": 1, "uri": "https://a"}]}
    last = whole({"text": "a"}, {"text": "b"}, citationMetadata=metadata).parts[-1]
    assert isinstance(last, Text)
    assert last.annotations == ({"type": "url_citation", "url_citation": {"url": "https://a", "title": ""}},)


def test_citations_with_an_address() -> None:
    """Recited sources with an address are citations on the text."""
    metadata = {"citationSources": [{"startIndex": 0, "endIndex": 2, "uri": "https://a"}, {"endIndex": 1}]}
    text = whole({"text": "abc"}, citationMetadata=metadata).parts[0]
    assert isinstance(text, Text)
    assert text.annotations == (
        {"type": "url_citation", "url_citation": {"url": "https://a", "title": "", "start_index": 0, "end_index": 2}},
    )


def test_logprobs_in_the_form_of_a_chat_completion() -> None:
    """Tokens with their numbers become a chat completion's log-probabilities; a form that lacks some is kept."""
    result = {
        "chosenCandidates": [{"token": "a", "tokenId": 5, "logProbability": -0.5}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -2}]}, {}],
    }
    response = whole({"text": "ab"}, logprobsResult=result)
    assert response.logprobs == {"content": [
        {"token": "a", "logprob": -0.5, "bytes": None,
         "top_logprobs": [{"token": "c", "logprob": -2.0, "bytes": None}]},
        {"token": "b", "logprob": 0.0, "bytes": None, "top_logprobs": []},
    ]}  # fmt: skip
    odd = {"chosenCandidates": [{"tokenId": 5}]}
    assert whole({"text": "a"}, logprobsResult=odd).extra == {"logprobsResult": odd}


def test_several_candidates() -> None:
    """Further candidates are alternatives, each with its own end."""
    first = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
    second = {"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1}
    response = streamed({**HEAD, "candidates": [first, second]})
    assert (response.text, response.alternatives[0].text) == ("a", "b")
    assert response.alternatives[0].finish == Finish(kind="length", native="MAX_TOKENS")


def test_unknown_fields_are_kept() -> None:
    """What has no field is in `extra` under the provider's names."""
    body = {**chunk({"text": "a"}, finish="STOP", avgLogprobs=-0.1), "createTime": "2025-08-01T10:00:00.5Z", "new": 1}
    response = streamed(body)
    assert (response.extra, response.created) == ({"avgLogprobs": -0.1, "new": 1}, 1754042400)


@settings(max_examples=40)
@given(st.data(), answers)
def test_whole_and_streamed_are_the_same(data: st.DataObject, parts: list[dict[str, Any]]) -> None:
    """One answer whole, as server-sent events and as a JSON array is the same value, wherever the bytes are cut."""
    want = whole(*parts)
    chunks = data.draw(chunked(parts))
    for body in (sse(*chunks), sse(*chunks, end=b"\n"), array(*chunks)):
        cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
        assert fold(decode(body, cuts)) == want
        assert decode(body, range(len(body))) == decode(body)
    assert fold(GEMINI.read_response(array(*chunks))) == want


@pytest.mark.parametrize("form", [sse, array])
@pytest.mark.parametrize("kept", [1, 2])
def test_cut_stream(form: Any, kept: int) -> None:
    """Trap 20: a stream that ends before its finish reason was cut, in both of its forms."""
    body = form(*[chunk({"text": "a"}), chunk({"text": "b"})][:kept])
    with pytest.raises(MalformedReply, match="ended before"):
        decode(body)
    with pytest.raises(MalformedReply):
        decode(body[:-7])


def test_cut_array_as_a_whole_body() -> None:
    """A JSON array without a finish reason was cut, although it is whole JSON."""
    with pytest.raises(MalformedReply, match="ended before"):
        GEMINI.read_response(array(chunk({"text": "a"})))


@pytest.mark.parametrize("form", [sse, array])
def test_error_inside_a_stream(form: Any) -> None:
    """Trap 20: an error object inside a 200 stream is a failure, told with its class, and no end is made up."""
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    events = decode(form(chunk({"text": "a"}), error))
    assert events[-1] == Failed(error="Overloaded", message="busy", native=error["error"])
    assert not any(isinstance(event, Finished) for event in events)
    whole_events = GEMINI.read_response(json.dumps([error]).encode())
    assert isinstance(whole_events[-1], Failed)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"candidates":[]}', b"5", b'["a"]', b"\xff", b"[" * 5000]
)
def test_unreadable_whole_answers(body: bytes) -> None:
    """A body that is no answer is a malformed reply, not a crash."""
    with pytest.raises(MalformedReply):
        GEMINI.read_response(body)


def test_events_before_an_unreadable_chunk_are_handed_out() -> None:
    """What came before broken JSON is not lost; the stream then ends with the error."""
    decoder = GEMINI.decoder()
    events = decoder.feed(sse(chunk({"text": "a"})) + b"data: {broken\n\n")
    assert TextDelta(text="a", block=1) in events
    with pytest.raises(MalformedReply):
        decoder.feed(b"")


@settings(max_examples=60)
@given(st.lists(JSONS, min_size=1, max_size=3), st.booleans())
def test_odd_json_never_crashes(chunks: list[Any], is_array: bool) -> None:
    """JSON of another shape is read or is a malformed reply."""
    for read in (lambda: decode((array if is_array else sse)(*chunks)),
                 lambda: GEMINI.read_response(json.dumps(chunks[0]).encode())):  # fmt: skip
        with contextlib.suppress(MalformedReply):
            assert isinstance(fold(read()), Response)


def test_embeddings() -> None:
    """Vectors come in the order of the inputs; what they cost is told where Google tells it."""
    body = {"embeddings": [{"values": [0, 0.5]}, {"values": [1.0, -1]}], "usageMetadata": {"promptTokenCount": 3}}
    response = fold(GEMINI.read_response(json.dumps(body).encode()))
    assert response.embeddings == ((0.0, 0.5), (1.0, -1.0))
    assert response.usage == Usage(input=3, native={"promptTokenCount": 3})
    assert fold(GEMINI.read_response(b'{"embedding":{"values":[1]}}')).embeddings == ((1.0,),)


def test_counted_tokens() -> None:
    """The number of tokens is the input's usage."""
    response = fold(GEMINI.read_response(b'{"totalTokens": 9, "cachedContentTokenCount": 4}'))
    assert response.usage is not None
    assert (response.usage.input, response.usage.cached, response.usage.output) == (9, 4, None)


def test_streamed_arguments_are_refused() -> None:
    """Arguments in pieces, which are sent only on request, are not half a call."""
    with pytest.raises(MalformedReply, match="pieces"):
        streamed(chunk({"functionCall": {"name": "f", "willContinue": True}}))
