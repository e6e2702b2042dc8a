"""What a request asks for, read by the harness in each format; for OpenAI's Responses, which it does not read, here."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.wire_formats import load

__all__ = ["Readers", "harness_readers"]

Asked = dict[str, Any]
_KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign)


class Readers(NamedTuple):
    """The harness's independent reading of requests.

    Attributes:
        chat, messages, gemini, responses: from a body to what it asks for.
        score: fields of two readings that apply, and whether each is right.
    """

    chat: Callable[[Asked], Asked]
    messages: Callable[[Asked], Asked]
    gemini: Callable[[Asked], Asked]
    responses: Callable[[Asked], Asked]
    score: Callable[[Asked, Asked, str, Asked], dict[str, bool]]


def harness_readers(harness: Path) -> Readers:
    """The readers in `requests_fidelity.py`, without the measurement that it starts when it is run."""
    for name in ("replay", "canon"):
        load(harness / f"{name}.py")
    path = harness / "requests_fidelity.py"
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, _KEPT)]
    module = ModuleType("requests_fidelity")
    exec(compile(tree, path, "exec"), module.__dict__)  # noqa: S102 - the harness beside the checkout, run on purpose
    return Readers(
        chat=_alike(module.r_chat),
        messages=_alike(module.r_anth),
        gemini=_alike(module.r_gem),
        responses=_alike(_Responses(module).read),
        score=module.score,
    )


def _alike(read: Callable[[Asked], Asked]) -> Callable[[Asked], Asked]:
    """The reader, with ways of saying the same made one.

    These are Mistral's `any`, a choice among several tools (the first one, as the harness reads Gemini's), arguments
    that are `null`, and a `top_p` of 1, which says nothing.
    """

    def alike(body: Asked) -> Asked:
        asked = read(body)
        allowed = _allowed(body.get("tool_choice"))
        asked["choice"] = "required" if asked["choice"] == "any" else allowed or asked["choice"]
        asked["top_p"] = None if asked["top_p"] == 1 else asked["top_p"]
        asked["calls"] = [(name, arguments or {}) for name, arguments in asked["calls"]]
        return asked

    return alike


def _allowed(choice: object) -> str | None:
    """The first tool of OpenAI's `allowed_tools`."""
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    tool = (choice.get("allowed_tools") or choice)["tools"][0]
    return str((tool.get("function") or tool)["name"])


class _Responses:
    """Reads a request to OpenAI's Responses as the harness reads the others."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def read(self, body: Asked) -> Asked:
        """What the request asks for."""
        asked: Asked = self._module.new()
        asked["system"] = self._module.N([body.get("instructions") or ""])
        names: dict[str, str] = {}
        items = body.get("input") or []
        for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
            self._item(item, asked, names)
        self._settings(body, asked)
        return asked

    def _item(self, item: Asked, asked: Asked, names: dict[str, str]) -> None:
        match item.get("type"):
            case "function_call":
                names[item["call_id"]] = item["name"]
                asked["calls"].append((item["name"], self._module.canon.args(item.get("arguments"))))
            case "function_call_output":
                output = item.get("output")
                asked["results"] += self._module.N(self._module.txt(output))
                asked["links"].append(names.get(item["call_id"]))
                asked["images"] += self._images(output)
            case None | "message":
                texts = self._module.N(self._module.txt(item.get("content")))
                if item["role"] in ("system", "developer"):
                    asked["system"] += texts
                else:
                    asked["texts"] += [(item["role"], text) for text in texts]
                asked["images"] += self._images(item.get("content"))

    def _images(self, content: object) -> int:
        parts = content if isinstance(content, list) else []
        return sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "input_image")

    def _settings(self, body: Asked, asked: Asked) -> None:
        for tool in body.get("tools") or []:
            if tool.get("type") == "function":
                asked["tools"][tool["name"]] = self._module.props(tool.get("parameters"))
        choice = body.get("tool_choice")
        asked["choice"] = choice.get("name") if isinstance(choice, dict) else choice
        asked["max_tokens"], asked["temperature"] = body.get("max_output_tokens"), body.get("temperature")
        asked["top_p"] = body.get("top_p")
        form = (body.get("text") or {}).get("format") or {}
        if form.get("type") == "json_schema":
            asked["schema"] = self._module.props(form.get("schema"))
        if body.get("parallel_tool_calls") is False:
            asked["parallel"] = False
