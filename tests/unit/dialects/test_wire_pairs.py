"""Every format of clients: what an answer says survives being written in it and read again, whole and streamed."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_strategies import counts, words

from assay.dialects.anthropic import Anthropic
from assay.dialects.dialect import Dialect
from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, encrypted, secret, signed, with_call_signature
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.types import (
    Begin,
    Event,
    Finish,
    Finished,
    Image,
    Message,
    OpaqueDelta,
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
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    Usage,
    UsageReport,
    fold,
)  # fmt: skip

CLIENT = Request(model="m", stream=True, stream_usage=True)
FORMATS: list[Dialect] = [OpenAIChat(), Anthropic(), Responses()]
formats = pytest.mark.parametrize("dialect", FORMATS, ids=lambda dialect: dialect.name)

pieces = st.lists(words, min_size=1, max_size=3)
secrets = st.integers(0, 1 << 60).map(lambda number: f"secret-{number:016x}")


def _blob(kind: int, data: str, block: int) -> dict[str, Any]:
    kinds = (
        lambda: signed(data, ANTHROPIC),
        lambda: encrypted(data, ANTHROPIC),
        lambda: encrypted(data, RESPONSES, f"rs_{block}"),
        lambda: encrypted(data, GEMINI),
    )
    return kinds[kind]()


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """An answer with borders: thoughts with their blobs, texts, calls, perhaps a refusal, an end and its usage."""
    events: list[Event] = [Begin(id=draw(words), model=draw(words), created=draw(counts))]
    calls = 0
    for block in range(draw(st.integers(0, 5))):
        match draw(st.sampled_from(["text", "thought", "call"])):
            case "text":
                events += [TextDelta(text=text, block=block) for text in draw(pieces)]
            case "thought":
                events += [ReasoningDelta(text=text, block=block) for text in draw(pieces)]
                if draw(st.booleans()):
                    events.append(OpaqueDelta(data=_blob(draw(st.integers(0, 3)), draw(secrets), block), block=block))
            case _:
                arguments = json.dumps(draw(st.dictionaries(words, counts, max_size=2)))
                cut = draw(st.integers(0, len(arguments)))
                extra = with_call_signature(draw(secrets)) if draw(st.booleans()) else {}
                events.append(ToolCallDelta(index=calls, id=f"call_{calls}", name="f", extra=extra))
                events += [ToolCallDelta(index=calls, arguments=part) for part in (arguments[:cut], arguments[cut:])]
                calls += 1
    refused = draw(st.booleans()) and not calls
    if refused:
        events.append(RefusalDelta(text=draw(words)))
    kind = "content_filter" if refused else "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    written, read = draw(counts), draw(counts)
    cached = draw(st.integers(0, read))
    usage = Usage(
        input=read, output=written, total=read + written, cached=cached, reasoning=draw(st.integers(0, written))
    )
    return [*events, Finished(finish=Finish(kind=kind, native=kind)), UsageReport(usage=usage)]


class Said(NamedTuple):
    """What an answer says in every format."""

    text: str
    reasoning: str
    refusal: str
    calls: list[tuple[str, str, Any]]
    finish: str | None
    usage: list[int]
    secrets: list[str]


def said(response: Response) -> Said:
    """What an answer says; a refusal's words may stand in the text."""
    usage = response.usage or Usage()
    return Said(
        response.text,
        "".join(part.text for part in response.parts if isinstance(part, Reasoning)),
        "".join(part.text for part in response.parts if isinstance(part, Refusal)),
        [(call.id, call.name, json.loads(call.arguments or "{}")) for call in response.tool_calls],
        response.finish.kind if response.finish else None,
        [value or 0 for value in (usage.input, usage.output, usage.cached, usage.reasoning)],
        sorted(_secrets(response)),
    )


def _secrets(response: Response) -> list[str]:
    blobs = [secret(entry) for part in response.parts if isinstance(part, Reasoning) for entry in part.opaque]
    signatures = [
        call.extra["extra_content"]["google"]["thought_signature"]
        for call in response.tool_calls
        if "extra_content" in call.extra
    ]
    return [one for one in (*blobs, *signatures) if one]


