"""How often `assay choose --adapt` takes another prompt, and what it is worth: searches among prompts of known quality.

    python -m benchmarks.adapting [--searches 4000] [--json]

Each prompt passes a sample with its own probability; the samples are alike for all of them to the share of `--shared`,
as hard samples are hard for every prompt. Rounds and rule are those of the search itself.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from typing import NamedTuple

from assay.decision.adapting.halving import affordable, halved, rounds
from assay.decision.adapting.luck import beyond_luck

ANSWERS = 64
SAMPLES = (8, 16, 40)
WORLDS = {
    "all eight equal": [0.5] * 8,
    "one 30 points better": [0.5] * 7 + [0.8],
    "one 15 points better": [0.5] * 7 + [0.65],
    "others 15 points worse": [0.5] + [0.35] * 7,
    "one other, equal": [0.5] * 2,
}
"""The probability of each prompt, the configured one first."""


class Found(NamedTuple):
    """Of many searches: the share in which a prompt was taken; of those, what it is better by, and looked better by."""

    taken: float
    better: float
    optimism: float


def simulate(rates: Sequence[float], samples: int, searches: int, shared: float, draw: random.Random) -> Found:
    """Search so often among prompts of these qualities."""
    taken = better = optimism = 0.0
    schedule = rounds(min(len(rates), affordable(ANSWERS, samples)), samples, ANSWERS)
    for _ in range(searches):
        outcomes = _outcomes(rates, samples, shared, draw)
        ranked, last = _raced(outcomes, schedule)
        best = next(one for one in ranked if one != 0)
        wins = sum(a > b for a, b in zip(outcomes[best][:last], outcomes[0][:last], strict=True))
        losses = sum(a < b for a, b in zip(outcomes[best][:last], outcomes[0][:last], strict=True))
        if beyond_luck(wins, losses):
            taken += 1
            better += rates[best] - rates[0]
            optimism += sum(outcomes[best][:last]) / last - rates[best]
    return Found(taken / searches, better / max(1, taken), optimism / max(1, taken))


def _outcomes(rates: Sequence[float], samples: int, shared: float, draw: random.Random) -> list[list[bool]]:
    hard = [draw.random() for _ in range(samples)]
    return [[(one if draw.random() < shared else draw.random()) < rate for one in hard] for rate in rates]


def _raced(outcomes: Sequence[Sequence[bool]], schedule: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    ranked, last = list(range(len(outcomes))), 0
    for variants, last in schedule:
        ranked = halved(ranked, variants, lambda one: one == 0)
        ranked.sort(key=lambda one: (-sum(outcomes[one][:last]), one))
    return ranked, last


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=4000)
    parser.add_argument("--shared", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    draw = random.Random(1)  # noqa: S311 - a simulation
    found = {
        name: {samples: simulate(rates, samples, given.searches, given.shared, draw) for samples in SAMPLES}
        for name, rates in WORLDS.items()
    }
    if given.json:
        print(json.dumps({name: {n: one._asdict() for n, one in row.items()} for name, row in found.items()}))
        return
    print(f"{ANSWERS} answers; of {given.searches} searches: taken, better by, looked better than it is by (points)")
    for name, row in found.items():
        cells = "   ".join(
            f"{samples:2} samples {one.taken:4.0%} {one.better * 100:+4.0f} {one.optimism * 100:+4.0f}"
            for samples, one in row.items()
        )
        print(f"{name:24} {cells}")


if __name__ == "__main__":
    main()
