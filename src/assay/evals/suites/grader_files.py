"""The files that a grader names in its settings: schemas, databases, hidden tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.evals.suites.samples import GraderSpec

__all__ = ["with_files"]


def with_files(spec: GraderSpec, change: Callable[[str], str]) -> GraderSpec:
    """A grader, and those within it, with the name of each file exchanged for what `change` makes of it."""
    return {key: _changed(key, value, change) for key, value in spec.items()}


def _changed(key: str, value: Any, change: Callable[[str], str]) -> Any:
    if key == "files" and isinstance(value, dict):
        return {name: _changed("file", path, change) for name, path in value.items()}
    if key == "graders" and isinstance(value, list | tuple) and all(isinstance(one, dict) for one in value):
        return [with_files(one, change) for one in value]
    if key == "of" and isinstance(value, dict):
        return with_files(value, change)
    if isinstance(value, str) and (key in ("database", "file") or key.endswith("_file")):
        return change(value)
    return value
