"""Chat completion answers to events: whole and streamed, read by the same code.

A whole answer is read as one chunk whose `message` is its `delta`. What has no event of its own goes to `extra`:
unknown fields of the top level to `Begin.extra`, those of a choice and of its message to `Finished.extra` under
`assay:choice` and `assay:message`. Left out, since it means nothing in another body: padding against traffic
analysis (`obfuscation`, `p` in streams), Perplexity's running copy of the message beside each delta, and `reasoning`
where `reasoning_content` says the same.

A `finish_reason` that is not its own kind's plain name (`eos`, `model_length`, null ...) is noted in
`assay:choice` too, so that a client of this dialect sees the provider's word. `assay:reasoning` in `Begin.extra`
names the form of the reasoning: `reasoning` (OpenRouter, Groq) or `thinking` (Mistral's content lists); the
default is `reasoning_content`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Set
from typing import Any, ClassVar

from assay.dialects.chat_calls import OpenCalls
from assay.dialects.chat_details import OpenDetails
from assay.dialects.chat_parts import DIALECT, image_part, thinking_text
from assay.dialects.chat_reasoning import REASONING
from assay.dialects.chat_usage import read_usage
from assay.dialects.chunk_stream import read_answer
from assay.dialects.fields import MARK
from assay.dialects.openai_errors import failed
from assay.dialects.upstream_json import need_object, need_text, text_or_none
from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Event,
    Finish,
    Finished,
    FinishKind,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Unknown,
    UsageReport,
)  # fmt: skip

__all__ = ["CHOICE", "KINDS", "MESSAGE", "PADDING", "Choice", "Reader", "read_response"]

CHOICE = MARK + "choice"
MESSAGE = MARK + "message"
TEXT = MARK + "text"  # in the notes on a message: fields of its text chunks that no event holds
KINDS: dict[str, FinishKind] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "function_call": "tool_calls",
    "eos": "stop",
    "model_length": "length",
    "max_tokens": "length",
    "insufficient_system_resource": "error",
}
_TOP = {"id", "object", "created", "model", "choices", "usage", "error"}
PADDING = {"obfuscation", "p"}
_DELTA = {
    "role", "content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content",
    "reasoning_details", "annotations", "audio", "images",
}  # fmt: skip


def read_response(body: bytes) -> list[Event]:
    """The events of a whole chat completion; of an error object under status 200 a `Failed`.

    Raises:
        MalformedReply: not JSON, or no choices.
    """
    return read_answer(body, Reader("message"))


class Choice:
    """What is known so far of one choice."""

    __slots__ = ("audio", "calls", "choice_extra", "details", "ended", "index", "message_extra", "told")

    def __init__(self, index: int, *, joins: bool) -> None:
        self.index = index
        self.choice_extra: dict[str, Any] = {}
        self.message_extra: dict[str, Any] = {}
        self.calls = OpenCalls()
        self.details = OpenDetails(index, joins=joins)
        self.audio: list[dict[str, Any]] = []
        self.ended: Finish | None = None
        self.told: Finished | None = None

    def finished(self) -> Finished | None:
        """The event that ends the choice, unless just that has been told already."""
        if self.ended is None:
            return None
        notes = {CHOICE: self.choice_extra, MESSAGE: self.message_extra}
        extra = {key: dict(value) for key, value in notes.items() if value}
        event = Finished(finish=self.ended, choice=self.index, extra=extra)
        if event == self.told:
            return None
        self.told = event
        return event


def _finish_of(word: object, choice_extra: dict[str, Any], hit: object = None) -> Finish:
    """The provider's finish reason, and the stop text that was hit; an unusual word is noted in `choice_extra`."""
    native = word if isinstance(word, str) else None
    kind = KINDS.get(native or "", "stop")
    if native != kind:
        choice_extra["finish_reason"] = word
    return Finish(kind=kind, native=native, stop_sequence=hit if isinstance(hit, str) and kind == "stop" else None)


