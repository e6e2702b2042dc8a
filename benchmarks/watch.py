"""How soon `assay watch` finds a change, and how often it is wrong: `python -m benchmarks.watch [--json] [--runs N]`.

Fifty canaries a day, by simulation on the detector that watches. `wavering` items all have the same rate, as fresh
draws would: the hardest case. `steady` ones nearly always come to the same, as at temperature 0. It fails (exit 1)
where a median of more than 20 days passes until a drop of five points is found, or of more than 2 until others are a
fifth of all greedy answers, or where all channels together raise more than one false alarm per deployment and year,
the mean over the shares of each kind of items: of one share alone, ten years are too few to tell.

Beside them stands the rule that they take the place of: a test at 5 % of each day's canaries against all days before,
which takes each day's answers for fresh draws. It peeks once a day, and is blind where items are steady.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from assay.decision.watching.reading import BUDGET, CHANGES
from assay.stats.change import DROPS, days_between
from assay.stats.detection import delays, even, false_alarms, fewer, lower, steady

CANARIES = 50
BORDERS = 20
SHARES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
QUIET_DAYS = 90
MOST_DAYS = 120
DROP, MOST_MEDIAN_DAYS = 0.05, 20
CHANGED, MOST_CHANGED_DAYS = 0.2, 2
WAVERS = (0.01, 0.05, 0.15)
PER_YEAR = 1.0
Z = 1.6448536269514722
"""Of a one-sided test at 5 %."""


def scores(runs: int, years: int, quiet_days: int) -> list[dict[str, Any]]:
    """Drops of five points, from several rates; and the false alarms of both channels of scores without one."""
    days = days_between(PER_YEAR * BUDGET["scores"])
    days_better = days_between(PER_YEAR * BUDGET["better"])
    rows = []
    for kind, rates_of, changed in (("wavering", even, lower), ("steady", steady, fewer)):
        for share in SHARES:
            rates = rates_of(CANARIES, share)
            opposite = [1 - rate for rate in rates]
            found = delays(
                rates, changed(rates, DROP), quiet_days=quiet_days, most_days=MOST_DAYS, days=days, runs=runs,
                seed=f"{kind} {share}",
            )  # fmt: skip
            simulated = 365 * years
            wrong = false_alarms(rates, simulated_days=simulated, days=days, seed=f"{kind} {share}")
            wrong_better = false_alarms(
                opposite, simulated_days=simulated, days=days_better, seed=f"{kind} {share} better"
            )
            rows.append({
                "items": kind, "share": share, "median_days": found.median_days, "late_days": found.late_days,
                "false_per_year": wrong / years, "false_better_per_year": wrong_better / years,
                "peeking_per_year": sum(peeking(rates, 365, seed) for seed in range(years)) / years,
            })  # fmt: skip
            tell(rows[-1])
    return rows


def answers(runs: int, years: int) -> list[dict[str, Any]]:
    """A fifth of all greedy answers become others, of canaries and border inputs that waver more or less."""
    days = days_between(PER_YEAR * BUDGET["answers"])
    rows = []
    for waver in WAVERS:
        usual = even(CANARIES + BORDERS, 1 - waver)
        found = delays(
            usual, fewer(usual, CHANGED), quiet_days=14, most_days=MOST_DAYS, days=days, runs=runs, drops=CHANGES,
            seed=f"answers {waver}",
        )  # fmt: skip
        wrong = false_alarms(usual, simulated_days=365 * years, days=days, drops=CHANGES, seed=f"answers {waver}")
        rows.append({
            "waver": waver, "median_days": found.median_days, "late_days": found.late_days,
            "false_per_year": wrong / years,
        })  # fmt: skip
        tell(rows[-1])
    return rows


def peeking(rates: Sequence[float], days: int, seed: int) -> int:
    """Alarms in so many days of a test at 5 % of each day against all days before."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, repeated by its seed
    passed = asked = alarms = 0
    for _ in range(days):
        today = sum(rng.random() < rate for rate in rates)
        if asked:
            pooled = (passed + today) / (asked + len(rates))
            error = math.sqrt(pooled * (1 - pooled) * (1 / len(rates) + 1 / asked))
            alarms += error > 0 and (today / len(rates) - passed / asked) / error < -Z
        passed, asked = passed + today, asked + len(rates)
    return alarms


def tell(row: dict[str, Any]) -> None:
    """A line on stderr, as it comes."""
    print("  " + ", ".join(f"{name} {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def judged(found: dict[str, Any]) -> dict[str, bool]:
    """What must hold, and whether it does."""
    of_scores = [
        fmean(row["false_per_year"] + row["false_better_per_year"] for row in found["scores"] if row["items"] == kind)
        for kind in ("wavering", "steady")
    ]
    of_answers = fmean(row["false_per_year"] for row in found["answers"])
    return {
        f"a drop of 5 points within {MOST_MEDIAN_DAYS} days, the median, from every share": all(
            row["median_days"] is not None and row["median_days"] <= MOST_MEDIAN_DAYS for row in found["scores"]
        ),
        f"a fifth of greedy answers within {MOST_CHANGED_DAYS} days, the median": all(
            row["median_days"] is not None and row["median_days"] <= MOST_CHANGED_DAYS for row in found["answers"]
        ),
        "at most one false alarm per deployment and year, all channels together": max(of_scores) + of_answers
        <= PER_YEAR,
        "a daily test at 5 % raises more than one a year, of items that waver": all(
            row["peeking_per_year"] > 1 for row in found["scores"] if row["items"] == "wavering"
        ),
    }


def main() -> int:
    """Print all of it; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--quiet-days", type=int, default=QUIET_DAYS)
    arguments = parser.parse_args()
    found: dict[str, Any] = {
        "canaries": CANARIES, "borders": BORDERS, "quiet_days": arguments.quiet_days, "drops": DROPS,
        "scores": scores(arguments.runs, arguments.years, arguments.quiet_days),
        "answers": answers(arguments.runs, arguments.years),
    }  # fmt: skip
    found["holds"] = judged(found)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print(report(found))
    return 0 if all(found["holds"].values()) else 1


def report(found: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{CANARIES} canaries a day, a drop of 5 points after {found['quiet_days']} quiet days"]
    lines += [
        f"  {row['items']:<8} {row['share']:.0%}: median {row['median_days']} days, 90 % within {row['late_days']}; "
        f"false alarms a year {row['false_per_year']:.2f}, notices {row['false_better_per_year']:.2f}, "
        f"a daily test {row['peeking_per_year']:.1f}"
        for row in found["scores"]
    ]
    lines += [f"{CANARIES} canaries and {BORDERS} border inputs, a fifth of the answers become others"]
    lines += [
        f"  {row['waver']:.0%} waver: median {row['median_days']} days, 90 % within {row['late_days']}; "
        f"false alarms a year {row['false_per_year']:.2f}"
        for row in found["answers"]
    ]
    return "\n".join([*lines, *(f"{'ok' if holds else 'NO'}  {what}" for what, holds in found["holds"].items())])


if __name__ == "__main__":
    sys.exit(main())
