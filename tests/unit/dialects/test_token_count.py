"""Numbers of tokens as hosts tell them: what cannot be one is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from assay.dialects import anthropic_usage, chat_usage, gemini_usage, responses_usage
from assay.types import Usage

READERS: dict[str, tuple[Callable[[Mapping[str, Any]], Usage], str, str]] = {
    "chat": (chat_usage.read_usage, "prompt_tokens", "completion_tokens"),
    "messages": (anthropic_usage.read_usage, "input_tokens", "output_tokens"),
    "responses": (responses_usage.read_usage, "input_tokens", "output_tokens"),
    "gemini": (gemini_usage.read_usage, "promptTokenCount", "candidatesTokenCount"),
}


@pytest.mark.parametrize("said", [-5, 1.5, 1 << 63, 10**30, float("inf"), float("nan"), True, "3", [], None])
@pytest.mark.parametrize("name", READERS)
def test_absurd_numbers_are_not_known(name: str, said: object) -> None:
    """A number that cannot be a count reaches neither a ledger, which could not hold it, nor a counter."""
    read, asked, answered = READERS[name]
    usage = read({asked: said, answered: said})
    assert (usage.input, usage.output) == (None, None)


@pytest.mark.parametrize("name", READERS)
def test_whole_numbers_are_counts(name: str) -> None:
    """A whole number counts, also where a host writes it with a point."""
    read, asked, answered = READERS[name]
    usage = read({asked: 7, answered: 3.0})
    assert (usage.input, usage.output) == (7, 3)


def test_many_steps_together_fit_into_a_ledger() -> None:
    """The largest counts that are believed, of more steps than an answer can have, are still a number of 64 bits."""
    usage = anthropic_usage.read_usage({"iterations": [{"input_tokens": (1 << 40) - 1}] * 100_000})
    assert usage.input is not None
    assert usage.input < 1 << 63
