"""What a choice would cost those who know more than `assay choose`: `python -m benchmarks.clairvoyant --data DIR`.

Trials, prices and bars are those of `benchmarks.decision` (usual bars). Factors over the full grid, of

- *choose*: as it is, each candidate with its share of the error;
- *undivided*: each candidate with the whole error, which guarantees nothing for the choice;
- *told*: undivided too, by the sequential tests that ask the fewest where the scores lie around the bars as they do in
  these very trials, by place and weighed by price: told all of the matrix but which candidate is which;
- *covariates*: undivided, and each candidate's samples cut to what a regression on the answers of those asked before it
  would need at best, its coefficients known beforehand; *all answers* has them of every sample, and does not pay;
- *clairvoyant*: knows how many items each candidate passes (not which), takes the end of the choice that costs it
  least, and needs the proofs for that alone: that each cheaper one does not meet the bar, and that the chosen one does
  not miss it by more than the tolerance. Each proof may be wrong with the whole error, and may fail with it as often.

A proof of the clairvoyant is the sequential test of two known numbers of passes; its least mean number of samples is
bounded from below by Lagrange's multipliers, so that the true factor of dollars is no greater. No procedure whose
verdicts rest on each candidate's own passes, and that takes one end, costs less: whatever it decides tells these two
numbers apart. *told* is no such bound: what it is told is pooled by places.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.stats.certainty import needed
from assay.stats.sequential import Errors, shared
from benchmarks.decision import Array, Rule, Trial, by_lines, decide, read, trials

SMOOTH = 4.0
"""Items by which the scores that are told are blurred: one standard deviation."""
PLACES_TOGETHER = 3
"""Places by cost whose scores are told together."""


class Bounds(NamedTuple):
    """The most passes that miss the bar by more than the tolerance, and the least that meet it."""

    misses: int
    meets: int


def bounds(trial: Trial, tolerance: float) -> Bounds:
    """Of a trial's bar."""
    total = len(trial.right)
    least = needed(total, max(0.0, round(trial.bar - tolerance, 12)))
    return Bounds(least - 1, needed(total, trial.bar))


# ------------------------------------------------------------------------------------- optimal stopping


@cache
def _factorials(total: int) -> Array:
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, total + 1)))))


def _ways(n: Array, k: Array, total: int) -> Array:
    """Logarithms of binomial coefficients; -inf where there is none."""
    logs, inside = _factorials(total), (k >= 0) & (k <= n)
    fit = np.where(inside, k, 0)
    return np.where(inside, logs[n] - logs[fit] - logs[n - fit], -np.inf)


@lru_cache(128)
def sequences(total: int, right: int) -> Array:
    """[t, passes]: probability of one order of so many passes among the first t, where `right` of all pass."""
    seen, passes = np.indices((total + 1, total + 1))
    every = _ways(np.array(total), np.array(right), total)
    found = np.exp(_ways(total - seen, right - passes, total) - every)
    found[passes > seen] = 0.0
    return found


def stopping(sampled: Array, ends: Array) -> tuple[float, Array]:
    """The least expected number of samples plus the price of the end, and where that goes on; both by sequences."""
    total = len(ends) - 1
    on = np.zeros(ends.shape, bool)
    ahead = ends[total]
    for t in range(total - 1, -1, -1):
        costs = sampled[t].copy()
        costs[:-1] += ahead[:-1] + ahead[1:]
        costs[-1] = np.inf
        on[t] = costs < ends[t]
        ahead = np.where(on[t], costs, ends[t])
    return float(ahead[0]), on


def ends_there(on: Array, right: int, there: Array) -> float:
    """Probability that it ends in one of these states, where `right` of all pass."""
    total, passes, ended = len(on) - 1, np.arange(len(on)), 0.0
    paths = (passes == 0).astype(float)
    for t in range(total + 1):
        ended += float(paths[~on[t] & there[t]].sum())
        paths = np.where(on[t], paths, 0.0)
        if paths.sum() < 1e-12:
            break
        ups = paths * np.clip((right - passes) / (total - t), 0.0, 1.0)
        paths -= ups
        paths[1:] += ups[:-1]
    return ended


# ------------------------------------------------------------------------------------------ clairvoyant


