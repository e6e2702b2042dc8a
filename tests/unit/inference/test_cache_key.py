"""The cache's key: everything that decides an answer changes it, and nothing else does."""

from typing import Any

import msgspec
import pytest

from assay.dialects.unfold import events_of
from assay.errors import MalformedReply
from assay.inference import cache
from assay.inference.cache import cache_key, pack, unpack
from assay.inference.prompt import Prompt
from assay.types import (
    Image,
    Label,
    Message,
    Native,
    OutputFormat,
    Request,
    Response,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)

BASE = Request(messages=(Message.of("user", "3+3"),), sampling=Sampling(temperature=0.0))


def key(fingerprint: str = "f", seed: int = 0, **changes: Any) -> str:
    """The key of the base request with changes."""
    return cache_key(fingerprint, msgspec.structs.replace(BASE, **changes), seed)


CHANGES: dict[str, Any] = {
    "form": "completion",
    "messages": (Message.of("user", "3+4"),),
    "prompt": "3+3",
    "suffix": "",
    "tools": (Tool(name="f"),),
    "tool_choice": ToolChoice(mode="none"),
    "parallel_tool_calls": False,
    "output": OutputFormat(kind="json"),
    "sampling": Sampling(temperature=0.1),
    "inputs": ("x",),
    "dimensions": 8,
    "kind": "sql",
    "label": Label.PRIVATE_ONLY,
    "extra": {"user": "u"},
}
SAME: dict[str, Any] = {
    "model": "other-route",
    "stream": True,
    "stream_usage": True,
    "session": "s",
    "deadline_s": 3.0,
    "native": Native(dialect="openai", raw=b"{ }"),
    "origin": "openai",
    "tags": {"tier": "gold"},
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_is_asked_changes_the_key(name: str) -> None:
    """A request that differs in what may decide its answer is another call."""
    assert key(**{name: CHANGES[name]}) != key()


@pytest.mark.parametrize("name", sorted(SAME))
def test_how_it_is_asked_does_not(name: str) -> None:
    """Through which name, whether streamed, in which session and how urgently makes no other answer."""
    assert key(**{name: SAME[name]}) == key()


def test_every_field_of_a_request_was_thought_of() -> None:
    """A new field of `Request` must be put on one of the two lists above."""
    assert set(CHANGES) | set(SAME) == set(Request.__struct_fields__)


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 1}, {"temperature": None}, {"temperature": 0.01}, {"top_p": 1.0}, {"top_k": 1}, {"stop": ("x",)},
        {"seed": 0}, {"n": 1}, {"frequency_penalty": 0.0}, {"presence_penalty": 0.0}, {"logprobs": False},
        {"top_logprobs": 0}, {"logit_bias": {"5": 1.0}}, {"reasoning_effort": "low"},
    ],
)  # fmt: skip
def test_every_parameter_changes_the_key(change: dict[str, Any]) -> None:
    """Also a parameter set to its usual default: hosts may treat it differently from one left out."""
    assert key(sampling=msgspec.structs.replace(BASE.sampling, **change)) != key()


@pytest.mark.parametrize(
    "messages",
    [
        (Message.of("user", "3+3 "),),
        (Message.of("system", "3+3"),),
        (Message(role="user", parts=(Text(text="3+"), Text(text="3"))),),
        (Message(role="user", name="ann", parts=(Text(text="3+3"),)),),
        (Message(role="user", parts=(Text(text="3+3"),), extra={"k": 1}),),
        (Message(role="user", parts=(Text(text="3+3"), Image(url="u"))),),
        (Message(role="user", parts=(ToolResult(call_id="3+3"),)),),
        (Message.of("user", "3+3"), Message.of("user", "")),
        (),
    ],
)
def test_every_difference_of_messages_changes_the_key(messages: tuple[Message, ...]) -> None:
    """Roles, names, parts, their borders and their extra fields all count."""
    assert key(messages=messages) != key()


def test_deployment_and_repeat_change_the_key() -> None:
    """Other weights, another engine or another repeat of a sample is another call."""
    assert len({key(), key("g"), key("f\0"), key(seed=1), key(seed=-1), key("f", 10), key("f1", 0)}) == 7


def test_the_order_of_names_does_not_matter() -> None:
    """Objects are equal whatever order their members were written in; arrays are not."""
    one = {"a": 1, "b": {"x": [1, 2], "y": None}}
    two = {"b": {"y": None, "x": [1, 2]}, "a": 1}
    assert key(extra=one) == key(extra=two)
    assert key(extra={"a": [1, 2]}) != key(extra={"a": [2, 1]})
    assert key(extra={"a": None}) != key(extra={})


def test_the_prompt_is_in_the_key() -> None:
    """The key is made of the request with the prompt applied, so a changed prompt is another call."""
    keys = {
        cache_key("f", prompt.apply(BASE), 0)
        for prompt in (Prompt(), Prompt(system="a"), Prompt(system="b"), Prompt(sampling=Sampling(seed=1)))
    }
    assert len(keys) == 4


def test_a_new_format_forgets_old_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing `FORMAT` changes every key."""
    before = key()
    monkeypatch.setattr(cache, "FORMAT", "next")
    assert key() != before


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"parts": [{"type": "from the future"}]}', b"\xff"])
def test_an_unreadable_answer_says_what_to_do(data: bytes) -> None:
    """A row of an incompatible version is an error with its remedy, not a wrong answer."""
    with pytest.raises(MalformedReply, match="run `assay cache clear`"):
        unpack(data)


def test_a_tool_result_is_no_part_of_an_answer() -> None:
    """Replaying leaves out what no model can have said."""
    response = Response(parts=(ToolResult(call_id="c"), Text(text="x")))
    assert pack(response)
    assert [type(event).__name__ for event in events_of(response)] == ["Begin", "TextDelta"]
