"""A text as a model reads it: token by token."""

from __future__ import annotations

from typing import Any

from assay.app import open_for
from assay.cli.figures import printable
from assay.decision.table import table
from assay.inference.tokens import tokens_of
from assay.numerals import plural

__all__ = ["marked", "tokens_text"]


async def tokens_text(name: str, text: str, config: str | None) -> tuple[list[dict[str, Any]], str]:
    """The tokens, JSON-able, and as text."""
    app, target = open_for(name, config)
    async with app:
        tokens = await tokens_of(app.spine, target, text)
    rows = [{"id": one.id, "text": one.text, "bytes": len(one.data)} for one in tokens]
    size = len(text.encode())
    ratio = f", {size / len(tokens):.2f} bytes a token" if tokens else ""
    lines = [
        f"{plural(len(tokens), 'token')} for {plural(len(text), 'character')}, {size} bytes{ratio}:",
        "|" + "|".join(marked(one.text) for one in tokens) + "|",
        "",
        *table(("id", "token", "bytes"), [(str(one.id), marked(one.text), one.data.hex(" ")) for one in tokens]),
    ]
    return rows, "\n".join(lines)


def marked(text: str) -> str:
    """A token as it can be seen: spaces as dots, line ends as signs, control characters written out."""
    return printable(text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥"))
