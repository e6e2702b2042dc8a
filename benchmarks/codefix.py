"""Do hidden tests tell fixed code from buggy code: `python -m benchmarks.codefix --data DIR [--json]`.

Every record of humanevalfix_python.jsonl and quixbugs_python.jsonl in DIR is graded twice by the check `tests`, in
the sandbox: once with the published fix as the answer, wrapped as a model would write it, once with the bug left in.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from assay.checks.check import CheckResult
from assay.checks.python_tests import PythonTests
from assay.types import Response, Text

WRAPPED = "The function goes wrong in one place.\n\n```python\n{code}\n```\n\nNow it does what its description says."


class Fix(NamedTuple):
    """One published bug: the code with and without it, and the tests that tell."""

    id: str
    gold: str
    buggy: str
    target: dict[str, str]


class Graded(NamedTuple):
    """What the check said of one version of one record."""

    id: str
    version: str
    result: CheckResult


def read(data: Path) -> Iterator[Fix]:
    """The records of both files."""
    for record in _records(data / "humanevalfix_python.jsonl"):
        head = record["prompt"]
        target = {"tests": record["test"], "entry": record["entry_point"]}
        gold, buggy = (head + record[f"{which}_solution"] for which in ("canonical", "buggy"))
        yield Fix(record["task_id"], gold, buggy, target)
    for record in _records(data / "quixbugs_python.jsonl"):
        yield Fix(record["name"], record["solution"], record["buggy_program"], {"tests": record["tests"]})


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def grade(fixes: list[Fix], threads: int = 2) -> list[Graded]:
    """Both versions of every record, so many at a time."""
    check = PythonTests()

    def one(work: tuple[Fix, str, str]) -> Graded:
        fix, version, code = work
        answer = Response(parts=(Text(text=WRAPPED.format(code=code)),))
        return Graded(fix.id, version, check.check(answer, fix.target, None))

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, ((f, v, code) for f in fixes for v, code in (("gold", f.gold), ("buggy", f.buggy)))))


def main() -> None:
    """Grade, print, and end with 1 if a fix is refused or a bug accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    begin = time.monotonic()
    graded = grade(list(read(arguments.data)))
    wall_s = time.monotonic() - begin
    passed = {version: sum(g.result.passed for g in graded if g.version == version) for version in ("gold", "buggy")}
    wrong = [g for g in graded if g.result.passed != (g.version == "gold")]
    if arguments.json:
        print(
            json.dumps(
                {
                    "records": len(graded) // 2,
                    "gold_passed": passed["gold"],
                    "buggy_passed": passed["buggy"],
                    "wall_s": round(wall_s, 1),
                    "wrong": [{"id": g.id, "version": g.version, "said": g.result.explanation} for g in wrong],
                }
            )
        )
    else:
        print(f"fixed: {passed['gold']} of {len(graded) // 2} pass; buggy: {passed['buggy']} pass; {wall_s:.1f} s")
        stages = collections.Counter(str((g.result.detail or {}).get("stage")) for g in graded if g.version == "buggy")
        print("bugs were found by", ", ".join(f"{stage} ({count})" for stage, count in stages.most_common()))
        for g in wrong:
            print(f"  {g.version} {g.id}: {g.result.explanation}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
