"""Execution match over real gold queries: gold passes, mutated gold does not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assay.checks.sql import Sql
from assay.types import Response, Text

pytestmark = pytest.mark.shared


class Question(NamedTuple):
    """One question: its database and the accepted queries."""

    id: str
    db: str
    golds: list[str]


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = shared / "data" / "assistant"
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    return folder


@pytest.fixture(scope="module")
def questions(data: Path) -> list[Question]:
    """The questions whose gold has been checked against PostgreSQL."""
    records = map(json.loads, (data / "text2sql.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        Question(r["id"], r["db"], [g for gold in r["gold"] for g in expanded(gold)])
        for r in records
        if r["agrees_with_postgres"]
    ]


@pytest.fixture(scope="module")
def checks(data: Path, questions: list[Question]) -> dict[str, Sql]:
    """One check for each database."""
    return {db: Sql(database=str(data / "db" / f"{db}.sqlite"), time_s=30) for db in {q.db for q in questions}}


def expanded(gold: str) -> Iterator[str]:
    """The alternatives that one line of the source stands for: `;` between queries, `{a, b}` any of the columns."""
    for query in filter(None, (part.strip() for part in gold.split(";"))):
        braces = re.search(r"\{([^{}]+)\}", query)
        if braces is None:
            yield query
            continue
        names = [name.strip() for name in braces[1].split(",")]
        for columns in [*names, ", ".join(names)]:
            yield from expanded(query[: braces.start()] + columns + query[braces.end() :])


def said(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


def test_every_gold_is_accepted(questions: list[Question], checks: dict[str, Sql]) -> None:
    """Each accepted query passes, bare and within prose and a code block."""
    wrong = []
    for q in questions:
        for gold in q.golds:
            for text in (gold, f"Here it is:\n```sql\n{gold};\n```\nIt joins the tables."):
                result = checks[q.db].check(said(text), q.golds, None)
                if not result.passed:
                    wrong.append((q.id, gold, result.explanation))
    assert len(questions) >= 100
    assert wrong == []


MUTATIONS = [
    (r"\b(\d+)\b", lambda m: str(int(m[1]) + 1)),
    (r"'([^']{2,})'", lambda m: f"'{m[1][:-1]}~'"),
    (r"<>|!=", lambda m: "="),
    (r"(?<![<>!])=", lambda m: "<>"),
    (r">=?", lambda m: "<"),
    (r"(?<!<)<(?![>=])", lambda m: ">"),
    (r"\bSUM\(", lambda m: "MIN("),
    (r"\bAVG\(", lambda m: "MAX("),
    (r"\bMAX\(", lambda m: "MIN("),
    (r"\bMIN\(", lambda m: "MAX("),
    (r"\bCOUNT\((?!\*)", lambda m: "MAX("),
    (r"\bAND\b", lambda m: "OR"),
    (r"\bDESC\b", lambda m: "ASC"),
    (r"\bSELECT\b", lambda m: "SELECT 1,"),
]


def mutants(gold: str) -> Iterator[str]:
    """Versions of a query in which one token is another."""
    for pattern, change in MUTATIONS:
        for match in re.finditer(pattern, gold, re.IGNORECASE):
            yield gold[: match.start()] + change(match) + gold[match.end() :]


def test_mutated_gold_is_rejected(questions: list[Question], checks: dict[str, Sql]) -> None:
    """At least 95 % of the mutants that change the rows are rejected; the rate is printed.

    A mutant whose rows, as SQLite gives them, are exactly the gold's is no wrong answer on this database (equal
    by chance or because the token did not matter); it is left out.
    """
    tried = rejected = same = 0
    kept: list[tuple[str, str]] = []
    for q in questions:
        check = checks[q.db]
        target = q.golds[0]
        for mutant in mutants(target):
            if sorted(map(repr, _rows(check, mutant))) == sorted(map(repr, _rows(check, target))):
                same += 1
                continue
            tried += 1
            if check.check(said(mutant), [target], None).passed:
                kept.append((target, mutant))
            else:
                rejected += 1
    print(f"{rejected}/{tried} mutants rejected, {same} with the gold's own rows left out")  # noqa: T201 - a figure
    assert tried >= 300
    assert rejected >= 0.95 * tried, kept[:20]


def _rows(check: Sql, sql: str) -> list[object]:
    """The rows of a query, an error standing for one."""
    try:
        return list(check._room.run(sql).rows)
    except Exception as error:  # noqa: BLE001 - any refusal is a difference
        return [repr(error)]


def test_other_questions_gold_is_rejected(questions: list[Question], checks: dict[str, Sql]) -> None:
    """A query that is right for another question of the same database is wrong in at least 95 % of cases."""
    tried = rejected = 0
    for q, other in zip(questions, [*questions[1:], questions[0]], strict=True):
        if q.db == other.db:
            tried += 1
            rejected += not checks[q.db].check(said(other.golds[0]), q.golds, None).passed
    print(f"{rejected}/{tried} queries of other questions rejected")  # noqa: T201 - a figure
    assert rejected >= 0.95 * tried
