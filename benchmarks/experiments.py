"""How often experiments cry wolf when one looks all the time: `python -m benchmarks.experiments [--runs N] [--json]`.

Two arms that are alike, looked at after every few requests until one is called better or worse, or the end. With an
error of 5 % that may happen in 5 % of the experiments. Beside it stands what most dashboards do on the same draws: a
normal interval of 95 % over all requests as if each stood alone. Then rollouts of an arm that is as good, and of one
that fails more often: how many are sent back, reach the end, and after how many requests.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from assay.decision.experiments.guard import Plan, Stage, next_move
from assay.ledger.dealt import SumsRow
from assay.stats.ratios import Moments, contrast

Session = list[float]
Draw = Callable[[random.Random], Session]
_EVERY = 10


class Mistaken(NamedTuple):
    """Of experiments between equal arms: how many were called different, by us and by the usual interval."""

    where: str
    ours: float
    usual: float


class Rolled(NamedTuple):
    """What rollouts came to, and the median of the requests that the new arm had until then."""

    where: str
    back: float
    done: float
    under_way: float
    requests: float


def rates(mean: float, sizes: tuple[int, ...], spread: float = 0.0) -> Draw:
    """Sessions of yes and no, whose rates differ by session."""

    def draw(rng: random.Random) -> Session:
        rate = rng.betavariate(mean / spread, (1 - mean) / spread) if spread else mean
        return [float(rng.random() < rate) for _ in range(rng.choice(sizes))]

    return draw


def costs(spread: float, sizes: tuple[int, ...]) -> Draw:
    """Sessions of amounts with a long tail."""
    return lambda rng: [math.exp(rng.gauss(0.0, spread)) for _ in range(rng.choice(sizes))]


ALIKE: dict[str, tuple[Draw, float, bool]] = {
    "50 %, one request a session": (rates(0.5, (1,)), 0.5, True),
    "2 %, one request a session": (rates(0.02, (1,)), 0.5, True),
    "80 %, sessions of 1 to 20": (rates(0.8, (1, 2, 5, 20), 0.5), 0.5, True),
    "80 %, sessions of 1 to 20, 5 % of traffic": (rates(0.8, (1, 2, 5, 20), 0.5), 0.05, True),
    "5 %, sessions of 1 to 20": (rates(0.05, (1, 2, 5, 20), 0.5), 0.5, True),
    "amounts, lognormal 1": (costs(1.0, (1, 1, 2, 8)), 0.5, False),
    "amounts, lognormal 1.5, 5 % of traffic": (costs(1.5, (1, 1, 2, 8)), 0.05, False),
}


def alike(name: str, runs: int, sessions: int = 1500) -> Mistaken:
    """How often two equal arms are told apart."""
    draw, share, yes = ALIKE[name]
    ours = usual = 0
    for run in range(runs):
        rng = random.Random(f"{name}/{run}")  # noqa: S311 - a simulation
        arms, alone, found = [Moments(), Moments()], [Moments(), Moments()], [False, False]
        for n in range(sessions):
            arm, values = int(rng.random() < share), draw(rng)
            arms[arm] = arms[arm].plus(sum(values), len(values))
            for value in values:
                alone[arm] = alone[arm].plus(value, 1.0)
            if n % _EVERY == 0:
                seen = contrast(arms[0], arms[1], 0.05, share=yes)
                found[0] |= (
                    seen is not None and seen.interval is not None and not seen.interval.low <= 0 <= seen.interval.high
                )
                found[1] |= _usual(*alone)
        ours, usual = ours + found[0], usual + found[1]
    return Mistaken(name, ours / runs, usual / runs)


def _usual(old: Moments, new: Moments) -> bool:
    """Whether the normal interval leaves out no difference, from 30 requests on."""
    if min(old.units, new.units) < 30 or old.mean is None or new.mean is None:
        return False
    return abs(new.mean - old.mean) > 1.96 * math.sqrt(old.variance + new.variance)


class _Arm:
    """Adds up the sessions of an arm."""

    def __init__(self) -> None:
        self.moments, self.largest, self.firsts = Moments(), 0, 0.0

    def add(self, values: Session) -> None:
        self.moments = self.moments.plus(sum(values), len(values))
        self.largest, self.firsts = max(self.largest, len(values)), self.firsts + values[0]

    def row(self, arm: str) -> SumsRow:
        one = self.moments
        return SumsRow(
            arm=arm, measure="failed", units=one.units, total=one.total, requests=one.requests,
            total_squared=one.total_squared, product=one.product, requests_squared=one.requests_squared,
            largest=self.largest, firsts=self.firsts,
        )  # fmt: skip


def rolled(where: str, old: Draw, new: Draw, runs: int, most: int = 40_000) -> Rolled:
    """What rollouts with the usual stages come to, each until it has an end, or so many sessions."""
    plan, ends, needed = Plan(), Counter[str](), []
    for run in range(runs):
        rng = random.Random(f"{where}/{run}")  # noqa: S311 - a simulation
        number, arms, had, move = 0, {"old": _Arm(), "new": _Arm()}, 0, None
        for n in range(most):
            arm = "new" if rng.random() < plan.stages[number] else "old"
            values = (new if arm == "new" else old)(rng)
            arms[arm].add(values)
            had += len(values) if arm == "new" else 0
            if n % _EVERY == 0:
                sums = {(name, "failed"): one.row(name) for name, one in arms.items() if one.moments.units}
                requests = int(arms["new"].moments.requests)
                move = next_move(plan, Stage(number, 0.0, requests, sums), "old", "new").move
                if move in ("roll-back", "finish"):
                    break
                if move == "advance":
                    number, arms = number + 1, {"old": _Arm(), "new": _Arm()}
        ends[move if move in ("roll-back", "finish") else "under way"] += 1
        needed.append(had)
    back, done, rest = (ends[name] / runs for name in ("roll-back", "finish", "under way"))
    return Rolled(where, back, done, rest, median(needed))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [alike(name, given.runs) for name in ALIKE]
    least = rates(0.02, (1,))
    moves = [
        rolled("2 % fail in both", least, least, given.runs // 4),
        rolled("2 % and 7 %: on the limit", least, rates(0.07, (1,)), given.runs // 4),
        rolled("2 % and 20 %", least, rates(0.2, (1,)), given.runs // 4),
        rolled("2 % and all", least, rates(1.0, (1,)), given.runs // 4),
        rolled("sessions of 1 to 20, 5 % in both", *[rates(0.05, (1, 2, 5, 20), 0.3)] * 2, given.runs // 4),
    ]
    if given.json:
        print(json.dumps({"alike": [one._asdict() for one in found], "rollouts": [one._asdict() for one in moves]}))
        return
    print(f"{'equal arms, told apart at some look':45} ours   usual")
    for one in found:
        print(f"{one.where:45} {one.ours:5.1%}  {one.usual:5.1%}")
    print(f"\n{'rollouts, 1 / 5 / 25 / 50 / 100 %':45} back   done   open   requests of the new arm")
    for each in moves:
        print(f"{each.where:45} {each.back:5.1%}  {each.done:5.1%}  {each.under_way:5.1%}  {each.requests:,.0f}")


if __name__ == "__main__":
    main()
