"""Are the arguments of a tool call what its tool's schema says? Also in the dialects of schemas that tools come in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from assay.checks.check import shorten
from assay.errors import EvalError
from assay.types import JsonObject

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["schema_fault"]

_TYPES = {
    "dict": "object", "map": "object", "hashmap": "object", "float": "number", "double": "number", "int": "integer",
    "long": "integer", "str": "string", "char": "string", "bool": "boolean", "list": "array", "tuple": "array",
    "arraylist": "array",
}  # fmt: skip
"""Names of other languages for JSON's types."""
_JSON = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def schema_fault(arguments: JsonObject, parameters: JsonObject) -> str | None:
    """The first argument that the schema does not permit, with why; None if all are as it says.

    Raises:
        EvalError: the tool's schema is none.
    """
    try:
        errors = _validator(msgspec.json.encode(parameters)).iter_errors(arguments)
        first = min(errors, key=lambda error: list(map(str, error.absolute_path)), default=None)
    except RecursionError:
        return "arguments are nested too deeply"
    if first is None:
        return None
    where = ".".join(map(str, first.absolute_path))
    return f"argument {shorten(where, 60)!r}: {shorten(first.message)}" if where else shorten(first.message)


@lru_cache(maxsize=256)
def _validator(parameters: bytes) -> Validator:
    import jsonschema
    import referencing

    schema = _plain(msgspec.json.decode(parameters))
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError) as error:
        raise EvalError(f"check 'tool-calls': a tool's parameters are no JSON schema: {shorten(str(error))}") from None
    registry: referencing.Registry[Any] = referencing.Registry()  # an empty one fetches nothing
    return jsonschema.Draft202012Validator(schema, registry=registry)


def _plain(schema: Any) -> Any:
    """With JSON's names for types; a type that nobody knows permits everything."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if key != "type" or isinstance(value, dict)}
    kinds = schema.get("type")
    if isinstance(kinds, str | list):
        named = [
            _TYPES.get(str(kind).lower(), str(kind).lower()) for kind in ([kinds] if isinstance(kinds, str) else kinds)
        ]
        if all(kind in _JSON for kind in named):
            plain["type"] = named[0] if len(named) == 1 else named
    return plain
