"""The output of an answer in OpenAI's Responses, made from our events: a stream and a whole answer alike.

Where a part begins is what `types.fold` says; where an item begins says its `Mark` (see `responses_items`), if the
upstream spoke this format. Else texts in a row are one message, reasoning up to a blob is one item, and each call is
one. Calls stay open until the end, since pieces of several may come in turns.

What has no item in this format (a sound, a part of another provider's own) is in `native_parts`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from assay.dialects.responses_content import NAME
from assay.dialects.responses_growing import CallItem, Item, MessageItem, ReasoningItem, WholeItem
from assay.dialects.responses_growing import Event as Told
from assay.dialects.responses_marks import CUSTOM, ITEM, Mark, marks_of
from assay.dialects.responses_reasoning import foreign_id
from assay.types import (
    Annotation,
    Begin,
    ContentDelta,
    Event,
    Finish,
    Image,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Unknown,
)  # fmt: skip

__all__ = ["Output"]

_FAMILIES = {"text": "message", "refusal": "message", "reasoning": "reasoning"}


class _Place(NamedTuple):
    """Where the next part belongs: whether its item begins with it, and the item's mark."""

    begins: bool
    mark: Mark | None


class Output:
    """Takes events one by one.

    Args:
        free_text: names of the client's tools that take free text: see `responses_custom`.
    """

    def __init__(self, free_text: frozenset[str] = frozenset()) -> None:
        self._free_text = free_text
        self.native_parts: list[dict[str, Any]] = []
        self._items: list[Item] = []
        self._calls: dict[int, CallItem] = {}
        self._marks: list[Mark] = []
        self._mark_at = 0  # the mark of the item that the next part belongs to, or that comes next
        self._mark_start = 0  # number of that item's first part
        self._parts = 0
        self._last: str | None = None  # the kind of the last part
        self._block: int | None = None
        self._noted = False  # whether the last text has notes
        self._stem = os.urandom(12).hex()

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items so far."""
        return [item.wire for item in self._items]

    def take(self, event: Event) -> list[Told]:
        """The stream's events for one of ours; those of other choices than the first are left out."""
        match event:
            case Begin():
                return self._learn(marks_of(event.extra))
            case TextDelta(choice=0):
                return self._text(event)
            case ReasoningDelta(choice=0):
                return self._reasoning(event.block, event.text)
            case OpaqueDelta(choice=0, amends=True):
                return self._amend(event.data)
            case OpaqueDelta(choice=0):
                return self._blob(event)
            case RefusalDelta(choice=0):
                return self._refusal(event.text)
            case Annotation(choice=0):
                return self._note(event.data)
            case Logprobs(choice=0):
                return self._logprobs(event.data)
            case ToolCallDelta(choice=0):
                return self._call(event)
            case ContentDelta(choice=0):
                return self._part(event)
        return []

    def close(self, finish: Finish | None) -> list[Told]:
        """All items end; the one that a limit cut is not complete."""
        cut = finish is not None and finish.kind in ("length", "content_filter")
        events = self._empty_items(self._parts)
        for item in self._items:
            events += item.close(complete=not (cut and item is self._items[-1]))
        return events

    # ------------------------------------------------------------------------------------------- parts

    def _text(self, event: TextDelta) -> list[Told]:
        whole = event.block is None and self._noted
        new = not self._continues("text", event.block) or whole
        self._noted = self._noted and not new
        events, message = self._message("text", new=new)
        return events + message.text(event.text, new=new)

    def _refusal(self, text: str) -> list[Told]:
        new = self._last != "refusal"
        events, message = self._message("refusal", new=new)
        return events + message.refusal(text, new=new)

    def _note(self, data: dict[str, Any]) -> list[Told]:
        new = self._last != "text"
        events, message = self._message("text", new=new)
        self._noted = True
        return events + message.note(data, new=new)

    def _logprobs(self, data: Mapping[str, Any]) -> list[Told]:
        last = self._items[-1] if self._items else None
        tokens = data.get("content")
        return last.logprobs(tokens) if isinstance(last, MessageItem) and isinstance(tokens, list) else []

    def _reasoning(self, block: int | None, text: str) -> list[Told]:
        new = not self._continues("reasoning", block)
        events, item = self._thought(new=new)
        return events + item.text(text, new=new)

    def _blob(self, event: OpaqueDelta) -> list[Told]:
        new = not self._continues("reasoning", event.block)
        events, item = self._thought(new=new, blob=event.data)
        return events + item.blob(event.data)

    def _amend(self, entry: dict[str, Any]) -> list[Told]:
        """Another blob for an item."""
        for item in self._items:
            if isinstance(item, ReasoningItem) and item.wire["id"] == entry.get("id"):
                item.amend(entry)
        return []

    def _continues(self, kind: str, block: int | None) -> bool:
        """Whether what comes belongs to the last part; notes its number: as `types.fold` does."""
        same, self._block = block == self._block, block
        return same and self._last == kind

    # ------------------------------------------------------------------------------------------- items

    def _message(self, kind: str, *, new: bool) -> tuple[list[Told], MessageItem]:
        last = self._items[-1] if self._items else None
        if not new and isinstance(last, MessageItem) and last.is_open:
            return [], last
        events, place = self._begin(kind)
        last = self._items[-1] if self._items else None
        if isinstance(last, MessageItem) and last.is_open and not place.begins:
            return events, last
        mark = place.mark or Mark(kind="message")
        message = MessageItem(len(self._items), self._free(mark.rest.get("id")) or self._id("msg"), mark)
        return events + self._add(message), message

    def _thought(self, *, new: bool, blob: Mapping[str, Any] | None = None) -> tuple[list[Told], ReasoningItem]:
        """The item that a text or a blob of reasoning belongs to; a blob with nothing before it is one by itself."""
        events, place = self._begin("reasoning") if new else ([], _Place(begins=False, mark=None))
        last = self._items[-1] if self._items else None
        begins = place.begins if place.mark is not None else new and blob is not None
        joins = not new or not (begins or (isinstance(last, ReasoningItem) and last.has_blob))
        if joins and isinstance(last, ReasoningItem) and last.is_open:
            return events, last
        mark = place.mark or Mark(kind="reasoning")
        ident = self._free(mark.rest.get("id")) or self._free((blob or {}).get("id"))
        item = ReasoningItem(len(self._items), ident or foreign_id(self._unique()), mark)
        return events + self._add(item), item

    def _call(self, event: ToolCallDelta) -> list[Told]:
        known = self._calls.get(event.index)
        if known is not None:
            known.wire |= _call_fields(event)
            known.wire["name"] += event.name or ""
            return known.grow(event.arguments)
        events, _ = self._begin("call")
        native = event.extra.get("type") == CUSTOM
        wrapped = not native and event.name in self._free_text
        custom = native or wrapped
        wire: dict[str, Any] = {
            "type": "custom_tool_call" if custom else "function_call",
            "id": self._id("ctc" if custom else "fc"),
            "call_id": event.id or f"call_{self._unique()}",
            "name": event.name or "",
            "input" if custom else "arguments": "",
            "status": "in_progress",
        }
        item = self._calls[event.index] = CallItem(len(self._items), wire | _call_fields(event), wrapped=wrapped)
        return events + self._add(item) + item.grow(event.arguments)

    def _part(self, event: ContentDelta) -> list[Told]:
        part = event.part
        match part:
            case Unknown(dialect=dialect, raw=raw) if dialect == NAME:
                if str(raw.get("type")).startswith("output_"):
                    events, message = self._message("text", new=True)
                    self._last = "other"
                    return events + message.whole(dict(raw))
                wire = dict(raw)
            case Image(data=str(data)):
                form = (part.media_type or "image/png").removeprefix("image/")
                wire = {"type": "image_generation_call", "id": self._id("ig"), "status": "completed",
                        "output_format": form, "result": data}  # fmt: skip
            case _:
                self._begin("other")
                self.native_parts.append(_native(part))
                return []
        events, _ = self._begin("other")
        item = WholeItem(len(self._items), wire)
        return events + self._add(item) + item.close()

    def _add(self, item: Item) -> list[Told]:
        """A new item; the message or the reasoning before it is complete."""
        events = [] if not self._items or isinstance(self._items[-1], CallItem) else self._items[-1].close()
        self._items.append(item)
        return events + item.begin()

    # -------------------------------------------------------------------------------------------- marks

    def _learn(self, marks: list[Mark]) -> list[Told]:
        """The upstream tells more of its items; the last one of ours may be one of them."""
        self._marks = marks or self._marks
        if self._items and self._mark_at < len(marks) and self._parts > self._mark_start:
            self._items[-1].learn(marks[self._mark_at])
        return []

    def _begin(self, kind: str) -> tuple[list[Told], _Place]:
        """A part begins: the empty items before it, and where it belongs."""
        self._last = kind
        events = self._empty_items(self._parts)
        place = _Place(begins=False, mark=None)
        if self._mark_at < len(self._marks):
            mark = self._marks[self._mark_at]
            if mark.kind == _FAMILIES.get(kind, mark.kind):
                place = _Place(self._parts == self._mark_start, mark)
            else:
                self._marks = []  # somebody has changed the parts
        self._parts += 1
        return events, place

    def _empty_items(self, until: int) -> list[Told]:
        """Go on to the mark of part number `until`; an item without parts on the way is one of the output."""
        events: list[Told] = []
        while self._mark_at < len(self._marks):
            mark = self._marks[self._mark_at]
            if mark.parts is None or until < self._mark_start + mark.parts:
                break
            self._mark_at += 1
            self._mark_start += mark.parts
            if not mark.parts:
                events += self._add(self._empty(mark))
        return events

    def _empty(self, mark: Mark) -> Item:
        ident = self._free(mark.rest.get("id"))
        if mark.kind == "message":
            return MessageItem(len(self._items), ident or self._id("msg"), mark)
        return ReasoningItem(len(self._items), ident or foreign_id(self._unique()), mark)

    def _free(self, ident: object) -> str | None:
        """An id that an item may have: no other has it."""
        taken = any(item.wire.get("id") == ident for item in self._items)
        return ident if isinstance(ident, str) and ident and not taken else None

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._unique()}"

    def _unique(self) -> str:
        return f"{self._stem}{len(self._items)}"


def _call_fields(event: ToolCallDelta) -> dict[str, Any]:
    """What stands in a call's item beside its own fields."""
    rest = event.extra.get(ITEM)
    fields = dict(rest) if isinstance(rest, dict) else {}
    signature = event.extra.get("extra_content")
    return fields if signature is None else fields | {"extra_content": signature}


def _native(part: Any) -> dict[str, Any]:
    if isinstance(part, Unknown):
        return {"dialect": part.dialect, "raw": part.raw}
    raw: dict[str, Any] = msgspec.to_builtins(part)
    return {"dialect": "assay", "raw": raw}
