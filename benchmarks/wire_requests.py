"""Requests across formats: each recorded one read, and written for upstreams of every format."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from assay.dialects.fields import MARK
from assay.errors import RequestError
from assay.types import Document, Request
from benchmarks.wire_formats import inbound, is_spoken, outbound, upstream_of
from benchmarks.wire_readers import Readers
from benchmarks.wire_tally import Tally

__all__ = ["Requests"]

_MODELS = {
    "chat": "gpt-4o-mini", "messages": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash", "responses": "gpt-4o-mini",
    "completions": "gpt-3.5-turbo-instruct",
}  # fmt: skip
_UPSTREAMS = ("chat", "messages", "gemini", "responses")
_NAMES = {"chat": "openai-chat", "messages": "anthropic", "gemini": "gemini", "responses": "openai-responses"}
_QUIRKS: dict[str, dict[str, Any]] = {
    "chat": {"top_k": True, "grammar": True, "reasoning_details": True},
    "completions": {"top_k": True},
}
"""For a request written back: the recorded hosts are many."""
_MAKERS = {"chat": ("openai", "azure-openai"), "messages": ("anthropic",), "responses": ("openai",)}
"""Whose clients speak the format and nothing more; others have fields of their own host."""
_LEFT_OUT = ("model", "stream", "stream_options")
_SAID_OTHERWISE = {
    "stop": ("stop",), "tool_choice.allowed": ("tools", "tool_choice"), "document.data": ("texts+roles",),
}  # fmt: skip
"""What an emulation, noted by the writer, does: fields that then are not compared. The gateway cuts the answer at a
stop text, tools that may not be called are left out, a file of plain text becomes text."""
_BESIDES = ("server_tool", "audio_in", "document_in")
"""Features of recordings that not every format has: refused by name, or sent and compared."""


class Requests:
    """Measures the requests of a corpus into a tally."""

    def __init__(self, tally: Tally, readers: Readers, replay: ModuleType) -> None:
        self._tally = tally
        self._readers = readers
        self._replay = replay

    def measure(self, record: dict[str, Any]) -> None:
        """One recorded exchange."""
        client, body = upstream_of(record), record.get("request_body")
        if client is None or client == "gemini":
            return
        if not isinstance(body, dict):
            self._tally.excluded["request: the recording has no JSON object"] += 1
            return
        if (record["status"] or 200) >= 400:
            self._tally.excluded["request: refused by the provider"] += 1
            return
        try:
            request = inbound(client).read_request(json.dumps(body).encode())
        except RequestError as error:
            self._tally.refuse(f"{client} read", record["id"], error.field, str(error), counts=True)
            return
        self._same(client, request, body, record["id"])
        if client != "completions":
            for upstream in filter(is_spoken, _UPSTREAMS):
                self._pair(client, upstream, request, body, record)

    def _same(self, client: str, request: Request, body: dict[str, Any], ident: str) -> None:
        """Whether the request written for its own format is the same JSON."""
        wire = outbound(client).write_request(
            request, model=str(body.get("model") or "m"), stream=request.stream, quirks=_QUIRKS.get(client, {})
        )
        sides = [{k: v for k, v in side.items() if k not in _LEFT_OUT} for side in (body, json.loads(wire.body))]
        canonical = self._replay.Corpus.canon
        keys = sorted({k for k in (*sides[0], *sides[1]) if canonical(sides[0].get(k)) != canonical(sides[1].get(k))})
        self._tally.note(f"{client} request written back", ident, keys)

    def _pair(self, client: str, upstream: str, request: Request, body: dict[str, Any], record: dict[str, Any]) -> None:
        own = record["provider"] in _MAKERS[client]
        pair = f"{client} -> {upstream}" + ("" if own else ", other hosts")
        counts = own and not _asks_more(record, body)
        try:
            wire = outbound(upstream).write_request(request, model=_MODELS[upstream], stream=False, quirks={})
        except RequestError as error:
            self._tally.refuse(pair, record["id"], error.field, str(error), counts=counts)
            return
        sent = json.loads(wire.body)
        readers = {name: getattr(self._readers, name) for name in _UPSTREAMS}
        try:
            fields = self._readers.score(readers[client](body), readers[upstream](sent), _NAMES[upstream], sent)
        except (KeyError, TypeError, AttributeError) as error:
            self._tally.excluded[f"request: {pair}: the harness cannot read it ({type(error).__name__})"] += 1
            return
        left_out = {field for feature in wire.emulated for field in _SAID_OTHERWISE.get(feature, ())}
        if upstream == "gemini" and any(isinstance(part, Document) for one in request.messages for part in one.parts):
            left_out.add("images")  # the harness takes Gemini's files for images
        fields = {name: right for name, right in fields.items() if name not in left_out}
        self._tally.add(pair, record["id"], fields, emulated=wire.emulated)


def _asks_more(record: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether the request wants what not every format has: other media, a provider's tools, several answers."""
    text = json.dumps(body)
    return (
        any(feature in record["features"] for feature in _BESIDES)
        or any(body.get(key) for key in ("functions", "audio", "web_search_options", "logit_bias"))
        or any(body.get(key) for key in ("previous_response_id", "conversation", "prompt", "mcp_servers"))
        or (body.get("n") or 1) != 1
        or '"url": "http' in text
        or '"image_url": "http' in text
        or MARK in text
    )
