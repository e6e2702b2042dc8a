"""The reasoning of an answer as it comes: its text, and the entries of `reasoning_details`, which may come in pieces.

Pieces of one entry are put together and handed out as one `OpaqueDelta` when the entry is complete; its text goes out
at once. The number of a maker's entry is the block of both, so that each signature has its own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.dialects.chat_reasoning import TEXTS, detail_text, is_numbered
from assay.types import Event, OpaqueDelta, ReasoningDelta

__all__ = ["OpenDetails"]


class OpenDetails:
    """The reasoning of one choice so far.

    Args:
        choice: its number.
        joins: whether entries may come in pieces, as they do in streams.
    """

    __slots__ = ("_choice", "_joins", "_open", "_unsigned")

    def __init__(self, choice: int, *, joins: bool) -> None:
        self._choice = choice
        self._joins = joins
        self._open: dict[str, Any] | None = None
        self._unsigned: list[str] = []  # text since the last entry, which may come again in the next one

    def take(self, text: str, details: Sequence[dict[str, Any]]) -> list[Event]:
        """More text, and the entries that came with it; of entries alone their text counts, unless it was told."""
        told = "".join(detail_text(entry) for entry in details)
        repeats = bool(told) and not text and "".join(self._unsigned).endswith(told)
        if details:
            self._unsigned.clear()
        elif text:
            self._unsigned.append(text)
        text = "" if repeats else text or told
        numbered = bool(details) and text == told and all(is_numbered(entry) for entry in details)
        out: list[Event] = []
        if text and not numbered:
            out.append(ReasoningDelta(text=text, choice=self._choice))
        for entry in details:
            out += self._entry(entry)
            if numbered and detail_text(entry):
                out.append(ReasoningDelta(text=detail_text(entry), choice=self._choice, block=entry["index"]))
        return out

    def flush(self) -> list[Event]:
        """Something else begins: the open entry is complete."""
        entry, self._open = self._open, None
        if entry is None:
            return []
        return [OpaqueDelta(data=entry, choice=self._choice, block=entry["index"] if is_numbered(entry) else None)]

    def _entry(self, entry: dict[str, Any]) -> list[Event]:
        """Join a piece to the entry it belongs to, or start a new one."""
        before = self._open
        if before is None or not self._belongs(entry, before):
            out = self.flush()
            self._open = dict(entry)
            return out
        for key, value in entry.items():
            if key in TEXTS and isinstance(value, str):
                before[key] = (before.get(key) or "") + value
            elif value is not None or key not in before:
                before[key] = value
        return []

    def _belongs(self, entry: dict[str, Any], before: dict[str, Any]) -> bool:
        return (
            self._joins
            and entry.get("index") is not None
            and (entry["index"], entry.get("type")) == (before.get("index"), before.get("type"))
            and ("data" not in entry or "data" not in before)
        )
