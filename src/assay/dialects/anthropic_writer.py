"""Answers for clients of Messages, whole; `anthropic_encoder` writes them streamed, with the same blocks.

What the format has no place for goes into fields that its SDKs keep and our reader knows (`anthropic_blocks`):

- the provider's own word for the end under `native_finish_reason`, where none of this format's says it;
- a refusal in the model's words is a text block with `refusal: true`, and the message ends with `refusal`;
- a signature or blob of another maker is a `redacted_thinking` block whose `format` names the maker;
- sounds, videos and parts of other formats stand under `native_parts` of the message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from assay.dialects.anthropic_answer import KINDS
from assay.dialects.anthropic_blocks import DIALECT, REFUSAL
from assay.dialects.anthropic_usage import write_usage
from assay.dialects.citations import to_anthropic
from assay.dialects.fields import unmarked
from assay.dialects.opaque import ANTHROPIC, made_by, secret
from assay.types import Finish, Image, Part, Reasoning, Refusal, Request, Response, Text, ToolCall, Unknown

__all__ = [
    "call_block", "ending", "explanation", "extras", "is_signature", "message_id", "redacted_block", "whole_block",
    "write_response",
]  # fmt: skip

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "error",  # no word of the format says it
}
_PREFIX = "msg_"
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_HIDDEN = frozenset({"type", "function"})  # how another format writes the call
_TEXTS = frozenset({"type", "data", "signature", "text", "summary"})
_UNKNOWN_MAKER = "unknown"


def write_response(response: Response, request: Request) -> bytes:
    """A whole message."""
    extra = extras(response.id, response.extra)
    content, foreign = _content(response.parts, explanation(extra))
    body: dict[str, Any] = {
        "id": message_id(response.id),
        "type": "message",
        "role": "assistant",
        "model": response.model or request.model,
        "content": content,
        **ending(response.finish, content),
        "usage": write_usage(response.usage),
        **extra,
    }
    if foreign:
        body["native_parts"] = foreign
    return msgspec.json.encode(body)


def message_id(ident: str | None) -> str:
    """The id of a message: the provider's own, put into this format's form where it has another."""
    if ident is None:
        return _PREFIX + os.urandom(12).hex()
    return ident if ident.startswith(_PREFIX) else _PREFIX + _ODD.sub("_", ident)


def extras(ident: str | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider of this format said beyond our fields; other formats' fields would mean nothing here."""
    return unmarked(extra) if (ident or "").startswith(_PREFIX) else {}


def ending(finish: Finish | None, content: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Why the message ended: `stop_reason`, `stop_sequence`, and the provider's word where it says more."""
    if finish is None:
        return {"stop_reason": None, "stop_sequence": None}
    native = finish.native
    word = native if native is not None and KINDS.get(native) == finish.kind else _STOPS[finish.kind]
    plain = word == "end_turn"
    if plain and any(block.get(REFUSAL) for block in content):
        word = "refusal"
    elif plain and finish.stop_sequence is not None:
        word = "stop_sequence"
    elif plain and any(block["type"] == "tool_use" for block in content):
        word = "tool_use"  # a forced call ends with a mere stop at OpenAI; clients here look for this word
    wire = {"stop_reason": word, "stop_sequence": finish.stop_sequence}
    if native is not None and native != word and (native != finish.kind or word != _STOPS[finish.kind]):
        wire["native_finish_reason"] = native
    return wire


# -------------------------------------------------------------------------------------------- blocks


class _Content(NamedTuple):
    """The blocks of a message, and the parts that no block can hold."""

    blocks: list[dict[str, Any]]
    foreign: list[dict[str, Any]]


def _content(parts: Iterable[Part], explained: str | None) -> _Content:
    blocks: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case Text():
                blocks += _text_blocks(part)
            case Refusal():
                if part.text != explained:
                    blocks.append({"type": "text", "text": part.text, REFUSAL: True})
            case Reasoning():
                blocks += _thinking_blocks(part.text, part.opaque)
            case ToolCall():
                blocks.append({**call_block(part.id, part.name, part.extra), "input": call_input(part.arguments)})
            case _:
                block = whole_block(part)
                if block is None:
                    foreign.append(msgspec.to_builtins(part))
                else:
                    blocks.append(block)
    return _Content(blocks, foreign)


def explanation(extra: Mapping[str, Any]) -> str | None:
    """The words in which a provider of this format explained a refusal; they stand in `stop_details`, in no block."""
    details = extra.get("stop_details")
    text = details.get("explanation") if isinstance(details, dict) else None
    return text if isinstance(text, str) else None


def _text_blocks(part: Text) -> list[dict[str, Any]]:
    if not part.text and not part.annotations:
        return []
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.annotations:
        block["citations"] = [to_anthropic(note) for note in part.annotations]
    return [block]


def _thinking_blocks(text: str, opaque: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each signature with its text, and each blob by itself."""
    blocks: list[dict[str, Any]] = []
    for entry in opaque:
        if secret(entry) is None:
            continue  # a text without a signature, which is in `text`
        if is_signature(entry):
            said = entry.get("text")
            mine = said if isinstance(said, str) and text.startswith(said) else text
            text = text[len(mine) :]
            blocks.append({"type": "thinking", "thinking": mine, "signature": secret(entry)})
            continue
        if text:
            blocks.append({"type": "thinking", "thinking": text, "signature": ""})
            text = ""
        blocks.append(redacted_block(entry))
    return [*blocks, {"type": "thinking", "thinking": text, "signature": ""}] if text else blocks


def is_signature(entry: Mapping[str, Any]) -> bool:
    """Whether the entry is Anthropic's signature on a thinking block."""
    return made_by(entry, ANTHROPIC) and entry.get("type") != "reasoning.encrypted"


def redacted_block(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The block for a blob; its maker is named unless it is Anthropic."""
    block = {"type": "redacted_thinking", "data": secret(entry)}
    if made_by(entry, ANTHROPIC):
        return block
    more = {key: value for key, value in entry.items() if key not in _TEXTS}
    return {**block, "format": _UNKNOWN_MAKER, **more}


def call_block(ident: str, name: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The block of a tool call, without its input."""
    more = {key: value for key, value in unmarked(extra).items() if key not in _HIDDEN}
    return {"type": "tool_use", "id": ident or "toolu_" + os.urandom(12).hex(), "name": name, "input": {}, **more}


def call_input(arguments: str) -> dict[str, Any]:
    """The input of a call; none at all, null and an empty list are an empty one.

    What a model wrote that is no object is handed on where a client sees that it is wrong.
    """
    try:
        value = msgspec.json.decode(arguments) if arguments.strip() else None
    except (msgspec.DecodeError, RecursionError):
        return {"_unparsed": arguments}
    if value is None or value == []:
        return {}
    return value if isinstance(value, dict) else {"_unparsed": arguments}


def whole_block(part: Part) -> dict[str, Any] | None:
    """The block of a part that is told in one piece; `None` if the format has none."""
    match part:
        case Unknown(dialect=dialect) if dialect == DIALECT:
            return part.raw
        case Image(url=str()):
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        case Image(data=str()):
            return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}
    return None