class Reader:
    """Turns chunks of one answer into events; `member` is `delta` in streams, `message` in whole answers."""

    choice_keys: ClassVar[frozenset[str]] = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})

    def __init__(self, member: str) -> None:
        self._member = member
        self._known = _TOP | PADDING if member == "delta" else _TOP
        self._head: Begin | None = None
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, Choice] = {}
        self._reasoning_form: str | None = None
        self.failed = False

    @property
    def finished(self) -> bool:
        """Whether every choice that was seen is complete, and there is one."""
        return bool(self._choices) and all(choice.ended is not None for choice in self._choices.values())

    def chunk(self, body: dict[str, Any]) -> list[Event]:
        """The events of one chunk."""
        out: list[Event] = []
        self._begin(body, out)
        for entry in body.get("choices") or ():
            self._take_choice(entry, out)
        usage = body.get("usage") or _groq_usage(body)
        if isinstance(usage, dict):
            out.append(UsageReport(usage=read_usage(usage)))
        if body.get("error"):
            self.failed = True
            out.append(failed(body["error"]))
        return out

    def close(self) -> list[Event]:
        """The events that only the end of the answer completes."""
        out: list[Event] = []
        for choice in self._choices.values():
            self._flush(choice, out)
            if choice.ended is None and not self.failed:
                choice.ended = _finish_of(None, choice.choice_extra)
            event = choice.finished()
            if event:
                out.append(event)
        return out

    def _begin(self, body: dict[str, Any], out: list[Event]) -> None:
        extra: dict[str, Any] = {}
        for key, value in body.items():
            if key in self._known:
                continue
            if key not in self._extra or (value is not None and self._extra[key] != value):
                extra[key] = value
        head = self._head
        if head is not None and not extra and head.id and head.model and head.created is not None:
            return
        created = body.get("created")
        new = Begin(
            id=text_or_none(body.get("id")),
            model=text_or_none(body.get("model")),
            created=int(created) if isinstance(created, (int, float)) else None,
            extra=extra,
        )
        self._extra.update(extra)
        if head is None:
            self._head = new
            out.append(new)
            return
        self._head = Begin(
            id=head.id or new.id,
            model=head.model or new.model,
            created=head.created if head.created is not None else new.created,
        )
        if extra or (self._head.id, self._head.model, self._head.created) != (head.id, head.model, head.created):
            out.append(Begin(id=self._head.id, model=self._head.model, created=self._head.created, extra=extra))

    def _take_choice(self, entry: dict[str, Any], out: list[Event]) -> None:
        index = entry.get("index") or 0
        if not isinstance(index, int):
            raise TypeError(f"the index of a choice is {index!r}")
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(index, joins=self._member == "delta")
        if not entry.keys() <= self.choice_keys:
            _keep(choice.choice_extra, entry, self.choice_keys)
        self._take_body(choice, entry, out)
        logprobs = entry.get("logprobs")
        if logprobs is not None:
            out.append(Logprobs(data=need_object(logprobs), choice=index))
        word = entry.get("finish_reason")
        if word:
            self._flush(choice, out)
            choice.choice_extra.pop("finish_reason", None)
            choice.ended = _finish_of(word, choice.choice_extra, entry.get("stop_reason"))
        event = choice.finished()
        if event:
            out.append(event)

    def _take_body(self, choice: Choice, entry: dict[str, Any], out: list[Event]) -> None:
        """What the choice says: its delta or its message."""
        delta = entry.get(self._member)
        if delta:
            self._take_delta(choice, delta, out)

    def _take_delta(self, choice: Choice, delta: dict[str, Any], out: list[Event]) -> None:
        content = delta.get("content")
        if len(delta) > 1 or content is None:
            _keep(choice.message_extra, delta, _DELTA)
            self._take_reasoning(choice, delta, out)
        if content:
            if isinstance(content, str):
                out += choice.details.flush()
                out.append(TextDelta(text=content, choice=choice.index))
            else:
                self._take_list(choice, content, out)
        if len(delta) > 1 or "content" not in delta:
            self._take_others(choice, delta, out)

    def _take_others(self, choice: Choice, delta: dict[str, Any], out: list[Event]) -> None:
        index = choice.index
        if delta.get("refusal"):
            out += choice.details.flush()
            out.append(RefusalDelta(text=need_text(delta["refusal"]), choice=index))
        for note in delta.get("annotations") or ():
            out.append(Annotation(data=need_object(note), choice=index))
        if delta.get("audio"):
            choice.audio.append(need_object(delta["audio"]))
        for image in delta.get("images") or ():
            out.append(ContentDelta(part=_image(image), choice=index))
        calls = delta.get("tool_calls")
        if calls or delta.get("function_call"):
            out += choice.details.flush()
            for position, call in enumerate(calls or ()):
                out.append(choice.calls.take(call, position, choice.index))
            if delta.get("function_call"):
                out.append(choice.calls.take_old(delta["function_call"], choice.index))

    def _take_list(self, choice: Choice, content: list[Any], out: list[Event]) -> None:
        for part in content:
            kind = part.get("type")
            if kind == "thinking":
                self._name_reasoning("thinking", out)
                text = thinking_text(part)
                if text:
                    out.append(ReasoningDelta(text=text, choice=choice.index))
                if len(part) > 2:
                    out.append(OpaqueDelta(data={**part, "thinking": []}, choice=choice.index))
                continue
            out += choice.details.flush()
            if kind == "text":
                if part["text"]:
                    out.append(TextDelta(text=need_text(part["text"]), choice=choice.index))
                if len(part) > 2:
                    choice.message_extra.setdefault(TEXT, []).append({**part, "text": ""})
            elif kind == "image_url":
                out.append(ContentDelta(part=_image(part), choice=choice.index))
            else:
                out.append(ContentDelta(part=Unknown(dialect=DIALECT, raw=part), choice=choice.index))

    # ---------------------------------------------------------------------------------- reasoning

    def _take_reasoning(self, choice: Choice, delta: dict[str, Any], out: list[Event]) -> None:
        text = self._reasoning_text(choice, delta, out)
        details = delta.get("reasoning_details")
        if text or details:
            out += choice.details.take(text, details or ())

    def _reasoning_text(self, choice: Choice, delta: dict[str, Any], out: list[Event]) -> str:
        text = delta.get("reasoning_content")
        if text:
            return need_text(text)
        text = delta.get("reasoning")
        if isinstance(text, dict):
            choice.message_extra["reasoning"] = text
            text = text.get("content")
        elif text:
            self._name_reasoning("reasoning", out)
        return need_text(text or "")

    def _name_reasoning(self, form: str, out: list[Event]) -> None:
        if self._reasoning_form is None:
            self._reasoning_form = form
            out.append(Begin(extra={REASONING: form}))

    def _flush(self, choice: Choice, out: list[Event]) -> None:
        out += choice.details.flush()
        if choice.audio:
            out.append(ContentDelta(part=_audio(choice.audio), choice=choice.index))
            choice.audio = []


