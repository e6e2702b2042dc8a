"""What of a request tells which kind of work it is: its words, and what it offers and asks for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from assay.evals.suites.duplicates import plain
from assay.types import Audio, Document, Image, Request, Video

__all__ = ["Weights", "marks_of", "weighed", "weights_of"]

_MOST_WORDS = 300
"""Of one message: what a task is stands at its beginning, or at its end."""
_LEAST_TEXTS = 3
"""A mark of fewer requests tells nothing of a kind."""
_SHOWN = (Image, Audio, Video, Document)


def marks_of(request: Request) -> Counter[str]:
    """The marks of a request, with how often it has each.

    Words of the instruction and of the last message, tools, and the form of the answer. Figures are all alike: what
    differs in them is the matter, and not the kind of work.
    """
    found: Counter[str] = Counter()
    first = next((one for one in request.messages if one.role in ("system", "developer")), None)
    last = next((one for one in reversed(request.messages) if one.role == "user"), None)
    for before, message in (("said:", first), ("", last)):
        if message is not None:
            found.update(_words(before, message.text))
    found.update(f"tool:{tool.name}" for tool in request.tools)
    found.update(f"shows:{type(part).__name__}" for part in (last.parts if last else ()) if isinstance(part, _SHOWN))
    if request.output is not None and request.output.kind != "text":
        found[f"form:{request.output.name or request.output.kind}"] += 1
    if len(request.messages) > (3 if first is not None else 2):
        found["turns:many"] += 1
    return found


def _words(before: str, text: str) -> Iterator[str]:
    words = plain(text).split()
    if len(words) > _MOST_WORDS:
        words = words[: _MOST_WORDS // 2] + words[-_MOST_WORDS // 2 :]
    yield from (before + ("#" if any(sign.isdigit() for sign in word) else word) for word in words)


Weights = Mapping[str, float]
"""What a mark weighs, by how few requests have it."""


def weights_of(marked: Sequence[Counter[str]]) -> Weights:
    """The weight of each mark that some requests have and not all: log(n / requests with it), Spärck Jones (1972)."""
    often = Counter(mark for one in marked for mark in one)
    n = len(marked)
    return {mark: math.log(n / count) for mark, count in often.items() if _LEAST_TEXTS <= count < n}


def weighed(marks: Mapping[str, int], weights: Weights) -> dict[str, float]:
    """The marks of one request as a vector of length 1; empty where none of them weighs anything."""
    found = {mark: (1.0 + math.log(count)) * weights[mark] for mark, count in marks.items() if mark in weights}
    length = math.sqrt(sum(value * value for value in found.values()))
    return {mark: value / length for mark, value in found.items()} if length else {}
