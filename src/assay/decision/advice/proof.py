"""The evals that would prove or refute an advice: what to measure, on how many samples, with which commands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from shlex import quote

from assay.decision.advice.candidate import Candidate
from assay.decision.advice.situation import Situation
from assay.numerals import plural
from assay.stats.power import chance_told
from assay.types import Value

__all__ = ["Command", "Proof", "deployment_name", "eval_usd", "flags", "proof", "refuting", "samples_needed"]

FOLDER = "work"
"""Where the written start is put, in the commands."""
ROUTE = "best"
"""What the `assay.toml` calls the route of a hybrid plan."""
MISS = 0.1
"""A candidate whose true share is this far below the bar is to be told from it."""
CHANCE = 0.8
_SIZES = (20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500)
_FLAGS = {
    "privacy": "--privacy", "requests_per_day": "--requests-per-day", "input_tokens": "--input-tokens",
    "output_tokens": "--output-tokens", "latency_s": "--latency-s", "answer_s": "--answer-s",
    "context_tokens": "--context",
    "modalities": "--modality", "languages": "--language", "usd_per_month": "--budget", "team": "--team",
    "device": "--device", "examples": "--examples", "knowledge": "--knowledge", "ceiling": "--ceiling",
    "licences": "--licence", "sensitive_share": "--sensitive-share", "hard_share": "--hard-share",
    "checkable": "--checkable",
}  # fmt: skip
"""Field of a situation -> the flag of `assay advise` that gives it."""
_GRADERS = {"choice": "normalised", "sql": """'{"check": "sql", "database": "your.db"}'"""}
"""Check of a task -> the one for samples that are imported, where choices or a database must be the team's own."""


