r"""Patterns of JavaScript as Python's, and back, where the two differ in how they are written.

`$` is the very end (Python's `\Z`), and `(?<name>` is a named group (`(?P<name>`). Two differences stay: without
JavaScript's flag `u`, `\d`, `\w` and `\b` know ASCII alone there, and all letters and digits here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.errors import SuiteError

__all__ = ["from_python", "to_python"]

_PIECES = re.compile(r"\\k<\w+>|\\u\{[0-9a-fA-F]+\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P?<(?![=!])|\$|[^\\]", re.DOTALL)
_OURS_ALONE = re.compile(r"\(\?P=|\(\?\(|\(\?#|[*+?}]\+|\(\?>")


def to_python(pattern: str) -> str:
    """A pattern of JavaScript as one of Python.

    Raises:
        SuiteError: Python cannot say it.
    """
    found = "".join(_here(piece) for piece in _pieces(pattern))
    try:
        re.compile(found)
    except (re.error, RecursionError, OverflowError) as error:
        raise SuiteError(f"its pattern {pattern[:60]!r} is none of Python: {error}") from error
    return found


def from_python(pattern: str) -> str:
    """A pattern of Python as one of JavaScript.

    Raises:
        SuiteError: JavaScript cannot say it.
    """
    if _OURS_ALONE.search(pattern) or re.match(r"\(\?[aiLmsux]+\)", pattern):
        raise SuiteError(f"its pattern {pattern[:60]!r} uses what JavaScript's have not")
    return "".join(_there(piece) for piece in _pieces(pattern))


def _pieces(pattern: str) -> Iterator[str]:
    return (match[0] for match in _PIECES.finditer(pattern))


def _here(piece: str) -> str:
    if piece == "$":
        return r"\Z"
    if piece == "(?<":
        return "(?P<"
    if piece.startswith(r"\k<"):
        return f"(?P={piece[3:-1]})"
    if piece.startswith(r"\u{"):
        return re.escape(chr(int(piece[3:-1], 16))) if int(piece[3:-1], 16) < 0x110000 else piece
    return "/" if piece == r"\/" else piece


def _there(piece: str) -> str:
    if piece == r"\Z":
        return "$"
    if piece == "$":
        return r"(?=\n?$)"
    if piece == r"\A":
        return "^"
    return "(?<" if piece == "(?P<" else piece
