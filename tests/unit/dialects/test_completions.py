"""Plain completions, both directions."""

import json
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace
from wire_strategies import completion_requests, text_events

from assay.dialects.completions import Completions
from assay.errors import AssayError, MalformedReply, ProviderError, RequestError
from assay.types import (
    Begin,
    Event,
    Failed,
    Finish,
    Finished,
    Logprobs,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Response,
    Sampling,
    Text,
    TextDelta,
    Tool,
    ToolChoice,
    fold,
)  # fmt: skip

PLAIN = Completions()
CLIENT = Request(form="completion", prompt="x", stream=True, stream_usage=True)
ALL = {"top_k": True}


def read(**fields: Any) -> Request:
    """A request with `fields`."""
    return PLAIN.read_request(json.dumps({"model": "m", "prompt": "p", **fields}).encode())


def write(request: Request, *, stream: bool = False, **quirks: Any) -> dict[str, Any]:
    """The body that a host would get."""
    return json.loads(PLAIN.write_request(request, model="m", stream=stream, quirks=quirks).body)


def decode(body: bytes) -> list[Event]:
    """The events of a stream."""
    decoder = PLAIN.decoder()
    return [*decoder.feed(body), *decoder.close()]


def encode(*events: Event) -> bytes:
    """The streamed body of events."""
    encoder = PLAIN.encoder(CLIENT)
    return b"".join((*(encoder.encode(event) for event in events), encoder.close()))


@given(completion_requests)
def test_read_of_write_is_the_request(request: Request) -> None:
    """What we write we read back as the same value."""
    wire = PLAIN.write_request(request, model=request.model, stream=False, quirks=ALL)
    assert wire.path == "/completions"
    assert PLAIN.read_request(wire.body) == replace(
        request, native=Native(dialect="completions", raw=wire.body), origin="completions"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"suffix": "s", "echo": True, "best_of": 2, "n": 2, "logprobs": 3, "user": "u"},
        {"logprobs": 0, "stop": "x", "max_tokens": 0, "temperature": None},
        {"prompt": ["one"]},
        {"prompt": ["a", "b"]},
        {"prompt": [1, 2, 3]},
        {"prompt": [[1], [2]]},
    ],
)
def test_requests_are_written_back(fields: dict[str, Any]) -> None:
    """Fields of this format and of hosts come out as they went in, lists of prompts included."""
    assert write(read(**fields)) == {"model": "m", "prompt": "p", **fields}


def test_what_a_request_says() -> None:
    """The fields stand where the spine looks for them."""
    request = read(logprobs=3, max_tokens=5, suffix="s", stream=True, stream_options={"include_usage": True})
    assert (request.form, request.prompt, request.suffix, request.stream, request.stream_usage) == (
        "completion",
        "p",
        "s",
        True,
        True,
    )
    assert request.sampling == Sampling(max_tokens=5, logprobs=True, top_logprobs=3)
    assert read(prompt=["one"]).prompt == "one"
    assert read(prompt=["a", "b"]).prompt is None
    assert write(request, stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in write(request, stream=True, stream_options=False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"prompt": None}, "prompt"), ({"prompt": 5}, "prompt"), ({"prompt": []}, "prompt"),
     ({"prompt": ["a", 1]}, "prompt"),
     ({"suffix": 1}, "suffix"), ({"n": 0}, "n"), ({"logprobs": True}, "logprobs"), ({"stream": "yes"}, "stream")],
)  # fmt: skip
def test_wrong_fields_are_named(fields: dict[str, Any], field: str) -> None:
    """A client is told which field is wrong."""
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"form": "chat", "messages": (Message.of("user", "x"),)}, "messages"),
        ({"messages": (Message.of("user", "x"),)}, "messages"),
        ({"tools": (Tool(name="f"),)}, "tools"),
        ({"tool_choice": ToolChoice(mode="auto")}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"output": OutputFormat(kind="json")}, "response_format"),
        ({"sampling": Sampling(reasoning_effort="low")}, "reasoning_effort"),
        ({"sampling": Sampling(top_k=1)}, "top_k"),
        ({"prompt": None}, "prompt"),
        ({"extra": {"x": 1}, "origin": "openai"}, "x"),
    ],
)
def test_what_cannot_be_said_is_refused(changes: dict[str, Any], field: str) -> None:
    """Nothing is dropped silently: the error names the field."""
    with pytest.raises(RequestError) as caught:
        write(replace(CLIENT, **changes))
    assert caught.value.field == field


