"""A table of a TOML file as a checked value: each mistake is named with its whole place, and with what to write."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from assay.errors import ConfigError, did_you_mean

_TOML_WORDS = ((" | null", ""), ("`object`", "a table"), ("`array`", "an array"))


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of the file."""


T = TypeVar("T", bound=Section)


def read_table(raw: object, kind: type[T], where: str = "") -> T:
    """A table of a TOML file as `kind`.

    Args:
        raw: as `tomllib` gives it.
        kind: what it must be.
        where: its place in the file; empty for the whole file.

    Raises:
        ConfigError: the key, what it holds and what it must hold, or the nearest key that there is.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where or 'the file'} must be a table, not {raw!r}")
    fields = _fields(kind)
    values: dict[str, Any] = {}
    for key, value in raw.items():
        place = f"{where}.{key}" if where else key
        if key not in fields:
            raise ConfigError(f"unknown key {place!r}; {did_you_mean(key, fields)}")
        values[key] = _convert_field(value, fields[key].type, place)
    try:
        return msgspec.convert(values, kind, strict=True, from_attributes=True)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error, where, values)) from error


@cache
def _fields(kind: type[Section]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys that a table may have: to find their types takes longer than to read the table."""
    return {field.name: field for field in msgspec.structs.fields(kind)}


def _convert_field(value: object, annotation: Any, place: str) -> object:
    """Nested tables are converted on their own, so that a mistake is named with its whole path."""
    if isinstance(value, list):
        inner = next((item for item in _sections(annotation)), None)
        if inner is not None:
            return [read_table(item, inner, f"{place}[{number}]") for number, item in enumerate(value)]
        for word in value:
            _check_item(word, annotation, place)
    if isinstance(value, str):
        _check_word(value, annotation, place)
    if not isinstance(value, Mapping):
        return value
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        inner = arguments[1]
        if isinstance(inner, type) and issubclass(inner, Section):
            return {name: read_table(item, inner, f"{place}.{quoted(name)}") for name, item in value.items()}
        return value
    for option in (annotation, *arguments):
        if isinstance(option, type) and issubclass(option, Section):
            return read_table(value, option, place)
    return value


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The classes of tables that an array of this type holds."""
    for option in (annotation, *get_args(annotation)):
        if get_origin(option) is tuple:
            yield from (item for item in get_args(option) if isinstance(item, type) and issubclass(item, Section))


def _check_item(value: object, annotation: Any, place: str) -> None:
    """The same as of a single word of those that an array holds."""
    for option in (annotation, *get_args(annotation)):
        if get_origin(option) is tuple and isinstance(value, str):
            _check_word(value, get_args(option)[0], place)


def _check_word(value: str, annotation: Any, place: str) -> None:
    """A key that takes some words only names the nearest of them."""
    for option in (annotation, *get_args(annotation)):
        words = get_args(option) if get_origin(option) is Literal else ()
        if isinstance(option, type) and issubclass(option, Enum):
            words = tuple(member.value for member in option)
        if words and value not in words:
            raise ConfigError(f"{place}: unknown value {value!r}; {did_you_mean(value, words)}")


def quoted(name: str) -> str:
    """A key as TOML writes it in a path of keys."""
    return name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"'


def _explain(error: msgspec.ValidationError, where: str, values: Mapping[str, Any]) -> str:
    text, _, path = str(error).partition(" - at `$")
    text = text.replace("Object missing required field", "missing key")
    for ours, theirs in _TOML_WORDS:  # of the schema's language and of the file's
        text = text.replace(ours, theirs)
    path = path.rstrip("`")
    found = values.get(path.removeprefix("."))
    if isinstance(found, (str, bool, int, float)):
        text = f"{text.partition(', got ')[0]}, not {reprlib.repr(found)}"
    place = where + path
    return f"{place.lstrip('.')}: {text[0].lower()}{text[1:]}" if place else text
