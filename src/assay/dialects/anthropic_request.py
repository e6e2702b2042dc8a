"""Messages requests, read: what clients send. `anthropic_upstream` writes them for a host.

Notes in `extra` (see `fields`): `assay:thinking` is the `thinking` object, which other formats are told as an effort;
`assay:effort` says where the effort was read: in `thinking` or in `output_config`; `assay:output` = `output_format` is
the old name of `output_config.format`; `assay:empty` names the fields that were written as an empty list.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from assay.dialects.anthropic_blocks import DIALECT
from assay.dialects.anthropic_messages import read_messages
from assay.dialects.fields import MARK, Fields, parse_object
from assay.dialects.thinking_budget import effort_of
from assay.types import Form, Native, OutputFormat, Request, Sampling, Tool, ToolChoice

__all__ = ["COUNT", "EFFORT", "EMPTY", "OUTPUT", "THINKING", "read_request"]

COUNT = "anthropic-count"
THINKING = MARK + "thinking"
EFFORT = MARK + "effort"
OUTPUT = MARK + "output"
EMPTY = MARK + "empty"
_MODES = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}


def read_request(body: bytes, form: Form = "chat") -> Request:
    """A client's request: an answer, or with `form` = `count` the number of its tokens.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(parse_object(body))
    notes: dict[str, Any] = {}
    model = fields.text("model") or ""
    messages = read_messages(fields)
    tools = tuple(_read_tool(entry, f"tools[{number}]") for number, entry in enumerate(_list(fields, "tools", notes)))
    parallel = _read_parallel(fields)
    choice = _read_choice(fields)
    wanted = _read_output(fields, notes)
    stream = form == "chat" and bool(fields.flag("stream"))
    return Request(
        model=model,
        form=form,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=wanted.output,
        sampling=_read_sampling(fields, wanted.effort, notes),
        stream=stream,
        stream_usage=stream,
        native=Native(dialect=DIALECT if form == "chat" else COUNT, raw=body),
        origin=DIALECT,
        extra={**notes, **fields.rest()},
    )


def _list(fields: Fields, key: str, notes: dict[str, Any]) -> list[Any]:
    entries = fields.array(key)
    if entries == []:
        notes.setdefault(EMPTY, []).append(key)
    return entries or []


def _read_sampling(fields: Fields, effort: str | None, notes: dict[str, Any]) -> Sampling:
    stop = _list(fields, "stop_sequences", notes)
    if not all(isinstance(text, str) for text in stop):
        raise fields.wrong("stop_sequences", "a list of strings")
    thought = _read_thinking(fields, notes)
    if effort is not None:
        notes[EFFORT] = "output_config"
    elif thought is not None:
        effort, notes[EFFORT] = thought, "thinking"
    return Sampling(
        max_tokens=fields.integer("max_tokens", 0),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=tuple(stop),
        reasoning_effort=effort,
    )


def _read_thinking(fields: Fields, notes: dict[str, Any]) -> str | None:
    """The effort that a thinking budget comes to; a model left to decide for itself is told none."""
    if fields.peek("thinking") is None:
        return None
    notes[THINKING] = fields.peek("thinking")
    thinking = fields.inner("thinking")
    if thinking.need_text("type") != "enabled":
        return None
    budget = thinking.integer("budget_tokens", 1)
    if budget is None:
        raise thinking.missing("budget_tokens")
    return effort_of(budget)


class _Wanted(NamedTuple):
    """What is wanted of the answer."""

    output: OutputFormat | None
    effort: str | None


def _read_output(fields: Fields, notes: dict[str, Any]) -> _Wanted:
    effort: str | None = None
    output: OutputFormat | None = None
    if fields.peek("output_config") is not None:
        config = fields.inner("output_config")
        effort = config.text("effort")
        if config.peek("format") is not None:
            output = _read_schema(config.inner("format"))
        if config.rest():
            notes["output_config"] = config.rest()
    if output is None and fields.peek("output_format") is not None:
        notes[OUTPUT] = "output_format"
        output = _read_schema(fields.inner("output_format"))
    return _Wanted(output, effort)


def _read_schema(fields: Fields) -> OutputFormat:
    if fields.need_text("type") != "json_schema":
        raise fields.wrong("type", "json_schema")
    schema = fields.mapping("schema")
    if schema is None:
        raise fields.missing("schema")
    return OutputFormat(kind="json_schema", schema=schema, extra=fields.rest())


def _read_tool(value: object, path: str) -> Tool:
    fields = Fields(value, path)
    kind = fields.peek("type")
    if kind not in (None, "custom"):
        name = fields.peek("name")
        raw = fields.rest()
        return Tool(name=name if isinstance(name, str) else str(kind), native=raw)
    name = fields.need_text("name")
    schema = fields.mapping("input_schema")
    if schema is None:
        raise fields.missing("input_schema")
    description, strict = fields.text("description"), fields.flag("strict")
    return Tool(name=name, description=description, parameters=schema, strict=strict, extra=fields.rest())


def _read_parallel(fields: Fields) -> bool | None:
    choice = fields.peek("tool_choice")
    if not isinstance(choice, dict) or choice.get("disable_parallel_tool_use") is None:
        return None
    flag = Fields(choice, "tool_choice").flag("disable_parallel_tool_use")
    return not flag


def _read_choice(fields: Fields) -> ToolChoice | None:
    if fields.peek("tool_choice") is None:
        return None
    choice = fields.inner("tool_choice")
    kind = choice.need_text("type")
    mode = _MODES.get(kind)
    if mode is None:
        raise choice.wrong("type", f"one of {', '.join(_MODES)}, not {kind!r}")
    names = (choice.need_text("name"),) if kind == "tool" else ()
    choice.take("disable_parallel_tool_use")
    return ToolChoice(mode=mode, names=names, native=choice.rest() or None)  # type: ignore[arg-type] # the table holds modes only
