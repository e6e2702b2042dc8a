"""Chat completion requests: both directions. The quirks of hosts are described in `openai_chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.dialects.chat_messages import read_message, write_messages
from assay.dialects.chat_parts import DIALECT
from assay.dialects.fields import MARK, Fields, merge, parse_object
from assay.dialects.sampling import read_sampling, read_stream, reject_foreign, write_sampling, write_stream
from assay.errors import RequestError
from assay.types import Native, OutputFormat, Request, Tool, ToolChoice

__all__ = ["read_request", "write_request"]

_LITERAL = MARK + "literal"
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


# -------------------------------------------------------------------------------------------- reading


def read_request(body: bytes) -> Request:
    """A client's chat completion request.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(parse_object(body))
    notes: dict[str, Any] = {}
    model = fields.text("model") or ""
    entries = fields.array("messages")
    if entries is None:
        raise fields.missing("messages")
    if not entries:
        raise fields.wrong("messages", "a list of at least one message")
    messages = tuple(read_message(entry, f"messages[{number}]") for number, entry in enumerate(entries))
    tools = tuple(_read_tool(entry, f"tools[{n}]") for n, entry in enumerate(fields.array("tools") or ()))
    choice = _read_choice(fields)
    parallel = fields.flag("parallel_tool_calls")
    output = _read_output(fields)
    sampling = read_sampling(fields, notes)
    stream, stream_usage = read_stream(fields, notes)
    return Request(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        sampling=sampling,
        stream=stream,
        stream_usage=stream_usage,
        native=Native(dialect=DIALECT, raw=body),
        origin=DIALECT,
        extra={**notes, **fields.rest()},
    )


def _read_tool(value: object, path: str) -> Tool:
    fields = Fields(value, path)
    kind = fields.need_text("type")
    if kind != "function":
        inner = fields.peek(kind)
        name = inner.get("name") if isinstance(inner, dict) else fields.peek("name")
        return Tool(name=name if isinstance(name, str) else kind, native={"type": kind, **fields.rest()})
    inner_fields = fields.inner("function")
    name = inner_fields.need_text("name")
    description, parameters = inner_fields.text("description"), inner_fields.mapping("parameters")
    strict = inner_fields.flag("strict")
    extra, more = fields.rest(), inner_fields.rest()
    if more:
        extra["function"] = more
    return Tool(name=name, description=description, parameters=parameters, strict=strict, extra=extra)


