"""A text as a reader takes it: letters that look alike are the same, and what no screen shows is not there."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from assay.checks.disguises import LOOKALIKES

__all__ = ["Folded", "folded"]

_DROPPED = frozenset({"Mn", "Me", "Cf"})  # accents, strokes through letters, marks that are not shown


class Folded(NamedTuple):
    """A folded text.

    Attributes:
        places: where in the text each of its characters stands.
    """

    text: str
    places: Sequence[int]

    def there(self, start: int, end: int) -> tuple[int, int]:
        """The part of the text that a part of this stands for."""
        return self.places[start], self.places[end - 1] + 1


def folded(text: str) -> Folded:
    """Unicode NFKD without accents and invisible characters; Greek and Cyrillic letters that look Latin are Latin."""
    if text.isascii():
        return Folded(text, range(len(text)))
    pieces = [_plain(char) for char in text]
    return Folded("".join(pieces), [place for place, piece in enumerate(pieces) for _ in piece])


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    shown = "".join(one for one in unicodedata.normalize("NFKD", char) if unicodedata.category(one) not in _DROPPED)
    latin = shown.lower().translate(LOOKALIKES)
    return shown if latin == shown.lower() else latin.upper() if shown.isupper() else latin
