"""Prompts that cannot fit into a context are known before they are sent; what may fit is sent."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.load import builtin
from assay.config.schema import Deployment, Engine
from assay.dialects import chat_request
from assay.envelope.overflow import may_overflow, overflow
from assay.errors import ConnectionFailed
from assay.inference.targets import Targets
from assay.types import Label, Message, Request, Text, ToolResult

MODEL = msgspec.structs.replace(builtin().find("openai/gpt-4o"), context_tokens=10)
FAR = Deployment(model=MODEL.id, dialect="openai")


def said(text: str) -> Request:
    """A request with this text."""
    return Request(messages=(Message(role="user", parts=(Text(text=text),)),))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("word " * 10, True),
        ("word " * 11, False),
        ("a" * 500, True),
        (" " * 500, True),
        ("a b c d e f g h i j", True),
        ("a b c d e f g h i j k", False),
    ],
)
def test_more_words_than_tokens_do_not_fit(text: str, fits: bool) -> None:
    """A word is a token at least; long words and white space prove nothing."""
    assert (overflow(FAR, MODEL, said(text)) is None) == fits


def test_all_texts_count_together() -> None:
    """Results of tools and raw prompts too; the reason names model, words and context."""
    half = Text(text="word " * 6)
    result = ToolResult(call_id="1", parts=(half,))
    request = Request(messages=(Message(role="user", parts=(half,)), Message(role="tool", parts=(result,))))
    assert overflow(FAR, MODEL, request) == "the prompt has 12 words, and openai/gpt-4o a context of 10 tokens"
    assert overflow(FAR, MODEL, Request(form="completion", prompt="word " * 11)) is not None


def test_a_local_engine_has_the_context_that_it_is_given() -> None:
    """The shorter one counts; where neither is known nothing is said."""
    local = Deployment(model="x/y", dialect="local", engine=Engine(context_tokens=5))
    assert "context of 5" in str(overflow(local, MODEL, said("word " * 6)))
    assert "context of 5" in str(overflow(local, None, said("word " * 6)))
    assert overflow(msgspec.structs.replace(FAR, model="x/y"), None, said("word " * 10**5)) is None


@given(st.lists(st.text(min_size=1)))
def test_fewer_letters_than_tokens_always_fit(words: list[str]) -> None:
    """The quick look and the count of words agree."""
    text = " ".join(words)
    assert (overflow(FAR, MODEL, said(text)) is None) == (len(text.split()) <= 10)


@given(st.text(max_size=40), st.booleans())
def test_a_quick_look_misses_none(text: str, plain: bool) -> None:
    """What is told by bytes or letters to fit does fit by words."""
    request = chat_request.read_request(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}, ensure_ascii=plain).encode()
    )
    assert request.native is not None
    for context in (1, 10, len(request.native.raw)):
        if overflow(FAR, msgspec.structs.replace(MODEL, context_tokens=context), request) is not None:
            assert may_overflow(context, request)
    assert not may_overflow(None, request)
    assert not may_overflow(len(request.native.raw), request)


CONFIG = """
[deployments.short]
model = "openai/gpt-4o"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
retries = 0
[deployments.long]
model = "x/long"
dialect = "scripted"
script = "long.json"
[routes.both]
candidates = ["short", "long"]
[routes.one]
candidates = ["short"]
"""


async def test_a_route_passes_over_what_cannot_fit_while_another_is_left(make_spine: Any) -> None:
    """The last one is asked all the same: whether it fits is then its host's word, with an error of its own."""
    spine = make_spine(CONFIG, {"long.json": {"default": "yes"}})
    targets = Targets(spine.targets, spine.constraints)
    request = said("a " * 128_001)
    assert [name for name, _ in targets.removed(spine.route("both"), request, Label.PUBLIC)] == ["short"]
    assert (await spine.answer(request, "both")).text == "yes"
    assert targets.removed(spine.route("one"), request, Label.PUBLIC) == ()
    with pytest.raises(ConnectionFailed):
        await spine.answer(request, "one")