def _read_choice(fields: Fields) -> ToolChoice | None:
    value = fields.peek("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _MODES:
            raise fields.wrong("tool_choice", f"one of {', '.join(_MODES)} or an object, not {value!r}")
        fields.take("tool_choice")
        mode = _MODES[value]
        return ToolChoice(mode=mode, native=None if mode == value else {_LITERAL: value})  # type: ignore[arg-type] # the table holds modes only
    choice = fields.inner("tool_choice")
    kind = choice.need_text("type")
    native = {"type": kind, **choice.rest()}
    if kind == "allowed_tools":
        allowed = choice.inner("allowed_tools")
        mode = allowed.need_text("mode")
        if mode not in ("auto", "required"):
            raise allowed.wrong("mode", "auto or required")
        names = tuple(_tool_name(entry, allowed.at("tools")) for entry in allowed.array("tools") or ())
        return ToolChoice(mode="required" if mode == "required" else "auto", names=names, native=native)
    name = _tool_name(native, choice.path)
    plain = native == {"type": "function", "function": {"name": name}}
    return ToolChoice(mode="required", names=(name,), native=None if plain else native)


def _tool_name(value: object, path: str) -> str:
    """The name of a tool that a choice speaks of; of a host's own tool its type."""
    fields = Fields(value, path)
    kind = fields.need_text("type")
    if kind in ("function", "custom"):
        return fields.inner(kind).need_text("name")
    return kind


def _read_output(fields: Fields) -> OutputFormat | None:
    value = fields.peek("response_format")
    if value is None:
        return _read_grammar(fields)
    form = Fields(value, "response_format")
    kind = form.need_text("type")
    if kind == "json_schema":
        fields.take("response_format")
        inner = form.inner("json_schema")
        name, schema, strict = inner.text("name"), inner.mapping("schema"), inner.flag("strict")
        description = inner.text("description")
        extra, more = form.rest(), inner.rest()
        if more:
            extra["json_schema"] = more
        return OutputFormat(
            kind="json_schema", name=name, schema=schema, strict=strict, description=description, extra=extra
        )
    if kind in ("text", "json_object"):
        fields.take("response_format")
        schema = form.mapping("schema")  # llama.cpp takes a schema beside json_object
        return OutputFormat(kind="text" if kind == "text" else "json", schema=schema, extra=form.rest())
    return None  # a host's own format stays in the request's extra


def _read_grammar(fields: Fields) -> OutputFormat | None:
    grammar = fields.text("grammar")
    return None if grammar is None else OutputFormat(kind="grammar", grammar=grammar)


# -------------------------------------------------------------------------------------------- writing


def write_request(request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> bytes:
    """The body of a chat completion request.

    Raises:
        RequestError: naming what this format, or this host, cannot express.
    """
    if request.form != "chat":
        raise RequestError("a raw completion cannot be sent to a chat completion", field="prompt")
    reject_foreign(request, DIALECT)
    for key in ("prompt", "suffix"):
        if getattr(request, key) is not None:
            raise RequestError(f"{key} cannot be sent to a chat completion", field=key)
    developer = quirks.get("developer_role", True)
    body: dict[str, Any] = {"model": model, "messages": write_messages(request.messages, developer_role=developer)}
    if request.tools:
        body["tools"] = [_tool_wire(tool, f"tools[{number}]") for number, tool in enumerate(request.tools)]
    if request.tool_choice is not None:
        body["tool_choice"] = _choice_wire(request.tool_choice)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.output is not None:
        body |= _output_wire(request.output, quirks)
    body |= write_sampling(request, quirks)
    if stream:
        body |= write_stream(request, quirks)
    merge(body, {key: value for key, value in request.extra.items() if key != "stream_options"})
    return msgspec.json.encode(body)


def _tool_wire(tool: Tool, path: str) -> dict[str, Any]:
    if tool.native is not None:
        if not isinstance(tool.native.get("type"), str):
            raise RequestError(f"{path}: the tool {tool.name!r} is another provider's own", field=path)
        return tool.native
    inner: dict[str, Any] = {"name": tool.name}
    for key, value in (("description", tool.description), ("parameters", tool.parameters), ("strict", tool.strict)):
        if value is not None:
            inner[key] = value
    more = tool.extra.get("function")
    if isinstance(more, dict):
        merge(inner, more)
    return merge({"type": "function", "function": inner}, tool.extra)


def _choice_wire(choice: ToolChoice) -> Any:
    native = choice.native or {}
    if _LITERAL in native:
        return native[_LITERAL]
    kind = native.get("type")
    if isinstance(kind, str) and kind in native:
        return native
    if not choice.names:
        return choice.mode
    named = [{"type": "function", "function": {"name": name}} for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    if choice.mode == "none":
        raise RequestError("tool_choice none cannot be limited to names", field="tool_choice")
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}


def _output_wire(output: OutputFormat, quirks: Mapping[str, Any]) -> dict[str, Any]:
    if output.kind == "grammar":
        if quirks.get("grammar") is not True:
            raise RequestError("grammar: this host does not take a grammar", field="grammar")
        return {"grammar": output.grammar}
    if output.kind != "json_schema":
        form: dict[str, Any] = {"type": "text" if output.kind == "text" else "json_object"}
        if output.schema is not None:
            form["schema"] = output.schema
        return {"response_format": merge(form, output.extra)}
    inner: dict[str, Any] = {}
    for key, value in (
        ("name", output.name),
        ("description", output.description),
        ("schema", output.schema),
        ("strict", output.strict),
    ):
        if value is not None:
            inner[key] = value
    more = output.extra.get("json_schema")
    inner = merge(inner, more) if isinstance(more, dict) else inner
    inner.setdefault("name", "answer")  # the format demands a name
    return {"response_format": merge({"type": "json_schema", "json_schema": inner}, output.extra)}
