"""The examples of the guides are run: files are written as shown, commands print what the page says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assay.cli.door import guarded
from assay.cli.main import assay

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """One fenced block: its language, the file that it is, its text and first line in the page."""

    language: str
    file: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        yield Block(found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 1)


def steps(text: str) -> Iterator[tuple[str, str, int]]:
    """`(command, output, exit code)` of a console block; a last line `# exit N` gives the code."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).strip()
        code = int(lines.pop().removeprefix("# exit ")) if lines and lines[-1].startswith("# exit ") else 0
        yield command, "\n".join(lines) + "\n", code


def run(command: str) -> tuple[str, str, int]:
    """What a command prints, and its exit code. `assay` runs in this process, which is ten times as fast."""
    words = shlex.split(command)
    if words[0] == "cat":
        return "".join(Path(word).read_text("utf-8") for word in words[1:]), "", 0
    assert words[0] == "assay", f"a guide shows `assay` and `cat`, not {command!r}"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = guarded(lambda: assay.main(words[1:], standalone_mode=False))
    return out.getvalue(), err.getvalue(), code


PAGES = [page for page in sorted(DOCS.glob("*.md")) if any(block.language == "console" for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_examples_of_a_guide_hold(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block that names a file is written, every `$ assay` is run, and prints what stands under it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    checker = doctest.OutputChecker()
    ran = 0
    for block in blocks(page):
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, "utf-8")
        if block.language != "console":
            continue
        for command, wanted, code in steps(block.text):
            out, err, ended = run(command)
            ran += 1
            where = f"docs/{page.name}, line {block.line}: {command}"
            assert ended == code, f"{where}\nexit {ended}, not {code}\n{out}{err}"
            held = not wanted.strip() or checker.check_output(wanted, out, _FLAGS)
            assert held, f"{where}\n--- the page\n{wanted}\n--- the command\n{out}{err}"
    assert ran, os.fspath(page)


def test_there_is_a_guide() -> None:
    """At least that of evals."""
    assert "evals" in [page.stem for page in PAGES]
