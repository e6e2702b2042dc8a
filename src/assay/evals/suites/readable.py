"""Messages as a person, or a model that judges, reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from assay.evals.suites.suite import Sample
from assay.types import Message, Part, Text, ToolCall, ToolResult

__all__ = ["readable", "said", "target_text", "told", "turns"]


def turns(sample: Sample) -> tuple[Message, ...]:
    """All that is said to a model, with a word where its answers stand that the user goes on after."""
    answer = Message.of("assistant", "(the model's answer)")
    return (*sample.messages, *(turn for said in sample.follow_ups for turn in (answer, said)))


def said(sample: Sample) -> str:
    """A sample's input as a person reads it: the text, or the turns with their roles where there are several."""
    return told(turns(sample))


def told(messages: tuple[Message, ...]) -> str:
    """Messages as a person reads them: the text of a single one of the user, else all with their roles."""
    if len(messages) == 1 and messages[0].role == "user":
        parts = messages[0].parts
        return messages[0].text if all(isinstance(part, Text) for part in parts) else "\n".join(readable(parts))
    return "\n".join(f"{message.role}: {' '.join(readable(message.parts))}" for message in messages)


def target_text(target: Any) -> str:
    """A target as a model or a person is shown it: JSON, unless it is a text."""
    return target if isinstance(target, str) else msgspec.json.encode(target).decode()


def readable(parts: Iterable[Part]) -> Iterator[str]:
    """Parts of a message as a person reads them: texts, calls, their results; `[image]` for what is no text."""
    for part in parts:
        match part:
            case Text():
                yield part.text
            case ToolCall():
                yield f"{part.name}({part.arguments})"
            case ToolResult():
                yield from readable(part.parts)
            case _:
                yield f"[{type(part).__name__.lower()}]"
