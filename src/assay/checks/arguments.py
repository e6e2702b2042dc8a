"""Are the arguments of a tool call those that are wanted? Alternatives, optional ones, texts up to spelling."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from assay.checks.check import shorten
from assay.checks.json_text import equal
from assay.types import JsonObject

__all__ = ["Expected", "difference", "squeeze"]

_SIGNS = re.compile(r"[\s,./\-_*^]+")


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call that is wanted. `arguments`: argument -> value or a list of alternatives, `""` for *may be absent*."""

    name: str
    arguments: dict[str, Any] = {}


def difference(found: JsonObject, wanted: JsonObject, *, loose: bool = True, extra: bool = False) -> str | None:
    """The first argument that is not as wanted, with why; `None` if all are.

    Args:
        found: the arguments of the call.
        wanted: argument -> value or list of alternatives.
        loose: texts are compared after `squeeze`.
        extra: further arguments do no harm.
    """
    for key, given in wanted.items():
        accepted = _alternatives(given)
        if key not in found:
            if "" not in accepted:
                return f"the argument {shorten(key, 60)!r} is missing"
        elif not any(_same(found[key], one, loose, extra) for one in accepted):
            said = " or ".join(shorten(repr(one), 60) for one in accepted[:5])
            return f"argument {shorten(key, 60)!r}: expected {said}, got {shorten(repr(found[key]), 60)}"
    unwanted = next((key for key in found if key not in wanted), None)
    if unwanted is None or extra:
        return None
    return f"the argument {shorten(unwanted, 60)!r} is not wanted"


def _alternatives(given: Any) -> list[Any]:
    """An empty list, which names no alternative, means itself or nothing at all."""
    if not isinstance(given, list):
        return [given]
    return given or [[], ""]


def _same(found: Any, wanted: Any, loose: bool, extra: bool) -> bool:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return difference(found, wanted, loose=loose, extra=extra) is None
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(
            _same(one, other, loose, extra) for one, other in zip(found, wanted, strict=True)
        )
    if loose and isinstance(found, str) and isinstance(wanted, str):
        return squeeze(found) == squeeze(wanted)
    return equal(found, wanted)


def squeeze(text: str) -> str:
    """Without case, white space and the signs `,./-_*^`, after NFKC; both quotation marks are one.

    Signs before a digit stay where they can make another number of it: between digits, and a minus or a point that
    begins one. (The Berkeley leaderboard, whose rule this follows, drops those too, so that 1.5 is 15 there.)
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("'", '"')
    return _SIGNS.sub(_kept, text)


def _kept(match: re.Match[str]) -> str:
    signs = match[0]
    before, after = match.string[max(match.start() - 1, 0) : match.start()], match.string[match.end() : match.end() + 1]
    if not after.isdigit():
        return ""
    if before.isdigit():
        return "".join(signs.split()) or " "
    begins = signs[0].isspace() or not before.isalnum()
    return signs[-1] if begins and signs[-1] in "-." else ""
