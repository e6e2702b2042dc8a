"""The SQL functions that a room permits, and those of SQLite that it replaces because they can be made slow.

`replace`, `instr` and `trim` take time in the product of two lengths within one step of the engine, where nothing
can cut them off: `trim` of 260 kB with a set of 130 kB took 135 s in SQLite 3.40, and `printf` counts to its width
before it looks at the limit of a value (20 s for 2e9).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

from assay.sandbox.rows import Value

__all__ = ["FUNCTIONS", "decode", "replace_slow_functions"]

# Each computes from its arguments alone; none opens a file, loads code, or tells of the engine or the schema.
FUNCTIONS = frozenset({
    "->", "->>", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "avg", "cast", "ceil",
    "ceiling", "char", "coalesce", "concat", "concat_ws", "cos", "cosh", "count", "cume_dist", "current_date",
    "current_time", "current_timestamp", "date", "datetime", "degrees", "dense_rank", "exp", "first_value", "floor",
    "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "json", "json_array", "json_array_length",
    "json_extract", "json_group_array", "json_group_object", "json_object", "json_type", "json_valid", "julianday",
    "lag", "last_value", "lead", "length", "like", "likelihood", "likely", "ln", "log", "log10", "log2", "lower",
    "ltrim", "max", "median", "min", "mod", "nth_value", "ntile", "nullif", "octet_length", "percent_rank", "pi",
    "pow", "power", "printf", "quote", "radians", "random", "rank", "replace", "round", "row_number", "rtrim",
    "sign", "sin", "sinh", "sqrt", "stddev", "strftime", "string_agg", "substr", "substring", "sum", "tan", "tanh",
    "time", "timediff", "total", "trim", "trunc", "typeof", "unicode", "unixepoch", "unlikely", "upper",
})  # fmt: skip

_TRIM_SET = 200
_WIDTH = re.compile(r"%[^a-zA-Z%]*?(\*|\d{6,})")


def decode(raw: bytes) -> str:
    """Stored text need not be valid UTF-8; the engine's own error would print it."""
    return raw.decode("utf-8", "replace")


def _text(value: Value) -> str:
    """How SQLite turns a value into text."""
    if isinstance(value, bytes):
        return decode(value)
    return value if isinstance(value, str) else str(value)


def replace_slow_functions(
    connection: sqlite3.Connection, calculator: sqlite3.Connection, check: Callable[[], None], max_value: int
) -> None:
    """Put functions of linear time, which call `check` to be cut off, in the place of the engine's own.

    `calculator` is an empty database in memory, in which the engine's own `printf` is called.
    """
    connection.create_function("replace", 3, _replacer(check, max_value), deterministic=True)
    for name in ("printf", "format"):
        connection.create_function(name, -1, _formatter(check, calculator), deterministic=True)
    connection.create_function("instr", 2, _finder(check), deterministic=True)
    for name, method in (("trim", str.strip), ("ltrim", str.lstrip), ("rtrim", str.rstrip)):
        connection.create_function(name, 2, _trimmer(check, method), deterministic=True)


def _replacer(check: Callable[[], None], max_value: int) -> Callable[[Value, Value, Value], Value]:
    def replace(text: Value, old: Value, new: Value) -> Value:
        check()
        if text is None or old is None or new is None:
            return None
        text, old, new = _text(text), _text(old), _text(new)
        if not old:
            return text
        if len(text) + text.count(old) * (len(new) - len(old)) > max_value:
            raise ValueError("the result of replace is too big")
        return text.replace(old, new)

    return replace


def _formatter(check: Callable[[], None], calculator: sqlite3.Connection) -> Callable[..., Value]:
    """SQLite's own `printf`, for formats whose widths are written out and bounded."""

    def printf(*values: Value) -> Value:
        check()
        if values and _WIDTH.search(_text(values[0])):
            raise ValueError("a width of printf is too big or not written out")
        marks = ", ".join("?" * len(values))
        result: Value = calculator.execute(f"SELECT printf({marks})", values).fetchone()[0]
        return result

    return printf


def _finder(check: Callable[[], None]) -> Callable[[Value, Value], Value]:
    def instr(text: Value, part: Value) -> Value:
        check()
        if text is None or part is None:
            return None
        if isinstance(text, bytes) and isinstance(part, bytes):
            return text.find(part) + 1
        return _text(text).find(_text(part)) + 1

    return instr


def _trimmer(check: Callable[[], None], method: Callable[[str, str], str]) -> Callable[[Value, Value], Value]:
    def trim(text: Value, unwanted: Value) -> Value:
        check()
        if text is None or unwanted is None:
            return None
        text, unwanted = _text(text), _text(unwanted)
        if len(unwanted) > _TRIM_SET:
            raise ValueError("the set of trim is too big")
        return method(text, unwanted) if unwanted else text

    return trim
