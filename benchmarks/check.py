"""What `assay check` costs, and how often it is wrong: `python -m benchmarks.check [--orders N] [--json]`.

A score that was pinned is asked again in many random orders, where nothing has changed, where answers came out
otherwise by chance, where the score has fallen, and just on either side of what is tolerated, where verdicts are
hardest. Four rules:

- *check*: what `assay check` does (`assay.stats.retest`): changes and passes, side by side;
- *passes*: the same guarantee from passes alone (`assay.stats.sequential`);
- *certain*: stop when the rest can no longer change the verdict;
- *peeking*: what people do: stop when a 95 % interval lies on one side of the bar, after 10 samples at least.

It fails when a rule that promises 5 % is wrong more often than that and chance allow, or when peeking is not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from assay.stats.certainty import Verdict
from assay.stats.intervals import wilson
from assay.stats.retest import Retest, Seen
from assay.stats.sequential import Errors, lines

ERROR = 0.05
TOLERANCE = 0.05

Rule = Callable[[Seen], Verdict]


class Case(NamedTuple):
    """A pinned score of `passed + failed`, and what has become of it: so many lost and gained."""

    name: str
    passed: int
    failed: int
    lost: int
    gained: int

    @property
    def total(self) -> int:
        """Pinned samples."""
        return self.passed + self.failed

    @property
    def tolerated(self) -> int:
        """Samples by which the score may have fallen."""
        return math.floor(TOLERANCE * self.total + 1e-9)

    @property
    def truth(self) -> Verdict:
        """What all samples would say."""
        return Verdict.PASS if self.lost - self.gained <= self.tolerated else Verdict.FAIL


class Cost(NamedTuple):
    """What a rule comes to in a case: share of wrong verdicts, and so many times fewer samples than all."""

    wrong: float
    saved: float


def check(case: Case) -> Rule:
    """The rule of `assay check`."""
    test = Retest(passed=case.passed, failed=case.failed, error=ERROR)
    return cache(lambda seen: test.verdict(case.tolerated, seen, seen))


def certain(case: Case) -> Rule:
    """Without any error: what is left would not change it, were all of it lost, or all of it gained."""

    def rule(seen: Seen) -> Verdict:
        fallen = seen.lost - seen.gained
        if fallen + case.passed - seen.passing <= case.tolerated:
            return Verdict.PASS
        return Verdict.FAIL if fallen - (case.failed - seen.failing) > case.tolerated else Verdict.OPEN

    return rule


def passes(case: Case) -> Rule:
    """From passes alone."""
    found = lines(case.total, (case.passed - case.tolerated - 0.5) / case.total, 0.0, Errors(ERROR, ERROR))
    return lambda seen: found.verdict(seen.passes, seen.passes, seen.asked)


def peeking(case: Case) -> Rule:
    """An interval that is looked at again and again."""
    bar = (case.passed - case.tolerated) / case.total

    @cache
    def rule(seen: Seen) -> Verdict:
        low, high = wilson(seen.passes, seen.asked)
        if seen.asked == case.total:
            return Verdict.PASS if seen.passes / case.total >= bar else Verdict.FAIL
        if seen.asked < 10 or low < bar <= high:
            return Verdict.OPEN
        return Verdict.PASS if low >= bar else Verdict.FAIL

    return rule


RULES: dict[str, Callable[[Case], Rule]] = {
    "check": check, "passes": passes, "certain": certain, "peeking": peeking,
}  # fmt: skip


def cases() -> list[Case]:
    """Scores of 100 and of 400 samples, and what may become of them."""
    made = []
    for total, share in ((100, 1.0), (100, 0.9), (400, 1.0), (400, 0.9), (400, 0.8)):
        passed = round(total * share)
        failed, tolerated = total - passed, math.floor(TOLERANCE * total + 1e-9)
        flips = min(failed // 3, total // 25)
        made += [
            Case("unchanged", passed, failed, 0, 0),
            *([Case("as many lost as gained", passed, failed, flips, flips)] if flips else []),
            Case("just tolerated", passed, failed, tolerated + flips, flips),
            Case("one too many", passed, failed, tolerated + 1 + flips, flips),
            Case("10 points down", passed, failed, total // 10 + flips, flips),
            Case("25 points down", passed, failed, total // 4 + flips, flips),
        ]
    return made


def measure(case: Case, make: Callable[[Case], Rule], orders: int, seed: int = 0) -> Cost:
    """A rule in a case, over random orders."""
    before = [True] * case.passed + [False] * case.failed
    now = [place >= case.lost for place in range(case.passed)] + [place < case.gained for place in range(case.failed)]
    rng = random.Random(f"{seed}/{case}")  # noqa: S311 - a simulation
    rule, order, asked, wrong = make(case), list(range(case.total)), 0, 0
    for _ in range(orders):
        rng.shuffle(order)
        verdict, samples = _stopped(rule, before, now, order)
        wrong += verdict is not case.truth
        asked += samples
    return Cost(wrong / orders, case.total * orders / asked)


def _stopped(rule: Rule, before: Sequence[bool], now: Sequence[bool], order: Sequence[int]) -> tuple[Verdict, int]:
    passing = lost = failing = gained = 0
    for asked, place in enumerate(order, start=1):
        if before[place]:
            passing, lost = passing + 1, lost + (not now[place])
        else:
            failing, gained = failing + 1, gained + now[place]
        verdict = rule(Seen(passing, lost, failing, gained))
        if verdict is not Verdict.OPEN:
            return verdict, asked
    return Verdict.OPEN, len(order)


def most_allowed(orders: int) -> float:
    """The share of wrong verdicts that 5 % and chance allow: three standard errors more."""
    return ERROR + 3 * math.sqrt(ERROR * (1 - ERROR) / orders)


def problems(found: Sequence[tuple[Case, dict[str, Cost]]], orders: int) -> list[str]:
    """What is not as it should be."""
    allowed = most_allowed(orders)
    said = [
        f"{name} is wrong in {costs[name].wrong:.1%} of the orders: {case}"
        for case, costs in found
        for name in ("check", "passes", "certain")
        if costs[name].wrong > (0.0 if name == "certain" else allowed)
    ]
    if max(costs["peeking"].wrong for _, costs in found) <= allowed:
        said.append("peeking keeps its error here, so these cases are too easy to show anything")
    return said


def main() -> int:
    """Print a table, or JSON; 1 = an error is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [(case, {name: measure(case, make, options.orders) for name, make in RULES.items()}) for case in cases()]
    wrong = problems(found, options.orders)
    if options.json:
        rows = [case._asdict() | {name: cost._asdict() for name, cost in costs.items()} for case, costs in found]
        print(json.dumps({"orders": options.orders, "cases": rows, "problems": wrong}, indent=2))
        return 1 if wrong else 0
    print(f"{options.orders} orders each; {TOLERANCE:.0%} tolerated; times fewer samples / wrong verdicts\n")
    print(f"{'pinned':11}{'what became of it':24}" + "".join(f"{name:>18}" for name in RULES))
    for case, costs in found:
        cells = (f"{cost.saved:.1f}x / {cost.wrong:.1%}" for cost in costs.values())
        print(f"{case.passed:3}/{case.total:<7}{case.name:24}" + "".join(f"{cell:>18}" for cell in cells))
    print("\n" + ("; ".join(wrong) or f"no rule but peeking is wrong in more than {most_allowed(options.orders):.1%}"))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
