"""Chat completion requests that hold text and settings only, as most do: read in one step, checked by their types.

What does not fit exactly into these types (a null, a list of parts, a tool, a name that is not known here, a number out
of bounds) is left to `chat_request`, which reads everything and says what is wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from assay.dialects.chat_parts import DIALECT
from assay.dialects.sampling import MAX_TOKENS_NOTE, STOP_NOTE
from assay.types import Message, Native, Request, Sampling, Text

__all__ = ["read_plain"]

_Whole = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Positive = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
_Number = _Whole | float


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str


class _StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    include_usage: bool = False


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: _Count | UnsetType = UNSET
    max_completion_tokens: _Count | UnsetType = UNSET
    temperature: _Number | UnsetType = UNSET
    top_p: _Number | UnsetType = UNSET
    stop: str | Annotated[list[str], Meta(min_length=1)] | UnsetType = UNSET
    seed: _Whole | UnsetType = UNSET
    n: _Positive | UnsetType = UNSET
    stream: bool = False
    stream_options: _StreamOptions | UnsetType = UNSET


_DECODER = msgspec.json.Decoder(_Body)


def read_plain(body: bytes) -> Request | None:
    """A client's request, exactly as `chat_request.read_request` reads it; None = it is not one of these."""
    try:
        said = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    most, stop, options = said.max_tokens, said.stop, said.stream_options
    notes: dict[str, Any] = {}  # on how it was said, as `read_sampling` makes them
    if said.max_completion_tokens is not UNSET:
        if most is not UNSET:
            return None
        most = said.max_completion_tokens
        notes[MAX_TOKENS_NOTE] = "max_completion_tokens"
    if isinstance(stop, str):
        notes[STOP_NOTE] = "string"
        stop = [stop]
    return Request(
        model=said.model,
        messages=tuple([Message(role=one.role, parts=(Text(text=one.content),)) for one in said.messages]),
        sampling=Sampling(
            max_tokens=None if most is UNSET else most,
            temperature=None if said.temperature is UNSET else said.temperature,
            top_p=None if said.top_p is UNSET else said.top_p,
            stop=() if stop is UNSET else tuple(stop),
            seed=None if said.seed is UNSET else said.seed,
            n=None if said.n is UNSET else said.n,
        ),
        stream=said.stream,
        stream_usage=options is not UNSET and options.include_usage,
        native=Native(dialect=DIALECT, raw=body),
        origin=DIALECT,
        extra=notes,
    )
