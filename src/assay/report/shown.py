"""Text as a reader may safely see it: nothing invisible, nothing that turns the line around, nothing endless.

What a model wrote is hostile until shown otherwise. Escaping is the page's business; here is what escaping leaves.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec

from assay.types import Value

HEAD_CHARS = 600
"""What is shown of a long text before a reader opens the rest."""
HEAD_LINES = 12
MOST_CHARS = 8_000
"""What a report holds of one text; the ledger has the whole."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_PLAIN = "\n\t"


class Passage(Value, frozen=True, kw_only=True):
    """A text in a report.

    Attributes:
        head: what is shown at once.
        rest: what a reader may open.
        dropped: characters after that, which only the ledger has.
        withheld: why nothing of the text is here; empty when it is.
    """

    head: str
    rest: str = ""
    dropped: int = 0
    withheld: str = ""


def visible(text: str) -> str:
    """The text with every control, format and bidirectional character written out as `⟨U+202E⟩`."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(
        f"⟨U+{ord(letter):04X}⟩" if letter not in _PLAIN and unicodedata.category(letter) in _INVISIBLE else letter
        for letter in text
    )


def passage(text: str) -> Passage:
    """A text cut to what a report shows of it."""
    kept = visible(text[:MOST_CHARS])
    end = _head_end(kept)
    return Passage(head=kept[:end], rest=kept[end:], dropped=max(0, len(text) - MOST_CHARS))


def _head_end(text: str) -> int:
    """Where the head ends: at the limit of lines or characters; a few more are not worth a fold."""
    lines = text.split("\n", HEAD_LINES)
    end = len(text) - len(lines[-1]) if len(lines) > HEAD_LINES else len(text)
    end = min(end, HEAD_CHARS)
    return end if len(text) - end > HEAD_CHARS // 10 else len(text)


def written(value: Any) -> str:
    """A target as text: a text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
