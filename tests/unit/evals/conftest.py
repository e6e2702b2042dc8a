"""Small suites on disk, and spines whose answers are scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.evals.suites.suite import Suite, read_suite

TOML = """
name = "tiny"
version = "1"

[kinds.words]
samples = "words.jsonl"
graders = [{ check = "normalised" }]
"""


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[..., Path]:
    """Writes a suite: TOML, and JSONL files given as lists of dictionaries or as raw text."""

    def write(toml: str = TOML, **files: Sequence[dict[str, Any]] | str) -> Path:
        folder = tmp_path / "suite"
        folder.mkdir(exist_ok=True)
        (folder / "suite.toml").write_text(toml)
        for name, lines in (files or {"words": [{"id": "w0", "input": "ask 0", "target": "yes"}]}).items():
            text = lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines)
            (folder / f"{name}.jsonl").write_text(text)
        return folder

    return write


@pytest.fixture
def tiny(write_suite: Callable[..., Path]) -> Callable[[int], Suite]:
    """A suite of `count` samples; `ask N` wants the answer `yes`."""

    def make(count: int = 10) -> Suite:
        lines = [{"id": f"w{n:03d}", "input": f"ask {n}.", "target": "yes"} for n in range(count)]
        return read_suite(write_suite(words=lines))

    return make
