"""`assay eval --harness`: public benchmarks, on the same ledger and in the same scorecards, marked as public."""

from __future__ import annotations

import sys
import time
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from assay.cli.door import emit, note
from assay.cli.progress import LINE_EVERY_S
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.figures.scorecard import Comparison
    from assay.evals.harness.benchmark import Benchmark
    from assay.evals.harness.watched import Asked


class Asking(NamedTuple):
    """What `assay eval --harness` was given, besides what every eval has."""

    tasks: tuple[str, ...]
    include: str | None
    limit: int | None
    fewshot: int | None
    python: str | None


async def evaluate(
    asking: Asking, targets: tuple[str, ...], *, seed: int, concurrency: int, deadline_s: float, fresh: bool,
    config: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Run the tasks against each target; gives the exit code.

    Raises:
        AssayError: the harness cannot be run.
    """
    from assay.app import open_app
    from assay.cli.recovery import show_recovered
    from assay.evals.figures.scorecard import compare
    from assay.evals.harness.benchmark import evaluate as run
    from assay.evals.harness.lm_eval import Job

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        names = tuple(dict.fromkeys(targets or app.candidates))
        await app.require(names)
        done: list[Benchmark] = []
        for name in names:
            job = Job(
                tasks=asking.tasks, model=name, url="", limit=asking.limit, fewshot=asking.fewshot, seed=seed,
                include=Path(asking.include) if asking.include is not None else None, concurrency=concurrency,
                timeout_s=deadline_s,
            )  # fmt: skip
            done.append(
                await run(
                    app.spine, app.endpoint, job, python=asking.python or sys.executable, fresh=fresh,
                    config_digest=app.loaded.digest, on_asked=_Progress(name),
                )
            )  # fmt: skip
    compared = [compare(a.run, b.run) for a, b in combinations(done, 2)]
    cards = [one.card for one in done]
    value = {"scorecards": cards, "comparisons": compared, "metrics": done[0].metric, "harness": done[0].version}
    emit(value, as_json, _text(done, compared))
    return 3 if any(card.overall.unscored for card in cards) else 0


class _Progress:
    """A line every few seconds: how many were asked, and how many of them failed."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._asked = self._failed = 0
        self._last = time.monotonic()

    def __call__(self, asked: Asked) -> None:
        self._asked += 1
        self._failed += asked.fault is not None
        if time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            note(f"  {self._target}: {self._asked} asked, {self._failed} failed")


def _text(done: list[Benchmark], compared: list[Comparison]) -> str:
    from assay.cli.scorecards import COLUMNS, cells
    from assay.decision.table import table

    lines = ["Public benchmarks say what range a model is in; only your own suite says whether it will do.", ""]
    for one in done:
        card = one.card
        lines.append(f"{card.target}  (public: lm-eval {one.version}, run {card.run})")
        rows = [(f"{task} {one.metric.get(task, '')}".strip(), *cells(found)) for task, found in card.kinds.items()]
        lines += table(("task", *COLUMNS), rows, indent="  ")
        for reason, count in sorted(card.unscored.items(), key=lambda item: -item[1])[:3]:
            lines.append(f"  {count} unscored: {reason}")
        if card.overall.unscored and card.overall.bounds:
            low, high = card.overall.bounds
            lines.append(f"  overall between {low:.1%} (all unscored wrong) and {high:.1%} (all right)")
        lines.append("")
    for pair in compared:
        if pair.difference is not None and pair.interval is not None:
            low, high = pair.interval
            spread = f"95 % interval {low:+.1%} to {high:+.1%}, p = {pair.p_value:.3g}"
            lines.append(f"{pair.a} - {pair.b}: {pair.difference:+.1%} ({spread}, {plural(pair.samples, 'document')})")
    return "\n".join(lines)