@cache
def proof(total: int, truth: int, other: int, error: float) -> float:
    """The fewest samples in the mean that tell `truth` from `other`, wrong with the error at most on both sides."""
    if truth == other:
        return float(total)
    sampled, against = sequences(total, truth), sequences(total, other)

    def dual(logs: Array) -> float:
        wrong, failed = np.exp(logs)
        return stopping(sampled, np.minimum(wrong * against, failed * sampled))[0] - error * float(wrong + failed)

    share = truth / total
    guess = min(total, 3 * max(0.01, share * (1 - share)) / ((truth - other) / total) ** 2) + 1
    logs = np.log([8 * guess + 5, 3 * guess + 5])
    best, step = dual(logs), 1.2
    while step > 0.1:
        for move in step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
            while (value := dual(logs + move)) > best:
                best, logs = value, logs + move
        step /= 2
    return max(0.0, best)


def clairvoyant(trial: Trial, tolerance: float, error: float) -> tuple[float, float]:
    """Calls and USD, as shares of the full grid."""
    total, pool = trial.right.shape
    passes = trial.right.sum(0)
    usd = trial.usd.sum(0) / trial.usd.sum()
    misses, meets = bounds(trial, tolerance)
    first = next((place for place in range(pool) if passes[place] >= meets), None)
    ends = [place for place in range(pool if first is None else first + 1) if passes[place] > misses]
    plans = []
    for end in [*ends, None] if first is None else ends:
        asked = np.zeros(pool)
        for place in range(pool if end is None else end):
            asked[place] = proof(total, int(passes[place]), meets, error)
        if end is not None:
            asked[end] = proof(total, int(passes[end]), misses, error)
        plans.append((float(asked @ usd) / total, float(asked.sum()) / (total * pool)))
    dollars, calls = min(plans)
    return calls, dollars


# ------------------------------------------------------------------------------------------------ told


