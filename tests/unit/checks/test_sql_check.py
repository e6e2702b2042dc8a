"""Execution match: which queries count as the same, and how they are found in an answer."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.rows import Row, same_rows
from assay.checks.sql import Sql, extract_sql
from assay.errors import EvalError
from assay.types import Response, Text


def said(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three people in two towns; two have the same age."""
    path: Path = tmp_path_factory.mktemp("sql") / "people.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "create table people(id integer primary key, name text, town text, age integer, pin text);"
        "insert into people values (1,'Ann','Oslo',30,'S-1'),(2,'Bo','Rome',20,'S-2'),(3,'Cy','Oslo',30,'S-3');"
    )
    connection.close()
    return str(path)


def passes(database: str, answer: str, target: object, **given: object) -> bool:
    """Whether the check accepts the answer."""
    return Sql(database=database, **given).check(said(answer), target, None).passed


GOLD = "SELECT name, age FROM people WHERE town = 'Oslo'"


@pytest.mark.parametrize(
    "answer",
    [
        GOLD,
        f"{GOLD};",
        "select age, name as who from people where town like 'oslo' order by id desc",
        f"Sure!\n```sql\n{GOLD};\n```\nThis lists them.",
        f"```\n{GOLD}\n```",
        f"```sql\nSELECT 1\n```\nBetter:\n```sql\n{GOLD}\n```",
        f"The query:\n{GOLD};\nIt filters by town.",
        "with o as (select * from people where town = 'Oslo') select name, age * 1.0000000001 from o",
        f"-- people of Oslo\n{GOLD}",
        f"```sql\n{GOLD}",
    ],
)
def test_equal_results_pass(database: str, answer: str) -> None:
    """Column order, names, row order, rounding and wrapping do not count."""
    assert passes(database, answer, GOLD)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I do not know.",
        "SELECT name FROM people WHERE town = 'Oslo'",
        "SELECT name, age, id FROM people WHERE town = 'Oslo'",
        "SELECT name, age FROM people",
        "SELECT name, age + 1 FROM people WHERE town = 'Oslo'",
        "SELECT name, '30' FROM people WHERE town = 'Oslo'",
        "SELECT DISTINCT 'Ann', age FROM people WHERE town = 'Oslo'",
        "SELECT name, age FROM people WHERE town = 'Oslo' UNION ALL SELECT name, age FROM people WHERE id = 1",
        "SELECT nme, age FROM people",
        "DROP TABLE people",
        f"{GOLD}; {GOLD}",
    ],
)
def test_other_results_fail(database: str, answer: str) -> None:
    """Missing or additional columns and rows, other values and types, errors and no query at all."""
    assert not passes(database, answer, GOLD)


def test_pairs_must_stay_together(database: str) -> None:
    """Columns that are right one by one and paired wrongly are wrong."""
    gold = "values ('a', 1), ('b', 2)"
    assert passes(database, "values (2, 'b'), (1, 'a')", gold)
    assert not passes(database, "values ('a', 2), ('b', 1)", gold)


def test_order_counts_where_the_gold_query_orders(database: str) -> None:
    """Rows equal in the keys may change places; an inner ORDER BY or the option changes what counts."""
    gold = "SELECT name, age FROM people ORDER BY age DESC"
    assert passes(database, "SELECT name, age FROM people ORDER BY age DESC, name DESC", gold)
    assert not passes(database, "SELECT name, age FROM people ORDER BY age", gold)
    assert passes(database, "SELECT name, age FROM people ORDER BY age", gold, order_matters=False)
    assert passes(
        database, "SELECT name, age FROM people ORDER BY 2 DESC", "SELECT name, age FROM people ORDER BY 2 DESC"
    )
    by_hidden = "SELECT name FROM people ORDER BY age, id"
    assert not passes(database, "SELECT name FROM people ORDER BY id", by_hidden)
    inner = "SELECT name FROM (SELECT name FROM people ORDER BY age)"
    assert passes(database, "SELECT name FROM people ORDER BY name DESC", inner)
    assert not passes(database, "SELECT name FROM people ORDER BY name DESC", inner, order_matters=True)


def test_alternatives_are_accepted(database: str) -> None:
    """Any of a list of targets will do."""
    targets = ["SELECT name FROM people", "SELECT id FROM people"]
    assert passes(database, "select id from people", targets)
    assert not passes(database, "select age from people", targets)


