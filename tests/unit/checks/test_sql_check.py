"""Execution match: which queries count as the same, and how they are found in an answer."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.abstention import abstains
from assay.checks.query_text import expand, extract_sql
from assay.checks.rows import Row, same_rows
from assay.checks.sql import Sql
from assay.errors import ConfigError, EvalError, SandboxError, SandboxUnavailable
from assay.sandbox import probe
from assay.sandbox.rows import Rows
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
    """Whether the check accepts the answer. It runs in this process: what is held here is the comparison."""
    return in_process(database, **given).check(said(answer), target, None).passed


def in_process(database: str, **given: object) -> Sql:
    """The check without boxes, which have tests of their own."""
    return Sql(database=database, isolation="process", **given)


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
    check = in_process(database, tables={"people": ["id", "name", "town", "age"]})
    assert check.check(said("select name from people"), "select name from people", None).passed
    for answer in ("select name, pin from people", "select * from people", "select name from sqlite_master"):
        result = check.check(said(answer), "select name from people", None)
        assert not result.passed
        assert result.explanation.startswith("not permitted")
        assert "pin" not in result.explanation


def test_running_may_be_enough(database: str) -> None:
    """`match = "runs"` needs no target, as in a cascade."""
    check = in_process(database, match="runs")
    assert check.check(said(GOLD), None, None).passed
    assert not check.check(said("select nothing"), None, None).passed


def test_a_broken_target_is_the_suites_fault(database: str) -> None:
    """It is an error that shows the query."""
    with pytest.raises(EvalError, match="select nothing"):
        in_process(database).check(said(GOLD), "select nothing", None)


def test_endless_and_huge_answers_fail_soon(database: str) -> None:
    """Limits of the room hold within the check."""
    begin = time.monotonic()
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    assert not passes(database, endless, GOLD, time_s=0.3)
    many = "with recursive c(x) as (select 1 union all select x + 1 from c limit 500) select x from c"
    assert not passes(database, many, GOLD, row_cap=100)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("target", "queries"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' AS a", ["SELECT ';' AS a"]),
        ("SELECT {a, b} FROM t", ["SELECT a FROM t", "SELECT b FROM t", "SELECT a, b FROM t"]),
        ("SELECT {a, f(x, y)}, c", ["SELECT a, c", "SELECT f(x, y), c", "SELECT a, f(x, y), c"]),
        ("SELECT {a, b}, 1 GROUP BY {}",
         ["SELECT a, 1 GROUP BY a", "SELECT b, 1 GROUP BY b", "SELECT a, b, 1 GROUP BY a, b"]),
        ("SELECT '{a, b}', {'k': 1}", ["SELECT '{a, b}', {'k': 1}"]),
        ("SELECT {a} FROM t; SELECT 2", ["SELECT a FROM t", "SELECT 2"]),
        ("SELECT { FROM t", ["SELECT { FROM t"]),
        (";", [";"]),
    ],
)  # fmt: skip
def test_a_target_may_stand_for_several_queries(target: str, queries: list[str]) -> None:
    """Parts between semicolons, and any of the columns in braces; what stands in quotes is left alone."""
    assert expand(target) == queries


def test_a_target_that_stands_for_too_many_queries_is_the_suites_fault() -> None:
    """It is an error that shows the target."""
    with pytest.raises(EvalError, match="more than 200 queries"):
        expand("SELECT " + ", ".join(["{a, b, c, d, e, f, g, h}"] * 5) + " FROM t")  # 10 ** 12 of them
    with pytest.raises(EvalError, match="at most 8 columns"):
        expand("SELECT {a, b, c, d, e, f, g, h, i} FROM t")


def test_any_of_the_columns_in_braces_is_accepted(database: str) -> None:
    """One, the other or both, and nothing else; one of the queries must run."""
    target = "SELECT {id, name} FROM people WHERE town = 'Oslo'"
    for columns in ("id", "name", "name, id"):
        assert passes(database, f"SELECT {columns} FROM people WHERE town = 'Oslo'", target)
    assert not passes(database, "SELECT age FROM people WHERE town = 'Oslo'", target)
    assert passes(database, "SELECT name FROM people", "SELECT {nix, name} FROM people")
    with pytest.raises(EvalError, match="does not run"):
        passes(database, "SELECT name FROM people", "SELECT {nix, nox} FROM people")


REFUSALS = [
    "UNANSWERABLE",
    "unanswerable.",
    "```\nUNANSWERABLE\n```",
    "The question cannot be answered from these tables.",
    "I’m sorry, but I can't answer that with the given schema.",
    "With the available data I am unable to tell.",
    "The database does not contain salaries.",
    "There is no such column, so I can not determine it.",
    "We lack the data for this.",
    "SELECT 'I do not have the information needed' AS answer;",
    "```sql\nSELECT 'The data doesn''t include that.'\n```",
]
NO_REFUSALS = [
    "",
    "It is Paris.",
    "42",
    "SELECT 'Paris' AS answer",
    GOLD,
    f"{GOLD} -- unanswerable",
    f"I cannot answer exactly, but:\n```sql\n{GOLD}\n```",
    "SELECT name AS unanswerable FROM people",
    "SELECT 'unanswerable' FROM people",
    "SELECT 'this cannot be answered' WHERE EXISTS (SELECT 1 FROM people)",
    "The data was collected in 1990 and shows that sales rose in every region.",
    "Dark matter cannot be seen; the evidence comes from data about galaxies.",
    "unanswerable " * 100,
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_right_where_there_is_no_answer_and_wrong_elsewhere(database: str, answer: str) -> None:
    """In words or in a query that only says them, whichever words the target has."""
    for target in ("UNANSWERABLE", "SELECT 'Sorry, I do not have the data to answer that.' AS answer;"):
        assert passes(database, answer, target)
    assert not passes(database, answer, GOLD)
    assert passes(database, answer, [GOLD, "UNANSWERABLE"])


@pytest.mark.parametrize("answer", NO_REFUSALS)
def test_nothing_else_is_a_refusal(database: str, answer: str) -> None:
    """A text that says something, a query that reads data, both at once, a very long text."""
    assert not passes(database, answer, "UNANSWERABLE")


def test_the_words_of_a_refusal_can_be_chosen(database: str) -> None:
    """`abstain` replaces the built-in sentences, for the answer and for the target."""
    words = {"abstain": ["no idea", "N/A"]}
    assert passes(database, "No  idea!", "N/A", **words)
    assert passes(database, "SELECT 'n/a'", "n/a", **words)
    assert not passes(database, "UNANSWERABLE", "N/A", **words)
    assert not passes(database, "no ideas", "N/A", **words)
    assert abstains("x is n/a", ["n/a"])


def test_a_gold_query_that_gives_a_constant_is_compared(database: str) -> None:
    """Only words of refusal make a target unanswerable."""
    assert passes(database, "SELECT 40 + 2", "SELECT 42")
    assert not passes(database, "UNANSWERABLE", "SELECT 42")


class _Room:
    """A stand-in for a room: notes what is asked, and gives its own rows or raises."""

    snapshot = "1"

    def __init__(self, result: Rows | SandboxError) -> None:
        self.asked: list[list[str]] = []
        self.result = result

    def run_each(self, queries: list[str]) -> list[Rows | SandboxError]:
        self.asked.append(queries)
        if isinstance(self.result, SandboxUnavailable):
            raise self.result
        return [self.result] * len(queries)


def test_gold_queries_run_once_and_in_the_answers_box(database: str) -> None:
    """One job for both, gold first; later answers come alone, until the data changes."""
    check, room = in_process(database), _Room(Rows(("a",), [(1,)]))
    check._room = room  # type: ignore[assignment]
    for answer in ("SELECT 2", "SELECT 3"):
        assert check.check(said(answer), ["SELECT 1", "SELECT {a, b} FROM t"], None).passed
    room.snapshot = "2"
    assert check.check(said("SELECT 4"), "SELECT 1", None).passed
    golds = ["SELECT 1", "SELECT a FROM t", "SELECT b FROM t", "SELECT a, b FROM t"]
    assert room.asked == [[*golds, "SELECT 2"], ["SELECT 3"], ["SELECT 1", "SELECT 4"]]


def test_a_room_at_fault_makes_no_answer_wrong(database: str) -> None:
    """What is the sandbox's own fault is an error, which leaves a sample unscored; a refused query is a fail."""
    check = in_process(database, match="runs")
    check._room = _Room(SandboxUnavailable("no walls"))  # type: ignore[assignment]
    with pytest.raises(SandboxUnavailable):
        check.check(said(GOLD), None, None)
    check._room = _Room(SandboxError("not permitted"))  # type: ignore[assignment]
    assert not check.check(said(GOLD), None, None).passed


