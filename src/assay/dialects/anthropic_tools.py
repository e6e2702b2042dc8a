"""The tools of a request to Anthropic, and which of them must be called."""

from __future__ import annotations

from typing import Any

from assay.dialects.capability import Fit
from assay.dialects.fields import merge
from assay.types import Request, Tool, ToolChoice

__all__ = ["write_tools"]

_EMPTY = {"type": "object", "properties": {}}
_TYPES = {"auto": "auto", "required": "any", "none": "none"}


def write_tools(request: Request, fit: Fit, *, foreign: bool) -> dict[str, Any]:
    """The fields `tools` and `tool_choice`; only what is needed.

    Raises:
        RequestError: a tool of another provider's own.
    """
    choice = request.tool_choice
    allowed = _limit(choice, fit)
    tools = [
        _tool_wire(tool, fit, foreign=foreign)
        for number, tool in enumerate(request.tools)
        if (allowed is None or tool.name in allowed) and _takes(tool, fit, f"tools[{number}]")
    ]
    wire: dict[str, Any] = {"tools": tools} if tools else {}
    if choice is not None and (tools or not foreign or choice.mode == "required"):
        wire["tool_choice"] = _choice_wire(choice)
    parallel = request.parallel_tool_calls
    if parallel is False and tools:
        wire.setdefault("tool_choice", {"type": "auto"})
    said = wire.get("tool_choice")
    if said and said["type"] != "none" and parallel is not None and not (parallel and foreign):
        said["disable_parallel_tool_use"] = not parallel
    return wire


def _limit(choice: ToolChoice | None, fit: Fit) -> frozenset[str] | None:
    """The names that a choice of several is limited to: the other tools are not sent, so that none can be called."""
    if choice is None or not choice.names or (choice.mode == "required" and len(choice.names) == 1):
        return None
    fit.takes("tool_choice.allowed", "tool_choice")
    return frozenset(choice.names)


def _takes(tool: Tool, fit: Fit, path: str) -> bool:
    return tool.native is None or fit.takes("tools.native", path)


def _tool_wire(tool: Tool, fit: Fit, *, foreign: bool) -> dict[str, Any]:
    if tool.native is not None:
        return tool.native
    wire: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        wire["description"] = tool.description
    schema = tool.parameters if tool.parameters is not None else _EMPTY
    wire["input_schema"] = {"type": "object", **schema} if foreign else schema
    strict = tool.strict if tool.strict or not foreign else None  # false is the rule here
    if strict is not None and fit.takes("tools.strict", f"tools.{tool.name}.strict"):
        wire["strict"] = strict
    return merge(wire, tool.extra)


def _choice_wire(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "tool", "name": choice.names[0], **(choice.native or {})}
    return {"type": _TYPES[choice.mode], **(choice.native or {})}
