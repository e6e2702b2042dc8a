"""Tools of free text (`custom`) for upstreams that only know functions: a function of one text.

A client's custom tool is such a function for every other format, with the tool as it was under `tools.custom` in its
`extra`, which the writers of these formats note as an emulation. Its calls are wrapped on the way in; a call that
an upstream makes of the function is unwrapped on the way out. A grammar is told in the description and not enforced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from assay.dialects.fields import MARK, Fields
from assay.types import Tool

__all__ = ["FREE_TEXT", "WRAPPED", "free_text_names", "read_custom", "unwrap", "wrap"]

FREE_TEXT = "tools.custom"
WRAPPED = MARK + "wrapped"
"""In the `extra` of a call whose arguments are a wrapped text."""
_PARAMETERS = {
    "type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": False,
}  # fmt: skip


def read_custom(fields: Fields) -> Tool:
    """A custom tool of a client, whose `type` was taken.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    name, description = fields.need_text("name"), fields.peek("description")
    raw = {"type": "custom", "name": name, **fields.rest()}
    form = raw.get("format")
    said = [description] if isinstance(description, str) and description else []
    if isinstance(form, dict) and isinstance(form.get("definition"), str):
        said.append(f"The input follows this grammar ({form.get('syntax')}):\n{form['definition']}")
    return Tool(
        name=name, description="\n\n".join(said) or None, parameters=_PARAMETERS, extra={FREE_TEXT: raw}
    )  # fmt: skip


def free_text_names(tools: Iterable[Tool]) -> frozenset[str]:
    """The names of the tools that take free text."""
    return frozenset(tool.name for tool in tools if FREE_TEXT in tool.extra)


def wrap(text: str) -> str:
    """The arguments of the function for a text."""
    return msgspec.json.encode({"input": text}).decode()


def unwrap(arguments: str) -> str:
    """The text in the arguments of the function; arguments of another form are the text."""
    try:
        value: Mapping[str, Any] = msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.DecodeError:
        return arguments
    text = value.get("input")
    return text if isinstance(text, str) else arguments
