"""What `assay choose` saves, and how often it is wrong: `python -m benchmarks.decision --data DIR [--json]`.

DIR holds score matrices, one `.npz` each: `score` [items, models] (0 to 1; NaN = missing), `outlen` [items, models] and
`inlen` [items] (characters of answers and prompts), `models`. Each trial draws a pool of models and some of the items
in a random order, and a bar: a number that a team would set (`usual`), or just on or one item above the score of one of
the models, where it is hardest (`adversarial`). Models are tried in order of cost, as `assay choose` tries them, with
its own lines (`assay.stats.sequential`). The truth is what all items say of all models. The order is that of what their
answers cost on the average, as if `choose` had expected just that; where it expects otherwise it pays for that.

A decision is wrong when the chosen model misses the bar by more than the tolerance, when a cheaper one meets it, or
when none was chosen though one meets it. A factor is the cost of the full grid over the mean cost of a decision.
Beside it stand the arithmetic alone, and what people do: looking at a 95 % interval after every item, and the first
100 items.

Costs: `prices.json` in DIR (model -> [input, output], USD per million tokens) where there is one; else those of
genai-prices where it knows at least half of the models with the lengths of their answers; only those take part then.
Else, and with `--costs drawn`, they are drawn: over a factor of 100, evenly in the logarithm, the dearer models better
but for some noise. With `--costs listed` models without lengths take part too, their answers as long as the mean of the
others. The scores are read as right from 0.5 on; one that is missing as wrong.

It fails (exit 1) where a must of the project does not hold; goals stand beside.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.stats.certainty import needed
from assay.stats.intervals import upper_bound
from assay.stats.sequential import Errors, Lines, lines, shared

Array = np.ndarray[Any, Any]
MUSTS = {"wrong": 0.05, "calls": 7.0, "usd": 16.0, "calls_each": 5.0, "usd_each": 10.0}
GOALS = {400: (8.0, 20.0), 1300: (12.0, 30.0)}
CHARACTERS_PER_TOKEN = 4.0
UNKNOWN_LENGTH = 1000.0
"""Characters of every answer, where a matrix tells none."""


class Matrix(NamedTuple):
    """Scores as right or wrong and USD, [items, models]; `priced`: where the costs are from."""

    name: str
    right: Array
    usd: Array
    models: tuple[str, ...]
    priced: str


class Trial(NamedTuple):
    """A pool in order of cost: right or wrong and USD, [items in random order, models]; the share to pass."""

    right: Array
    usd: Array
    bar: float


class Outcome(NamedTuple):
    """What a decision came to, as shares of the full grid."""

    calls: float
    usd: float
    wrong: bool


Rule = Callable[[Array, float, int], tuple[bool, int]]
"""From a model's outcomes in their order, the bar and its place by cost: whether it is accepted, and after how many."""


# ----------------------------------------------------------------------------------------------- rules


def by_lines(tolerance: float, errors: tuple[Errors, ...]) -> Rule:
    """As `assay choose`."""

    def rule(right: Array, bar: float, place: int) -> tuple[bool, int]:
        accept, reject = _arrays(lines(len(right), bar, tolerance, errors[place]))
        passes = np.concatenate(([0], np.cumsum(right)))
        crossed = (passes >= accept) | (passes <= reject)
        seen = int(np.argmax(crossed))
        return bool(passes[seen] >= accept[seen]), seen

    return rule


@cache
def _arrays(found: Lines) -> tuple[Array, Array]:
    return np.array(found.accept), np.array(found.reject)


def peeking(right: Array, bar: float, _: int) -> tuple[bool, int]:
    """A 95 % normal interval after every item from the twentieth on, until it is clear of the bar."""
    total = len(right)
    seen = np.arange(1, total + 1)
    share = np.cumsum(right) / seen
    half = 1.96 * np.sqrt(np.maximum(share * (1 - share), 1e-9) / seen)
    clear = ((share - half >= bar) | (share + half < bar)) & (seen >= 20)
    at = int(np.argmax(clear)) if clear.any() else total - 1
    return bool(share[at] >= bar), at + 1


def first_hundred(right: Array, bar: float, _: int) -> tuple[bool, int]:
    """The share of the first 100 items."""
    few = right[:100]
    return bool(few.mean() >= bar), len(few)


def decide(trial: Trial, rule: Rule, tolerance: float) -> Outcome:
    """Cheapest first, until one is accepted."""
    total, pool = trial.right.shape
    calls, usd, chosen = 0, 0.0, None
    for model in range(pool):
        accepted, asked = rule(trial.right[:, model], trial.bar, model)
        calls += asked
        usd += float(trial.usd[:asked, model].sum())
        if accepted:
            chosen = model
            break
    passes = trial.right.sum(0)
    meets = passes >= needed(total, trial.bar)
    least = needed(total, max(0.0, round(trial.bar - tolerance, 12)))
    wrong = bool(meets.any()) if chosen is None else bool(passes[chosen] < least or meets[:chosen].any())
    return Outcome(calls / (total * pool), usd / float(trial.usd.sum()), wrong)


