"""How good the SQL rooms and the SQL check are, on real questions and hostile probes.

    python -m benchmarks.sql --data DIR [--json]

`DIR` holds text2sql.jsonl, text2sql_unanswerable.jsonl, sql_policy_probes.jsonl, sql_policy_setup.md and db/. Figures:
probes and their mutations that leak (with the same probes against the bare engine as a control), gold queries accepted,
mutated gold rejected, gold queries that a wall blocks, unanswerable questions, and what a query costs in time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from assay.sandbox.sql import SqlRoom, open_room
from benchmarks import sql_gold, sql_policy

_CALLS = 9


def measure(data: Path) -> dict[str, Any]:
    """All figures."""
    asked, without_answer = sql_gold.questions(data), sql_gold.unanswerable(data)
    inside, here = sql_gold.Checks(data, "sandbox"), sql_gold.Checks(data, "process")
    return {
        "policy": {engine: policy(data, engine) for engine in sql_policy.ENGINES},
        "gold accepted (in boxes)": sql_gold.accepted(asked, inside),
        "mutated gold": sql_gold.mutated(asked, data, here),
        "blocked without reason": {engine: sql_gold.blocked(asked, data, engine) for engine in sql_policy.ENGINES},
        "a used table hidden (sqlite)": sql_gold.hidden(asked, data),
        "unanswerable": sql_gold.abstention(without_answer, [q for q in asked if q.agrees], here),
        f"milliseconds of a call (p50 of {_CALLS})": speed(data / "db" / f"{asked[0].db}.sqlite"),
    }


def policy(data: Path, engine: sql_policy.Engine) -> dict[str, Any]:
    """Probes and mutations in the room, and how many of them leak without it."""
    setup = (data / "sql_policy_setup.md").read_text(encoding="utf-8")
    found = sql_policy.probes(data, engine)
    mutations = sql_policy.mutations(found, engine)
    with tempfile.TemporaryDirectory() as folder:
        place = sql_policy.ground(engine, setup, Path(folder) / "guarded")
        figures = {
            "probes": sql_policy.attack(place, found).figures(),
            "mutations": sql_policy.attack(place, mutations).figures(),
        }
        bare = sql_policy.ground(engine, setup, Path(folder) / "bare")
        return {**figures, "leak_without_walls": sql_policy.unguarded(bare, [*found, *mutations])}


def speed(database: Path) -> dict[str, dict[str, float]]:
    """One query a call, and ten a call, in each kind of room: median wall time."""
    rooms: dict[str, dict[str, Any]] = {
        "sqlite in this process": {"isolation": "process"},
        "sqlite in a box": {},
        "sqlite in a warm box": {"warm": 1},
        "duckdb in a box": {"engine": "duckdb"},
        "duckdb in a warm box": {"engine": "duckdb", "warm": 1},
    }
    figures: dict[str, dict[str, float]] = {}
    for name, options in rooms.items():
        room = open_room(database=database, **options)
        room.run("SELECT 1")
        try:
            figures[name] = {f"{count} queries": _p50_ms(room, ["SELECT 1"] * count) for count in (1, 10)}
        finally:
            room.close()
    return figures


def _p50_ms(room: SqlRoom, queries: list[str]) -> float:
    spent = []
    for _ in range(_CALLS):
        time.sleep(0.3)  # time for a box to become warm, as a model's answer would give
        begin = time.perf_counter()
        room.run_each(queries)
        spent.append(1000 * (time.perf_counter() - begin))
    return round(statistics.median(spent), 1)


def _lines(figures: Any, indent: int = 0) -> list[str]:
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            lines += [f"{'  ' * indent}{name}", *_lines(value, indent + 1)]
        elif name != "examples" or value:
            lines.append(
                f"{'  ' * indent}{name}: {value:.4g}" if isinstance(value, float) else f"{'  ' * indent}{name}: {value}"
            )
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = measure(given.data)
    print(json.dumps(figures, indent=1) if given.json else "\n".join(_lines(figures)))


if __name__ == "__main__":
    main()
