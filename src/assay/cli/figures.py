"""How commands write figures and the texts of models: with units, cut to a length, and harmless to a terminal."""

from __future__ import annotations

import re

from assay.numerals import told_usd

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def cost(usd: float | None, engine_s: float | None) -> str:
    """USD where it is known, else CPU seconds of a local engine, else `unknown`; unknown is never 0."""
    if usd is not None and (usd > 0 or engine_s is None):
        return told_usd(usd)
    return f"{engine_s:.2f} CPU s" if engine_s is not None else "unknown"


def seconds(value: float | None) -> str:
    """`0.54 s`, `12 ms`; `-` for what was not measured."""
    if value is None:
        return "-"
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def count(value: float | None) -> str:
    """A whole number, or `-`."""
    return f"{value:.0f}" if value is not None else "-"


def printable(text: str) -> str:
    """A text of a model as a terminal may show it: control characters are written out; lines and tabs stay.

    They could move the cursor, exchange what stands on the screen, or turn the direction of writing.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cut(text: str, limit: int | None) -> str:
    """A printable text of at most `limit` characters in one line; None = all of it, with its lines."""
    if limit is None:
        return printable(text)
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def block(name: str, text: str, indent: str = "  ") -> list[str]:
    """`name: text`, with further lines of the text set in below its first."""
    first, *more = text.split("\n")
    return [f"{indent}{name}: {first}", *(f"{indent}{' ' * (len(name) + 2)}{line}" for line in more)]
