"""Cells of the catalogue's tables as people read them."""

from __future__ import annotations

from typing import Any

from assay.catalog.columns import Column

__all__ = ["clipped", "few", "short", "shown", "tokens"]


def shown(column: Column, value: Any) -> str:
    """A value with its unit as far as the head does not say it; unknown is said, never guessed."""
    if value is None:
        return "unknown"
    if column.kind == "yes-no":
        return "yes" if value else "no"
    if column.kind in ("list", "table"):
        return _listed(value)
    if column.kind != "number":
        return str(value)
    if column.name.endswith("parameters"):
        return short(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def short(count: float | None) -> str:
    """A count in three digits or so: `135M`, `8.03B`, `128k`."""
    if count is None:
        return "unknown"
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= scale * 0.9995:
            return f"{count / scale:.3g}{letter}"
    return f"{count:g}"


def tokens(count: int | None) -> str:
    """A context as it is spoken of: 131072 is `128k`, 200000 is `200k`."""
    if count is None or count % 1024:
        return short(count)
    return short(count // 1024 * 1000 if count < 1 << 20 else (count >> 20) * 1_000_000)


def clipped(text: str, most: int) -> str:
    """A text of so many letters at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def few(names: list[str] | None, most: int = 2) -> str:
    """Some names and how many more there are; JSON has them all."""
    if names is None:
        return "unknown"
    more = f" +{len(names) - most}" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more or "-"


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {figure:g}" for name, figure in sorted(value.items())) or "-"
    return ", ".join(one if isinstance(one, str) else str(one.get("quantisation")) for one in value) or "-"