# ------------------------------------------------------------------------------------------------ data


def trials(matrix: Matrix, count: int, items: int, pool: int, bars: str, seed: int) -> Iterator[Trial]:
    """Pools, items and bars drawn at random."""
    rng = np.random.default_rng([seed, items, bars == "usual"])
    total, models = matrix.right.shape
    for _ in range(count):
        drawn = rng.choice(models, min(pool, models), replace=False)
        rows = rng.choice(total, items, replace=False)
        right, usd = matrix.right[np.ix_(rows, drawn)], matrix.usd[np.ix_(rows, drawn)]
        order = np.argsort(usd.mean(0), kind="stable")
        right, usd = right[:, order], usd[:, order]
        yield Trial(right, usd, _usual(right, rng) if bars == "usual" else _hardest(right, rng))


def _usual(right: Array, rng: np.random.Generator) -> float:
    """Between the 15th and the 95th percentile of the pool's scores, in steps of two points."""
    low, high = np.quantile(right.mean(0), [0.15, 0.95])
    return float(np.clip(round(float(rng.uniform(low, high)) * 50) / 50, 0.02, 1.0))


def _hardest(right: Array, rng: np.random.Generator) -> float:
    """The score of one of the models, or one item more."""
    passes = int(right.sum(0)[rng.integers(right.shape[1])]) + int(rng.integers(2))
    return (min(max(passes, 1), len(right)) - 0.5) / len(right)  # half an item less: no rounding adds one


def read(path: Path, prices: dict[str, tuple[float, float]], seed: int, costs: str = "known") -> Matrix:
    """A matrix with what each answer would cost; `costs` as on the command line."""
    file = np.load(path, allow_pickle=False)
    right = np.nan_to_num(file["score"].astype(float)) >= 0.5
    models = tuple(str(one) for one in file["models"])
    lengths = file["outlen"].astype(float)
    told = lengths.any(0) | (costs == "listed")
    lengths[:, ~lengths.any(0)] = lengths[lengths > 0].mean() if lengths.any() else UNKNOWN_LENGTH
    rates = {one: rate for one in models if (rate := prices.get(one) or _list_price(one)) is not None}
    priced = [place for place, one in enumerate(models) if one in rates and told[place]]
    if 2 * len(priced) >= len(models) and costs != "drawn":
        rate = np.array([rates[models[place]] for place in priced])
        tokens_in = file["inlen"].astype(float)[:, None] / CHARACTERS_PER_TOKEN
        usd = (tokens_in * rate[:, 0] + lengths[:, priced] / CHARACTERS_PER_TOKEN * rate[:, 1]) / 1e6
        names = tuple(models[place] for place in priced)
        return Matrix(path.stem, right[:, priced], usd, names, f"listed, {len(priced)}")
    rng = np.random.default_rng(seed)
    noisy = right.mean(0) + rng.normal(0, 0.08, len(models))
    rank = np.argsort(np.argsort(noisy)) / max(1, len(models) - 1)
    return Matrix(path.stem, right, np.tile(1e-4 * 100**rank, (len(right), 1)), models, f"drawn, {len(models)}")


def _list_price(name: str) -> tuple[float, float] | None:
    """USD per million tokens of input and output, as genai-prices has it under this name or one much like it."""
    from genai_prices import data_snapshot

    plain = name.split("@")[0].lower()
    try:
        return _rates(data_snapshot.get_snapshot().find_provider_model(plain, None, None, None)[1])
    except LookupError:
        alike = _letters(plain)
        return _listed().get(alike) or _listed().get(alike.removeprefix("meta"))


@cache
def _listed() -> dict[str, tuple[float, float]]:
    """By the letters and digits of the model's name; the first host counts."""
    from genai_prices.data import providers

    found: dict[str, tuple[float, float]] = {}
    for model in (model for provider in providers for model in provider.models):
        rates = _rates(model)
        if rates is not None:
            found.setdefault(_letters(model.id.split("/")[-1]), rates)
    return found


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _rates(model: Any) -> tuple[float, float] | None:
    price = model.prices[0].prices if isinstance(model.prices, list) else model.prices
    rates = [getattr(rate, "base", rate) for rate in (price.input_mtok, price.output_mtok)]
    return (float(rates[0]), float(rates[1])) if None not in rates else None


# ---------------------------------------------------------------------------------------------- figures


