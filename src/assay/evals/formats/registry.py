"""The formats by name: what reads and writes each, and which one a file is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import SuiteError
from assay.evals.formats.intake import PARTS, Intake
from assay.evals.formats.outgoing import Outgoing
from assay.evals.formats.rows import endings
from assay.evals.formats.sources import json_lines, json_value, yaml_value

__all__ = ["FORMATS", "Format", "guessed", "named"]


class Format(NamedTuple):
    """A format.

    Attributes:
        reader, writer: the modules, under this package, that read and write it; None where it cannot be written.
        columns: parts of a sample that a person may name the column of.
    """

    name: str
    reader: str
    writer: str | None
    columns: tuple[str, ...] = ()

    def read(self, paths: Sequence[Path], intake: Intake) -> None:
        """Take all items of these files.

        Raises:
            SuiteError: a file is none of this format, or this format has no columns to be named.
        """
        unused = [part for part in intake.reading.columns if part not in self.columns]
        if unused:
            raise SuiteError(f"{self.name} has no column that is the {unused[0]}; leave out its option")
        module = import_module(f"assay.evals.formats.{self.reader}")
        read: Callable[[Sequence[Path], Intake], None] = module.read
        read(paths, intake)

    def write(self, outgoing: Outgoing, out: Path) -> None:
        """Write a suite.

        Raises:
            SuiteError: this format is only read, or `out` cannot be written.
        """
        if self.writer is None:
            written = ", ".join(name for name, one in FORMATS.items() if one.writer)
            raise SuiteError(f"{self.name} is only read; write one of {written}")
        write: Callable[[Outgoing, Path], None] = import_module(f"assay.evals.formats.{self.writer}").write
        write(outgoing, out)


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("promptfoo", "promptfoo", "promptfoo_writer"),
        Format("openai-evals", "openai_evals", "openai_evals_writer", ("input",)),
        Format("lm-eval", "lm_eval", "lm_eval_writer", ("id",)),
        Format("inspect", "inspect_dataset", "inspect_writer", PARTS),
        Format("inspect-log", "inspect_log", None),
        Format("table", "tables", "tables", PARTS),
    )
}
"""Name -> format."""


def named(word: str) -> Format | None:
    """The format of this name, or the table whose files end so (`csv`); None: the word names no format."""
    return FORMATS["table"] if f".{word}" in endings() else FORMATS.get(word)


def guessed(paths: Sequence[Path]) -> Format:
    """The format of a file, by what is in it.

    Raises:
        SuiteError: it is none that is known.
    """
    path = paths[0]
    ending = path.suffix.lower()
    if ending == ".eval":
        return FORMATS["inspect-log"]
    if ending in (".yaml", ".yml", ""):
        return _by_keys(path, yaml_value(path))
    if ending == ".json":
        return _by_keys(path, json_value(path))
    if ending == ".jsonl":
        first = next((value for _, value in json_lines(path)), None)
        if _has(first, "input", "ideal"):
            return FORMATS["openai-evals"]
        return FORMATS["inspect" if _has(first, "input", "target", "choices") else "table"]
    if ending in endings():
        return FORMATS["table"]
    raise _unknown(path)


def _by_keys(path: Path, value: Any) -> Format:
    if _has(value, "prompts") or _has(value, "tests"):
        return FORMATS["promptfoo"]
    if _has(value, "testing_criteria"):
        return FORMATS["openai-evals"]
    if _has(value, "task") or _has(value, "group") or _has(value, "doc_to_text"):
        return FORMATS["lm-eval"]
    if _has(value, "eval", "samples"):
        return FORMATS["inspect-log"]
    if isinstance(value, dict) and any(_has(one, "class") for one in value.values()):
        return FORMATS["openai-evals"]
    if path.suffix.lower() == ".json":
        return FORMATS["table"]
    raise _unknown(path)


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _unknown(path: Path) -> SuiteError:
    return SuiteError(f"{path}: what format it has cannot be seen; name one of {', '.join(FORMATS)} before it")
