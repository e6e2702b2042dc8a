"""Skimming chat completions: typed looks at C speed, and the decoder for whatever is not as plain as that.

See `skim`. The types say exactly what is plain: one choice, text, plain thoughts, calls of functions, a finish that
the format knows, usage.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from assay.dialects import chat_answer
from assay.dialects.chat_usage import read_usage
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.outline import Fits, Outlines, nothing_fits
from assay.dialects.skim import Skim, said_by
from assay.dialects.sse import MAX_EVENT_BYTES
from assay.types import Event, Failed, Finish, Response, Usage

__all__ = ["ChatSkim", "skim_whole"]

_Word = Literal["stop", "length", "tool_calls", "content_filter"]
_NOTHING = msgspec.Raw(b"null")
_START, _END, _DONE = b"data: ", b"\n\n", b"data: [DONE]\n\n"


_None = Annotated[list[Any], Meta(max_length=0)] | None  # some hosts say that there are none


class _Function(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    index: int | None = None
    id: str | None = None
    type: Literal["function"] | None = None
    function: _Function | None = None


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    annotations: _None = None
    audio: None = None
    tool_calls: list[_Call] | None = None
    function_call: None = None
    reasoning_details: _None = None


class _Choice(msgspec.Struct):
    """Members that are not known here are notes for clients."""

    finish_reason: _Word | None = None
    index: Literal[0] = 0
    delta: _Said | None = None
    message: _Said | None = None
    logprobs: None = None
    stop_reason: str | int | None = None


_Tokens = Annotated[int, Meta(ge=0, lt=1 << 40)]


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    cached_tokens: _Tokens | None = None
    audio_tokens: Literal[0] | None = None


class _Output(msgspec.Struct, forbid_unknown_fields=True):
    reasoning_tokens: _Tokens | None = None
    audio_tokens: Literal[0] | None = None
    accepted_prediction_tokens: Literal[0] | None = None
    rejected_prediction_tokens: Literal[0] | None = None


class _Usage(msgspec.Struct, forbid_unknown_fields=True):
    """Usage that says nothing beside the counts, so that nobody needs the host's own words for it."""

    prompt_tokens: _Tokens
    completion_tokens: _Tokens
    total_tokens: _Tokens | None = None
    prompt_tokens_details: _Input | None = None
    completion_tokens_details: _Output | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    created: int | None = None
    service_tier: str | None = None
    usage: msgspec.Raw = _NOTHING
    error: None = None
    x_groq: None = None


_USAGE = msgspec.json.Decoder(_Usage)
_DECODER = msgspec.json.Decoder(_Chunk)
_FINISHES: dict[_Word | None, Finish] = {word: Finish(kind=word, native=word) for word in get_args(_Word)}
# Of these no more is asked than whether they say anything.
_OUTLINES = Outlines({"content", "reasoning_content", "reasoning", "arguments", *chat_answer.PADDING})


def _looked_at(data: bytes) -> _Chunk | None:
    """A chunk or whole answer, where it is plain."""
    try:
        if not data.isascii():
            data.decode()  # what is skipped is not looked at
        chunk = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return chunk if len(chunk.choices) <= 1 else None


def _usage(said: msgspec.Raw) -> Usage | None:
    """What was used, where that is said; a host's words are kept where they say more than the counts."""
    try:
        usage = _USAGE.decode(said)
    except msgspec.MsgspecError:
        native = msgspec.json.decode(said)
        return read_usage(native) if native and isinstance(native, dict) else None
    asked, answered = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input=usage.prompt_tokens,
        output=usage.completion_tokens,
        total=usage.total_tokens,
        cached=asked.cached_tokens if asked is not None else None,
        reasoning=answered.reasoning_tokens if answered is not None else None,
    )


def skim_whole(body: bytes) -> Response | None:
    """A whole answer without its words; None = it is not plain enough, and must be decoded."""
    answer = _looked_at(body)
    if answer is None or not answer.choices or (usage := _usage(answer.usage)) is None:
        return None
    (choice,) = answer.choices
    if choice.message is None or choice.delta is not None or choice.finish_reason is None:
        return None
    return _response(answer, choice, usage)