def streamed(dialect: Dialect, events: list[Event]) -> Response:
    """The answer that a client reads from its stream."""
    encoder, decoder = dialect.encoder(CLIENT), dialect.decoder()
    body = b"".join((*(encoder.encode(event) for event in events), encoder.close()))
    return fold([*decoder.feed(body), *decoder.close()])


@formats
@given(events=answers())
def test_an_answer_says_the_same_in_every_format(dialect: Dialect, events: list[Event]) -> None:
    """Texts, thoughts, refusals, calls, the end, usage and every signature: whole and streamed alike."""
    want = said(fold(events))
    whole = said(fold(dialect.read_response(dialect.write_response(fold(events), CLIENT))))
    stream = said(streamed(dialect, events))
    assert whole == want
    assert stream == want


# ----------------------------------------------------------------------------------------- requests


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    """A chat as any client may say it: a system message, turns, calls with their answers, tools, settings."""
    messages = [Message.of("system", draw(_words))] if draw(st.booleans()) else []
    calls = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message(role="user", parts=tuple(draw(st.lists(_asked, min_size=1, max_size=2)))))
        asked = [
            ToolCall(id=f"call_{calls + n}", name=draw(st.sampled_from("fg")), arguments=f'{{"a": {n}}}')
            for n in range(draw(st.integers(0, 2)))
        ]
        calls += len(asked)
        messages.append(Message(role="assistant", parts=(Text(text=draw(_words)), *asked)))
        if asked:
            messages.append(Message(role="tool", parts=tuple(draw(_told(call)) for call in asked)))
    messages.append(Message.of("user", draw(_words)))
    choices = [None, ToolChoice(mode="auto"), ToolChoice(mode="required"), ToolChoice(mode="required", names=("f",))]
    return Request(
        model="m",
        origin=draw(st.sampled_from(["openai", "anthropic", "openai-responses"])),
        messages=tuple(messages),
        tools=tuple(Tool(name=name, description="d", parameters={"type": "object", "properties": {}}) for name in "fg"),
        tool_choice=draw(st.sampled_from(choices)),
        sampling=Sampling(max_tokens=draw(st.integers(1, 999)), temperature=draw(st.sampled_from([None, 0.5]))),
    )


_words = words.filter(str.strip)  # Anthropic refuses blank texts, so they are left out there
_asked = st.builds(Text, text=_words) | st.just(Image(data="AAAA", media_type="image/png"))


def _told(call: ToolCall) -> st.SearchStrategy[ToolResult]:
    return st.builds(ToolResult, call_id=st.just(call.id), parts=_words.map(lambda text: (Text(text=text),)))


def asked(request: Request) -> dict[str, Any]:
    """What a request asks for, in every format: borders of turns and of their texts aside."""
    told: list[tuple[str, Any]] = []
    for message in request.messages:
        for part in message.parts:
            match part:
                case Text() if told and told[-1][0] == message.role and isinstance(told[-1][1], str):
                    told[-1] = (message.role, told[-1][1] + part.text)
                case Text():
                    told.append((message.role, part.text))
                case Image():
                    told.append((message.role, (part.data, part.media_type)))
                case ToolCall():
                    told.append((message.role, (part.id, part.name, json.loads(part.arguments))))
                case ToolResult():
                    told.append(
                        ("tool", (part.call_id, "".join(one.text for one in part.parts if isinstance(one, Text))))
                    )
    return {
        "told": told,
        "tools": [(tool.name, tool.description, tool.parameters) for tool in request.tools],
        "choice": request.tool_choice and (request.tool_choice.mode, request.tool_choice.names),
        "settings": (request.sampling.max_tokens, request.sampling.temperature),
    }


@formats
@settings(max_examples=50)
@given(request_=conversations())
def test_a_request_asks_the_same_in_every_format(dialect: Dialect, request_: Request) -> None:
    """Turns, images, calls with their answers, tools, choice and settings arrive, whoever said them."""
    wire = dialect.write_request(request_, model="m", stream=False, quirks={})
    assert asked(dialect.read_request(wire.body)) == asked(request_)
    assert wire.emulated == ()
