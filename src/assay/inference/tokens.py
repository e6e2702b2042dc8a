"""The tokens that a model reads, and those that it could write next. Both are asked of it through the spine."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from assay.errors import MalformedReply
from assay.inference.asking import Asking
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.providers.local.provider import PIECES
from assay.types import Message, Request, Sampling, Text, Value

__all__ = ["Next", "Token", "next_tokens", "tokens_of"]


def readable(data: bytes) -> str:
    """Bytes as text; one that is no part of a whole character is written as `<f0>`."""
    return "".join(
        f"<{ord(char) - 0xDC00:02x}>" if 0xDC80 <= ord(char) <= 0xDCFF else char
        for char in data.decode("utf-8", "surrogateescape")
    )


class Token(Value, frozen=True, kw_only=True):
    """One token of a text. `data` are its bytes: a part of a character is no text by itself."""

    id: int
    data: bytes

    @property
    def text(self) -> str:
        """As it can be shown; see `readable`."""
        return readable(self.data)


class Next(Value, frozen=True, kw_only=True):
    """A token that could come next; `logprob` is the natural logarithm of its probability."""

    token: str
    logprob: float
    id: int | None = None

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return math.exp(self.logprob)


async def tokens_of(spine: Spine, target: str, text: str) -> tuple[Token, ...]:
    """What a local model reads when it is given this text, special tokens that its tokenizer adds included.

    Raises:
        AssayError: the target is no local engine, or it cannot be asked.
    """
    trace = Trace(keep_exchanges=True)
    await _asked(spine, Request(model=target, form="count", prompt=text, extra={PIECES: True}), target, trace)
    record = trace.answering
    received = bytes(record.exchange.received) if record is not None and record.exchange is not None else b""
    try:
        found = msgspec.json.decode(received, type=_Tokens)
    except msgspec.MsgspecError as error:
        raise MalformedReply(f"{target} does not show its tokens: only a local engine does") from error
    return tuple(Token(id=one.id, data=_data(one.piece)) for one in found.tokens)


async def next_tokens(
    spine: Spine, target: str, prompt: str, *, chat: bool = True, most: int = 20, system: str | None = None
) -> tuple[Next, ...]:
    """The most probable next tokens, largest first.

    Args:
        spine: whose target is asked.
        target: a deployment or route.
        prompt: what is said to it.
        chat: as a user's message in the model's template; else the bare text, which is continued.
        most: how many tokens to ask for; hosts give 20 at most, a local engine its whole vocabulary.
        system: message put before a chat.

    Raises:
        AssayError: it cannot be asked, or tells no probabilities.
    """
    sampling = Sampling(max_tokens=1, temperature=1.0, logprobs=True, top_logprobs=most)
    if chat:
        told = () if system is None else (Message(role="system", parts=(Text(text=system),)),)
        said = Message(role="user", parts=(Text(text=prompt),))
        request = Request(model=target, messages=(*told, said), sampling=sampling)
    else:
        request = Request(model=target, form="completion", prompt=prompt, sampling=sampling)
    asking = await _asked(spine, request, target, Trace())
    try:
        content = msgspec.convert((asking.response.logprobs or {}).get("content") or [], list[_Place])
    except msgspec.ValidationError as error:
        raise MalformedReply(f"{target} tells no probabilities of tokens as they should be: {error}") from error
    if not content or not content[0].top_logprobs:
        raise MalformedReply(f"{target} tells no probabilities of tokens")
    found = [Next(token=_text(one), logprob=min(0.0, one.logprob), id=one.id) for one in content[0].top_logprobs]
    return tuple(sorted(found, key=lambda one: -one.logprob))


async def _asked(spine: Spine, request: Request, target: str, trace: Trace) -> Asking:
    asking = Asking(spine, request, target, trace)
    await asking.finish()
    if asking.error is not None:
        raise asking.error
    return asking


class _Piece(msgspec.Struct):
    id: int
    piece: str | list[int]


class _Tokens(msgspec.Struct):
    tokens: list[_Piece]


class _Top(msgspec.Struct):
    logprob: Annotated[float, Meta(le=0.01)]  # some hosts round to a little above a probability of 1
    token: str = ""
    bytes: list[Annotated[int, Meta(ge=0, le=255)]] | None = None
    id: int | None = None


class _Place(msgspec.Struct):
    top_logprobs: list[_Top] | None = None


def _data(piece: str | list[int]) -> bytes:
    """A token's bytes; the engine gives those that are no text as numbers."""
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _text(one: _Top) -> str:
    return one.token if one.bytes is None else readable(bytes(one.bytes))
