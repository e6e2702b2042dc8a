"""The list of models: filtered, sorted, as a table, JSON or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.catalog.columns import Column, column, columns
from assay.catalog.load import Catalog
from assay.catalog.overview import ModelRow, known, overview
from assay.catalog.selection import Order, Selection, select, unheard
from assay.catalog.where import cell, condition
from assay.cli.door import emit, note
from assay.cli.models.cells import clipped, short, shown, tokens
from assay.cli.models.flags import stated
from assay.cli.places import fits_on
from assay.config.load import Loaded
from assay.decision.table import MOST, table
from assay.numerals import plural

_HEADS = ("model", "variant", "size", "context", "licence", "USD in / out", "retires")
_API = " (API)"


def show_models(catalog: Catalog, loaded: Loaded | None, given: Mapping[str, Any], as_json: bool) -> None:
    """Print or export the rows that are asked for.

    Raises:
        CatalogError: a column, condition or device is not known.
        LedgerError: what was measured on this machine cannot be read.
    """
    today = datetime.now(UTC).date()
    every = overview(catalog, today)
    rows = every if given["fits"] is None else _fitting(every, catalog, loaded, given["fits"])
    figures = {name for row in every for name in row["benchmarks"]}
    conditions = [condition(text, today, figures) for text in (*stated(given), *given["where"])]
    order = _order(given["sort"], figures)
    wanted = _columns(given["columns"], figures)
    found = select(rows, conditions, words=given["search"], order=order, limit=given["limit"])
    for hint in unheard(every, conditions):
        note(hint)
    if given["export"] is not None:
        _export(found, Path(given["export"]))
        return
    emit(found.rows, as_json, "\n".join([*_lines(found.rows, wanted), "", *_remarks(found, len(every))]))


def _order(text: str | None, figures: set[str]) -> Order | None:
    if text is None:
        return None
    return Order(column(text.removeprefix("-"), figures), text.startswith("-"))


def _columns(text: str | None, figures: set[str]) -> list[Column] | None:
    if text is None:
        return None
    if text == "all":
        return list(columns().values())
    return [column(name.strip(), figures) for name in text.split(",")]


def _fitting(rows: Sequence[ModelRow], catalog: Catalog, loaded: Loaded | None, device: str) -> list[ModelRow]:
    """Those whose weights fit into a device (`assay fit` tells more)."""
    fits = fits_on(catalog, loaded, device)
    return [row for row in rows if fits(catalog.find(row["id"]))]


def _export(found: Selection, path: Path) -> None:
    from assay.catalog.export import export

    export(found.rows, path)
    note(f"{path}: {plural(len(found.rows), 'model')}, {len(columns())} columns")


def _lines(rows: Sequence[ModelRow], wanted: Sequence[Column] | None) -> list[str]:
    if wanted is None:
        return table(_HEADS, [_plain(row) for row in rows], most=MOST)
    if len(wanted) == len(columns()):
        return [line for row in rows for line in (*_whole(row, wanted), "")]
    return table([one.name for one in wanted], [[shown(one, cell(row, one)) for one in wanted] for row in rows])


def _plain(row: ModelRow) -> tuple[str, ...]:
    hosted = row["ecosystem"] == "hosted"
    return (
        row["id"],
        row["variant"] or "unknown",
        "-" if hosted and row["parameters"] is None else short(row["parameters"]),
        tokens(row["context_tokens"]),
        "hosted" if hosted else clipped(row["licence"] or "unknown", 13),
        _price(row),
        _ends(row),
    )


def _ends(row: ModelRow) -> str:
    """When its maker ends it; of weights that can be had only the maker's own API ends."""
    if row["retires"] is not None:
        return row["retires"] + (_API if row["ecosystem"] == "open-weight" else "")
    return str(row["status"]) if row["status"] in ("deprecated", "retired") else "-"


def _price(row: ModelRow) -> str:
    read, written = row["input_usd_per_mtok"], row["output_usd_per_mtok"]
    if read is None or written is None:
        return "-"
    return f"{read:.3g} / {written:.3g}" + (" *" if row["price_by_length"] else "")


def _whole(row: ModelRow, wanted: Sequence[Column]) -> list[str]:
    return [f"{one.name:26} {shown(one, cell(row, one))}" for one in wanted]


def _remarks(found: Selection, total: int) -> list[str]:
    counted = known(found.rows)
    cut = f", {len(found.rows)} shown" if len(found.rows) < found.found else ""
    weak = f"{counted.share:.0%} of the {counted.facts:,} known facts of these are unverified (assay models show NAME)"
    lines = [
        f"{found.found} of {plural(total, 'model')}{cut}; prices in USD per million tokens.",
        f"{weak[0].upper()}{weak[1:]}.",
    ]
    if any(row["price_by_length"] for row in found.rows):
        lines.insert(1, "* the rates of long requests; short ones are cheaper (assay models show NAME).")
    if any(row["retires"] is not None and row["ecosystem"] == "open-weight" for row in found.rows):
        lines.insert(1, "(API) ends at its maker's API; the weights can be run on.")
    if found.unknown:
        left = ", ".join(f"{count} by {name}" for name, count in sorted(found.unknown.items()))
        lines.append(f"Left out only because a fact is unknown: {left} (a condition that ends in ? keeps them).")
    return lines
