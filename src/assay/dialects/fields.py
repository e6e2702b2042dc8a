"""Typed access to the JSON of a client, with the path of each field for its error messages.

What a reader takes from `Fields` is known to it; what is left over is `rest()` and goes to `extra`, so that
forgetting a field keeps it instead of losing it. A null counts as *not given*; it stays in the rest, too.

Keys of `extra` that begin with `assay:` are our own notes on the form in which a thing was written (a string or
a list of one part, say). They are never sent and clients may not use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from assay.errors import RequestError

__all__ = ["HEADERS", "MARK", "Fields", "merge", "parse_object", "unmarked"]

MARK = "assay:"
HEADERS = MARK + "headers"
"""In a request's `extra`: the client's headers that belong to its format, for when its bytes cannot pass."""
_HUGE = 1 << 64
_WORDS = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}
_WORDS[list] = "a list"


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        RequestError: not UTF-8, not JSON, or not an object.
    """
    try:
        value = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8: {error}") from error
    except msgspec.DecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise RequestError("the body is nested too deeply") from error
    if not isinstance(value, dict):
        raise RequestError("the body must be a JSON object")
    return value


def unmarked(extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` without our own notes: what may go on the wire."""
    return {key: value for key, value in extra.items() if not key.startswith(MARK)}


def merge(fields: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`fields`, filled up from `extra`; what a field of ours says wins. Changes and returns `fields`."""
    for key, value in extra.items():
        if key not in fields and not key.startswith(MARK):
            fields[key] = value
    return fields


class Fields:
    """The members of one JSON object that have not been taken yet."""

    __slots__ = ("_left", "path")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise RequestError(f"{path or 'the body'} must be an object, not {_word(value)}", field=path or None)
        self.path = path
        self._left: dict[str, Any] = dict(value)

    def at(self, key: str) -> str:
        """The path of the member `key`."""
        return f"{self.path}.{key}" if self.path else key

    def peek(self, key: str) -> Any:
        """The member as it is; it stays."""
        return self._left.get(key)

    def has(self, key: str) -> bool:
        """Whether the member is there and not yet taken; a null counts as there."""
        return key in self._left

    def take(self, key: str) -> Any:
        """The member as it is, whatever its type."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """A string, or `None`."""
        return cast("str | None", self._typed(key, str))

    def flag(self, key: str) -> bool | None:
        """A boolean, or `None`."""
        return cast("bool | None", self._typed(key, bool))

    def number(self, key: str) -> float | None:
        """A number, or `None`."""
        return cast("float | None", self._typed(key, float))

    def integer(self, key: str, least: int | None = None) -> int | None:
        """A whole number of at least `least`, or `None`."""
        value = cast("int | None", self._typed(key, int))
        if value is not None and least is not None and value < least:
            raise RequestError(f"{self.at(key)} must be at least {least}, not {value}", field=self.at(key))
        return value

    def array(self, key: str) -> list[Any] | None:
        """A list, or `None`."""
        return cast("list[Any] | None", self._typed(key, list))

    def mapping(self, key: str) -> dict[str, Any] | None:
        """An object, or `None`."""
        return cast("dict[str, Any] | None", self._typed(key, dict))

    def inner(self, key: str) -> Fields:
        """The members of an object that must be there."""
        if self._left.get(key) is None:
            raise self.missing(key)
        return Fields(self._left.pop(key), self.at(key))

    def need_text(self, key: str) -> str:
        """A string that must be there."""
        value = self.text(key)
        if value is None:
            raise self.missing(key)
        return value

    def missing(self, key: str) -> RequestError:
        """The error for a member that must be there."""
        return RequestError(f"{self.at(key)} is missing", field=self.at(key))

    def wrong(self, key: str, want: str) -> RequestError:
        """The error for a member of the wrong type or value."""
        return RequestError(f"{self.at(key)} must be {want}", field=self.at(key))

    def rest(self) -> dict[str, Any]:
        """What nobody took."""
        for key in self._left:
            if key.startswith(MARK):
                raise RequestError(f"{self.at(key)}: names that begin with {MARK!r} are reserved", field=self.at(key))
        return self._left

    def _typed(self, key: str, kind: type) -> Any:
        value = self._left.get(key)
        if value is None:
            return None
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if not fits or (kind is not bool and isinstance(value, bool)):
            raise self.wrong(key, f"{_WORDS[kind]}, not {_word(value)}")
        if isinstance(value, int) and not -_HUGE < value < _HUGE:  # which no float, ledger or message could hold
            raise self.wrong(key, "a number of at most 64 bits")
        del self._left[key]
        return value


def _word(value: object) -> str:
    return "null" if value is None else _WORDS.get(type(value), type(value).__name__)
