"""Reasoning in chat messages: text under `reasoning_content` or `reasoning`, signatures under `reasoning_details`.

Entries of a known maker (`opaque`) go out with the text that they belong to, since the message has one field for the
text of all of them: a signature in its own entry, an encrypted blob behind a `reasoning.summary`. A client that keeps
`reasoning_details` so sends each back with its text, and is read into the parts that the provider made. Gemini's
blobs without a text follow the answer's text. A blob that comes again under its id takes the first one's place.
Entries of any other form are kept verbatim, in one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.dialects.fields import MARK, Fields
from assay.dialects.opaque import ANTHROPIC, GEMINI, RESPONSES, made_by
from assay.types import OpaqueDelta, Reasoning, ReasoningDelta

__all__ = [
    "REASONING", "TEXTS", "Thoughts", "detail_text", "entries", "is_makers", "is_numbered", "read_reasoning",
    "stands_behind_text",
]  # fmt: skip

REASONING = MARK + "reasoning"
_MAKERS = (ANTHROPIC, RESPONSES, GEMINI)
TEXTS = ("text", "summary")
"""Fields of an entry that hold text, and come in pieces in a stream."""


def is_makers(entry: Mapping[str, Any]) -> bool:
    """Whether the entry is a maker's own, which nobody else can read."""
    return any(made_by(entry, maker) for maker in _MAKERS)


def is_numbered(entry: Mapping[str, Any]) -> bool:
    """Whether the entry is a maker's own, with its place among all of them."""
    return is_makers(entry) and type(entry.get("index")) is int


def detail_text(entry: Mapping[str, Any]) -> str:
    """The readable text of an entry."""
    return next((value for key in TEXTS if isinstance(value := entry.get(key), str) and value), "")


def stands_behind_text(part: Reasoning) -> bool:
    """Whether the part holds what Gemini signs its text with, and nothing else."""
    return not part.text and bool(part.opaque) and all(made_by(entry, GEMINI) for entry in part.opaque)


def entries(text: str, opaque: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of one part for `reasoning_details`, the makers' with the part's text."""
    found = list(opaque)
    if not text or any(detail_text(entry) for entry in found):
        return found
    for place, entry in enumerate(found):
        if not is_makers(entry):
            continue
        if entry.get("type") == "reasoning.text":
            return [*found[:place], {**entry, "text": text}, *found[place + 1 :]]
        summary = {"type": "reasoning.summary", "summary": text, "format": entry["format"]}
        return [*found[:place], summary, *found[place:]]
    return found


class Thoughts:
    """The reasoning that a stream is at, for each choice: a signature comes when its text has gone out."""

    def __init__(self) -> None:
        self._open: dict[int, _Thought] = {}

    def more(self, event: ReasoningDelta) -> None:
        """More text; of another thought where the block is another."""
        thought = self._open.get(event.choice)
        if thought is None or thought.block != event.block:
            thought = self._open[event.choice] = _Thought(event.block)
        thought.texts.append(event.text)

    def entries(self, event: OpaqueDelta) -> list[dict[str, Any]]:
        """The entries for what belongs to the thought that is open; its text goes with the first of a maker."""
        thought = self._open.get(event.choice)
        if thought is None or thought.block != event.block:
            return [event.data]
        found = entries("".join(thought.texts), [event.data])
        if is_makers(event.data):
            thought.texts.clear()
        return found

    def over(self, choice: int) -> None:
        """Something else begins."""
        self._open.pop(choice, None)


class _Thought:
    __slots__ = ("block", "texts")

    def __init__(self, block: int | None) -> None:
        self.block = block
        self.texts: list[str] = []


def read_reasoning(fields: Fields, notes: dict[str, Any]) -> list[Reasoning]:
    """The reasoning that a client sends back; an odd form of it stays in the rest, verbatim."""
    text = ""
    for key in ("reasoning_content", "reasoning"):
        value = fields.peek(key)
        if isinstance(value, str) and value:
            text = value
            fields.take(key)
            if key == "reasoning":
                notes[REASONING] = key
            break
    details = fields.peek("reasoning_details")
    if not (isinstance(details, list) and details and all(isinstance(entry, dict) for entry in details)):
        return [Reasoning(text=text)] if text else []
    fields.take("reasoning_details")
    parts = _parts(details) if all(is_makers(entry) for entry in details) else []
    whole = "".join(part.text for part in parts)
    if not parts or whole != (text or whole):
        return [Reasoning(text=text, opaque=tuple(details))]
    if whole and not text:
        notes[REASONING] = "details"
    return parts


def _parts(details: list[dict[str, Any]]) -> list[Reasoning]:
    """One part for each entry; a blob belongs to the summary before it."""
    parts: list[Reasoning] = []
    open_summary = False
    for entry in _last_words(details):
        if (
            open_summary
            and entry.get("type") == "reasoning.encrypted"
            and made_by(parts[-1].opaque[0], entry["format"])
        ):
            parts[-1] = Reasoning(text=parts[-1].text, opaque=(*parts[-1].opaque, entry))
        else:
            parts.append(Reasoning(text=detail_text(entry), opaque=(entry,)))
        open_summary = entry.get("type") == "reasoning.summary"
    return parts


def _last_words(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries; of blobs with one id the last, where the first was: a stream tells one anew at its end."""
    kept: dict[object, dict[str, Any]] = {}
    for place, entry in enumerate(details):
        ident = entry.get("id")
        renewable = entry.get("type") == "reasoning.encrypted" and isinstance(ident, str)
        kept[ident if renewable else place] = entry
    return list(kept.values())