@given(text_events())
def test_decode_of_encode_gives_the_events_back(events: list[Event]) -> None:
    """Whole or streamed, a client sees the value that the events fold to."""
    want = fold(events)
    for got in (fold(decode(encode(*events))), fold(PLAIN.read_response(PLAIN.write_response(want, CLIENT)))):
        assert (got.text, got.finish, got.id, got.model, got.created, got.extra) == (
            want.text, want.finish, want.id, want.model, want.created, want.extra,
        )  # fmt: skip
        assert got.usage is not None
        assert want.usage is not None
        assert (got.usage.input, got.usage.output, got.usage.cached) == (
            want.usage.input,
            want.usage.output,
            want.usage.cached,
        )


def test_a_stream() -> None:
    """Text, log-probabilities, an unknown field of the choice, the end."""
    logprobs = {"tokens": ["a"], "token_logprobs": [-1.0]}
    chunks = [
        {"id": "c", "choices": [{"index": 0, "text": "a", "logprobs": logprobs, "finish_reason": None, "seed": 1}]},
        {"id": "c", "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]},
    ]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    assert decode(body + b"data: [DONE]\n\n") == [
        Begin(id="c"),
        TextDelta(text="a"),
        Logprobs(data=logprobs),
        Finished(finish=Finish(kind="length", native="length"), extra={"assay:choice": {"seed": 1}}),
    ]
    assert fold(decode(encode(*decode(body)))).logprobs == logprobs


def test_several_choices() -> None:
    """With n > 1 each choice has its text."""
    body = {"choices": [{"index": n, "text": str(n), "finish_reason": "stop"} for n in (0, 1)]}
    response = fold(PLAIN.read_response(json.dumps(body).encode()))
    assert (response.text, response.alternatives[0].text) == ("0", "1")
    again = json.loads(PLAIN.write_response(response, CLIENT))["choices"]
    assert [(choice["index"], choice["text"]) for choice in again] == [(0, "0"), (1, "1")]


def test_parts_without_a_place() -> None:
    """Reasoning and refusals are not lost; they stand beside the text."""
    response = Response(parts=(Reasoning(text="r"), Text(text="t"), Refusal(text="no")))
    choice = json.loads(PLAIN.write_response(response, CLIENT))["choices"][0]
    assert (choice["text"], choice["reasoning_content"]) == ("t", "r")
    assert choice["native_parts"] == [{"type": "refusal", "text": "no"}]
    body = encode(Begin(id="c"), ReasoningDelta(text="r"), RefusalDelta(text="no"))
    assert b'"reasoning_content":"r"' in body
    assert b'"refusal_delta"' in body


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices":[{"text":5}]}', b'{"choices":[3]}'])
def test_answers_that_cannot_be_read(body: bytes) -> None:
    """No JSON, no choices, wrong types: malformed."""
    with pytest.raises(MalformedReply):
        PLAIN.read_response(body)


def test_errors_are_those_of_the_family() -> None:
    """Both directions use OpenAI's error object; an error in a stream is a `Failed`."""
    assert isinstance(PLAIN.read_error(500, {}, b"x"), ProviderError)
    assert PLAIN.write_error(AssayError("x")).status == 500
    assert decode(b'data: {"error":{"message":"m","code":500}}\n\n')[-1] == Failed(
        error="ProviderFault", message="m", native={"message": "m", "code": 500}
    )
    assert (
        PLAIN.pass_request(Native(dialect="completions", raw=b'{"model":"a"}'), model="b", quirks={}).body
        == b'{"model":"b"}'
    )
