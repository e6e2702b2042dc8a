"""JSON schemas in Google's subset."""

from typing import Any

import pytest

from assay.dialects.gemini_schema import to_openapi
from assay.errors import RequestError


@pytest.mark.parametrize(("schema", "want"), [
    ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ({"const": "a"}, {"type": "string", "enum": ["a"]}),
    ({"enum": ["a", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
    ({"type": "integer", "const": 3}, {"type": "integer", "minimum": 3, "maximum": 3}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}], "title": "T"},
     {"anyOf": [{"type": "string"}, {"type": "integer"}], "title": "T"}),
    ({"type": "object", "properties": {"$ref": {"type": "string"}}, "required": ["$ref"],
      "additionalProperties": False, "$schema": "x"},
     {"type": "object", "properties": {"$ref": {"type": "string"}}, "required": ["$ref"]}),
    ({"type": "array", "items": {"type": "number", "minimum": 1}, "minItems": 2},
     {"type": "array", "items": {"type": "number", "minimum": 1}, "minItems": 2}),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]}]},
     {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]}),
])  # fmt: skip
def test_exact(schema: dict[str, Any], want: dict[str, Any]) -> None:
    """Trap 16: what the subset can say goes over exactly, with nothing loosened."""
    assert to_openapi(schema, "p") == (want, ())


@pytest.mark.parametrize(("schema", "path"), [
    ({"not": {"type": "string"}}, "p.not"),
    ({"enum": [1, 2]}, "p.enum"),
    ({"const": True}, "p.enum"),
    ({"type": "object", "additionalProperties": {"type": "string"}}, "p.additionalProperties"),
    ({"properties": {"a": {"type": "array", "uniqueItems": True}}}, "p.properties.a.uniqueItems"),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "p.oneOf"),
    ({"items": False}, "p.items"),
    ({"allOf": [{"minimum": 1}, {"minimum": 2}]}, "p.allOf[1].minimum"),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}], "oneOf": [{}, {}]}, "p.oneOf"),
])  # fmt: skip
def test_loosened(schema: dict[str, Any], path: str) -> None:
    """Trap 16: what the subset cannot say is named, never lost silently."""
    assert path in to_openapi(schema, "p").loosened


def test_references_are_put_in_place() -> None:
    """A definition may be used twice, and through another one; what stands beside the reference wins."""
    schema = {
        "$defs": {
            "a/b": {"type": "string", "description": "d"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/a~1b"}},
        },
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/a~1b", "description": "e"}, "y": {"$ref": "#/$defs/list"}},
    }
    assert to_openapi(schema, "p").schema == {
        "type": "object",
        "properties": {
            "x": {"type": "string", "description": "e"},
            "y": {"type": "array", "items": {"type": "string", "description": "d"}},
        },
    }


def test_recursion_is_refused() -> None:
    """A schema that contains itself cannot be written without references; the error names the field."""
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
    with pytest.raises(RequestError, match="contains itself") as caught:
        to_openapi(tree, "response_format")
    assert caught.value.field == "response_format"


@pytest.mark.parametrize("reference", ["#/$defs/none", "https://x/y", 5])
def test_references_that_lead_nowhere(reference: Any) -> None:
    """A reference to nothing, or outside, is a client's mistake."""
    with pytest.raises(RequestError, match="leads nowhere"):
        to_openapi({"$ref": reference}, "p")
