"""The prompts of a grid as a suite that is in no folder: each is written when it is looked at, the same for a seed.

The digest names what the texts are made from and not the grid, so that a run grows by further lengths and repeats.
"""

from __future__ import annotations

import hashlib
from random import Random

import msgspec

from assay.evals.context.haystack import woven
from assay.evals.context.plan import Grid, Place
from assay.evals.context.prompt import NAME, VERSION, kind_of, request_of
from assay.evals.context.ruler import Ruler
from assay.evals.context.tasks import TASKS, Task, hidden
from assay.evals.suites.index import Index
from assay.evals.suites.suite import Kind, Sample, Samples, Suite
from assay.types import Label

__all__ = ["suite_of"]

_GRADERS = ({"check": "numeric", "take": "first"},)
_ABOUT: dict[Task, str] = {
    "needle": "one fact, hidden in a text",
    "hops": "two facts, far from each other in a text, that must be joined",
    "latest": "a fact that a later one in the text overrules",
}


def suite_of(grid: Grid, ruler: Ruler) -> Suite:
    """The suite of a grid, for a target that is measured with this ruler."""
    places = list(grid.places())
    index = Index(lambda at: _sample(places[at], grid, ruler))
    for place in places:
        index.add(place.id, kind_of(place.task), "heldout")
    made_from = [NAME, VERSION, grid.seed, grid.answer_tokens, msgspec.to_builtins(ruler)]
    return Suite(
        name=NAME,
        version=VERSION,
        description="how much of its context a target uses",
        folder="",
        digest=hashlib.sha256(msgspec.json.encode(made_from)).hexdigest(),
        kinds={kind_of(task): _kind(task) for task in TASKS},  # of all tasks: the same run, whichever are asked
        samples=Samples(index, range(len(places))),
    )


def _kind(task: Task) -> Kind:
    name, about = kind_of(task), _ABOUT[task]
    return Kind(name=name, description=about, bar=None, gate=False, guards=None, label=Label.PUBLIC)


def _sample(place: Place, grid: Grid, ruler: Ruler) -> Sample:
    random = Random(f"{grid.seed}/{place.id}")  # noqa: S311 - a text, not a secret
    facts = hidden(place.task, random, place.depth / 100)
    text = woven(random, ruler.chars(place.length - grid.answer_tokens), facts.placed, facts.strewn)
    return Sample(
        id=place.id,
        kind=kind_of(place.task),
        messages=request_of(place.task, text, facts.question).messages,
        target=facts.answer,
        graders=_GRADERS,
        split="heldout",
        label=Label.PUBLIC,
        origin={"generator": f"{NAME} {VERSION}", "seed": grid.seed},
        meta={"length": place.length, "depth": place.depth},
        where=f"{NAME}: {place.id}",
    )
