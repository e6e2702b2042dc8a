"""A thinking budget in tokens, told to each upstream as exactly as it can be told; what is not exact is noted."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from assay import plugins
from assay.dialects.thinking_budget import effort_of
from assay.errors import RequestError
from assay.providers.local.provider import QUIRKS as LOCAL
from assay.types import Message, Request, Sampling

NOTED, TOLD = ("reasoning_tokens",), ()


class Written(NamedTuple):
    """What an upstream gets of it, and what was noted."""

    body: dict[str, Any]
    emulated: tuple[str, ...]


def written(dialect: str, tokens: int, model: str = "m", quirks: dict[str, Any] | None = None, **more: Any) -> Written:
    """A request with this budget."""
    sampling = Sampling(**{"max_tokens": 9000, "reasoning_tokens": tokens} | more)
    request = Request(messages=(Message.of("user", "hi"),), sampling=sampling)
    writer = plugins.load("assay.dialects", dialect)()
    wire = writer.write_request(request, model=model, stream=False, quirks=quirks or {})
    return Written(json.loads(wire.body), wire.emulated)


@pytest.mark.parametrize(("tokens", "word"), [
    (0, "none"), (1, "low"), (4095, "low"), (4096, "medium"), (16383, "medium"), (16384, "high"), (10**6, "high"),
])  # fmt: skip
def test_the_effort_of_a_budget(tokens: int, word: str) -> None:
    """The words go by the thresholds that a Messages client's budget is read with."""
    assert effort_of(tokens) == word


@pytest.mark.parametrize(("tokens", "more", "want", "noted"), [
    (2048, {}, {"type": "enabled", "budget_tokens": 2048}, TOLD),
    (0, {}, {"type": "disabled"}, TOLD),
    (100, {}, {"type": "enabled", "budget_tokens": 1024}, NOTED),  # the least that the host takes
    (20_000, {}, {"type": "enabled", "budget_tokens": 8999}, NOTED),  # it is part of max_tokens
    (2048, {"max_tokens": 1000}, None, NOTED),
    (2048, {"temperature": 0.0}, None, NOTED),  # which the host refuses beside thinking
])  # fmt: skip
def test_messages(tokens: int, more: dict[str, Any], want: dict[str, Any] | None, noted: tuple[str, ...]) -> None:
    """Anthropic's format has the number; what its host would refuse is left out or moved, and noted."""
    found = written("anthropic", tokens, "claude-3-7-sonnet", **more)
    assert found.body.get("thinking") == want
    assert found.emulated == noted


def test_messages_of_a_model_that_decides_itself() -> None:
    """A model that thinks adaptively takes no number: it is told the effort, which is noted."""
    found = written("anthropic", 20_000, quirks={"thinking": "adaptive"})
    assert found.body["thinking"]["type"] == "adaptive"
    assert found.body["output_config"] == {"effort": "high"}
    assert found.emulated == NOTED
    assert "thinking" not in written("anthropic", 20_000, quirks={"thinking": "none"}).body


@pytest.mark.parametrize(("model", "tokens", "want", "noted"), [
    ("gemini-2.5-flash", 3000, {"thinkingBudget": 3000, "includeThoughts": True}, TOLD),
    ("gemini-2.5-flash", 0, {"thinkingBudget": 0}, TOLD),
    ("gemini-2.5-flash", 90_000, {"thinkingBudget": 24576, "includeThoughts": True}, NOTED),
    ("gemini-2.5-pro", 0, {"thinkingBudget": 128}, NOTED),
    ("gemini-3-flash-preview", 9000, {"thinkingLevel": "medium", "includeThoughts": True}, NOTED),
    ("gemini-2.0-flash", 3000, None, NOTED),
    ("gemini-2.0-flash", 0, None, TOLD),
])  # fmt: skip
def test_gemini(model: str, tokens: int, want: dict[str, Any] | None, noted: tuple[str, ...]) -> None:
    """Generation 2.5 has the number, 3 a level; a model that does not think is told nothing."""
    found = written("gemini", tokens, model)
    assert found.body["generationConfig"].get("thinkingConfig") == want
    assert found.emulated == noted


def test_formats_that_have_a_word_only() -> None:
    """Chat completions and Responses say the effort, noted."""
    chat, responses = written("openai", 9000), written("openai-responses", 9000)
    assert (chat.body["reasoning_effort"], chat.emulated) == ("medium", NOTED)
    assert (responses.body["reasoning"], responses.emulated) == ({"effort": "medium"}, NOTED)


@pytest.mark.parametrize(("field", "want"), [
    ("thinking_budget", {"thinking_budget": 9000}), ("reasoning.max_tokens", {"reasoning": {"max_tokens": 9000}}),
])  # fmt: skip
def test_a_host_with_a_field_of_its_own(field: str, want: dict[str, Any]) -> None:
    """Hosts of chat completions that take the number are told it where they want it, and nothing is noted."""
    found = written("openai", 9000, quirks={"budget_field": field})
    assert {key: found.body[key] for key in want} == want
    assert "reasoning_effort" not in found.body
    assert found.emulated == TOLD


def client(upstream: str, model: str = "m", quirks: dict[str, Any] | None = None) -> Written:
    """What an upstream gets of a chat client that says a budget as OpenRouter's clients do."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9000,
            "reasoning": {"max_tokens": 2000}}  # fmt: skip
    request = plugins.load("assay.dialects", "openai")().read_request(json.dumps(body).encode())
    assert request.sampling.reasoning_tokens == 2000
    wire = plugins.load("assay.dialects", upstream)().write_request(
        request, model=model, stream=False, quirks=quirks or {}
    )
    return Written(json.loads(wire.body), wire.emulated)


def test_a_client_that_says_a_budget() -> None:
    """Its own format's host gets its words, another format the number; an engine that overlooks it is not told."""
    assert client("openai").body["reasoning"] == {"max_tokens": 2000}
    assert client("openai").emulated == TOLD
    assert client("anthropic", "claude-3-7-sonnet").body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert client("gemini", "gemini-2.5-flash").body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 2000
    assert client("openai-responses").body["reasoning"] == {"effort": "low"}
    local = client("openai", quirks=LOCAL)
    assert "reasoning" not in local.body
    assert local.emulated == ("reasoning_tokens", "reasoning_effort")


def test_who_cannot_think() -> None:
    """A plain completion refuses it by name; the local engine is not told, which is noted."""
    request = Request(form="completion", prompt="hi", sampling=Sampling(reasoning_tokens=9000))
    with pytest.raises(RequestError, match=r"reasoning_tokens: .*does not think"):
        plugins.load("assay.dialects", "completions")().write_request(request, model="m", stream=False, quirks={})
    found = written("openai", 9000, quirks=LOCAL)
    assert found.emulated == ("reasoning_tokens", "reasoning_effort")
    assert "reasoning_effort" not in found.body
