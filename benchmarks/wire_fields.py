"""Which fields of an answer or a request survived, compared with an independent reader of the wire formats.

The reader (`canon`) and the replay server come from the measuring harness beside the checkout; they share no code
with assay. For plain completions, which `canon` does not read, there is a small reader here.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.dialects.chat_answer import MESSAGE
from assay.dialects.chat_messages import FUNCTION_CALL
from assay.dialects.completions import Completions
from assay.dialects.dialect import Dialect
from assay.dialects.openai_chat import OpenAIChat
from assay.types import Reasoning, Refusal, Response, Text

DIALECTS: dict[str, Dialect] = {"chat/completions": OpenAIChat(), "completions": Completions()}
QUIRKS = {"top_k": True, "grammar": True}
_LEFT_OUT = ("model", "stream", "stream_options")
_NUMBERS = ("input", "output", "total", "cached", "cache_write", "reason_tok")

Canonical = dict[str, Any]


def load(path: Path) -> ModuleType:
    """A module of the harness, by its file."""
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Canon:
    """The independent reading of an answer's bytes; `module` is the harness's `canon`."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def read(self, endpoint: str, body: str, *, stream: bool) -> Canonical | None:
        """One canonical form of a body, or `None` if it cannot be read."""
        try:
            if endpoint == "completions":
                return self._plain(list(self._module.sse(body)) if stream else [json.loads(body)])
            return self._module.chat_stream(body) if stream else self._module.chat(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _plain(self, chunks: list[dict[str, Any]]) -> Canonical:
        canonical = self._module.new()
        for chunk in chunks:
            for choice in chunk.get("choices") or ():
                if not choice.get("index"):
                    canonical["text"] += choice.get("text") or ""
                    canonical["finish"] = choice.get("finish_reason") or canonical["finish"]
            self._module.chat_usage(canonical, chunk.get("usage"))
        return canonical

    def signatures(self, value: object) -> list[str]:
        """Every signature inside `value`."""
        return self._module.sigs(value)

    def of_response(self, response: Response) -> Canonical:
        """The canonical form of our own value."""
        canonical: Canonical = self._module.new()
        parts = response.parts
        canonical["text"] = response.text
        canonical["reasoning"] = "".join(part.text for part in parts if isinstance(part, Reasoning))
        canonical["refusal"] = "".join(part.text for part in parts if isinstance(part, Refusal))
        canonical["citations"] = sum(len(part.annotations) for part in parts if isinstance(part, Text))
        calls = [call for call in response.tool_calls if not call.extra.get(FUNCTION_CALL)]
        canonical["tools"] = [(call.id, call.name, self._module.args(call.arguments)) for call in calls]
        canonical["finish"] = response.finish.native if response.finish else None
        opaque = [entry for part in parts if isinstance(part, Reasoning) for entry in part.opaque]
        extras = [call.extra for call in calls]
        canonical["sig"] = self._module.sigs([opaque, extras, response.extra.get(MESSAGE)])
        usage = response.usage
        if usage is not None:
            canonical.update(input=usage.input, output=usage.output, total=usage.total, cached=usage.cached)
            canonical.update(cache_write=usage.cache_write, reason_tok=usage.reasoning)
        return canonical


def compare(want: Canonical, got: Canonical) -> Iterator[tuple[str, bool]]:
    """Each field that applies (there is something on either side) and whether it is right."""
    names = [[(name, arguments) for _, name, arguments in side["tools"]] for side in (want, got)]
    idents = [[ident for ident, _, _ in side["tools"]] for side in (want, got)]
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (want["text"], got["text"]),
        "tools": (names[0], names[1]),
        "tool ids": (idents[0], idents[1]),
        "finish": (want["finish"], got["finish"]),
        "reasoning text": (want["reasoning"], got["reasoning"]),
        "refusal": (want["refusal"], got["refusal"]),
        "signatures": (sorted(want["sig"]), sorted(got["sig"])),
        "citations": (want["citations"], got["citations"]),
    }
    for number in _NUMBERS:
        pairs[number] = (want[number] or 0, got[number] or 0)
    for name, (theirs, ours) in pairs.items():
        if theirs or ours:
            yield name, theirs == ours


def request_kept(endpoint: str, body: dict[str, Any], replay: ModuleType) -> bool:
    """Whether a recorded request, read and written again, is the same JSON; model and streaming set aside."""
    dialect = DIALECTS[endpoint]
    raw = json.dumps(body).encode()
    request = dialect.read_request(raw)
    wire = dialect.write_request(request, model="m", stream=request.stream, quirks=QUIRKS)
    sides = [{k: v for k, v in side.items() if k not in _LEFT_OUT} for side in (body, json.loads(wire.body))]
    canonical = replay.Corpus.canon
    return canonical(sides[0]) == canonical(sides[1])