def _keep(extra: dict[str, Any], wire: dict[str, Any], known: Set[str]) -> None:
    """Note the unknown fields of `wire`; a null of a later chunk does not undo what an earlier one said."""
    for key, value in wire.items():
        if key not in known and (value is not None or key not in extra):
            extra[key] = value


def _groq_usage(body: dict[str, Any]) -> Any:
    inner = body.get("x_groq")
    return inner.get("usage") if isinstance(inner, dict) else None


def _image(part: dict[str, Any]) -> Any:
    """An image of an answer; a form that is not OpenRouter's is kept verbatim."""
    inner = part.get("image_url")
    if part.get("type") != "image_url" or not isinstance(inner, dict) or not isinstance(inner.get("url"), str):
        return Unknown(dialect=DIALECT, raw=part)
    extra = {key: value for key, value in part.items() if key not in ("type", "image_url")}
    more = {key: value for key, value in inner.items() if key not in ("url", "detail")}
    return image_part(inner["url"], text_or_none(inner.get("detail")), {**extra, "image_url": more} if more else extra)


def _audio(pieces: list[dict[str, Any]]) -> Audio:
    """A spoken answer from its pieces; the format is not said in the answer, so it is left empty."""
    fields: dict[str, Any] = {}
    data: list[str] = []
    for piece in pieces:
        for key, value in piece.items():
            if key == "data":
                data.append(value or "")
            elif key == "transcript" and isinstance(value, str):
                fields[key] = fields.get(key, "") + value
            else:
                fields[key] = value
    return Audio(data=_join_base64(data), format="", extra=fields)


def _join_base64(pieces: list[str]) -> str:
    """Pieces may be cut anywhere, or each may be a padded whole of its own."""
    if not any("=" in piece for piece in pieces[:-1]):
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except binascii.Error as error:
        raise ValueError(f"audio data is not base64: {error}") from error
