"""Tools for Gemini: function declarations, Google's own tools, and how they may be used."""

from __future__ import annotations

from typing import Any

from assay.dialects.capability import Fit
from assay.dialects.gemini_model import Facts
from assay.dialects.gemini_schema import to_openapi
from assay.errors import RequestError
from assay.types import Request, Tool, ToolChoice

__all__ = ["write_tools"]

_GOOGLES = {
    "google_search": "googleSearch", "google_search_retrieval": "googleSearchRetrieval",
    "code_execution": "codeExecution", "url_context": "urlContext", "google_maps": "googleMaps",
    "file_search": "fileSearch", "computer_use": "computerUse", "enterprise_web_search": "enterpriseWebSearch",
    "retrieval": "retrieval", "mcp_servers": "mcpServers",
}  # fmt: skip
_NAMES = frozenset(_GOOGLES.values())
_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


def write_tools(request: Request, fit: Fit, facts: Facts) -> dict[str, Any]:
    """The members `tools` and `toolConfig`; none of them without tools.

    Raises:
        RequestError: naming a tool or a choice that cannot be sent.
    """
    tools, choice = request.tools, request.tool_choice
    if not tools or not fit.takes("tools", "tools"):
        tools = ()
    if choice is not None and choice.mode == "auto" and choice.names:
        # Names can be given for calls that must be made only; here the others are not shown.
        fit.note("tool_choice.allowed")
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    googles: list[dict[str, Any]] = []
    declarations: list[dict[str, Any]] = []
    for number, tool in enumerate(tools):
        path = f"tools[{number}]"
        if tool.native is not None:
            googles += _own(tool, path, fit)
        else:
            declarations.append(_declaration(tool, path, fit, facts))
    wire: dict[str, Any] = {}
    if declarations or googles:
        wire["tools"] = [*([{"functionDeclarations": declarations}] if declarations else []), *googles]
    if choice is not None:
        wire |= _config(choice, fit, has_functions=bool(declarations))
    if request.parallel_tool_calls is False and declarations:
        fit.takes("parallel_tool_calls", "parallel_tool_calls")
    return wire


def _declaration(tool: Tool, path: str, fit: Fit, facts: Facts) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.strict:
        fit.takes("tools.strict", f"{path}.strict")
    if not tool.parameters:
        return wire
    if facts.schemas == "json-schema":
        return wire | {"parametersJsonSchema": tool.parameters}
    converted = to_openapi(tool.parameters, f"{path}.parameters")
    if converted.loosened:
        fit.takes("tools.strict", converted.loosened[0])
    if not converted.schema.get("properties"):
        return wire  # an object without properties is refused; a function without parameters is not
    return wire | {"parameters": converted.schema}


def _own(tool: Tool, path: str, fit: Fit) -> list[dict[str, Any]]:
    """One of Google's tools, in its own form or as `{"type": "google_search", ...}`."""
    native = tool.native or {}
    kind = native.get("type")
    if isinstance(kind, str):
        name = _GOOGLES.get(kind, kind)
        native = {name: native.get(kind) or {}}
    if native and native.keys() <= _NAMES | _GOOGLES.keys():
        return [{_GOOGLES.get(key, key): value for key, value in native.items()}]
    fit.takes("tools.native", path)
    return []


def _config(choice: ToolChoice, fit: Fit, *, has_functions: bool) -> dict[str, Any]:
    if not has_functions:
        if choice.mode == "required":
            raise RequestError("tool_choice: a call is required and there is no function to call", field="tool_choice")
        return {}
    if choice.mode != "auto" and not fit.takes(f"tool_choice.{choice.mode}", "tool_choice"):
        return {}
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    feature = "tool_choice.named" if len(choice.names) == 1 else "tool_choice.allowed"
    if choice.mode == "required" and choice.names and fit.takes(feature, "tool_choice"):
        config["allowedFunctionNames"] = list(choice.names)
    return {"toolConfig": {"functionCallingConfig": config}}
