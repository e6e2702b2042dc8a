"""Finding the Python program in an answer: fenced blocks, bare code, prose around it.

Nothing here parses the code: a model's text is compiled inside the sandbox only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from assay.checks.check import MAX_CHARS, fenced_blocks, outdent

__all__ = ["extract_python"]

_PYTHON = ("python", "py", "python3", "py3")
_DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_IMPORTED = re.compile(r"^(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(.+)$", re.MULTILINE)
_MAIN = re.compile(r"^if[ \t]+__name__\b", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_START = re.compile(
    r"""(?:async[ ]+)?def[ ]+\w+[ ]*\( | class[ ]+\w+[ ]*[(:] | @\w | import[ ]+\w+ | from[ ]+[\w.]+[ ]+import\b
      | (?:if|for|while|with|try)\b.*:\s*(?:\#.*)?$
      | [A-Za-z_][\w.]*(?:\[.{0,200}\])?[ ]*(?::[^=]{1,200})?[-+*/|&%]?=(?!=)
      | [A-Za-z_][\w.]*\(.*\)\s*(?:\#.*)?$ | \#!""",
    re.VERBOSE,
)
_MORE = re.compile(
    r"""(?:elif|else|except|finally)\b.*:\s*(?:\#.*)?$ | (?:assert|raise|del|global|pass|return|async)\b | \#
      | [A-Za-z_][\w.]*\($ | [A-Za-z_]\w*(?:[ ]*,[ ]*[A-Za-z_]\w*)+[ ]*= | [\])}] | [rbfuRBFU]{0,2}(?:\"{3}|'{3})""",
    re.VERBOSE,
)
_TRIPLE = re.compile(r"\"{3}|'{3}")


def extract_python(text: str, wanted: Collection[str] = ()) -> str | None:
    """The program in an answer, or `None`.

    Of several blocks the last that defines a name of `wanted` counts (without `wanted`, the last that asks whether it
    is `__main__`, or else the last one), with those earlier ones that define what it needs. Blocks marked as another
    language are never taken; without any block, runs of lines that look like code are.
    """
    if len(text) > MAX_CHARS:
        return None
    blocks = fenced_blocks(text)
    marked = [content for language, content in blocks if language in _PYTHON]
    found = marked or [content for language, content in blocks if not language]
    if not blocks:
        found = list(_regions(text))
    found = [content for content in found if content]
    return "\n\n".join(_needed(found, set(wanted))) if found else None


def _needed(blocks: list[str], wanted: set[str]) -> list[str]:
    """The main block, preceded by the blocks before it that define what is still open."""
    places = reversed(range(len(blocks)))
    main = next((i for i in places if _is_main(blocks[i], wanted)), len(blocks) - 1)
    chosen: list[str] = []
    known: set[str] = set()
    missing = set(wanted)
    for block in reversed(blocks[: main + 1]):
        offered = _defined(block, wanted) | _imported(block)
        if not chosen or not offered.isdisjoint(missing):
            chosen.append(block)
            known |= offered
            missing -= offered
            missing |= {name for name in _NAME.findall(block) if name not in known}
    return chosen[::-1]


def _is_main(block: str, wanted: set[str]) -> bool:
    return bool(wanted & _defined(block, wanted)) if wanted else _MAIN.search(block) is not None


def _defined(block: str, wanted: set[str]) -> set[str]:
    """Functions, classes, CONSTANTS and wanted variables; other variables may be the local ones of an example."""
    variables = {name for name in _ASSIGNED.findall(block) if name.isupper() or name in wanted}
    return variables | set(_DEFINED.findall(block))


def _imported(block: str) -> set[str]:
    return {name for names in _IMPORTED.findall(block) for name in _NAME.findall(names)}


def _regions(text: str) -> Iterator[str]:
    """Runs of lines that look like code, from a line that can begin a program to the next line of prose."""
    region: list[str] = []
    quote: str | None = None
    for line in outdent(text).splitlines():
        if quote is None and not _belongs(line, bool(region)):
            if region:
                yield "\n".join(region).strip()
            region = []
            continue
        region.append(line)
        quote = _open_quote(line, quote)
    if region:
        yield "\n".join(region).strip()


def _belongs(line: str, inside: bool) -> bool:
    if _START.match(line):
        return True
    return inside and (not line.strip() or line[0] in " \t" or _MORE.match(line) is not None)


def _open_quote(line: str, quote: str | None) -> str | None:
    """Which triple quote is open at the end of a line, if one is."""
    for mark in _TRIPLE.findall(line):
        if quote is None:
            quote = mark
        elif mark == quote:
            quote = None
    return quote