def measure(matrix: Matrix, items: int, bars: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One matrix: what decisions cost by each rule, and how often they are wrong."""
    pool = min(arguments.pool, len(matrix.models))
    rules: dict[str, Rule] = {
        "choose": by_lines(arguments.tolerance, shared(arguments.error, pool)),
        "arithmetic": by_lines(0.0, (Errors(0.0, 0.0),) * pool),
        "peeking": peeking,
        "first 100": first_hundred,
    }
    drawn = list(trials(matrix, arguments.trials, items, pool, bars, arguments.seed))
    found = {name: [decide(one, rule, arguments.tolerance) for one in drawn] for name, rule in rules.items()}
    return {
        "matrix": matrix.name,
        "models": len(matrix.models),
        "costs": matrix.priced,
        "items": items,
        "pool": pool,
        "bars": bars,
        "trials": len(drawn),
        "rules": {name: figures(outcomes) for name, outcomes in found.items()},
    }


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """Factors over the full grid, the share of wrong decisions, and its upper bound (95 %)."""
    wrong = sum(one.wrong for one in outcomes)
    return {
        "calls": 1 / float(np.mean([one.calls for one in outcomes])),
        "usd": 1 / float(np.mean([one.usd for one in outcomes])),
        "wrong": wrong / len(outcomes),
        "wrong_at_most": upper_bound(wrong, len(outcomes)),
    }


def mean_factor(rows: list[dict[str, Any]], figure: str) -> float:
    """The geometric mean over matrices."""
    return math.exp(sum(math.log(row["rules"]["choose"][figure]) for row in rows) / len(rows))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Whether the musts and the goals hold."""
    usual = [row for row in rows if row["bars"] == "usual"]
    sizes = sorted({row["items"] for row in usual})
    by_items = {items: [row for row in usual if row["items"] == items] for items in sizes}
    means = {items: {one: mean_factor(some, one) for one in ("calls", "usd")} for items, some in by_items.items()}
    least = min(by_items)
    each = {one: min(row["rules"]["choose"][one] for row in by_items[least]) for one in ("calls", "usd")}
    wrong = max(row["rules"]["choose"]["wrong"] for row in rows)
    goals = {}
    for items, mean in means.items():
        calls, usd = GOALS[1300 if items >= 1300 else 400]
        goals[items] = mean["calls"] >= calls and mean["usd"] >= usd
    return {
        "means": means,
        "each_at_least": each,
        "wrong_at_worst": wrong,
        "musts": {
            "wrong": wrong <= MUSTS["wrong"],
            "calls": means[least]["calls"] >= MUSTS["calls"],
            "usd": means[least]["usd"] >= MUSTS["usd"],
            "each": each["calls"] >= MUSTS["calls_each"] and each["usd"] >= MUSTS["usd_each"],
        },
        "goals": goals,
    }


def told(row: dict[str, Any]) -> str:
    """A line for people."""
    rules = "; ".join(
        f"{name} {one['calls']:.2f}x calls {one['usd']:.1f}x USD {one['wrong']:.2%} wrong"
        for name, one in row["rules"].items()
    )
    where = f"{row['matrix']} ({row['models']} models, costs {row['costs']}), N = {row['items']}, {row['bars']} bars"
    return f"{where}: {rules}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder of matrices")
    parser.add_argument("--trials", type=int, default=2000, help="of each matrix, size and kind of bars")
    parser.add_argument("--pool", type=int, default=8, help="candidates")
    parser.add_argument("--items", type=int, action="append", help="samples of a suite [default: 400 and 1300]")
    parser.add_argument("--tolerance", type=float, default=0.03)
    parser.add_argument("--error", type=float, default=0.05)
    parser.add_argument("--costs", choices=("known", "listed", "drawn"), default="known")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(arguments.data.glob("*.npz"))
    if not paths:
        parser.error(f"no .npz in {arguments.data}")
    listed = arguments.data / "prices.json"
    prices = {name: tuple(rate) for name, rate in json.loads(listed.read_text()).items()} if listed.exists() else {}
    jobs = [
        (path, items, bars)
        for path in paths
        for items in arguments.items or [400, 1300]
        for bars in ("usual", "adversarial")
        if len(np.load(path)["items"]) >= items
    ]
    if not jobs:
        parser.error(f"no matrix in {arguments.data} has so many items")
    rows = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(_job, [(*job, prices, arguments) for job in jobs]):
            rows.append(row)
            print(told(row), file=sys.stderr, flush=True)
    found = summary(rows)
    print(json.dumps({"rows": rows, **found}, indent=2) if arguments.json else _page(found))
    return 0 if all(found["musts"].values()) else 1


def _job(job: tuple[Path, int, str, dict[str, tuple[float, float]], argparse.Namespace]) -> dict[str, Any]:
    path, items, bars, prices, arguments = job
    return measure(read(path, prices, arguments.seed, arguments.costs), items, bars, arguments)


def _page(found: dict[str, Any]) -> str:
    page = [
        f"N = {items}: geometric mean over matrices {mean['calls']:.2f}x calls, {mean['usd']:.1f}x USD"
        f" (goal {'held' if found['goals'].get(items) else 'not held'})"
        for items, mean in found["means"].items()
    ]
    each = found["each_at_least"]
    page.append(f"each matrix at least {each['calls']:.2f}x calls, {each['usd']:.1f}x USD")
    page.append(f"wrong decisions at worst {found['wrong_at_worst']:.2%}")
    page += [f"must {name}: {'holds' if held else 'DOES NOT HOLD'}" for name, held in found["musts"].items()]
    return "\n".join(page)


if __name__ == "__main__":
    sys.exit(main())
