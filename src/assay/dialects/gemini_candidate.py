"""One candidate of a Gemini answer: its parts as events, over all chunks of a stream.

Every `functionCall` is a call of its own, whatever its name. A signature on a call stays with the call; one on a text,
or on an empty part, follows that text; one on a thought stays with the thought. The chunks of a stream cut a text
anywhere, so a text at the start of a chunk continues the text before it; within a chunk each part is one of its own.

A tool that Google runs on its side (`executableCode`, `codeExecutionResult`, ...) is handed on verbatim.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any

import msgspec

from assay.dialects import opaque
from assay.dialects.gemini_grounding import cited, grounded, merged
from assay.dialects.gemini_logprobs import token_entries
from assay.dialects.upstream_json import text_or_none
from assay.errors import MalformedReply
from assay.types import (
    Annotation,
    Audio,
    ContentDelta,
    Document,
    Event,
    Finish,
    Finished,
    FinishKind,
    Image,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Unknown,
    Video,
)  # fmt: skip

__all__ = ["FINISHES", "NAME", "Candidate", "call_id"]

NAME = "gemini"
FINISHES: dict[str, FinishKind] = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
"""Any other word (`OTHER`, `MALFORMED_FUNCTION_CALL`, ...) means that the model failed."""

_NUMBERED = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION")  # what `enum-encoding=int` says
_TAKEN = frozenset({"content", "finishReason", "index", "logprobsResult"})
_MERGED = frozenset({"groundingMetadata", "citationMetadata"})
_TEXT_KEYS = frozenset({"text", "thought", "thoughtSignature"})
_LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def call_id(response_id: str | None, candidate: int, number: int) -> str:
    """An id for a call that came without one: the same for the same answer, legal in every format of clients."""
    place = f"{candidate}_{number}" if candidate else f"{number}"
    if not response_id:
        return f"call_{os.urandom(12).hex()}_{place}"
    ident = f"call_{response_id}_{place}"
    if _LEGAL_ID.fullmatch(ident):
        return ident
    return f"call_{hashlib.sha256(response_id.encode()).hexdigest()[:32]}_{place}"


class Candidate:
    """What is known so far of one candidate."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.ended: str | None = None
        self._extra: dict[str, Any] = {}
        self._text: list[str] = []
        self._texts = 0  # parts that are texts
        self._block = 0
        self._open: str | None = None  # the kind of the part that a chunk may continue
        self._calls = 0
        self._signature: OpaqueDelta | None = None  # of the last text: notes on that text come before it

    def take(self, wire: dict[str, Any], response_id: str | None, out: list[Event]) -> None:
        """The candidate's share of one chunk."""
        before = len(out)
        for part in (wire.get("content") or {}).get("parts") or ():
            self._part(part, response_id, out, first=len(out) == before)
        if wire.get("logprobsResult"):
            self._logprobs(wire["logprobsResult"], out)
        for key, value in wire.items():
            if key in _MERGED and value:
                self._extra[key] = merged(self._extra.get(key) or {}, value)
            elif key not in _TAKEN and key not in _MERGED and value is not None:
                self._extra[key] = value
        word = wire.get("finishReason")
        if word:
            numbered = isinstance(word, int) and 0 <= word < len(_NUMBERED)
            self.ended = _NUMBERED[word] if numbered else str(word)

    def close(self, out: list[Event], *, failed: bool) -> None:
        """What the end of the answer completes; after a failure, no end that the provider did not say."""
        text = "".join(self._text) if self._texts == 1 else ""
        for key, notes in (("groundingMetadata", grounded), ("citationMetadata", cited)):
            for note in notes(self._extra.get(key) or {}, text):
                out.append(Annotation(data=note, choice=self.index))
        self._release(out)
        if self.ended is not None or not failed:
            out.append(Finished(finish=self._finish(), choice=self.index, extra=self._extra))

    def _finish(self) -> Finish:
        kind = FINISHES.get(self.ended or "STOP", "error")
        if kind == "stop" and self._calls:
            kind = "tool_calls"  # Gemini has no word for it
        return Finish(kind=kind, native=self.ended)

    # -------------------------------------------------------------------------------------- parts

    def _part(self, part: dict[str, Any], response_id: str | None, out: list[Event], *, first: bool) -> None:
        signature = text_or_none(part.get("thoughtSignature"))
        thought = bool(part.get("thought"))
        text = part.get("text")
        if "functionCall" in part:
            self._call(part["functionCall"], signature, response_id, out)
        elif isinstance(text, str):
            more = {key: value for key, value in part.items() if key not in _TEXT_KEYS}
            if more:
                self._extra.setdefault("parts", []).append(more)
            say = self._thought if thought else self._say
            say(text, signature, out, first=first)
        elif part.keys() - _TEXT_KEYS:
            self._whole(part, signature, out)
        elif signature:
            self._sign(signature, out)

    def _begin(self, kind: str, out: list[Event], *, first: bool) -> int:
        """The number of the block that a part of this kind belongs to."""
        if not first or self._open != kind:
            self._release(out)
            self._block += 1
        self._open = kind
        return self._block

    def _say(self, text: str, signature: str | None, out: list[Event], *, first: bool) -> None:
        if text:
            before, block = self._block, self._begin("text", out, first=first)
            self._texts += block != before
            self._text.append(text)
            out.append(TextDelta(text=text, choice=self.index, block=block))
        if signature:
            self._sign(signature, out)

    def _thought(self, text: str, signature: str | None, out: list[Event], *, first: bool) -> None:
        if not text and not signature:
            return
        block = self._begin("thought", out, first=first)
        if text:
            out.append(ReasoningDelta(text=text, choice=self.index, block=block))
        if signature:
            entry = opaque.signed(signature, opaque.GEMINI)
            out.append(OpaqueDelta(data=entry, choice=self.index, block=block))
            self._open = None

    def _sign(self, signature: str, out: list[Event]) -> None:
        """A signature on the text or the other part before it; held back, for notes on that text."""
        self._release(out)
        self._block += 1
        self._open = None
        entry = opaque.encrypted(signature, opaque.GEMINI)
        self._signature = OpaqueDelta(data=entry, choice=self.index, block=self._block)

    def _release(self, out: list[Event]) -> None:
        if self._signature is not None:
            out.append(self._signature)
            self._signature = None

    def _call(self, call: dict[str, Any], signature: str | None, response_id: str | None, out: list[Event]) -> None:
        if call.get("partialArgs") or call.get("willContinue"):
            raise MalformedReply("the arguments of a call come in pieces, which nobody asked for")
        self._release(out)
        self._open = None
        arguments = call.get("args")
        out.append(
            ToolCallDelta(
                index=self._calls,
                id=text_or_none(call.get("id")) or call_id(response_id, self.index, self._calls),
                name=_name(call),
                arguments=msgspec.json.encode({} if arguments is None else arguments).decode(),
                choice=self.index,
                extra=opaque.with_call_signature(signature) if signature else {},
            )
        )
        self._calls += 1

    def _whole(self, part: dict[str, Any], signature: str | None, out: list[Event]) -> None:
        self._release(out)
        self._open = None
        content = {key: value for key, value in part.items() if key != "thoughtSignature"}
        out.append(ContentDelta(part=_content(content), choice=self.index))
        if signature:
            self._sign(signature, out)

    def _logprobs(self, result: dict[str, Any], out: list[Event]) -> None:
        entries = token_entries(result)
        if entries is None:
            self._extra["logprobsResult"] = result
        else:
            out.append(Logprobs(data={"content": entries}, choice=self.index))


def _name(call: dict[str, Any]) -> str:
    name = call["name"]
    if not isinstance(name, str):
        raise TypeError(f"the name of a function is {name!r:.100}")
    return name


def _content(part: dict[str, Any]) -> Image | Audio | Video | Document | Unknown:
    """An image, a sound or a file of an answer; anything else is kept verbatim."""
    inline = part.get("inlineData")
    if part.keys() != {"inlineData"} or not isinstance(inline, dict) or not isinstance(inline.get("data"), str):
        return Unknown(dialect=NAME, raw=part)
    media_type, data = inline.get("mimeType") or "", inline["data"]
    kind, _, form = media_type.partition("/")
    if kind == "image":
        return Image(data=data, media_type=media_type)
    if kind == "audio":
        return Audio(data=data, format=form)
    if kind == "video":
        return Video(data=data, media_type=media_type)
    return Document(data=data, media_type=media_type or None)
