"""How well published figures foretell one another: the common scale against ranks within benchmarks.

    python -m benchmarks.weather [--json]

Each figure of the shipped catalogue is left out in turn, and its model is placed from its other figures only. Two
models that both have the left-out benchmark are then put in order, and the order is compared with what the benchmark
says. `ranks` is the mean share of models that a model is above, benchmark by benchmark: what the common scale replaces.
Pairs whose true scores differ by less than two points are left out, for the benchmark does not tell them apart itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping

from assay.catalog.load import builtin
from assay.catalog.weather import _comparable, _joined, _means, weather

CLOSE = 2.0
"""Points within which a benchmark itself puts nobody in order."""

Rows = Mapping[str, Mapping[str, float]]


def scores() -> dict[str, dict[str, float]]:
    """Benchmark -> model -> percent, of the first figure."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for model in builtin().models:
        for one in model.benchmarks:
            if one.unit == "percent":
                found[one.name].setdefault(model.id, one.score)
    return found


def linked(rows: Rows, left_out: str) -> dict[str, float]:
    """Ability of each model from its figures in all benchmarks but one, in logits."""
    cut = {model: {name: x for name, x in row.items() if name != left_out} for model, row in rows.items()}
    known = {model: row for model, row in cut.items() if row}
    difficulty = _joined(known).difficulty
    return {model: statistics.fmean(x + difficulty[name] for name, x in row.items()) for model, row in known.items()}


def ranks(rows: Rows, left_out: str) -> dict[str, float]:
    """Mean share of the models of each benchmark that a model is above."""
    by_benchmark: dict[str, list[float]] = defaultdict(list)
    for row in rows.values():
        for name, x in row.items():
            by_benchmark[name].append(x)
    found = {}
    for model, row in rows.items():
        shares = [
            sum(other < x for other in by_benchmark[name]) / len(by_benchmark[name])
            for name, x in row.items()
            if name != left_out
        ]
        if shares:
            found[model] = statistics.fmean(shares)
    return found


def agreement(true: Mapping[str, float], guess: Mapping[str, float]) -> tuple[int, int]:
    """Pairs in the right order, and all pairs that the benchmark itself tells apart."""
    models = sorted(set(true) & set(guess))
    right = total = 0
    for place, one in enumerate(models):
        for other in models[:place]:
            if abs(true[one] - true[other]) < CLOSE:
                continue
            total += 1
            right += (true[one] > true[other]) == (guess[one] > guess[other])
    return right, total


def main() -> None:
    """Print a row for each benchmark and the total."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    joined = weather(builtin())
    rows = {model.id: row for model in builtin().models if (row := _means(_comparable(model)))}
    rows = {one: {name: x for name, x in row.items() if name in joined.difficulty} for one, row in rows.items()}
    result = []
    for name, true in sorted(scores().items()):
        if name not in joined.difficulty:
            continue
        by_scale, by_rank = agreement(true, linked(rows, name)), agreement(true, ranks(rows, name))
        result.append({"benchmark": name, "pairs": by_scale[1], "scale": by_scale[0], "ranks": by_rank[0]})
    total = {key: sum(row[key] for row in result) for key in ("pairs", "scale", "ranks")}
    if arguments.json:
        print(json.dumps({"rows": result, "total": total, "scatter_logits": joined.scatter}, indent=2))
        return
    for row in [*result, {"benchmark": "all", **total}]:
        if row["pairs"]:
            share = {key: row[key] / row["pairs"] for key in ("scale", "ranks")}
            name, pairs = row["benchmark"], row["pairs"]
            print(f"{name:20} {pairs:7,} pairs   scale {share['scale']:6.1%}   ranks {share['ranks']:6.1%}")
    print(f"scatter of a model's figures: {joined.scatter:.2f} logits")


if __name__ == "__main__":
    main()