def test_what_is_hidden_fails_without_being_named(database: str) -> None:
    """A policy error is a fail with the words "not permitted"."""
    check = Sql(database=database, tables={"people": ["id", "name", "town", "age"]})
    assert check.check(said("select name from people"), "select name from people", None).passed
    for answer in ("select name, pin from people", "select * from people", "select name from sqlite_master"):
        result = check.check(said(answer), "select name from people", None)
        assert not result.passed
        assert result.explanation.startswith("not permitted")
        assert "pin" not in result.explanation


def test_running_may_be_enough(database: str) -> None:
    """`match = "runs"` needs no target, as in a cascade."""
    check = Sql(database=database, match="runs")
    assert check.check(said(GOLD), None, None).passed
    assert not check.check(said("select nothing"), None, None).passed


def test_a_broken_target_is_the_suites_fault(database: str) -> None:
    """It is an error that shows the query."""
    with pytest.raises(EvalError, match="select nothing"):
        Sql(database=database).check(said(GOLD), "select nothing", None)


def test_endless_and_huge_answers_fail_soon(database: str) -> None:
    """Limits of the room hold within the check."""
    begin = time.monotonic()
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    assert not passes(database, endless, GOLD, time_s=0.3)
    many = "with recursive c(x) as (select 1 union all select x + 1 from c limit 500) select x from c"
    assert not passes(database, many, GOLD, row_cap=100)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("no query here; I select nothing", None),
        ("  SELECT 1 ;  ", "SELECT 1"),
        ("`SELECT 1`", "SELECT 1"),
        ("Answer:\nwith x as (select 1) select * from x; -- done", "with x as (select 1) select * from x"),
        ("SELECT ';' AS a; thanks", "SELECT ';' AS a"),
        ("SELECT 1; SELECT 2", "SELECT 1; SELECT 2"),
        ("```python\nprint()\n```\n```sql\nSELECT 2\n```", "SELECT 2"),
        ("```sql\n```", None),
    ],
)
def test_queries_are_found(text: str, sql: str | None) -> None:
    """In code blocks or bare; a second statement is not hidden from the room."""
    assert extract_sql(text) == sql


cells = st.none() | st.integers(-3, 3) | st.sampled_from(["a", "b", ""]) | st.floats(-2, 2)
tables = st.integers(1, 4).flatmap(lambda w: st.lists(st.tuples(*[cells] * w), max_size=8))


@given(tables, st.randoms(use_true_random=False))
def test_shuffled_rows_and_columns_are_the_same(rows: list[Row], random: object) -> None:
    """Any order of rows and columns is accepted where order is free."""
    width = len(rows[0]) if rows else 0
    places = list(range(width))
    random.shuffle(places)  # type: ignore[attr-defined]
    turned = [tuple(row[i] for i in places) for row in rows]
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert same_rows(rows, turned, ordered=False)


@given(tables, st.data())
def test_one_changed_cell_is_noticed(rows: list[Row], data: st.DataObject) -> None:
    """A value that occurs nowhere in the gold result is never accepted."""
    if not rows:
        return
    i = data.draw(st.integers(0, len(rows) - 1))
    j = data.draw(st.integers(0, len(rows[0]) - 1))
    changed = list(rows)
    changed[i] = (*rows[i][:j], 99, *rows[i][j + 1 :])
    assert not same_rows(rows, changed, ordered=False)
    assert not same_rows(rows, changed, ordered=True)


def test_many_equal_columns_end_soon() -> None:
    """A result in which every column fits every other does not take factorial time."""
    gold: list[Row] = [(0,) * 20 + (1, 1)]
    begin = time.monotonic()
    assert not same_rows(gold, [(0,) * 21 + (1,)], ordered=False)
    assert same_rows(gold, [(1,) + (0,) * 20 + (1,)], ordered=False)
    assert time.monotonic() - begin < 2


def test_whole_numbers_are_compared_exactly() -> None:
    """The tolerance is for floats: neighbouring identifiers differ."""
    assert not same_rows([(10_000_001,)], [(10_000_002,)], ordered=False)
    assert same_rows([(1,)], [(1.0000001,)], ordered=False)
    assert not same_rows([(None,)], [(0,)], ordered=False)
