"""What figures, prices and the maker's word leave open of a model: told beside it, no limit."""

from __future__ import annotations

from datetime import date, timedelta

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice
from assay.catalog.renown import only_popular
from assay.catalog.weather import Standing
from assay.decision.advice.situation import Situation

__all__ = ["THINKING_TOKENS", "doubts", "may_think", "on_price", "thinks", "written_tokens"]

THINKING_TOKENS = 1_500
"""Written before each answer by a model that cannot be told not to think, where the task's answer does not count them
already. An assumption: it differs tenfold between models at one list price, and the ledger shows what it is."""
_OLD_DAYS = 365
"""Figures older than this are said to be old: benchmarks leak into training, and models move on."""
_FEW_FIGURES = 2


def doubts(model: Model, found: Standing | None, asked: Situation, catalog: Catalog, today: date) -> tuple[str, ...]:
    """What figures and the maker's word leave open."""
    notes = [only_popular(model, catalog)]
    if found is None:
        notes.append(f"no published figure speaks of {asked.task}; only an eval can tell")
    else:
        notes += _on_figures(found, today)
    if thinks(model, asked):
        notes.append(f"it always thinks first: {THINKING_TOKENS:,} tokens an answer are added, an assumption")
    elif found is not None and may_think(model, asked):
        notes.append(
            "its figures may be of answers with thinking, which costs tokens and time that are not counted here"
        )
    if model.status == "legacy":
        successor = f"; its successor is {model.successor}" if model.successor else ""
        notes.append(f"its maker calls it legacy{successor}")
    if asked.languages and model.languages is None:
        notes.append(f"whether it was made for {', '.join(asked.languages)} is not known")
    return tuple(note for note in notes if note is not None)


def thinks(model: Model, asked: Situation) -> bool:
    """Whether it writes more than the answer that the task counts."""
    return model.reasoning == "always" and not asked.about.thinks


def may_think(model: Model, asked: Situation) -> bool:
    """Whether it writes more than the answer that the task counts, or does so unless it is told not to."""
    return model.reasoning not in (None, "none") and not asked.about.thinks


def written_tokens(model: Model, asked: Situation) -> int:
    """Tokens that it writes for an answer: one that always thinks writes more than the answer."""
    return asked.output_tokens + (THINKING_TOKENS if thinks(model, asked) else 0)


def _on_figures(found: Standing, today: date) -> list[str]:
    notes = []
    if len(found.figures) < _FEW_FIGURES:
        notes.append("one published figure is all that speaks for it")
    if not found.by_others:
        notes.append("all of its figures are its maker's own")
    if found.newest < str(today - timedelta(days=_OLD_DAYS)):
        notes.append(f"its newest figure is of {found.newest}")
    return notes


def on_price(price: CatalogPrice) -> list[str]:
    """What must be known of a list price."""
    notes = ["its price is not known, so it comes after those whose price is"] if price.price is None else []
    if price.note and (price.price is None or price.by_length):
        notes.append(f"price: {price.note}")
    return notes
