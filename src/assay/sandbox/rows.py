"""The result of a query, and how it leaves a box: one line of JSON, read back with suspicion.

Only the standard library is imported here, because the side that writes runs inside a box.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from assay.errors import SandboxError

__all__ = ["NOT_PERMITTED", "Rows", "Value", "read_line", "write_line"]

Value = int | float | str | bytes | None

NOT_PERMITTED = "not permitted: a name is unknown or not on the list of what this query may read"


class Rows(NamedTuple):
    """The result of a query; `truncated` says that the room's row cap cut it."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    truncated: bool = False


def write_line(result: Rows | SandboxError) -> bytes:
    """One line for one query: its rows, or the error that it ended with."""
    said: dict[str, Any]
    if isinstance(result, SandboxError):
        said = {"error": str(result)}
    else:
        rows = [[_packed(value) for value in row] for row in result.rows]
        said = {"columns": result.columns, "rows": rows, "truncated": result.truncated}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _packed(value: Value) -> object:
    """JSON has no bytes and no infinity: both become an object of one key."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def read_line(line: bytes) -> Rows | SandboxError:
    """What `write_line` wrote.

    Raises:
        SandboxError: it is something else; whoever broke out of the engine may write what he likes.
    """
    try:
        said = json.loads(line)
        if "error" in said:
            return SandboxError(str(said["error"])[:500])
        columns = tuple(str(name) for name in said["columns"])
        rows = [tuple(_unpacked(value) for value in row) for row in said["rows"]]
        if any(len(row) != len(columns) for row in rows):
            raise ValueError("rows of different width")
        return Rows(columns, rows, bool(said["truncated"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SandboxError("the room's answer cannot be read") from None


def _unpacked(value: Any) -> Value:
    if value is None or isinstance(value, int | float | str):
        return value
    return bytes.fromhex(value["hex"]) if "hex" in value else float(value["float"])
