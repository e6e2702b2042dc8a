"""What answers say of a context: which lengths hold, how far that reaches, and whether it matters where a fact stands.

A length holds when the share of its prompts that pass is at least the bar, and fails when that can no more be
(`standing`). The interval beside it is for other prompts of the same form. A longer one is not asked after one that has
failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from assay.evals.context.plan import Place
from assay.evals.context.standing import Rule
from assay.evals.context.tasks import Task
from assay.stats.anytime import anytime
from assay.stats.certainty import Verdict
from assay.stats.intervals import wilson
from assay.stats.known import known_mean
from assay.stats.multiple import holm
from assay.stats.strata import Stratum, part_differs
from assay.types import Value

__all__ = ["ALPHA", "Cell", "DepthEffect", "Finding", "Orders", "Reach", "Seen", "finding", "needed_reach"]

ALPHA = 0.05
"""Chance of telling of any depth of a task, where none matters."""

Orders = Mapping[int, Sequence[str]]
"""By length: the ids of its prompts in the order in which they are asked."""

_WORDS: dict[Verdict, Literal["holds", "fails", "open"]] = {
    Verdict.PASS: "holds", Verdict.FAIL: "fails", Verdict.OPEN: "open",
}  # fmt: skip


class Seen(NamedTuple):
    """What came of one prompt.

    Attributes:
        value: None = it has no score.
        input_tokens: that its prompt had, as counted by who answered; None = not known.
        refused: what was said by a host that does not take so long a prompt.
    """

    place: Place
    value: float | None
    input_tokens: int | None = None
    refused: str | None = None


class Cell(Value, frozen=True, kw_only=True):
    """The prompts of one length and depth (percent)."""

    depth: int
    passed: int
    failed: int
    unscored: int


class Reach(Value, frozen=True, kw_only=True):
    """One length.

    Attributes:
        length: in tokens, with the room for the answer.
        input_tokens: mean of its prompts, as counted by who answered; None = not known.
        total: prompts that it has; passed + failed + unscored may be less.
        share, interval: of those scored, 95 %; None where nothing is. Wilson's where all prompts were asked, else one
            that holds whenever one stops: what was seen ended the asking.
        refused: what its host said, where it takes no such prompt.
    """

    length: int
    input_tokens: float | None
    passed: int
    failed: int
    unscored: int
    total: int
    share: float | None
    interval: tuple[float, float] | None
    verdict: Literal["holds", "fails", "open", "not asked"]
    refused: str | None
    cells: tuple[Cell, ...]


class DepthEffect(Value, frozen=True, kw_only=True):
    """A depth at which more or less passes than elsewhere; `p_value`: exact, by length, adjusted (Holm)."""

    depth: int
    passed: int
    scored: int
    elsewhere_passed: int
    elsewhere_scored: int
    p_value: float

    @property
    def lost(self) -> bool:
        """Whether it is less."""
        return self.passed * self.elsewhere_scored < self.elsewhere_passed * self.scored


class Finding(Value, frozen=True, kw_only=True):
    """One task.

    Attributes:
        effective_tokens: the longest length that holds with all shorter ones; 0 = the shortest fails; None = it cannot
            be told of the shortest.
        fails_tokens: the shortest length that fails; None = none is known to.
        reaches: by length, ascending.
        depth_effects: those that are more than chance.
    """

    task: Task
    effective_tokens: int | None
    fails_tokens: int | None
    reaches: tuple[Reach, ...]
    depth_effects: tuple[DepthEffect, ...]

    @property
    def settled(self) -> bool:
        """Whether nothing that was asked for is open: a length fails, or all hold."""
        return self.fails_tokens is not None or all(one.verdict == "holds" for one in self.reaches)


def finding(task: Task, seen: Iterable[Seen], rule: Rule, orders: Orders | None = None) -> Finding:
    """What the prompts of one task come to.

    Args:
        task: others are passed over.
        seen: what is known.
        rule: decides each length.
        orders: by length, ascending: what was to be asked; default: what was, in any order.
    """
    mine = sorted((one for one in seen if one.place.task == task), key=lambda one: one.place)
    by_length = {length: list(ones) for length, ones in groupby(mine, key=lambda one: one.place.length)}
    wanted = (
        {length: [one.place.id for one in ones] for length, ones in by_length.items()} if orders is None else orders
    )
    reaches = tuple(_reach(length, by_length.get(length, []), rule, order) for length, order in wanted.items())
    first = next((one for one in reaches if one.verdict != "holds"), None)
    held = [one.length for one in reaches if first is None or one.length < first.length]
    fails = first.length if first is not None and first.verdict == "fails" else None
    return Finding(
        task=task,
        effective_tokens=held[-1] if held else 0 if fails is not None else None,
        fails_tokens=fails,
        reaches=reaches,
        depth_effects=_depth_effects(reaches),
    )


def needed_reach(findings: Sequence[Finding], need: int) -> Verdict:
    """Whether so many tokens are used in every task."""
    if any(one.fails_tokens is not None and one.fails_tokens <= need for one in findings):
        return Verdict.FAIL
    enough = all(one.effective_tokens is not None and one.effective_tokens >= need for one in findings)
    return Verdict.PASS if enough else Verdict.OPEN


def _reach(length: int, seen: Sequence[Seen], rule: Rule, order: Sequence[str]) -> Reach:
    cells = tuple(_cell(depth, list(ones)) for depth, ones in groupby(seen, key=lambda one: one.place.depth))
    passed, failed = sum(cell.passed for cell in cells), sum(cell.failed for cell in cells)
    scored = passed + failed
    values = {one.place.id: one.value for one in seen}
    interval = (wilson if len(seen) == len(order) else anytime)(passed, scored) if scored else None
    return Reach(
        length=length,
        input_tokens=known_mean([one.input_tokens for one in seen if one.input_tokens is not None]),
        passed=passed,
        failed=failed,
        unscored=len(seen) - scored,
        total=len(order),
        share=passed / scored if scored else None,
        interval=(interval.low, interval.high) if interval is not None else None,
        verdict=_WORDS[rule.verdict(order, values, len(order))] if seen else "not asked",
        refused=next((one.refused for one in seen if one.refused is not None), None),
        cells=cells,
    )


def _cell(depth: int, seen: Sequence[Seen]) -> Cell:
    passed = sum(one.value is not None and one.value >= 1 for one in seen)
    unscored = sum(one.value is None for one in seen)
    return Cell(depth=depth, passed=passed, failed=len(seen) - passed - unscored, unscored=unscored)


def _depth_effects(reaches: Sequence[Reach]) -> tuple[DepthEffect, ...]:
    depths = sorted({cell.depth for one in reaches for cell in one.cells})
    strata = {depth: [_stratum(one, depth) for one in reaches if one.cells] for depth in depths}
    adjusted = holm([part_differs(strata[depth]) for depth in depths])
    return tuple(_effect(depth, strata[depth], p) for depth, p in zip(depths, adjusted, strict=True) if p <= ALPHA)


def _stratum(reach: Reach, depth: int) -> Stratum:
    here = [cell for cell in reach.cells if cell.depth == depth]
    passed = sum(cell.passed for cell in here)
    part = passed + sum(cell.failed for cell in here)
    return Stratum(passed, part, reach.passed - passed, reach.passed + reach.failed - part)


def _effect(depth: int, strata: Sequence[Stratum], p_value: float) -> DepthEffect:
    passed, scored, elsewhere, rest = (sum(column) for column in zip(*strata, strict=True))
    return DepthEffect(
        depth=depth, passed=passed, scored=scored, elsewhere_passed=elsewhere, elsewhere_scored=rest, p_value=p_value
    )