def test_files_and_a_database_in_boxes(database: str, tmp_path: Path) -> None:
    """By default queries run in boxes: SQLite for a database, DuckDB for files, only over what is listed."""
    if not any(finding.works for finding in probe.available()):
        pytest.skip("no sandbox works here")
    check = Sql(database=database)
    assert check.check(said(GOLD), GOLD, None).passed
    assert not check.check(said("SELECT name FROM people"), GOLD, None).passed
    pytest.importorskip("duckdb")
    file = tmp_path / "people.csv"
    file.write_text("id,name,pin\n1,Ann,S-1\n2,Bo,S-2\n")
    check = Sql(files={"people": str(file)}, tables={"people": ["id", "name"]})
    assert check.check(
        said("FROM people SELECT name, id WHERE id > 1"), "SELECT id, name FROM people LIMIT 1 OFFSET 1", None
    ).passed
    result = check.check(said("SELECT pin FROM people"), "SELECT id FROM people", None)
    assert (result.passed, result.explanation.startswith("not permitted")) == (False, True)


def test_options_that_do_not_go_together_are_refused(database: str) -> None:
    """Neither or both kinds of data, and DuckDB without walls."""
    files = {"t": "t.csv"}
    for wrong in ({}, {"database": database, "files": files}, {"files": files, "isolation": "process"}):
        with pytest.raises(ConfigError):
            Sql(**wrong)


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
        ("With the data at hand, I cannot tell.", None),
        ("From what I see it is not there.", None),
        ("From memory: 7", None),
        ("FROM sales SELECT region", "FROM sales SELECT region"),
        ("```duckdb\nFROM sales\n```", "FROM sales"),
        ("with recursive n(i) as (select 1) select * from n", "with recursive n(i) as (select 1) select * from n"),
        ("SELECT a\nFROM t\n\nWHERE b > (\n\n1)\n\nIt's sorted; by a.", "SELECT a\nFROM t\n\nWHERE b > (\n\n1)"),
        ("SELECT a,\n\nb FROM t ORDER BY a DESC\n\n- a: the name", "SELECT a,\n\nb FROM t ORDER BY a DESC"),
        ("SELECT '\n\nNo' AS a, count(*)\n\nNo more.", "SELECT '\n\nNo' AS a, count(*)"),
        ("```\nSELECT 3;\n```\nOutput:\n```\n| 3 |\n```", "SELECT 3"),
        ("The query is `SELECT a FROM t`.", "SELECT a FROM t"),
        ("Use ```sql SELECT a FROM t; ``` here", "SELECT a FROM t"),
        ("```sql SELECT a FROM t ```", "SELECT a FROM t"),
        ("SQL: SELECT a FROM t", "SELECT a FROM t"),
        ("`t` has no column for it", None),
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
