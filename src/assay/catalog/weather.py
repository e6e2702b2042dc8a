"""Published figures on one scale: the weather, which tells the range that a model is in and proves nothing.

Figures of different benchmarks cannot be averaged, and ranks within one mislead: an excellent model that was measured
only where all are excellent looks mediocre. So every benchmark is given a difficulty, and every model an ability, from
all figures of the catalogue at once: logit(score) = ability - difficulty (Rasch's model of 1960, by least squares; a
difference of Elo points is a difference of logits by definition). A figure plus its benchmark's difficulty is then a
figure on the common scale, however hard the benchmark.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from assay.catalog.kept import keep, recall
from assay.catalog.load import Catalog
from assay.catalog.model import Benchmark, Model
from assay.errors import CatalogError, did_you_mean

__all__ = ["NEEDS", "Standing", "Weather", "standing", "weather"]

NEEDS: Mapping[str, Mapping[str, float]] = {
    "general": {"mmlu-pro": 1, "gpqa-diamond": 1, "ifeval": 1, "mmlu": 0.5, "arena-elo": 0.5},
    "reasoning": {
        "gpqa-diamond": 1, "aime-2025": 1, "aime-2024": 1, "hle": 1, "mmlu-pro": 1, "gpqa": 0.5,
        "math-500": 0.5, "mmlu": 0.25,
    },
    "code": {
        "swe-bench-verified": 1, "swe-bench-pro": 1, "livecodebench": 1, "terminal-bench": 1, "terminal-bench-2.0": 1,
        "terminal-bench-4.0": 1, "humaneval": 0.5, "bfcl-v3": 0.5, "mmlu-pro": 0.25,
    },
    "tools": {
        "bfcl-v3": 1, "tau-bench": 1, "terminal-bench": 1, "terminal-bench-2.0": 1, "terminal-bench-4.0": 1,
        "hle-tools": 0.5, "ifbench": 0.5, "ifeval": 0.5, "mmlu-pro": 0.25,
    },
    "long-context": {
        "aa-lcr": 1, "aa-lcr-2026-10": 1, "ruler-128k": 1, "mmlu-pro": 0.5, "ifeval": 0.5, "ifbench": 0.5,
        "gpqa-diamond": 0.25, "mmlu": 0.25,
    },
    "chat": {
        "arena-elo": 1, "ifeval": 1, "ifbench": 1, "mt-bench": 0.5, "mmlu-pro": 0.5, "gpqa-diamond": 0.25, "mmlu": 0.25,
    },
    "multimodal": {"mmmu": 1, "mmmu-pro": 1},
    "bilingual": {"mmmlu": 1, "mmlu-pro": 0.5, "gpqa-diamond": 0.25, "mmlu": 0.25},
    "instructions": {"ifeval": 1, "ifbench": 1, "mmlu-pro": 0.5, "gpqa-diamond": 0.25, "mmlu": 0.25},
}  # fmt: skip
"""What a task needs -> the benchmarks that speak of it and how near to it they are. A judgement, not a measurement."""

_HELPED = ("with tools", "with search", "heavy", "parallel", "majority")
"""Words of a setting in which a model had help that the others had not: such a figure compares nobody."""
_FEWEST_MODELS = 5
"""A benchmark that fewer models have compares nobody: how hard it is would rest on one or two of them."""
_VERSION = 1
"""Of the arithmetic below: what another one kept is not read."""
_MANY = 100
_ROUNDS = 200
_STILL = 1e-3
"""Logits within which difficulties stand still: a hundredth of what figures scatter."""
_PULL = 0.1
"""Weight of the mean on each ability: holds apart what no chain of figures joins, hardly moves what one does."""
_SCATTER = 0.8
"""Scatter of figures in logits where the catalogue has too few to tell it."""
_LEAST_SCATTER = 0.2
"""Figures of one model never agree better than this: the sampling error of 100 items alone is as much."""
_ELO = math.log(10) / 400
"""Elo's definition: 400 points are odds of 10 to 1."""


class Standing(NamedTuple):
    """Where a model stands among those of the catalogue that have figures for the same need.

    Attributes:
        share: of those models that it is above, 0 to 1.
        low, high: the same at both ends of its range: what its figures say at worst and best, and never narrower than
            figures of one model usually scatter.
        models: how many are compared.
        figures: its own, nearest to the need first.
        by_others: how many of them were not published by its maker.
        oldest, newest: days as of which they are.
    """

    share: float
    low: float
    high: float
    models: int
    figures: tuple[Benchmark, ...]
    by_others: int
    oldest: str
    newest: str


class _Joined(NamedTuple):
    """Difficulty of each benchmark and scatter of the figures, in logits."""

    difficulty: dict[str, float]
    scatter: float


class _Placed(NamedTuple):
    """A model's figures for one need on the common scale: weighted mean, worst and best, in logits."""

    middle: float
    low: float
    high: float


