"""Answers of OpenAI's Responses to events: whole and streamed, read by the same code.

A whole answer is read like a stream that consists of its last event, so that both fold to the same `Response`. Only
the first item that is not complete is told as it comes; what comes for later ones waits, so that the order is kept.

Each item has its `Mark` under `assay:items` in `Begin.extra` (see `responses_items`), the other fields of the answer
stand under `assay:response`. Items that the provider's own tools made are `Unknown` parts. The progress of such tools
is left out: the complete item has it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.dialects.chunk_stream import UNREADABLE, decoded, unreadable
from assay.dialects.fields import MARK
from assay.dialects.openai_errors import failed
from assay.dialects.responses_item_reader import CALLS, ItemReader, Numbers
from assay.dialects.responses_marks import ITEMS, Mark
from assay.dialects.responses_usage import read_usage
from assay.dialects.upstream_json import text_or_none
from assay.errors import MalformedReply
from assay.types import Begin, Event, Finish, Finished, FinishKind, Usage, UsageReport

__all__ = ["RESPONSE", "Reader", "read_response"]

RESPONSE = MARK + "response"
_FINAL = {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
_HEAD = {"response.created", "response.queued", "response.in_progress"}
_GROWING = {  # the event's type: what grows in the item, its place in there, and the type of an unannounced item
    "response.output_text.delta": ("text", "content_index", "message"),
    "response.refusal.delta": ("refusal", "content_index", "message"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "reasoning"),
    "response.function_call_arguments.delta": ("call", "", "function_call"),
    "response.custom_tool_call_input.delta": ("call", "", "custom_tool_call"),
}
_REASONS: dict[str, FinishKind] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_HELD = {"id", "object", "created_at", "model", "output", "usage", "status", "error", "incomplete_details"}


def read_response(body: bytes) -> list[Event]:
    """The events of a whole answer, or of a count of tokens; of a failed answer a `Failed`.

    Raises:
        MalformedReply: not JSON, or no answer.
    """
    answer = decoded(body)
    if not isinstance(answer, dict):
        raise MalformedReply("the answer is not a JSON object", body=body[:2000])
    if answer.get("object") == "response.input_tokens" and isinstance(answer.get("input_tokens"), int):
        return [UsageReport(usage=Usage(input=answer["input_tokens"], native=answer))]
    if not isinstance(answer.get("output"), list) and not answer.get("error"):
        raise MalformedReply("the answer has no output", body=body[:2000])
    reader = Reader()
    try:
        return reader.chunk({"type": "response.completed", "response": answer}) + reader.close()
    except UNREADABLE as error:
        raise unreadable(body) from error


class Reader:
    """Turns the events of one answer into ours."""

    def __init__(self) -> None:
        self.failed = False
        self.finished = False
        self._numbers = Numbers()
        self._open: dict[int, ItemReader] = {}  # items that are not told whole, by their place in the output
        self._whole: dict[int, Mapping[str, Any]] = {}  # of these, the ones that are complete
        self._live: int | None = None  # the place of the item whose turn it is
        self._told: dict[int, ItemReader] = {}
        self._marks: list[dict[str, Any]] = []  # of the items so far; all are told whenever one changes
        self._begun = False
        self._has_calls = False

    def chunk(self, body: dict[str, Any]) -> list[Event]:
        """Our events for one of theirs."""
        kind = body.get("type")
        if self.finished or self.failed:
            return []
        if kind in _GROWING:
            return self._grow(body, *_GROWING[kind])
        if kind == "response.output_item.added":
            return self._add(_place(body), body["item"])
        if kind == "response.output_item.done":
            return self._complete(_place(body), body["item"])
        if kind == "response.output_text.annotation.added":
            return self._note(body)
        if kind in _HEAD:
            return self._begin(body["response"])
        if kind in _FINAL:
            return self._end(body, body["response"])
        if kind == "error" or (kind is None and body.get("error")):
            self.failed = True
            return [failed(body.get("error") or {key: body.get(key) for key in ("code", "message", "param")})]
        return []

    def close(self) -> list[Event]:
        """Nothing is left to tell.

        Raises:
            MalformedReply: the last event has not come.
        """
        if not (self.finished or self.failed):
            raise MalformedReply("the stream ended before its last event")
        return []

    # ------------------------------------------------------------------------------------ head and end

    def _begin(self, response: Mapping[str, Any]) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        created = response.get("created_at")
        head = Begin(
            id=text_or_none(response.get("id")),
            model=text_or_none(response.get("model")),
            created=int(created) if isinstance(created, (int, float)) else None,
        )
        return [head]

    def _end(self, body: Mapping[str, Any], response: Mapping[str, Any]) -> list[Event]:
        out = self._begin(response)
        for place, wire in enumerate(response.get("output") or ()):
            known = self._told.get(place)
            out += known.amend(wire) if known is not None else self._complete(self._place_of(wire, place), wire)
        for place in sorted(self._open):  # of a host that does not complete its items
            out += self._advance(place)
        out.append(Begin(extra=_extra(body, response)))
        if isinstance(response.get("usage"), dict):
            out.append(UsageReport(usage=read_usage(response["usage"])))
        if response.get("status") == "failed" or response.get("error"):
            self.failed = True
            return [*out, failed(response.get("error") or "the provider could not make the answer")]
        self.finished = True
        return [*out, Finished(finish=self._finish(response))]

    def _place_of(self, wire: Mapping[str, Any], place: int) -> int:
        """Where an item of the whole output stood in the stream: hosts may have left numbers out there."""
        ident = wire.get("id")
        return next((at for at, item in self._open.items() if ident and item.wire.get("id") == ident), place)

    def _finish(self, response: Mapping[str, Any]) -> Finish:
        reason = (response.get("incomplete_details") or {}).get("reason")
        if isinstance(reason, str):
            return Finish(kind=_REASONS.get(reason, "stop"), native=reason)
        return Finish(kind="tool_calls" if self._has_calls else "stop", native=text_or_none(response.get("status")))

    # ------------------------------------------------------------------------------------------- items

    def _add(self, place: int, wire: Mapping[str, Any]) -> list[Event]:
        if place in self._told or place in self._open:
            return []
        self._open[place] = ItemReader(wire, self._numbers)
        return self._turn(place) if self._live is None else []

    def _turn(self, place: int) -> list[Event]:
        self._live = place
        item = self._open[place]
        self._has_calls |= item.wire.get("type") in CALLS
        self._marks.append(_plain(item.mark))
        return [self._mark(), *item.turn()]

    def _grow(self, body: Mapping[str, Any], key: str, index: str, kind: str) -> list[Event]:
        place = _place(body)
        if place in self._told:
            return []
        out = self._add(place, {"type": kind, "id": body.get("item_id")})
        text, at = body.get("delta") or "", body.get(index) or 0
        if not isinstance(text, str) or not isinstance(at, int):
            raise TypeError(f"the delta of item {place} is {text!r:.100} at {at!r:.20}")
        item = self._open[place]
        grown = item.grow(key, at, text)
        if key == "content" and place == self._live and (mark := _plain(item.mark)) != self._marks[-1]:
            self._marks[-1] = mark
            out.append(self._mark())
        return out + grown

    def _note(self, body: Mapping[str, Any]) -> list[Event]:
        item, data = self._open.get(_place(body)), body.get("annotation")
        return item.note(body.get("content_index") or 0, data) if item is not None and isinstance(data, dict) else []

    def _complete(self, place: int, wire: Mapping[str, Any]) -> list[Event]:
        if place in self._told:
            return []
        out = self._add(place, wire)
        self._whole[place] = wire
        while self._live is not None and self._live in self._whole:
            out += self._advance(self._live)
        return out

    def _advance(self, place: int) -> list[Event]:
        """Tell the rest of an item, and let the next one have its turn."""
        out = self._turn(place) if self._live is None else []
        item = self._open.pop(place)
        wire = self._whole.pop(place, None)
        if wire is None:
            item.abandon()
        else:
            out += item.complete(wire)
        self._told[place] = item
        self._marks[-1] = _plain(item.mark)
        out.append(self._mark())
        self._live = None
        return out + (self._turn(min(self._open)) if self._open else [])

    def _mark(self) -> Begin:
        return Begin(extra={ITEMS: list(self._marks)})


def _plain(mark: Mark) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(mark)
    return plain


def _extra(body: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """What no field of ours holds. `service_tier` is a word of chat completions too."""
    rest = {key: value for key, value in response.items() if key not in _HELD}
    rest |= {key: value for key, value in body.items() if key not in ("type", "response", "sequence_number")}
    tier = rest.get("service_tier")
    return {RESPONSE: rest} | ({} if tier is None else {"service_tier": tier})


def _place(body: Mapping[str, Any]) -> int:
    place = body.get("output_index")
    if not isinstance(place, int):
        raise TypeError(f"output_index is {place!r:.50}")
    return place