class Command(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One command, and what it is for."""

    command: str
    why: str


class Proof(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How the advice is put to the test.

    Attributes:
        kind, check, bar: of the suite.
        profile: failure that such work cannot afford, whose gates are in the suite; `None` = none that ships.
        samples: held-out samples that tell a candidate ten points below the bar from it, 4 times of 5.
        max_usd: limit for the eval: twice what so many requests to all candidates should cost; `None` = no bill, or
            not known.
        commands: in order; all but the first are run in the folder that it writes. Empty where no model is left.
    """

    kind: str
    check: str
    bar: float
    profile: str | None
    samples: int
    max_usd: float | None
    commands: tuple[Command, ...]


def proof(asked: Situation, candidates: Sequence[Candidate], *, route: bool = False) -> Proof:
    """The evals for some candidates, the best one first; `route`: the best plan is one, and is measured as a whole."""
    task, names = asked.about, [deployment_name(one) for one in candidates]
    writer = names[0] if names else ""
    if route:
        names = [ROUTE, *names]
    suite = "own-suite" if asked.examples else "suite"
    which = f" -s {suite}" if asked.examples else ""
    samples = samples_needed(task.bar)
    most = eval_usd(candidates, samples)
    called = " ".join(f"-m {name}" for name in names)
    limit = f" --max-usd {most:g}" if most is not None else ""
    commands = [
        Command(command=f"assay advise {flags(asked)} --write {FOLDER} && cd {FOLDER}",
                why="an assay.toml with these candidates and a suite to fill, both working"),
        _filling(asked, suite, writer),
        Command(command=f"assay suite lint {suite}", why="what would make its figures wrong"),
        Command(command=f"assay suite power {suite} -k {task.kind} --bar {task.bar:g} --difference {MISS:g}",
                why=f"whether it is large enough: {samples} held-out samples tell who is 10 points below the bar"),
        Command(command=f"assay eval{which} {called}{limit}", why=f"who passes {task.bar:.0%} of {task.kind}"),
        *_waiting(asked, called),
        Command(command=f"assay choose{which} {called}", why="the cheapest that certainly passes, in place of this"),
    ]  # fmt: skip
    return Proof(
        kind=task.kind, check=task.check, bar=task.bar, profile=task.profile, samples=samples, max_usd=most,
        commands=tuple(commands) if candidates else (),
    )  # fmt: skip


def _filling(asked: Situation, suite: str, writer: str) -> Command:
    task = asked.about
    if asked.examples:
        grader = _GRADERS.get(task.check, task.check)
        command = (
            f"assay suite import examples.jsonl --input input --target target --kind {task.kind} --grader {grader} "
            f"--heldout 0.7 --out {suite}"
        )
        own = plural(asked.examples, "example")
        return Command(command=command, why=f"your {own} as samples: what was really asked")
    command = f'assay suite draft {suite} -m {writer} -k {task.kind} --about "what your work is"'
    return Command(command=command, why="first samples; they count once `assay suite review suite` has approved them")


def _waiting(asked: Situation, called: str) -> tuple[Command, ...]:
    if asked.latency_s is None or not called:
        return ()
    why = f"whether the first word comes within {asked.latency_s:g} s: nobody publishes that for your prompts"
    return (Command(command=f'assay bench {called} -p "one of your prompts"', why=why),)


def flags(asked: Situation) -> str:
    """The flags of `assay advise` that give this situation again; what was assumed is assumed again."""
    words = ["--task", asked.task]
    for field, flag in _FLAGS.items():
        if field in asked.assumed:
            continue
        value = getattr(asked, field)
        for one in value if isinstance(value, tuple) else (value,):
            if one is False and field == "checkable":
                words.append("--not-checkable")
            elif one is None and field in ("latency_s", "answer_s"):
                words += [flag, "0"]
            elif one is not None and one is not False:
                words += [flag] if one is True else [flag, f"{one:.10g}" if isinstance(one, float) else str(one)]
    return " ".join(quote(word) for word in words)


def refuting(asked: Situation, candidates: Sequence[Candidate], hard: float | None = None) -> tuple[str, ...]:
    """Which results of the evals would show that a plan with these candidates is wrong.

    Args:
        asked: the situation.
        candidates: of the plan; a cascade is measured as the route that it is.
        hard: share of the requests that is assumed to go on from the first to the last; `None` = it is no cascade.
    """
    task, n = asked.about, samples_needed(asked.about.bar)
    measured = [ROUTE] if hard is not None else [deployment_name(one) for one in candidates]
    found = [
        f"assay eval -m {name} -k {task.kind}: the upper end of its 95 % interval is below "
        f"{task.bar:.0%}, on {n} held-out samples"
        for name in measured
    ]
    if hard is not None:
        found.append(
            f"assay eval -m {deployment_name(candidates[0])} -k {task.kind}: less than {1 - hard:.0%} pass, so that "
            "more goes on than was assumed"
        )
    if asked.latency_s is not None:
        found.append(f"assay bench: the 95th percentile to the first token is above {asked.latency_s:g} s")
    return tuple(found)


def eval_usd(candidates: Iterable[Candidate], samples: int) -> float | None:
    """Twice what one eval of all candidates should cost, rounded up to one figure; `None` = no bill, or not known.

    With room for thinking where a model may think.
    """
    hosted = [one for one in candidates if one.place == "host"]
    total = sum(2 * samples * ((one.usd_per_query or 0.0) + (one.thinking_usd_per_query or 0.0)) for one in hosted)
    if any(one.usd_per_query is None for one in hosted) or total <= 0:
        return None
    unit: float = 10.0 ** math.floor(math.log10(total))
    return round(math.ceil(total / unit) * unit, 6)


@cache
def samples_needed(bar: float) -> int:
    """Held-out samples with which a candidate ten points below the bar is told from it in 4 of 5 suites."""
    return next((n for n in _SIZES if chance_told(n, bar - MISS, bar) >= CHANCE), _SIZES[-1])


def deployment_name(one: Candidate) -> str:
    """What an `assay.toml` calls it: the last part of the model's id, and `-own` on a machine of one's own."""
    return one.model.rpartition("/")[2] + ("-own" if one.place == "own" else "")