class Weather:
    """All figures of a catalogue, joined once.

    Attributes:
        difficulty: benchmark -> logits.
        scatter: standard deviation of a model's figures around its ability, in logits.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._figures = {model.id: _comparable(model) for model in models}
        rows = {one: _means(figures) for one, figures in self._figures.items()}
        asked = Counter(name for row in rows.values() for name in row)
        usable = {name for name, times in asked.items() if times >= _FEWEST_MODELS}
        cut = {one: {name: x for name, x in row.items() if name in usable} for one, row in rows.items()}
        self._rows = {one: row for one, row in cut.items() if row}
        self.difficulty, self.scatter = _remembered(self._rows)
        self._needs: dict[str, tuple[dict[str, _Placed], list[float]]] = {}

    def standing(self, model: Model, need: str) -> Standing | None:
        """Where a model stands for a need; `None` = no figure that speaks of it.

        Raises:
            CatalogError: there is no such need.
        """
        placed, middles = self._of(need)
        own = placed.get(model.id)
        if own is None:
            return None
        weights = NEEDS[need]
        figures = [one for one in self._figures[model.id] if weights.get(one.name) and one.name in self.difficulty]
        days = [day for one in figures if (day := one.as_of or model.source_of(one).as_of)]
        return Standing(
            share=_above(middles, own.middle),
            low=_above(middles, own.low),
            high=_above(middles, own.high),
            models=len(middles),
            figures=tuple(sorted(figures, key=lambda one: -weights[one.name])),
            by_others=sum(one.by == "other" for one in figures),
            oldest=min(days, default=""),
            newest=max(days, default=""),
        )

    def _of(self, need: str) -> tuple[dict[str, _Placed], list[float]]:
        if need not in NEEDS:
            raise CatalogError(f"nobody has said which benchmarks speak of {need!r}; {did_you_mean(need, NEEDS)}")
        if need not in self._needs:
            placed = {one: found for one, row in self._rows.items() if (found := self._place(row, NEEDS[need]))}
            self._needs[need] = placed, sorted(one.middle for one in placed.values())
        return self._needs[need]

    def _place(self, row: Mapping[str, float], weights: Mapping[str, float]) -> _Placed | None:
        """On the common scale; as wide as the figures are apart, and at least as so many usually are."""
        values = {name: row[name] + self.difficulty[name] for name in weights if name in row}
        if not values:
            return None
        total = sum(weights[name] for name in values)
        middle = sum(weights[name] * value for name, value in values.items()) / total
        half = self.scatter / math.sqrt(len(values))
        return _Placed(middle, min(middle - half, *values.values()), max(middle + half, *values.values()))


def standing(model: Model, catalog: Catalog, need: str) -> Standing | None:
    """Where a model stands in a catalogue for a need; `None` = no figure that speaks of it.

    Raises:
        CatalogError: there is no such need.
    """
    return weather(catalog).standing(model, need)


@lru_cache(maxsize=4)
def weather(catalog: Catalog) -> Weather:
    """The joined figures of a catalogue, reckoned once."""
    return Weather(catalog.models)


def _comparable(model: Model) -> list[Benchmark]:
    """Its figures, but for those that it had help with."""
    return [one for one in model.benchmarks if not any(word in (one.setting or "").lower() for word in _HELPED)]


def _logit(one: Benchmark) -> float:
    """A figure in logits; 0 and 100 % are held half a percent off, as no test is endless."""
    if one.unit == "elo":
        return one.score * _ELO
    share = min(max(one.score / 100, 0.005), 0.995)
    return math.log(share / (1 - share))


def _means(figures: Sequence[Benchmark]) -> dict[str, float]:
    """Benchmark -> logits; the mean where it was published for several settings or by several."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in figures:
        found[one.name].append(_logit(one))
    return {name: sum(values) / len(values) for name, values in found.items()}


def _remembered(rows: Mapping[str, Mapping[str, float]]) -> _Joined:
    """Joined once per machine where there are many: that takes as long as all the rest of a command."""
    if len(rows) < _MANY:
        return _joined(rows)
    key = hashlib.sha256(f"{_VERSION}{sorted((one, sorted(row.items())) for one, row in rows.items())}".encode())
    found = recall("weather", key.hexdigest()[:32], _Joined)
    if found is None:
        found = _joined(rows)
        keep("weather", key.hexdigest()[:32], found)
    return found


def _joined(rows: Mapping[str, Mapping[str, float]]) -> _Joined:
    """Difficulties and scatter by alternating least squares, with a pull of abilities to their mean."""
    by_benchmark: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for model, row in rows.items():
        for name, value in row.items():
            by_benchmark[name].append((model, value))
    difficulty = {name: -sum(value for _, value in items) / len(items) for name, items in by_benchmark.items()}
    ability: dict[str, float] = {}
    for _ in range(_ROUNDS):
        before = difficulty
        ability = {
            model: sum(value + difficulty[name] for name, value in row.items()) / (len(row) + _PULL)
            for model, row in rows.items()
        }
        difficulty = {
            name: sum(ability[model] - value for model, value in items) / len(items)
            for name, items in by_benchmark.items()
        }
        if all(abs(difficulty[name] - before[name]) < _STILL for name in difficulty):
            break
    return _Joined(difficulty, _scatter(rows, ability, difficulty))


def _scatter(
    rows: Mapping[str, Mapping[str, float]], ability: Mapping[str, float], difficulty: Mapping[str, float]
) -> float:
    squares = [
        (ability[model] - difficulty[name] - value) ** 2 for model, row in rows.items() for name, value in row.items()
    ]
    free = len(squares) - len(rows) - len(difficulty) + 1
    return max(_LEAST_SCATTER, math.sqrt(sum(squares) / free)) if free > 0 else _SCATTER


def _above(middles: Sequence[float], value: float) -> float:
    """Share of the others that are below, ties counted half; half for the only one."""
    below = bisect_left(middles, value) + 0.5 * (bisect_right(middles, value) - bisect_left(middles, value))
    return below / len(middles)
