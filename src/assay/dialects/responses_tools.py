"""Tools, the choice among them, and the form of the answer in OpenAI's Responses: both directions.

Unlike in chat completions the objects are flat. A function without `strict` is strict here and not strict there, so
that one which came in another format is sent as not strict.
"""

from __future__ import annotations

from typing import Any

from assay.dialects.capability import Fit
from assay.dialects.fields import Fields, merge
from assay.dialects.responses_custom import FREE_TEXT, read_custom
from assay.types import OutputFormat, Tool, ToolChoice

__all__ = ["choice_wire", "format_wire", "read_choice", "read_format", "read_tool", "tool_wire", "write_choice",
           "write_format", "write_tool"]  # fmt: skip

_MODES = ("auto", "none", "required")


# -------------------------------------------------------------------------------------------- reading


def read_tool(value: object, path: str) -> Tool:
    """One entry of `tools`.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(value, path)
    kind = fields.need_text("type")
    if kind == "custom":
        return read_custom(fields)
    if kind != "function":
        name = fields.peek("name")
        return Tool(name=name if isinstance(name, str) else kind, native={"type": kind, **fields.rest()})
    name = fields.need_text("name")
    description, parameters = fields.text("description"), fields.mapping("parameters")
    strict = fields.flag("strict")
    return Tool(name=name, description=description, parameters=parameters, strict=strict, extra=fields.rest())


def read_choice(fields: Fields) -> ToolChoice | None:
    """The `tool_choice` of a request.

    Raises:
        RequestError: naming what is wrong with it.
    """
    value = fields.peek("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _MODES:
            raise fields.wrong("tool_choice", f"one of {', '.join(_MODES)} or an object, not {value!r}")
        fields.take("tool_choice")
        return ToolChoice(mode=value)  # type: ignore[arg-type]  # one of the three
    choice = fields.inner("tool_choice")
    native = dict(value)
    kind = choice.need_text("type")
    if kind == "allowed_tools":
        mode = choice.need_text("mode")
        if mode not in ("auto", "required"):
            raise choice.wrong("mode", "auto or required")
        entries = enumerate(choice.array("tools") or ())
        names = tuple(_tool_name(Fields(entry, f"{choice.at('tools')}[{number}]")) for number, entry in entries)
        return ToolChoice(mode="required" if mode == "required" else "auto", names=names, native=native)
    if kind == "function":
        name = choice.need_text("name")
        return ToolChoice(mode="required", names=(name,), native=native if choice.rest() else None)
    name = choice.text("name") or kind
    return ToolChoice(mode="required", names=(name,), native=native)


def _tool_name(fields: Fields) -> str:
    kind = fields.need_text("type")
    return fields.need_text("name") if kind in ("function", "custom") else kind


def read_format(text: Fields) -> OutputFormat | None:
    """The `format` of a request's `text`; an unknown one stays there.

    Raises:
        RequestError: naming what is wrong with it.
    """
    value = text.peek("format")
    if value is None:
        return None
    form = Fields(value, text.at("format"))
    kind = form.need_text("type")
    if kind not in ("json_schema", "text", "json_object"):
        return None
    text.take("format")
    if kind != "json_schema":
        return OutputFormat(kind="text" if kind == "text" else "json", extra=form.rest())
    name, schema = form.text("name"), form.mapping("schema")
    description, strict = form.text("description"), form.flag("strict")
    return OutputFormat(
        kind="json_schema", name=name, schema=schema, strict=strict, description=description, extra=form.rest()
    )


# -------------------------------------------------------------------------------------------- writing


def write_tool(tool: Tool, path: str, fit: Fit, *, own: bool) -> dict[str, Any]:
    """One entry of `tools` for a host.

    Args:
        tool: what to write.
        path: the client's name of it, for errors.
        fit: what the host can be told.
        own: whether the client spoke this format.

    Raises:
        RequestError: the host cannot be told of it.
    """
    if own:
        return tool_wire(tool)
    if tool.native is not None:
        custom = tool.native.get("custom")
        if tool.native.get("type") != "custom" or not isinstance(custom, dict):
            raise fit.reject(path, f"{tool.name!r} is another provider's own tool")
        return _custom_wire(custom)
    wire = tool_wire(tool)
    wire.setdefault("strict", False)
    if wire["strict"] and not fit.takes("tools.strict", f"{path}.strict"):
        wire["strict"] = False
    return wire


def tool_wire(tool: Tool) -> dict[str, Any]:
    """A tool as it was read."""
    raw = tool.extra.get(FREE_TEXT, tool.native)
    if isinstance(raw, dict):
        return raw
    said = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    wire = {"type": "function", "name": tool.name} | {key: value for key, value in said.items() if value is not None}
    return merge(wire, tool.extra)


def _custom_wire(custom: dict[str, Any]) -> dict[str, Any]:
    """A tool of free text, which chat completions nest one level deeper, and its grammar another."""
    wire = {"type": "custom", **custom}
    form = custom.get("format")
    if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
        wire["format"] = {"type": "grammar", **form["grammar"]}
    return wire


def write_choice(choice: ToolChoice, custom: frozenset[str], fit: Fit) -> Any:
    """The `tool_choice` for a host.

    Args:
        choice: what to write.
        custom: names of the tools that take free text.
        fit: what the host can be told.

    Raises:
        RequestError: the host cannot be told of it.
    """
    if choice.native is None and choice.mode == "none" and choice.names:
        raise fit.reject("tool_choice", "none cannot be limited to names")
    feature = _feature(choice)
    if feature is not None and not fit.takes(feature, "tool_choice"):
        return None
    return choice_wire(choice, custom)


def _feature(choice: ToolChoice) -> str | None:
    if choice.names:
        return "tool_choice.named" if choice.mode == "required" and len(choice.names) == 1 else "tool_choice.allowed"
    return None if choice.mode == "auto" else f"tool_choice.{choice.mode}"


def choice_wire(choice: ToolChoice, custom: frozenset[str] = frozenset()) -> Any:
    """A choice in this format."""
    if choice.native is not None:
        return choice.native
    if not choice.names:
        return choice.mode
    named = [{"type": "custom" if name in custom else "function", "name": name} for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}


def write_format(output: OutputFormat, fit: Fit) -> dict[str, Any] | None:
    """The `format` for a host's `text`; `None` where it is left out.

    Raises:
        RequestError: the host cannot be told of it.
    """
    if output.kind == "grammar":
        fit.takes("grammar", "grammar")
        return None
    if output.kind == "json_schema" and not fit.takes("json_schema", "text.format"):
        return None
    if output.kind == "json" and not fit.takes("json", "text.format"):
        return None
    wire = format_wire(output)
    if wire.get("strict") and not fit.takes("json_schema.strict", "text.format.strict"):
        del wire["strict"]
    return wire


def format_wire(output: OutputFormat) -> dict[str, Any]:
    """A form of the answer in this format."""
    if output.kind != "json_schema":
        return merge({"type": "text" if output.kind == "text" else "json_object"}, output.extra)
    said = {"schema": output.schema, "description": output.description, "strict": output.strict}
    wire = {"type": "json_schema", "name": output.name or "answer"}  # the format demands a name
    return merge(wire | {key: value for key, value in said.items() if value is not None}, output.extra)
