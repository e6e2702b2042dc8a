"""Items of an answer in OpenAI's Responses as they grow for a client: each step gives the events of the stream.

The events have all fields but their running number. A closed item is what the whole answer holds.
"""

from __future__ import annotations

from typing import Any

from assay.dialects.citations import to_responses
from assay.dialects.fields import merge
from assay.dialects.responses_custom import unwrap
from assay.dialects.responses_marks import Mark
from assay.dialects.responses_reasoning import write_blobs

__all__ = ["CallItem", "Event", "Item", "MessageItem", "ReasoningItem", "WholeItem"]

Event = dict[str, Any]


class Item:
    """What all items share.

    Args:
        place: in the output, from 0.
        wire: the item as it begins.
    """

    def __init__(self, place: int, wire: dict[str, Any]) -> None:
        self.place = place
        self.wire = wire
        self.is_open = True

    def begin(self) -> list[Event]:
        """The item's first event."""
        return [{"type": "response.output_item.added", "output_index": self.place, "item": dict(self.wire)}]

    def close(self, *, complete: bool = True) -> list[Event]:
        """The item's last events."""
        if not self.is_open:
            return []
        self.is_open = False
        events = self._end(complete=complete)
        return [*events, {"type": "response.output_item.done", "output_index": self.place, "item": self.wire}]

    def learn(self, mark: Mark) -> None:
        """What its upstream says of the item, later on."""
        self.wire |= {key: value for key, value in mark.rest.items() if key not in self.wire}

    def _end(self, *, complete: bool) -> list[Event]:
        raise NotImplementedError

    def _event(self, kind: str, **fields: Any) -> Event:
        return {
            "type": f"response.{kind}",
            "item_id": self.wire["id"],
            "output_index": self.place,
            **fields,
        }


class WholeItem(Item):
    """An item that comes in one piece: a provider's own tool, an image."""

    def _end(self, *, complete: bool) -> list[Event]:
        return []


class MessageItem(Item):
    """A message: texts, refusals, and parts that come in one piece."""

    def __init__(self, place: int, ident: str, mark: Mark) -> None:
        wire = {"type": "message", "id": ident, "status": "in_progress", "role": "assistant", "content": []}
        super().__init__(place, merge(wire, mark.rest))
        self._content: list[dict[str, Any]] = []  # complete parts
        self._part: dict[str, Any] | None = None  # the open one
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []

    def text(self, delta: str, *, new: bool) -> list[Event]:
        """More text, of the open part or of a new one."""
        events = self._open({"type": "output_text", "text": "", "annotations": [], "logprobs": []}, new=new)
        return events + self._grow("output_text", delta, logprobs=[])

    def refusal(self, delta: str, *, new: bool) -> list[Event]:
        """More of a refusal."""
        return self._open({"type": "refusal", "refusal": ""}, new=new) + self._grow("refusal", delta)

    def note(self, data: dict[str, Any], *, new: bool) -> list[Event]:
        """A note on the open text; told when its part is complete and its length known."""
        events = self._open({"type": "output_text", "text": "", "annotations": [], "logprobs": []}, new=new)
        assert self._part is not None  # noqa: S101 - it was just opened
        self._part["annotations"] = [*self._part["annotations"], to_responses(data)]
        return events

    def logprobs(self, tokens: list[Any]) -> list[Event]:
        """Log-probabilities of text just told."""
        if not tokens or self._part is None or self._part["type"] != "output_text":
            return []
        self._logprobs += tokens
        return [self._event("output_text.delta", content_index=len(self._content), delta="", logprobs=tokens)]

    def whole(self, part: dict[str, Any]) -> list[Event]:
        """A part that comes in one piece."""
        return self._open(part, new=True) + self._close_part()

    def _open(self, part: dict[str, Any], *, new: bool) -> list[Event]:
        if self._part is not None and not new:
            return []
        events = self._close_part()
        self._part = part
        added = self._event("content_part.added", content_index=len(self._content), part=dict(part))
        return [*events, added]

    def _grow(self, kind: str, delta: str, **fields: Any) -> list[Event]:
        if not delta:
            return []
        self._pieces.append(delta)
        return [self._event(f"{kind}.delta", content_index=len(self._content), delta=delta, **fields)]

    def _close_part(self) -> list[Event]:
        part = self._part
        if part is None:
            return []
        at = len(self._content)
        text, self._pieces, self._part = "".join(self._pieces), [], None
        events: list[Event] = []
        match part["type"]:
            case "output_text":
                part |= {"text": text, "logprobs": self._logprobs}
                self._logprobs = []
                for place, note in enumerate(_placed(part["annotations"], text)):
                    events.append(
                        self._event("output_text.annotation.added", content_index=at, annotation_index=place,
                                    annotation=note)
                    )  # fmt: skip
                events.append(self._event("output_text.done", content_index=at, text=text, logprobs=part["logprobs"]))
            case "refusal":
                part["refusal"] = text
                events.append(self._event("refusal.done", content_index=at, refusal=text))
        self._content.append(part)
        return [*events, self._event("content_part.done", content_index=at, part=part)]

    def _end(self, *, complete: bool) -> list[Event]:
        events = self._close_part()
        self.wire |= {"status": "completed" if complete else "incomplete", "content": self._content}
        return events