def told(drawn: list[Trial], tolerance: float, error: float) -> Rule:
    """The tests that ask the fewest where scores lie as in these trials; each with the whole error."""
    seen: dict[int, list[tuple[int, float]]] = {}
    for trial in drawn:
        meets, passes = bounds(trial, tolerance).meets, trial.right.sum(0)
        for place, right in enumerate(passes):
            row = seen.setdefault(place // PLACES_TOGETHER, [])
            row.append((int(right) - meets, float(trial.usd[:, place].sum() / trial.usd.sum())))
            if right >= meets:
                break
    tests: dict[tuple[float, int], tuple[Array, Array]] = {}

    def rule(right: Array, bar: float, place: int) -> tuple[bool, int]:
        group, total = place // PLACES_TOGETHER, len(right)
        if (bar, group) not in tests:
            limits = bounds(Trial(right[:, None], right[:, None], bar), tolerance)
            tests[bar, group] = _tuned(total, limits, np.array(seen[group]), error)
        on, accepts = tests[bar, group]
        states = np.arange(total + 1), np.concatenate(([0], np.cumsum(right)))
        at = int(np.argmin(on[states]))
        return bool(accepts[states][at]), at

    return rule


def _tuned(total: int, limits: Bounds, scores: Array, error: float) -> tuple[Array, Array]:
    """Where to go on, and where to accept."""
    misses, meets = limits
    counts = np.arange(total + 1)
    away = (counts[:, None] - meets - scores[:, 0]) / SMOOTH
    prior = np.exp(-(away**2) / 2) @ scores[:, 1] + 1e-9
    sampled = np.zeros((total + 1, total + 1))
    sampled[total] = prior / prior.sum() / np.exp(_ways(np.array(total), counts, total))
    for t in range(total - 1, -1, -1):
        sampled[t, :-1] = sampled[t + 1, :-1] + sampled[t + 1, 1:]
    seen, passes = np.indices(sampled.shape)
    logs = np.log([6000.0, 6000.0])
    for step in [0.6] * 5 + [0.4] * 7 + [0.2] * 8:
        # A verdict against what was seen is none, or suites far from the bar would be judged at random.
        accept = np.where(passes * total > seen * misses, np.exp(logs[0]) * sequences(total, misses), np.inf)
        reject = np.where(passes * total < seen * meets, np.exp(logs[1]) * sequences(total, meets), np.inf)
        accepts = (accept < reject) | ((accept == reject) & (passes > misses))
        on = stopping(sampled, np.minimum(accept, reject))[1]
        wrong = ends_there(on, misses, accepts), ends_there(on, meets, ~accepts)
        over = np.log(np.maximum(wrong, 1e-4) / error)
        if np.abs(over).max() < 0.04:
            break
        logs = logs + step * np.clip(over, -0.8, 0.8)
    return on, accepts


# ------------------------------------------------------------------------------------------ covariates


def with_covariates(trial: Trial, rule: Rule, *, every: bool) -> float:
    """USD as a share of the full grid; `every`: the answers of cheaper ones are there for all samples, and free."""
    total = len(trial.right)
    right = trial.right.astype(float)
    before: list[int] = []
    usd = 0.0
    for place in range(right.shape[1]):
        accepted, asked = rule(trial.right[:, place], trial.bar, place)
        fewest = float(asked)
        for known in {total} if every else {one for one in before if one > asked}:
            used = [other for other, one in enumerate(before) if every or one >= known]
            told_share = _explained(right[:, used], right[:, place])
            # Samples n with (1 - R2) / n + R2 / known = 1 / asked: the variance is the same then.
            fewest = min(fewest, (1 - told_share) / max(1e-9, 1 / max(1, asked) - told_share / known))
        usd += float(trial.usd[:, place].sum()) * fewest / total
        before.append(asked)
        if accepted:
            break
    return usd / float(trial.usd.sum())


def _explained(answers: Array, wanted: Array) -> float:
    """Share of the variance that a regression on all items takes away."""
    known = np.column_stack((np.ones(len(wanted)), answers))
    left = wanted - known @ np.linalg.lstsq(known, wanted, rcond=None)[0]
    return float(1 - left.var() / max(1e-9, wanted.var()))


# --------------------------------------------------------------------------------------------- figures


def measure(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One matrix: the factors of each."""
    listed = path.with_name("prices.json")
    prices = {name: tuple(rate) for name, rate in json.loads(listed.read_text()).items()} if listed.exists() else {}
    matrix = read(path, prices, arguments.seed, arguments.costs)
    pool, tolerance, error = min(arguments.pool, len(matrix.models)), arguments.tolerance, arguments.error
    drawn = list(trials(matrix, arguments.trials, arguments.items, pool, "usual", arguments.seed))
    undivided = by_lines(tolerance, (Errors(error, error),) * pool)

    def by(rule: Rule) -> Callable[[Trial], tuple[float, float]]:
        return lambda trial: decide(trial, rule, tolerance)[:2]

    ways: dict[str, Callable[[Trial], tuple[float, float]]] = {
        "choose": by(by_lines(tolerance, shared(error, pool))),
        "undivided": by(undivided),
        "told": by(told(drawn, tolerance, error)),
        "covariates": lambda trial: (np.nan, with_covariates(trial, undivided, every=False)),
        "all answers": lambda trial: (np.nan, with_covariates(trial, undivided, every=True)),
        "clairvoyant": lambda trial: clairvoyant(trial, tolerance, error),
    }
    row: dict[str, Any] = {"matrix": matrix.name, "costs": matrix.priced, "trials": len(drawn)}
    for name, way in ways.items():
        costs = np.array([way(trial) for trial in drawn])
        mean, spread = costs.mean(0), costs.std(0) / np.sqrt(len(costs))
        calls = {} if np.isnan(mean[0]) else {"calls": float(1 / mean[0])}
        row[name] = {**calls, "usd": float(1 / mean[1]), "usd_standard_error": float(spread[1] / mean[1] ** 2)}
        print(f"{matrix.name} {name}: {row[name]}", file=sys.stderr, flush=True)
    return row


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder of matrices, as of `benchmarks.decision`")
    parser.add_argument("--matrix", help="this one alone")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--pool", type=int, default=8, help="candidates")
    parser.add_argument("--items", type=int, default=400, help="samples of a suite; more than 900 overflow")
    parser.add_argument("--tolerance", type=float, default=0.03)
    parser.add_argument("--error", type=float, default=0.05)
    parser.add_argument("--costs", choices=("known", "listed", "drawn"), default="known")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.data.glob("*.npz") if arguments.matrix in (None, path.stem))
    if not paths:
        parser.error(f"no such .npz in {arguments.data}")
    print(json.dumps([measure(path, arguments) for path in paths], indent=2))


if __name__ == "__main__":
    main()
