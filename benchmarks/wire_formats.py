"""The formats of recorded exchanges: who speaks them here, and how the measuring harness reads them.

The reader (`canon`) comes from the harness beside the checkout; it shares no code with assay. For plain completions,
which it does not read, there is a small reader here.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from assay import plugins
from assay.dialects.dialect import Dialect, Inbound, Outbound

__all__ = [
    "CLIENTS",
    "ENDPOINTS",
    "Canon",
    "Canonical",
    "inbound",
    "is_spoken",
    "load",
    "outbound",
    "records",
    "upstream_of",
]

Canonical = dict[str, Any]
CLIENTS = {"chat": "openai", "messages": "anthropic", "responses": "openai-responses", "completions": "completions"}
"""The formats of clients, by the name that the figures have, and their dialects."""
_UPSTREAMS = CLIENTS | {"gemini": "gemini"}
ENDPOINTS = {
    "chat/completions": "chat",
    "completions": "completions",
    "messages": "messages",
    "responses": "responses",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
}
"""The endpoints of recordings, and the formats that they speak."""
_OTHER_THINGS = ("/threads", "batch", "count_tokens", "input_tokens")  # in the path of an endpoint of the same name


def upstream_of(record: dict[str, Any]) -> str | None:
    """The format that a recorded exchange speaks; `None` for one that we do not speak."""
    if any(word in record["path"] for word in _OTHER_THINGS):
        return None
    found = ENDPOINTS.get(record["endpoint"])
    return found if found is not None and is_spoken(found) else None


def is_spoken(name: str) -> bool:
    """Whether a dialect of this format is registered."""
    return _UPSTREAMS[name] in plugins.names("assay.dialects")


def inbound(client: str) -> Inbound:
    """What clients of a format are spoken to with."""
    return cast(Inbound, _dialect(CLIENTS[client]))


def outbound(upstream: str) -> Outbound:
    """What upstreams of a format are spoken to with."""
    return cast(Outbound, _dialect(_UPSTREAMS[upstream]))


@functools.cache
def _dialect(name: str) -> Dialect:
    return cast(Dialect, plugins.load("assay.dialects", name)())


def records(corpus: ModuleType, data: Path, sample: int | None) -> Iterator[dict[str, Any]]:
    """The recorded exchanges under `data`, in the order of their ids; every so-many-th where `sample` says how many.

    Args:
        corpus: the harness's `replay`.
        data: a folder of recordings.
        sample: most exchanges of one endpoint of one provider; None = all.
    """
    kinds: dict[object, list[dict[str, Any]]] = {}
    by_id: dict[str, dict[str, Any]] = corpus.Corpus([data]).by_id
    for _, record in sorted(by_id.items()):
        kinds.setdefault((record["provider"], record["endpoint"], record["stream"]), []).append(record)
    for found in kinds.values():
        step = 1 if sample is None else max(1, -(-len(found) // sample))
        yield from found[::step]


def load(path: Path) -> ModuleType:
    """A module of the harness, by its file; others of it can import it then."""
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[path.stem] = module
    return module


class Canon:
    """The independent reading of an answer's bytes; `module` is the harness's `canon`."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._readers: dict[str, tuple[Any, Any]] = {
            "chat": (module.chat, self._chat_stream),
            "messages": (module.anthropic, module.anthropic_stream),
            "responses": (self._responses, self._responses_stream),
            "gemini": (module.gemini, module.gemini_stream),
            "completions": (self._plain, self._plain_stream),
        }

    def read(self, upstream: str, body: str, *, stream: bool) -> Canonical | None:
        """One canonical form of a body, or `None` if it cannot be read."""
        whole, streamed = self._readers[upstream]
        try:
            return cast(Canonical, streamed(body) if stream else whole(json.loads(body)))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def arguments(self, text: object) -> Any:
        """The arguments of a call as the harness compares them."""
        return self._module.args(text)

    def events(self, body: str) -> list[dict[str, Any]]:
        """The data of the server-sent events in a body."""
        return list(self._module.sse(body))

    def _chat_stream(self, body: str) -> Canonical:
        """The harness's reading, with the usage that Groq's early streams have in a field of their own."""
        canonical = cast(Canonical, self._module.chat_stream(body))
        for event in self.events(body) if '"x_groq"' in body else ():
            self._module.chat_usage(canonical, (event.get("x_groq") or {}).get("usage"))
        return canonical

    def _responses(self, body: dict[str, Any]) -> Canonical:
        """The harness's reading, which calls an answer with a call complete even where the limit cut it."""
        canonical = cast(Canonical, self._module.responses(body))
        if (body.get("incomplete_details") or {}).get("reason") == "max_output_tokens":
            canonical["finish"] = "length"
        return canonical

    def _responses_stream(self, body: str) -> Canonical:
        """The last event's answer; ChatGPT's has no items there, they went by before."""
        ends = ("response.completed", "response.incomplete", "response.failed")
        events = self.events(body)
        none: dict[str, Any] = {}
        answer = next((event["response"] for event in reversed(events) if event.get("type") in ends), none)
        items = [event["item"] for event in events if event.get("type") == "response.output_item.done"]
        return self._responses({**answer, "output": answer.get("output") or items})

    def _plain(self, body: dict[str, Any]) -> Canonical:
        return self._chunks([body])

    def _plain_stream(self, body: str) -> Canonical:
        return self._chunks(self.events(body))

    def _chunks(self, chunks: list[dict[str, Any]]) -> Canonical:
        canonical: Canonical = self._module.new()
        for chunk in chunks:
            for choice in chunk.get("choices") or ():
                if not choice.get("index"):
                    canonical["text"] += choice.get("text") or ""
                    canonical["finish"] = choice.get("finish_reason") or canonical["finish"]
            self._module.chat_usage(canonical, chunk.get("usage"))
        return canonical
