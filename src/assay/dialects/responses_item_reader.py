"""One item of an answer in OpenAI's Responses: what is told of it as it grows, and the rest when it is complete.

An item whose turn has not come keeps what it gets. A complete item tells what no delta has told: a host that sends
no deltas, or an answer that is no stream, is read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from assay.dialects.responses_content import NAME
from assay.dialects.responses_marks import CUSTOM, ITEM, Mark, reasoning_mark
from assay.dialects.responses_reasoning import read_blobs, texts
from assay.dialects.upstream_json import need_text
from assay.types import (
    Annotation,
    ContentDelta,
    Event,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Unknown,
)  # fmt: skip

__all__ = ["CALLS", "ItemReader", "Numbers"]

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_CALL_FIELDS = frozenset({"type", "status", "call_id", "name", "arguments", "input", "extra_content"})
_MESSAGE_FIELDS = frozenset({"type", "status", "role", "content"})
_REASONING_FIELDS = frozenset({"type", "summary", "content", "encrypted_content"})


class Numbers:
    """Running numbers over all items of an answer."""

    def __init__(self) -> None:
        self.block = count()
        self.call = count()


class _Grown:
    """One text of an item: what of it was told, and what waits."""

    __slots__ = ("begun", "block", "notes", "told", "waiting")

    def __init__(self, block: int) -> None:
        self.block = block
        self.begun = False
        self.told = 0  # characters
        self.notes = 0  # annotations
        self.waiting: list[str] = []


class ItemReader:
    """Reads one item.

    Args:
        wire: the item as it began.
        numbers: shared by the items of an answer.
    """

    def __init__(self, wire: Mapping[str, Any], numbers: Numbers) -> None:
        self.wire = wire
        self._numbers = numbers
        self._live = False
        self._grown: dict[tuple[str, int], _Grown] = {}
        self._call: int | None = None  # its number, once it was told
        self._extra: dict[str, Any] = {}  # of the call, as told
        self._others = 0  # parts that are no texts
        self._complete = False

    @property
    def mark(self) -> Mark:
        """What of the item has no place in its parts."""
        wire = self.wire
        begun = [key for (key, _), grown in self._grown.items() if grown.begun and key != "call"]
        parts = len(begun) + self._others if self._complete else None
        match wire.get("type"):
            case "message":
                return Mark(kind="message", parts=parts, rest=_rest(wire, _MESSAGE_FIELDS))
            case "reasoning" if parts is not None:
                return reasoning_mark(wire, parts, _rest(wire, _REASONING_FIELDS))
            case "reasoning":
                summary = begun.count("summary") if "content" in begun else None
                return Mark(kind="reasoning", summary=summary, rest={"id": wire.get("id")})
        return Mark(kind="one", parts=parts)

    def turn(self) -> list[Event]:
        """The item's turn has come: what is known of it is told, and from now on all that comes."""
        self._live = True
        out = self._head()
        for (key, _), grown in self._grown.items():
            text = "".join(grown.waiting)
            grown.waiting.clear()
            out += self._more(key, grown, text)
        return out

    def grow(self, key: str, place: int, text: str) -> list[Event]:
        """More of one text.

        Args:
            key: `text`, `refusal`, `summary`, `content` (of reasoning) or `call`.
            place: which of its kind in the item.
            text: what comes.
        """
        grown = self._at(key, place)
        if self._live:
            return self._more(key, grown, text)
        grown.waiting.append(text)
        return []

    def note(self, place: int, data: dict[str, Any]) -> list[Event]:
        """A note on the text at `place`."""
        if not self._live:
            return []  # the complete item has it
        grown = self._at("text", place)
        grown.notes += 1
        return [*self._begin("text", grown), Annotation(data=data)]

    def complete(self, wire: Mapping[str, Any]) -> list[Event]:
        """The whole item: what was not told yet."""
        known = self.wire.get("id")
        self.wire = wire = {**wire, "id": known} if known else wire  # some hosts give one item several ids
        self._complete = True
        match wire["type"]:
            case "message":
                return self._message()
            case "reasoning":
                return self._reasoning()
            case "function_call" | "custom_tool_call":
                return self._whole_call()
        self._others += 1
        return [ContentDelta(part=Unknown(dialect=NAME, raw=dict(wire)))]

    def amend(self, wire: Mapping[str, Any]) -> list[Event]:
        """The item once more, in the whole answer: providers encrypt the reasoning anew there."""
        if wire.get("type") != "reasoning":
            return []
        news, olds = read_blobs(wire), read_blobs(self.wire)
        return [
            OpaqueDelta(data=old | {"data": new.get("data")}, amends=True)
            for new, old in zip(news, olds, strict=False)
            if "id" in old and new.get("data") != old.get("data")
        ]

    def abandon(self) -> None:
        """The host never completed it: what was told is all."""
        self._complete = True

    # -------------------------------------------------------------------------------------- texts

    def _at(self, key: str, place: int) -> _Grown:
        grown = self._grown.get((key, place))
        if grown is None:
            grown = self._grown[key, place] = _Grown(next(self._numbers.block))
        return grown

    def _begin(self, key: str, grown: _Grown) -> list[Event]:
        return [] if grown.begun else self._more(key, grown, "")

    def _more(self, key: str, grown: _Grown, text: str) -> list[Event]:
        if grown.begun and not text:
            return []
        grown.begun = True
        grown.told += len(text)
        match key:
            case "text":
                return [TextDelta(text=text, block=grown.block)]
            case "refusal":
                return [RefusalDelta(text=text)]
            case "call":
                return [*self._head(), ToolCallDelta(index=self._number(), arguments=text)] if text else self._head()
        return [ReasoningDelta(text=text, block=grown.block)]

    def _rest_of(self, key: str, place: int, text: object) -> list[Event]:
        if not isinstance(text, str):
            raise TypeError(f"{key} {place} is {text!r:.100}, not a string")
        grown = self._at(key, place)
        grown.waiting.clear()
        return self._more(key, grown, text[grown.told :])

    # ------------------------------------------------------------------------------------- whole items

    def _message(self) -> list[Event]:
        out: list[Event] = []
        for place, part in enumerate(self.wire.get("content") or ()):
            match part.get("type"):
                case "output_text":
                    out += self._rest_of("text", place, part["text"])
                    notes = part.get("annotations") or ()
                    out += [Annotation(data={**note}) for note in notes[self._at("text", place).notes :]]
                    logprobs = part.get("logprobs")
                    if logprobs and not isinstance(logprobs, list):
                        raise TypeError(f"the logprobs of text {place} are {logprobs!r:.100}, not a list")
                    if logprobs:
                        out.append(Logprobs(data={"content": logprobs}))
                case "refusal":
                    out += self._rest_of("refusal", place, part["refusal"])
                case _:
                    self._others += 1
                    out.append(ContentDelta(part=Unknown(dialect=NAME, raw=part)))
        return out

    def _reasoning(self) -> list[Event]:
        out: list[Event] = []
        for said in texts(self.wire):
            out += self._rest_of(said.key, said.place, said.text)
        blobs = read_blobs(self.wire)
        last = max((grown.block for grown in self._grown.values() if grown.begun), default=None)
        if blobs and last is None:
            last = next(self._numbers.block)
            self._others += 1
        return out + [OpaqueDelta(data=blob, block=last) for blob in blobs]

    # -------------------------------------------------------------------------------------------- calls

    def _head(self) -> list[Event]:
        """The id and name of a call, as soon as they are known; nothing for another item."""
        wire = self.wire
        if self._call is not None or wire.get("type") not in CALLS or not (wire.get("call_id") and wire.get("name")):
            return []
        self._extra = _call_extra(wire)
        ident, name = need_text(wire["call_id"]), need_text(wire["name"])
        return [ToolCallDelta(index=self._number(), id=ident, name=name, extra=self._extra)]

    def _number(self) -> int:
        if self._call is None:
            self._call = next(self._numbers.call)
            self._others += 1
        return self._call

    def _whole_call(self) -> list[Event]:
        out = self._head()
        out += self._rest_of("call", 0, self.wire[CALLS[self.wire["type"]]])
        extra = _call_extra(self.wire)
        if extra != self._extra:
            out.append(ToolCallDelta(index=self._number(), extra=extra))
        return out


def _call_extra(wire: Mapping[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {"type": CUSTOM} if wire["type"] == "custom_tool_call" else {}
    if isinstance(wire.get("extra_content"), dict):
        extra["extra_content"] = wire["extra_content"]
    rest = _rest(wire, _CALL_FIELDS)
    return extra | {ITEM: rest} if rest else extra


def _rest(wire: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in wire.items() if key not in known}
