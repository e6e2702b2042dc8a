"""What a foreign file holds at a place, as the table or list that it must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.errors import SuiteError

__all__ = ["list_of", "table_of"]


def table_of(value: Any, what: str) -> dict[str, Any]:
    """A table; an empty one where there is nothing.

    Raises:
        SuiteError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SuiteError(f"its {what} is {type(value).__name__} and no table")
    return {str(key): inner for key, inner in value.items()}


def list_of(value: Any, what: str) -> list[Any]:
    """A list; an empty one where there is nothing.

    Raises:
        SuiteError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise SuiteError(f"its {what} is {type(value).__name__} and no list")
    return list(value)
