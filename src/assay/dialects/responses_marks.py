"""Where the items of OpenAI's Responses began and ended, for parts that stand in a row here.

What an assistant said in one turn is one message, or one answer, for us and a row of items there: reasoning, messages,
calls. One `Mark` for each item, with the number of parts that it became, stands under `assay:items` in the `extra` of
the message or the answer. Marks that do not fit the parts, because somebody changed these, are not used: then texts
in a row are one item, reasoning up to a blob is one, and each call is one.

A tool's answer, and a call, have what is left of their item in their own `extra`, under `assay:item`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from assay.dialects.fields import MARK
from assay.dialects.responses_content import NAME
from assay.types import Part, Reasoning, ToolCall, ToolResult, Unknown

__all__ = ["CUSTOM", "ITEM", "ITEMS", "Group", "Mark", "family", "grouped", "marks_of", "reasoning_mark"]

ITEM = MARK + "item"
ITEMS = MARK + "items"
CUSTOM = "custom"
"""The `type` in the `extra` of a call whose input is free text, in chat completions too."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item: what it was, how many parts it became, and what of it has no place in these.

    Attributes:
        kind: `message`, `reasoning`, or `one` for a part that is an item by itself.
        parts: their number; `None` = the item is not complete yet.
        text: the content was said as a string.
        summary, content: numbers of texts, of a reasoning item; `None` = the list was not there.
        rest: the other fields.
    """

    kind: Literal["message", "reasoning", "one"]
    parts: int | None = None
    text: bool = False
    summary: int | None = None
    content: int | None = None
    rest: dict[str, Any] = {}


def marks_of(extra: Mapping[str, Any]) -> list[Mark]:
    """The marks in the `extra` of a message or an answer."""
    try:
        return msgspec.convert(extra.get(ITEMS, []), list[Mark])
    except msgspec.ValidationError:  # not ours: some host's answer has the name
        return []


def reasoning_mark(item: Mapping[str, Any], parts: int, rest: dict[str, Any]) -> Mark:
    """The mark of a reasoning item that became `parts` parts."""
    summary, content = item.get("summary"), item.get("content")
    return Mark(
        kind="reasoning",
        parts=parts,
        summary=len(summary) if isinstance(summary, list) else None,
        content=len(content) if isinstance(content, list) else None,
        rest=rest,
    )


class Group(NamedTuple):
    """Parts that are one item, with its mark if there is one."""

    mark: Mark | None
    parts: tuple[Part, ...]


def grouped(parts: Sequence[Part], marks: Sequence[Mark]) -> Iterator[Group]:
    """The parts of a turn, item by item."""
    marked = _marked(parts, marks)
    return iter(marked) if marked is not None else _unmarked(parts)


def _marked(parts: Sequence[Part], marks: Sequence[Mark]) -> list[Group] | None:
    groups: list[Group] = []
    at = 0
    for mark in marks:
        group = Group(mark, tuple(parts[at : at + (mark.parts or 0)]))
        if len(group.parts) != (mark.parts or 0) or any(family(part) != mark.kind for part in group.parts):
            return None
        groups.append(group)
        at += len(group.parts)
    return groups if at == len(parts) and groups else None


def _unmarked(parts: Sequence[Part]) -> Iterator[Group]:
    row: list[Part] = []
    for part in parts:
        kind = family(part)
        if row and (kind == "one" or kind != family(row[-1]) or (isinstance(row[-1], Reasoning) and row[-1].opaque)):
            yield Group(None, tuple(row))
            row = []
        row.append(part)
        if kind == "one":
            yield Group(None, tuple(row))
            row = []
    if row:
        yield Group(None, tuple(row))


def family(part: Part) -> Literal["message", "reasoning", "one"]:
    """The kind of item that a part belongs to."""
    match part:
        case Reasoning():
            return "reasoning"
        case ToolCall() | ToolResult():
            return "one"
        case Unknown(dialect=dialect, raw=raw) if dialect == NAME:
            return "message" if str(raw.get("type")).startswith(("input_", "output_")) else "one"
    return "message"
