"""Anthropic's SDK as a second opinion on what clients of Messages are answered."""

from __future__ import annotations

import json

import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.opaque import ANTHROPIC, RESPONSES, encrypted, signed
from assay.dialects.sse import Parser
from assay.types import (
    Annotation,
    Begin,
    Finish,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
)  # fmt: skip

CLIENT = Request(model="route", stream=True)
PAGE = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}
TOLD = (
    Begin(id="msg_1", model="m"),
    ReasoningDelta(text="Hm.", block=0),
    OpaqueDelta(data=signed("s", ANTHROPIC), block=0),
    OpaqueDelta(data=encrypted("b", RESPONSES, "rs_1"), block=1),
    TextDelta(text="One", block=2),
    Annotation(data=PAGE),
    ToolCallDelta(index=0, id="t", name="f", arguments='{"a": 1}'),
    RefusalDelta(text="no"),
    Finished(finish=Finish(kind="stop", native="stop")),
    UsageReport(usage=Usage(input=3, output=2, cached=1, reasoning=1)),
)


def test_the_makers_own_types_take_what_we_write() -> None:
    """Whole messages and each event of a stream pass the SDK's types, with every field checked."""
    sdk = pytest.importorskip("anthropic.types")
    pydantic = pytest.importorskip("pydantic")
    dialect = Anthropic()
    read = sdk.Message.model_validate(json.loads(dialect.write_response(fold(TOLD), CLIENT)))
    assert [block.type for block in read.content] == ["thinking", "redacted_thinking", "text", "tool_use", "text"]
    encoder = dialect.encoder(CLIENT)
    data = b"".join((*(encoder.encode(event) for event in TOLD), encoder.close()))
    checked = pydantic.TypeAdapter(sdk.RawMessageStreamEvent)
    kinds = [checked.validate_python(json.loads(event.data)).type for event in Parser().feed(data)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


def test_the_sdk_puts_a_stream_together_as_we_mean_it() -> None:
    """The SDK's accumulator comes to the message that a client of the whole answer gets."""
    streaming = pytest.importorskip("anthropic.lib.streaming._messages")
    sdk = pytest.importorskip("anthropic.types")
    pydantic = pytest.importorskip("pydantic")
    dialect, snapshot, buffers = Anthropic(), None, {}
    encoder = dialect.encoder(CLIENT)
    data = b"".join((*(encoder.encode(event) for event in TOLD), encoder.close()))
    checked = pydantic.TypeAdapter(sdk.RawMessageStreamEvent)
    for event in Parser().feed(data):
        wire = checked.validate_python(json.loads(event.data))
        snapshot = streaming.accumulate_event(
            event=wire, current_snapshot=snapshot, json_bufs=buffers, output_format=sdk_not_given()
        )
    assert snapshot is not None
    whole = json.loads(dialect.write_response(fold(TOLD), CLIENT))
    assert [block.to_dict() for block in snapshot.content] == whole["content"]
    assert snapshot.stop_reason == whole["stop_reason"]
    assert (snapshot.usage.input_tokens, snapshot.usage.cache_read_input_tokens) == (2, 1)


def sdk_not_given() -> object:
    """The SDK's word for an argument that is not given."""
    return pytest.importorskip("anthropic").NOT_GIVEN
