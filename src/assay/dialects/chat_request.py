"""Chat completion requests: both directions. The quirks of hosts are described in `openai_chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from assay.dialects.capability import Fit, Rule
from assay.dialects.chat_history import History
from assay.dialects.chat_messages import read_message
from assay.dialects.chat_parts import DIALECT
from assay.dialects.chat_plain import read_plain
from assay.dialects.fields import MARK, Fields, merge, parse_object
from assay.dialects.foreign import is_foreign, note_thinking, translated
from assay.dialects.sampling import read_sampling, read_stream, says_budget, write_sampling, write_stream
from assay.dialects.thinking_budget import as_effort
from assay.errors import RequestError
from assay.types import Native, OutputFormat, Request, Tool, ToolChoice

__all__ = ["CAPABILITIES", "Written", "read_request", "write_request"]

_LITERAL = MARK + "literal"
_MODES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


# -------------------------------------------------------------------------------------------- reading


def read_request(body: bytes) -> Request:
    """A client's chat completion request.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    return read_plain(body) or _read_any(body)


def _read_any(body: bytes) -> Request:
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

_NO_FIELD = "hosts that take it say so in their quirks"
CAPABILITIES: dict[str, Rule] = {
    "top_k": Rule("reject", f"OpenAI's format has no top_k; {_NO_FIELD}"),
    "grammar": Rule("reject", f"OpenAI's format has no grammar; {_NO_FIELD}"),
    "tools.native": Rule("reject", "the tool runs at another provider"),
    "tool_result.error": Rule("emulate", "the text is sent without the mark"),
    "tool_result.media": Rule("emulate", "shown in a user message after the tools' answers"),
    "document.url": Rule("reject", "a file is sent as its data, or named by an id"),
    "prefill": Rule("emulate", "sent as a turn that is over; the host answers with a turn of its own"),
    "reasoning_tokens": Rule("emulate", "said as the effort that it comes to, unless quirks name a `budget_field`"),
}
"""What the format itself cannot be told."""


def write_request(request: Request, *, model: str, stream: bool, quirks: Mapping[str, Any]) -> Written:
    """The body of a chat completion request.

    Raises:
        RequestError: naming what this format, or this host, cannot express.
    """
    foreign = is_foreign(request, DIALECT)
    fit = Fit(_table(quirks, foreign=foreign, budget=says_budget(request)), quirks, "the chat completion host")
    note_thinking(request, fit)
    request = translated(request, DIALECT, fit)
    for key in ("prompt", "suffix"):
        if getattr(request, key) is not None:
            raise RequestError(f"{key} cannot be sent to a chat completion", field=key)
    messages = History(quirks, fit, own=request.origin == DIALECT).write(request.messages)
    body: dict[str, Any] = {"model": model, "messages": messages}
    body |= _tools(request, fit, foreign=foreign)
    if request.output is not None:
        body |= _output_wire(request.output, fit)
    body |= write_sampling(as_effort(request, fit), quirks, fit)
    if stream:
        body |= write_stream(request, quirks)
    merge(body, {key: value for key, value in request.extra.items() if key != "stream_options"})
    return Written(msgspec.json.encode(body), fit.emulated)


class Written(NamedTuple):
    """A body, and what was emulated in it."""

    body: bytes
    emulated: tuple[str, ...]


def _table(quirks: Mapping[str, Any], *, foreign: bool, budget: bool) -> Mapping[str, Rule]:
    """The format's rules, with the host's additions; who says `top_k` in this format means a host that takes it."""
    added = {key: Rule("keep") for key in ("top_k", "grammar") if quirks.get(key) is True}
    if "budget_field" in quirks or (budget and not foreign):
        added["reasoning_tokens"] = Rule("keep")
    if foreign:
        added.setdefault("top_k", Rule("emulate", "left out; 1 is said as temperature 0"))
    return CAPABILITIES | added if added else CAPABILITIES


def _tools(request: Request, fit: Fit, *, foreign: bool) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    for number, tool in enumerate(request.tools):
        if fit.takes("tools", "tools"):
            wire = _tool_wire(tool, f"tools[{number}]", fit, foreign=foreign)
            tools += [wire] if wire is not None else []
    body: dict[str, Any] = {"tools": tools} if tools else {}
    if foreign and not tools:
        return body  # what is said about no tools says nothing, and hosts refuse it
    choice = request.tool_choice
    if choice is not None:
        if _choice_feature(choice) is None or fit.takes(str(_choice_feature(choice)), "tool_choice"):
            body["tool_choice"] = _choice_wire(choice)
        elif choice.mode == "none":
            return {}  # without tools none can be called
    if _takes_parallel(request.parallel_tool_calls, fit):
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return body


def _takes_parallel(parallel: bool | None, fit: Fit) -> bool:
    """Whether to write the flag; true says nothing to a host that has none."""
    if parallel is not False:
        return parallel is True and fit.rule("parallel_tool_calls").verdict == "keep"
    return fit.takes("parallel_tool_calls", "parallel_tool_calls")


def _choice_feature(choice: ToolChoice) -> str | None:
    if choice.mode == "none":
        return "tool_choice.none"
    if not choice.names:
        return "tool_choice.required" if choice.mode == "required" else None
    return "tool_choice.named" if choice.mode == "required" and len(choice.names) == 1 else "tool_choice.allowed"


def _tool_wire(tool: Tool, path: str, fit: Fit, *, foreign: bool) -> dict[str, Any] | None:
    if tool.native is not None:
        if not foreign and isinstance(tool.native.get("type"), str):
            return tool.native
        return tool.native if fit.takes("tools.native", path) else None
    inner: dict[str, Any] = {"name": tool.name}
    for key, value in (("description", tool.description), ("parameters", tool.parameters)):
        if value is not None:
            inner[key] = value
    if _takes_strict(tool.strict, "tools.strict", f"{path}.strict", fit):
        inner["strict"] = tool.strict
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


def _takes_strict(strict: bool | None, feature: str, path: str, fit: Fit) -> bool:
    """Whether to write `strict`; false says nothing to a host that has none."""
    if not strict:
        return strict is not None and fit.rule(feature).verdict == "keep"
    return fit.takes(feature, path)


def _output_wire(output: OutputFormat, fit: Fit) -> dict[str, Any]:
    if output.kind == "grammar":
        return {"grammar": output.grammar} if fit.takes("grammar", "grammar") else {}
    if output.kind != "text" and not fit.takes(output.kind, "response_format"):
        return {}
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
    ):
        if value is not None:
            inner[key] = value
    if _takes_strict(output.strict, "json_schema.strict", "response_format.json_schema.strict", fit):
        inner["strict"] = output.strict
    more = output.extra.get("json_schema")
    inner = merge(inner, more) if isinstance(more, dict) else inner
    inner.setdefault("name", "answer")  # the format demands a name
    return {"response_format": merge({"type": "json_schema", "json_schema": inner}, output.extra)}
