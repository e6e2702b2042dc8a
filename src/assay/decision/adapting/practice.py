"""The dev samples of one kind, divided: a few are shown to models as examples, the others are answered and scored.

A sample is never both, so that no example is scored on itself, and a prompt that wins is the very one that was
measured. What held-out samples have too is out: what resembles one is never shown, and what is the same, or belongs to
the same group, is not scored either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import msgspec

from assay.config.schema import Example, ExampleCall
from assay.decision.adapting.unseen import Unseen
from assay.evals.graders.gold_answers import gold_answers
from assay.evals.graders.grading import grade
from assay.evals.lint.material import Glance, glance, labels
from assay.evals.suites.suite import Sample, Samples, shuffled
from assay.types import Response, Text

__all__ = ["LEAST_DEV", "MOST_SHOWN", "Practice", "Shot", "practice"]

LEAST_DEV = 6
"""Fewer dev samples cannot tell two prompts apart: two are shown, and even four wins out of four may be luck."""

MOST_SHOWN = 8
"""More examples are seldom worth what they cost with every request."""

_SHOWN_SHARE = 3
"""One in so many dev samples is kept for examples."""
_CLOSED_CHECKS = {"choice", "exact", "normalised"}


class Shot(NamedTuple):
    """A dev sample as an example."""

    sample: Sample
    example: Example


class Practice(NamedTuple):
    """What a search works with.

    Attributes:
        shown: examples, the first ones spread over the answers; a smaller set is part of a larger.
        scored: all others, in the order of the seed.
        left_out: dev samples that held-out ones have too, or that the candidate may not be sent.
        choices: the set of answers, where the graders compare with one of few; () = it is open.
    """

    shown: tuple[Shot, ...]
    scored: Samples
    left_out: int
    choices: tuple[str, ...]

    @property
    def samples(self) -> int:
        """How many dev samples there are to use."""
        return len(self.shown) + len(self.scored)


async def practice(
    dev: Samples, unseen: Unseen, allowed: Callable[[Sample], bool], *, most: int, seed: int
) -> Practice:
    """Divide the dev samples of a kind.

    Args:
        dev: of the kind.
        unseen: held-out samples of the kind.
        allowed: whether a sample may be sent to the candidate: what may not, is not shown to it either.
        most: samples that can be scored at all; of more dev samples the first ones in the order of the seed are used.
        seed: of the order.
    """
    drawn = [(sample, glance(sample)) for sample in shuffled(dev, seed)[: most + MOST_SHOWN]]
    usable = [(sample, seen) for sample, seen in drawn if allowed(sample) and not unseen.has(seen, sample.group)]
    alike = unseen.resembled_by([seen for _, seen in usable])
    fit = [sample for place, (sample, _) in enumerate(usable) if place not in alike]
    shown = await _shots(_spread(fit), min(MOST_SHOWN, len(usable) // _SHOWN_SHARE))
    ids = {shot.sample.id for shot in shown}
    return Practice(
        shown=shown,
        scored=Samples.held([sample for sample, _ in usable if sample.id not in ids]),
        left_out=len(drawn) - len(usable),
        choices=_choices(usable),
    )


def _spread(samples: Iterable[Sample]) -> list[Sample]:
    """Each answer once before any comes twice; samples of one answer stay in order."""
    by_answer: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_answer[repr(sample.target)].append(sample)
    turns = chain.from_iterable(zip_longest(*by_answer.values()))
    return [sample for sample in turns if sample is not None]


async def _shots(samples: Iterable[Sample], most: int) -> tuple[Shot, ...]:
    found: list[Shot] = []
    for sample in samples:
        if len(found) == most:
            break
        shot = await _shot(sample)
        if shot is not None:
            found.append(shot)
    return tuple(found)


async def _shot(sample: Sample) -> Shot | None:
    """The sample with a right answer as an example; None where it is no text of one turn, or its answer is not known.

    A right answer that the sample's own graders do not accept is none; those that ask models are not asked.
    """
    gold = next(iter(gold_answers(sample)), None)
    first = sample.messages[0]
    plain = len(sample.messages) == 1 and first.role == "user" and all(isinstance(part, Text) for part in first.parts)
    if gold is None or not plain or sample.follow_ups:
        return None
    if (await grade(sample, gold)).value not in (None, 1.0):
        return None
    return Shot(sample, _example(first.text, gold))


def _example(user: str, gold: Response) -> Example:
    calls = tuple(
        ExampleCall(name=call.name, arguments=msgspec.json.decode(call.arguments)) for call in gold.tool_calls
    )
    return Example(user=user, assistant=gold.text or None, calls=calls)


def _choices(usable: Sequence[tuple[Sample, Glance]]) -> tuple[str, ...]:
    """The answers that samples have, where every grader compares with one of them and they come back."""
    checks = {spec.get("check") for sample, _ in usable for spec in sample.graders}
    if not checks or not checks <= _CLOSED_CHECKS or not labels([seen for _, seen in usable]):
        return ()
    answers = (gold.text for sample, _ in usable for gold in gold_answers(sample)[:1])
    return tuple(sorted({answer for answer in answers if answer}))
