"""The form of an answer that Anthropic is asked for.

A schema goes to `output_config.format`. The host holds an answer to a part of JSON schema only, and refuses the rest:
what another format's client says in other words is put into these, and what cannot be held (`minimum`, say) is told the
model in the schema's `description`; that is noted as `json_schema`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from assay.dialects.capability import Fit
from assay.dialects.fields import merge
from assay.errors import RequestError
from assay.types import OutputFormat

__all__ = ["put_output"]

_UNHELD = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains",
    "not", "if", "then", "else", "dependentRequired",
})  # fmt: skip
_SCHEMAS = frozenset({"items", "additionalProperties"})  # keys that hold a schema
_LISTS = frozenset({"anyOf", "allOf", "prefixItems"})  # lists of schemas
_TABLES = frozenset({"properties", "$defs", "definitions"})  # schemas by name
_FORMATS = frozenset({
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
})  # fmt: skip


def put_output(body: dict[str, Any], output: OutputFormat | None, fit: Fit, *, foreign: bool, old: bool) -> None:
    """Put the wanted form into a body.

    Args:
        body: of the request; its `output_config` is there.
        output: what is wanted.
        fit: what the host can be told; takes the notes.
        foreign: whether the client spoke another format.
        old: whether the client used the old name, `output_format`.

    Raises:
        RequestError: naming what cannot be asked for.
    """
    if output is None or output.kind == "text":
        return
    if output.kind != "json_schema":
        path = "grammar" if output.kind == "grammar" else "response_format"
        if fit.takes(output.kind, path):
            raise RequestError(f"{path}: Anthropic has no words for it", field=path)
        return
    schema = output.schema if output.schema is not None else {}
    if foreign and output.description is not None:
        schema = {"description": output.description} | schema
    if not fit.takes("json_schema", "response_format"):
        _prompt(body, schema)
        return
    form = merge({"type": "json_schema", "schema": _held(schema, fit) if foreign else schema}, output.extra)
    if old:
        body["output_format"] = form
    else:
        body["output_config"]["format"] = form


def _prompt(body: dict[str, Any], schema: dict[str, Any]) -> None:
    """Ask for the schema in words, behind what the system text says."""
    text = f"Answer with JSON alone, which follows this JSON schema: {msgspec.json.encode(schema).decode()}"
    system = body.get("system", [])
    before = [{"type": "text", "text": system}] if isinstance(system, str) else system
    body["system"] = [*before, {"type": "text", "text": text}] if before else text


def _held(schema: Any, fit: Fit) -> Any:
    """A schema in the words that the host holds an answer to."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    unheld: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNHELD or (key == "minItems" and value not in (0, 1)) or (key == "format" and value not in _FORMATS):
            unheld[key] = value
        elif key == "$schema":
            continue
        else:
            kept["anyOf" if key == "oneOf" else key] = _inner("anyOf" if key == "oneOf" else key, value, fit)
    if "properties" in kept:
        kept.setdefault("additionalProperties", False)
    if unheld:
        fit.note("json_schema")
        said = msgspec.json.encode(unheld).decode()
        kept["description"] = f"{kept['description']} {said}" if kept.get("description") else said
    return kept


def _inner(key: str, value: Any, fit: Fit) -> Any:
    if key in _SCHEMAS:
        return _held(value, fit)
    if key in _LISTS and isinstance(value, list):
        return [_held(one, fit) for one in value]
    if key in _TABLES and isinstance(value, dict):
        return {name: _held(one, fit) for name, one in value.items()}
    return value