def _placed(notes: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """A note on a page that says no place speaks of the whole text; the format wants the place and a title."""
    for note in notes:
        if note.get("type") == "url_citation":
            merge(note, {"start_index": 0, "end_index": len(text), "title": ""})
    return notes


class ReasoningItem(Item):
    """Reasoning: the texts of its summary and its content, and a blob.

    Args:
        place: in the output.
        ident: its id.
        mark: of the upstream's item; it says how many of the texts are the summary's. None said: all.
    """

    def __init__(self, place: int, ident: str, mark: Mark) -> None:
        super().__init__(place, merge({"type": "reasoning", "id": ident, "summary": []}, mark.rest))
        self._most = mark.summary
        if mark.content is not None:
            self.wire["content"] = []
        self._texts: list[list[str]] = []
        self._fresh = True  # the next text is a new one
        self._blobs: list[dict[str, Any]] = []

    def learn(self, mark: Mark) -> None:
        """What its upstream says of the item, later on."""
        super().learn(mark)
        self._most = mark.summary
        if mark.content is not None:
            self.wire.setdefault("content", [])

    def text(self, delta: str, *, new: bool) -> list[Event]:
        """More of the last text, or of a new one; nothing is told of an empty one."""
        self._fresh = self._fresh or new
        if not delta:
            return []
        events: list[Event] = []
        if self._fresh:
            self._fresh = False
            events += self._close_text()
            self._texts.append([])
            events += self._opening()
        self._texts[-1].append(delta)
        return [*events, self._told("delta", delta=delta)]

    def blob(self, entry: dict[str, Any]) -> list[Event]:
        """What only its maker can read; it stands in the complete item."""
        self._blobs.append(entry)
        return []

    def amend(self, entry: dict[str, Any]) -> None:
        """A blob in the place of the one with its id. If the item is told already, the whole answer has the new one."""
        self._blobs = [entry if one.get("id") == entry.get("id") else one for one in self._blobs]
        if "encrypted_content" in self.wire:
            self.wire |= write_blobs(self._blobs, self.wire)

    @property
    def has_blob(self) -> bool:
        """Whether a blob has come, which ends what the item tells."""
        return bool(self._blobs)

    @property
    def _at(self) -> tuple[str, int]:
        """The list that the last text stands in, and its place there."""
        place = len(self._texts) - 1
        if self._most is None or place < self._most:
            return "summary", place
        return "content", place - self._most

    def _told(self, what: str, **fields: Any) -> Event:
        key, place = self._at
        kind = "reasoning_summary_text" if key == "summary" else "reasoning_text"
        return self._event(f"{kind}.{what}", **{f"{key}_index": place}, **fields)

    def _opening(self) -> list[Event]:
        key, place = self._at
        if key == "summary":
            part = {"type": "summary_text", "text": ""}
            return [self._event("reasoning_summary_part.added", summary_index=place, part=part)]
        return [self._event("content_part.added", content_index=place, part={"type": "reasoning_text", "text": ""})]

    def _close_text(self) -> list[Event]:
        if not self._texts:
            return []
        key, place = self._at
        text = "".join(self._texts[-1])
        part = {"type": "summary_text" if key == "summary" else "reasoning_text", "text": text}
        self.wire[key] = [*self.wire.get(key, ()), part]
        kind = "reasoning_summary_part" if key == "summary" else "content_part"
        return [self._told("done", text=text), self._event(f"{kind}.done", **{f"{key}_index": place}, part=part)]

    def _end(self, *, complete: bool) -> list[Event]:
        events = self._close_text()
        if self._blobs:
            self.wire |= write_blobs(self._blobs, self.wire)
        return events


class CallItem(Item):
    """A call of a function, or of a tool that takes free text.

    Args:
        place: in the output.
        wire: the item as it begins.
        wrapped: what comes are the arguments of the function that stands for a tool of free text, which can only be
            told when they are whole.
    """

    def __init__(self, place: int, wire: dict[str, Any], *, wrapped: bool = False) -> None:
        super().__init__(place, wire)
        custom = wire["type"] == "custom_tool_call"
        self._key = "input" if custom else "arguments"
        self._kind = "custom_tool_call_input" if custom else "function_call_arguments"
        self._wrapped = wrapped
        self._pieces: list[str] = []

    def grow(self, delta: str) -> list[Event]:
        """More of what the tool is given."""
        if not delta:
            return []
        self._pieces.append(delta)
        return [] if self._wrapped else [self._event(f"{self._kind}.delta", delta=delta)]

    def _end(self, *, complete: bool) -> list[Event]:
        text = "".join(self._pieces)
        events: list[Event] = []
        if self._wrapped:
            text = unwrap(text)
            events.append(self._event(f"{self._kind}.delta", delta=text))
        self.wire[self._key] = text
        self.wire["status"] = "completed" if complete else "incomplete"
        return [*events, self._event(f"{self._kind}.done", **{self._key: text})]
