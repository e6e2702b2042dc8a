"""Signatures and encrypted reasoning, in one form for all dialects.

Providers hand out blobs that must come back with the next turn. Inside assay each is an entry of
`Reasoning.opaque`, in the form that OpenRouter made known as `reasoning_details`, so that a chat client that keeps that
field keeps them all:

| provider | entry |
|---|---|
| Anthropic, thinking | `{"type": "reasoning.text", "signature": S, "format": "anthropic-claude-v1"}`; the text is in `Reasoning.text` |
| Anthropic, redacted | `{"type": "reasoning.encrypted", "data": S, "format": "anthropic-claude-v1"}` |
| OpenAI Responses | `{"type": "reasoning.encrypted", "id": "rs_...", "data": S, "format": "openai-responses-v1"}` |
| Gemini, on a text or an empty part | `{"type": "reasoning.encrypted", "data": S, "format": "google-gemini-v1"}`, after that text |

A signature on a Gemini function call stays with the call, where Google's own OpenAI-compatible endpoint has it:
`ToolCall.extra["extra_content"]["google"]["thought_signature"]`.

What a chat host sends under `reasoning_details`, and Mistral's `thinking` chunks, are kept verbatim. A blob goes back
to the provider that made it and to no other: `made_by` tells.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from assay.types import Part, Reasoning, ToolCall

__all__ = [
    "ANTHROPIC", "GEMINI", "RESPONSES", "call_signature", "encrypted", "has_opaque", "made_by", "secret", "signed",
    "with_call_signature",
]  # fmt: skip

Maker = Literal["anthropic-claude-v1", "openai-responses-v1", "google-gemini-v1"]
ANTHROPIC: Maker = "anthropic-claude-v1"
RESPONSES: Maker = "openai-responses-v1"
GEMINI: Maker = "google-gemini-v1"


def signed(signature: str, maker: Maker) -> dict[str, Any]:
    """The entry for a signature over the text of the reasoning that it stands in."""
    return {"type": "reasoning.text", "signature": signature, "format": maker}


def encrypted(data: str, maker: Maker, ident: str | None = None) -> dict[str, Any]:
    """The entry for a blob that stands for reasoning nobody but its maker can read."""
    entry: dict[str, Any] = {"type": "reasoning.encrypted", "data": data, "format": maker}
    return entry if ident is None else entry | {"id": ident}


def made_by(entry: Mapping[str, Any], maker: Maker) -> bool:
    """Whether this provider made the blob, so that it may be sent back to it."""
    return entry.get("format") == maker


def secret(entry: Mapping[str, Any]) -> str | None:
    """The signature or the encrypted data of an entry."""
    value = entry.get("signature") or entry.get("data")
    return value if isinstance(value, str) and value else None


def call_signature(extra: Mapping[str, Any]) -> str | None:
    """Gemini's signature on a tool call, from the call's `extra`."""
    content = extra.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and signature else None


def with_call_signature(signature: str) -> dict[str, Any]:
    """The `extra` of a tool call that carries Gemini's signature."""
    return {"extra_content": {"google": {"thought_signature": signature}}}


def has_opaque(parts: Iterable[Part]) -> bool:
    """Whether any part holds a blob that must come back."""
    return any(
        bool(part.opaque) if isinstance(part, Reasoning) else isinstance(part, ToolCall) and call_signature(part.extra)
        for part in parts
    )
