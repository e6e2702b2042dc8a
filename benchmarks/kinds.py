"""How well kinds are found again in requests whose kinds are known: `python -m benchmarks.kinds FILE.jsonl ...`.

Each file is one kind; the text of a line is its `prompt`, `question`, `input`, `text` or `instruction`. Files may be
gzipped. What a request says of its kind beside its words (an instruction, tools) is left out, which makes it harder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

from assay.evals.kinds.marks import marks_of
from assay.evals.kinds.suggestion import groups_of
from assay.types import Message, Request

_FIELDS = ("prompt", "question", "input", "text", "instruction")


def main() -> None:
    """Read, group, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=80, help="requests of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311 - which lines
    asked = [(text, file.name) for file in given.files for text in _drawn(file, given.each, chance)]
    chance.shuffle(asked)
    began = time.process_time()
    found = groups_of([marks_of(Request(messages=(Message.of("user", text),))) for text, _ in asked])
    truth = [kind for _, kind in asked]
    print(
        json.dumps(
            {
                "requests": len(asked),
                "kinds": len(given.files),
                "found": found.many,
                "purity": round(purity(found.groups, truth), 3),
                "adjusted_rand": round(adjusted_rand(found.groups, truth), 3),
                "strengths": {count: round(value, 2) for count, value in found.strengths.items()},
                "cpu_s": round(time.process_time() - began, 2),
            }
        )
    )


def _drawn(file: Path, each: int, chance: random.Random) -> list[str]:
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
        texts = [text for line in lines if (text := _text(json.loads(line)))]
    return chance.sample(texts, min(each, len(texts)))


def _text(line: dict[str, Any]) -> str:
    value = next((line[name] for name in _FIELDS if line.get(name)), "")
    while isinstance(value, list):  # turns of a conversation
        value = value[0] if value else ""
    return str(value.get("content", "")) if isinstance(value, dict) else str(value)


def purity(groups: Sequence[int], truth: Sequence[str]) -> float:
    """The share of requests that are of the most frequent kind of their group."""
    members: dict[int, Counter[str]] = {}
    for group, kind in zip(groups, truth, strict=True):
        members.setdefault(group, Counter())[kind] += 1
    return sum(max(kinds.values()) for kinds in members.values()) / len(truth)


def adjusted_rand(groups: Sequence[int], truth: Sequence[str]) -> float:
    """Agreement of pairs beyond chance: Hubert and Arabie (1985, Journal of Classification 2:193)."""
    pairs = sum(comb(n, 2) for n in Counter(zip(groups, truth, strict=True)).values())
    mine = sum(comb(n, 2) for n in Counter(groups).values())
    theirs = sum(comb(n, 2) for n in Counter(truth).values())
    chance = mine * theirs / comb(len(truth), 2)
    most = (mine + theirs) / 2
    return (pairs - chance) / (most - chance) if most != chance else 1.0


if __name__ == "__main__":
    main()
