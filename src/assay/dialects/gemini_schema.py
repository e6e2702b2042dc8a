"""JSON schemas in Google's own subset (an OpenAPI 3.0 schema), for models that take no JSON schema.

What the subset can say goes over exactly: references are put in place, a null type becomes `nullable`, a constant an
enumeration of one. What it cannot say is left out, so that the schema allows more than it did, and is named in
`Converted.loosened`. A schema that contains itself cannot be written down at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.errors import RequestError

__all__ = ["Converted", "to_openapi"]

_KEPT = (
    "title", "description", "default", "example", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "minProperties", "maxProperties", "nullable", "propertyOrdering", "required",
)  # fmt: skip
_SILENT = frozenset({
    "$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "examples", "deprecated", "readOnly", "writeOnly",
    "additionalProperties",
})  # fmt: skip
"""What limits nothing here: notes, definitions, and further properties, which the subset never lets a model invent."""
_READ = frozenset({"type", "enum", "const", "$ref", "properties", "items", "anyOf", "oneOf", "allOf"})


class Converted(NamedTuple):
    """A schema in the subset.

    Attributes:
        schema: what is sent.
        loosened: paths of what the subset cannot say, in the order of the schema.
    """

    schema: dict[str, Any]
    loosened: tuple[str, ...]


def to_openapi(schema: Mapping[str, Any], path: str) -> Converted:
    """The schema in Google's subset.

    Args:
        schema: a JSON schema.
        path: where the client said it, for errors.

    Raises:
        RequestError: a reference leads nowhere, or back to itself.
    """
    conversion = _Conversion(schema, path)
    return Converted(conversion.convert(schema, path, ()), tuple(conversion.loosened))


class _Conversion:
    """One schema on its way."""

    def __init__(self, root: Mapping[str, Any], path: str) -> None:
        self._root = root
        self._path = path
        self.loosened: list[str] = []

    def convert(self, schema: Any, path: str, within: tuple[str, ...]) -> dict[str, Any]:
        """One schema inside the references `within`."""
        if not isinstance(schema, Mapping):
            if schema is not True:
                self.loosened.append(path)
            return {}
        if "$ref" in schema:
            return self._reference(schema, path, within)
        wire = {key: schema[key] for key in _KEPT if key in schema}
        self._type(schema, wire)
        self._values(schema, wire, path)
        if isinstance(schema.get("properties"), Mapping):
            wire["properties"] = {
                name: self.convert(inner, f"{path}.properties.{name}", within)
                for name, inner in schema["properties"].items()
            }
        if "items" in schema:
            wire["items"] = self.convert(schema["items"], f"{path}.items", within)
        self._branches(schema, wire, path, within)
        if isinstance(schema.get("additionalProperties"), Mapping):
            self.loosened.append(f"{path}.additionalProperties")
        self.loosened += [f"{path}.{key}" for key in schema if key not in _SILENT and key not in _READ | set(_KEPT)]
        return wire

    def _reference(self, schema: Mapping[str, Any], path: str, within: tuple[str, ...]) -> dict[str, Any]:
        reference = schema["$ref"]
        if reference in within:
            raise RequestError(
                f"{path}: the schema contains itself ({reference}), which this model's schemas cannot", field=self._path
            )
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = {**self._target(reference, path), **beside}
        return self.convert(target, path, (*within, reference))

    def _target(self, reference: object, path: str) -> Mapping[str, Any]:
        place: Any = self._root
        steps = reference.split("/") if isinstance(reference, str) else [""]
        for step in steps[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, Mapping) else None
        if steps[0] != "#" or not isinstance(place, Mapping):
            raise RequestError(f"{path}: the reference {reference!r} leads nowhere in this schema", field=self._path)
        return place

    def _type(self, schema: Mapping[str, Any], wire: dict[str, Any]) -> None:
        kinds = schema.get("type")
        if isinstance(kinds, str):
            wire["type"] = kinds
        elif isinstance(kinds, list):
            others = [kind for kind in kinds if kind != "null"]
            if len(others) < len(kinds):
                wire["nullable"] = True
            if len(others) == 1:
                wire["type"] = others[0]
            elif others:
                wire["anyOf"] = [{"type": kind} for kind in others]

    def _values(self, schema: Mapping[str, Any], wire: dict[str, Any], path: str) -> None:
        """Enumerations, which the subset has for strings; one number is a range of one."""
        given = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if not isinstance(given, list):
            return
        values = [value for value in given if value is not None]
        if len(values) < len(given):
            wire["nullable"] = True
        if all(isinstance(value, str) for value in values):
            wire |= {"type": "string", "enum": values} if values else {}
        elif len(values) == 1 and isinstance(values[0], (int, float)) and not isinstance(values[0], bool):
            kind = "integer" if isinstance(values[0], int) else "number"
            wire |= {"type": wire.get("type", kind), "minimum": values[0], "maximum": values[0]}
        else:
            self.loosened.append(f"{path}.enum")

    def _branches(self, schema: Mapping[str, Any], wire: dict[str, Any], path: str, within: tuple[str, ...]) -> None:
        for key in ("anyOf", "oneOf"):
            if key in schema:
                self._either(schema[key], wire, f"{path}.{key}", within)
        if "oneOf" in schema:
            self.loosened.append(f"{path}.oneOf")  # several may fit now
        for number, part in enumerate(schema.get("allOf") or ()):
            self._both(wire, self.convert(part, f"{path}.allOf[{number}]", within), f"{path}.allOf[{number}]")

    def _either(self, branches: list[Any], wire: dict[str, Any], path: str, within: tuple[str, ...]) -> None:
        rest = [branch for branch in branches if branch != {"type": "null"}]
        if len(rest) < len(branches):
            wire["nullable"] = True
        written = [self.convert(branch, f"{path}[{number}]", within) for number, branch in enumerate(rest)]
        if len(written) == 1:
            self._both(wire, written[0], path)
        elif "anyOf" in wire:
            self.loosened.append(path)
        elif written:
            wire["anyOf"] = written

    def _both(self, wire: dict[str, Any], more: dict[str, Any], path: str) -> None:
        """Add what must hold, too."""
        for key, value in more.items():
            if key == "properties":
                wire[key] = {**wire.get(key, {}), **value}
            elif key == "required":
                wire[key] = list(dict.fromkeys((*wire.get(key, ()), *value)))
            elif key not in wire or key in ("title", "description", "default"):
                wire.setdefault(key, value)
            elif wire[key] != value:
                self.loosened.append(f"{path}.{key}")
