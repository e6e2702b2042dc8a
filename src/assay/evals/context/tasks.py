"""What is hidden in a text, and what is asked about it.

| task | facts | question |
|---|---|---|
| `needle` | the code of one depot | that code |
| `hops` | where a parcel lies, and half the text away the code of that depot | the code of the depot of the parcel |
| `latest` | a code, and later in the text that it was changed | the code now |

Others of the same form stand in between, so that no form alone gives an answer away. The depth is that of the code that
is asked for.
"""

from __future__ import annotations

from random import Random
from typing import Literal, NamedTuple, get_args

__all__ = ["DISTRACTORS", "TASKS", "Hidden", "Task", "hidden"]

Task = Literal["needle", "hops", "latest"]
TASKS: tuple[Task, ...] = get_args(Task)

DISTRACTORS = 4
"""Other depots with a code, and in `hops` as many other parcels: one of the codes, named blindly, is right in 20 %."""

_DEPOTS = (
    "Halden", "Marvik", "Tornby", "Skarnes", "Elvsund", "Brekke", "Falkenau", "Oster", "Grindal", "Kolvik", "Lunde",
    "Nesbru", "Ramsvik", "Stavnes", "Ulvdal", "Vinje", "Asker", "Dalby", "Hovden", "Jarlund",
)  # fmt: skip
_FIRST = ("Ingrid", "Tomas", "Signe", "Oskar", "Liv", "Henrik", "Astrid", "Johan", "Maja", "Erik", "Sunniva", "Karl")
_LAST = ("Solheim", "Berg", "Aune", "Moen", "Dahl", "Kvam", "Lien", "Haugen", "Strand", "Vik", "Nygaard", "Eide")


class Hidden(NamedTuple):
    """What one prompt holds beside its filler.

    Attributes:
        placed: `(depth, sentence)` of what is needed for the answer.
        strewn: of like form, anywhere.
        answer: the right code.
    """

    placed: tuple[tuple[float, str], ...]
    strewn: tuple[str, ...]
    question: str
    answer: int


def hidden(task: Task, random: Random, depth: float) -> Hidden:
    """Facts and a question, drawn anew: with the code at `depth`, from 0 (the text's begin) to 1 (its end)."""
    depot, *others = random.sample(_DEPOTS, 1 + DISTRACTORS)
    code, former, *codes = random.sample(range(10_000, 100_000), 2 + DISTRACTORS)
    strewn = tuple(_code(*one) for one in zip(others, codes, strict=True))
    match task:
        case "needle":
            return Hidden(((depth, _code(depot, code)),), strewn, f"What is the gate code of the {depot} depot?", code)
        case "hops":
            who, *people = _people(random)
            parcels = tuple(_parcel(*one) for one in zip(people, others, strict=True))
            facts = (((depth + 0.5) % 1.0, _parcel(who, depot)), (depth, _code(depot, code)))
            question = f"What is the gate code of the depot in which the parcel of {who} lies?"
            return Hidden(facts, (*strewn, *parcels), question, code)
        case _:
            changed = f"The gate code of the {depot} depot was changed to {code}."
            facts = ((depth / 2, _code(depot, former)), (depth, changed))
            return Hidden(facts, strewn, f"What is the gate code of the {depot} depot now?", code)


def _people(random: Random) -> list[str]:
    firsts, lasts = random.sample(_FIRST, 1 + DISTRACTORS), random.sample(_LAST, 1 + DISTRACTORS)
    return [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]


def _code(depot: str, code: int) -> str:
    return f"The gate code of the {depot} depot is {code}."


def _parcel(who: str, depot: str) -> str:
    return f"The parcel of {who} lies in the {depot} depot."
