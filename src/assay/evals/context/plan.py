"""Which prompts are asked: lengths x depths x repeats of each task, and what all of them take at most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from assay.errors import ConfigError
from assay.evals.context.tasks import Task
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.types import Value

__all__ = [
    "Budget", "Grid", "Place", "Quoted", "budget", "default_lengths", "depths_of", "lengths_of", "place_of", "quoted",
]  # fmt: skip

_UNKNOWN_TOP = 8192
"""Longest length by default where nobody says how long the context is."""
_FIRST = 1024
_LEAST = 480
"""Of the text itself: less has no room for the facts and what is like them."""


class Place(NamedTuple):
    """One prompt of a grid: its length in tokens, and the depth of the fact asked for in percent."""

    task: Task
    length: int
    depth: int
    repeat: int

    @property
    def id(self) -> str:
        """What it is called in a run."""
        return f"{self.task}-{self.length}-{self.depth}-{self.repeat}"


class Grid(Value, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        lengths: ascending, in tokens of a prompt together with the room for its answer.
        depths: in percent: 0 is the begin of the text, 100 its end.
        repeats: prompts of each length and depth, each with a text of its own.
        answer_tokens: room for an answer.
    """

    tasks: tuple[Task, ...]
    lengths: tuple[int, ...]
    depths: tuple[int, ...]
    repeats: int
    answer_tokens: int
    seed: int = 0

    def __post_init__(self) -> None:
        least = self.answer_tokens + _LEAST
        if self.lengths and self.lengths[0] < least:
            raise ConfigError(
                f"a length of {self.lengths[0]} tokens has no room for a text and {self.answer_tokens} tokens of "
                f"answer; the shortest is {least}"
            )

    @property
    def prompts(self) -> int:
        """Of one task at one length."""
        return len(self.depths) * self.repeats

    def places(self, tasks: Iterable[Task] | None = None, lengths: Iterable[int] | None = None) -> Iterator[Place]:
        """Every prompt, shortest first; of some tasks and lengths only, if they are given."""
        chosen = self.lengths if lengths is None else lengths
        for length, task in product(chosen, self.tasks if tasks is None else tasks):
            for depth, repeat in product(self.depths, range(self.repeats)):
                yield Place(task, length, depth, repeat)


class Quoted(Value, frozen=True, kw_only=True):
    """What is said of a target's context, in tokens; None = nobody says.

    Attributes:
        model: what the maker of its model supports (the catalogue).
        engine: what its engine on this machine is set to.
    """

    model: int | None
    engine: int | None

    @property
    def tokens(self) -> int | None:
        """The smaller of both."""
        known = [one for one in (self.model, self.engine) if one is not None]
        return min(known, default=None)


class Budget(Value, frozen=True, kw_only=True):
    """What a whole grid takes; a length that fails early takes less.

    `usd`: by list prices; None = not known. An engine on this machine sends no bill.
    """

    prompts: int
    input_tokens: int
    output_tokens: int
    usd: float | None


def place_of(sample_id: str) -> Place | None:
    """The place that a sample's id names; None: it is of no grid."""
    found = re.fullmatch(r"(needle|hops|latest)-(\d+)-(\d+)-(\d+)", sample_id)
    if found is None:
        return None
    return Place(found[1], int(found[2]), int(found[3]), int(found[4]))  # type: ignore[arg-type]  # as the pattern says


def lengths_of(texts: str) -> tuple[int, ...]:
    """Lengths from a list with commas, `1k,4096,128k` (k is 1,024), ascending.

    Raises:
        ConfigError: one is no length.
    """
    return tuple(sorted({_length(text.strip()) for text in texts.split(",")}))


def depths_of(texts: str) -> tuple[int, ...]:
    """Depths in percent from a list with commas, `0,50,100`, ascending.

    Raises:
        ConfigError: one is no whole number of percent.
    """
    words = [text.strip() for text in texts.split(",")]
    wrong = next((word for word in words if not re.fullmatch(r"\d{1,2}|100", word)), None)
    if wrong is not None:
        raise ConfigError(f"a depth is a whole number of percent from 0 to 100, not {wrong!r}; write 0,50,100")
    return tuple(sorted(map(int, set(words))))


def quoted(spine: Spine, target: str) -> Quoted:
    """What is said of the context of a deployment, or of the shortest one that a route may call.

    Raises:
        ConfigError: there is no such target.
    """
    lives = list(below(spine, target))
    models = [one.model.context_tokens for one in lives if one.model is not None and one.model.context_tokens]
    engines = [one.config.engine.context_tokens for one in lives if one.config.dialect == "local"]
    return Quoted(model=min(models, default=None), engine=min(engines, default=None))


def default_lengths(said: Quoted, answer_tokens: int) -> tuple[int, ...]:
    """Powers of two up to what is quoted, which is the last; up to 8,192 where nothing is.

    The first is 1,024, or what leaves room beside a longer answer.
    """
    top = said.tokens or max(_UNKNOWN_TOP, 4 * answer_tokens)
    least = max(_FIRST, answer_tokens + _LEAST)
    return (*(1 << n for n in range(32) if least <= 1 << n < top), top)


def budget(spine: Spine, target: str, grid: Grid) -> Budget:
    """What the whole grid takes.

    Every deployment below a route counts once for each prompt.

    Raises:
        ConfigError: there is no such target.
    """
    prompts = len(grid.tasks) * grid.prompts * len(grid.lengths)
    output = prompts * grid.answer_tokens
    read = len(grid.tasks) * grid.prompts * sum(grid.lengths) - output
    return Budget(prompts=prompts, input_tokens=read, output_tokens=output, usd=_usd(spine, target, read, output))


def _usd(spine: Spine, target: str, read: int, written: int) -> float | None:
    usd = 0.0
    for live in below(spine, target):
        if live.config.dialect == "local":
            continue
        price = live.price.price
        if price is None:
            return None
        usd += (read * price.input + written * price.output) / 1e6
    return usd


def _length(text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([kKmM]?)", text)
    length = int(found[1]) * {"": 1, "k": 1024, "m": 1024**2}[found[2].lower()] if found else 0
    if length == 0:
        raise ConfigError(f"a length is a number of tokens such as 4096 or 4k, not {text!r}")
    return length
