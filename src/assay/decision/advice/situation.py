"""What a team says of its work; what it does not say is assumed, and told as assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_type_hints

from assay.catalog.model import Modality
from assay.config.schema import Constraints
from assay.decision.advice.task import Task, task_named
from assay.envelope.workload import DAYS_PER_MONTH
from assay.errors import ConfigError
from assay.types import Value

__all__ = ["HOT_PER_DAY", "Privacy", "Situation", "Team", "situation"]

Privacy = Literal["public", "sensitive", "regulated"]
"""May go to any host; a part may not leave the house; nothing may."""
Team = Literal["none", "app", "ml", "infra"]
"""Nobody who runs models; developers; people who train models; people who run servers."""
HOT_PER_DAY = 1_000.0
"""Requests a day from which on repeated behaviour counts as hot: an instruction is then paid for a thousand times."""


class Situation(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The answers to all questions of the tree.

    Attributes:
        task: what the work is.
        privacy: `public`; `sensitive`: a part of it (`sensitive_share`) may not leave; `regulated`: none may.
        requests_per_day, input_tokens, output_tokens: the volume.
        latency_s: longest wait for the first token; `None` = nobody waits.
        answer_s: longest time for a whole answer on a machine of one's own; `None` = as long as it takes.
        context_tokens: longest request with its answer.
        modalities: taken besides text.
        languages: ISO 639-1 codes.
        usd_per_month: hard budget; `None` = none was named; 0 = nothing may be billed: what is free is left, and what
            runs on a machine that is there, whose power is on no bill of this work.
        team: who would run it.
        device: what open weights would run on; `None` = the cheapest rented one that they fit on.
        examples: good examples at hand, each with an answer beyond dispute.
        knowledge: whether what a right answer rests on changes from week to week.
        ceiling: prompting was measured, and more of it brings nothing.
        licences: ids that open weights may have; `None` = any that allows commercial use.
        sensitive_share: of requests that may not leave, where `privacy` is `sensitive`.
        hard_share: of requests that a small model gets wrong, until an eval says how many.
        checkable: a check that knows no right answer tells most wrong ones as they come: a query runs, a form is whole,
            tests are there.
        limits: further ones of a team's `assay.toml`; `None` = there is none.
        assumed: names of those that nobody gave.
    """

    task: str
    privacy: Privacy
    requests_per_day: float
    input_tokens: int
    output_tokens: int
    latency_s: float | None
    answer_s: float | None
    context_tokens: int
    modalities: tuple[Modality, ...]
    languages: tuple[str, ...]
    usd_per_month: float | None
    team: Team
    device: str | None
    examples: int
    knowledge: Literal["stable", "changing"]
    ceiling: bool
    licences: tuple[str, ...] | None
    sensitive_share: float
    hard_share: float
    checkable: bool
    limits: Constraints | None = None
    assumed: tuple[str, ...] = ()

    @property
    def about(self) -> Task:
        """What is known of the task."""
        return task_named(self.task)

    @property
    def requests_per_month(self) -> float:
        """Of a month of 30.4 days."""
        return self.requests_per_day * DAYS_PER_MONTH

    @property
    def hot(self) -> bool:
        """Whether the same behaviour is paid for so often that it may be worth putting into weights."""
        return self.requests_per_day >= HOT_PER_DAY

    @property
    def sequences(self) -> int:
        """Answers written at the same time at the peak: requests a second, three times the mean, 10 s each."""
        return max(1, math.ceil(self.requests_per_day / 86_400 * 3 * 10))


def situation(task: str, given: Mapping[str, Any], limits: Constraints | None = None) -> Situation:
    """A whole situation: what was given, and for the rest what is usual for the task.

    Args:
        task: its name.
        given: by field; `None` and empty tuples count as not given. A time of 0 stands for no limit; a budget of 0 is
            one.
        limits: of a team's `assay.toml`.

    Raises:
        ConfigError: an unknown task, or a value out of range.
    """
    about = task_named(task)
    told = {name: value for name, value in given.items() if value is not None and value != ()}
    if "languages" in told:
        told["languages"] = tuple(code.lower() for code in told["languages"])
    usual = _usual(about, told)
    assumed = tuple(name for name in usual if name not in told)
    told |= {name: None for name in _TIMES if told.get(name) == 0}
    made = Situation(**{**usual, **told}, task=task, limits=limits, assumed=assumed)
    _check(made)
    return made


_TIMES = ("latency_s", "answer_s")


def _usual(task: Task, told: Mapping[str, Any]) -> dict[str, Any]:
    tokens = [told.get(name, getattr(task, name)) for name in ("input_tokens", "output_tokens")]
    return {
        "privacy": "public",
        "requests_per_day": task.requests_per_day,
        "input_tokens": task.input_tokens,
        "output_tokens": task.output_tokens,
        "latency_s": task.latency_s,
        "answer_s": task.answer_s,
        "context_tokens": sum(tokens),
        "modalities": task.modalities,
        "languages": (),
        "usd_per_month": None,
        "team": "app",
        "device": task.device,
        "examples": 0,
        "knowledge": "stable",
        "ceiling": False,
        "licences": None,
        "sensitive_share": 0.3,
        "hard_share": round(1 - task.easy_share, 6),
        "checkable": task.checkable,
    }


def _check(made: Situation) -> None:
    times = (name for name in _TIMES if getattr(made, name) is not None)
    for name in ("requests_per_day", "input_tokens", "output_tokens", "context_tokens", *times):
        _positive(name, getattr(made, name))
    if made.usd_per_month:
        _positive("usd_per_month", made.usd_per_month)
    for name in ("sensitive_share", "hard_share"):
        if not 0 <= getattr(made, name) <= 1:
            raise ConfigError(f"{name}: {getattr(made, name)!r} is no share; give 0 to 1")
    if made.examples < 0:
        raise ConfigError(f"examples: {made.examples} is below 0")
    if made.context_tokens < made.input_tokens + made.output_tokens:
        raise ConfigError(
            f"context_tokens: {made.context_tokens} is less than one request and its answer, "
            f"{made.input_tokens} + {made.output_tokens} tokens; raise it"
        )
    hints = get_type_hints(Situation)
    for name in ("privacy", "team", "knowledge"):
        if getattr(made, name) not in get_args(hints[name]):
            known = ", ".join(get_args(hints[name]))
            raise ConfigError(f"{name}: {getattr(made, name)!r} is none of {known}")
    for modality in made.modalities:
        if modality not in get_args(Modality):
            raise ConfigError(f"modality: {modality!r} is none of {', '.join(get_args(Modality))}")


def _positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ConfigError(f"{name}: must be a number above 0, not {value!r}")