def _response(head: _Chunk, choice: _Choice, usage: Usage | None) -> Response:
    finish = _FINISHES[choice.finish_reason]
    if finish.kind == "stop" and isinstance(choice.stop_reason, str):
        finish = replace(finish, stop_sequence=choice.stop_reason)
    return Response(
        finish=finish,
        usage=usage,
        id=head.id or None,
        model=head.model or None,
        created=head.created,
        extra={"service_tier": head.service_tier} if head.service_tier is not None else {},
    )


def _decoder() -> StreamDecoder:
    return StreamDecoder(chat_answer.Reader("delta"))


class ChatSkim:
    """Follows one streamed chat completion."""

    begun = heads = ending = _done = False
    failed: Failed | None = None
    used: Usage | None = None  # of this format it comes last
    _head: _Chunk | None = None  # what the chunks say of the answer
    _last: _Choice | None = None  # with why the answer ended
    _usage: Usage | None = None
    _thorough: Skim | None = None

    def __init__(self) -> None:
        self.had: list[bytes] = []
        self.fits: Fits = nothing_fits

    def feed(self, event: bytes) -> None:
        """See `Skimming.feed`."""
        self.had.append(event)
        if self.fits(event):
            return
        if self._thorough is not None:
            self._thorough.feed(event)
            self._follow_decoder()
            return
        self.heads = False
        if self._done or event == _DONE:
            self._done = True
            return
        plain = event.endswith(_END) and event.count(b"\n") == 2 and b"\r" not in event
        if plain and event.startswith(b":"):  # a comment, by which a host shows that it lives
            return
        plain = plain and event.startswith(_START) and len(event) <= MAX_EVENT_BYTES
        chunk = _looked_at(event[6:-2]) if plain else None
        if chunk is None or not self._take(chunk):
            self._follow_decoder()
        elif self.begun and not self.ending and chunk.choices and self._usage is None:
            self.fits = _OUTLINES.of(event)  # another one like it would change nothing
        else:
            self.fits = nothing_fits

    def close(self) -> Response:
        """See `Skimming.close`."""
        if self._thorough is not None or self._head is None or self._last is None:
            return self._decoded().close()
        return _response(self._head, self._last, self._usage)

    def events(self) -> list[Event]:
        """See `Skimming.events`."""
        if self._thorough is None:
            return said_by(self.had, _decoder())
        return self._thorough.events()

    def _decoded(self) -> Skim:
        """All that came so far, in the eyes of the decoder; from now on it sees what comes."""
        if self._thorough is None:
            self._thorough = Skim(_decoder())
            self.fits = nothing_fits
            for event in self.had:
                self._thorough.feed(event)
        return self._thorough

    def _follow_decoder(self) -> None:
        """Not plain: what the decoder says counts."""
        skim = self._decoded()
        self.heads = False
        self.begun, self.ending, self.failed = skim.begun, skim.ending, skim.failed

    def _take(self, chunk: _Chunk) -> bool:
        """Take what a chunk says; False = it is not plain after all."""
        head = self._head
        if head is None:
            self._head = chunk
        else:  # a later one tells what an earlier one left open
            head.id, head.model = head.id or chunk.id, head.model or chunk.model
            head.created = chunk.created if head.created is None else head.created
            head.service_tier = head.service_tier if chunk.service_tier is None else chunk.service_tier
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.message is not None:
                return False
            if (said := choice.delta) is not None:
                self.begun |= bool(said.content or said.reasoning_content or said.reasoning or said.tool_calls)
                self.heads = not self.begun and said.role is not None
            if choice.finish_reason is not None:
                if self._last is not None:
                    return False
                self._last, self.begun, self.ending = choice, True, True
        if chunk.usage is not _NOTHING and (usage := _usage(chunk.usage)) is not None:
            self._usage, self.begun = usage, True
        return True
