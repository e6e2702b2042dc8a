"""SQLite in a box: both walls stand, each holds without the other, and without a box it is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.errors import ConfigError, SandboxError, SandboxUnavailable
from assay.sandbox import probe, sql_box
from assay.sandbox.rows import NOT_PERMITTED, Rows
from assay.sandbox.sql import open_room
from assay.sandbox.sql_box import GUEST_FOLDER, SqlLimits
from assay.sandbox.sqlite_guard import SqliteGuard
from assay.sandbox.sqlite_room import SqliteRoom

TABLES = {"staff": ["id", "name"], "visits": ["id", "staff_id"]}
ATTACKS = [
    "select pin from staff",
    "select * from staff",
    "select name from staff order by pin",
    "select count(*) from staff join (select 'SECRET-1' as pin) using (pin)",
    "select note from pay",
    "select count(*) from pay",
    "with recursive pay(n) as (select 1 union all select n + 1 from pay where n < 2) select count(*) from pay",
    "select sql from sqlite_master",
    "select * from pragma_table_info('pay')",
    "select count(*) from pragma_table_info('pay')",
    "select count(*) from json_each('[1]')",
    "attach 'x.db' as x",
    "select readfile('/etc/passwd')",
    "vacuum into 'copy.db'",
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with a hidden PIN, a hidden table, a harmless one."""
    path = tmp_path_factory.mktemp("room") / "team.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "create table staff(id integer primary key, name text, pin text); create table pay(note text);"
        "insert into staff values (1, 'Ada', 'SECRET-1'), (2, 'Ben', 'SECRET-2');"
        "insert into pay values ('SECRET-pay'); create table visits(id integer, staff_id integer);"
        "insert into visits values (1, 1), (2, 1), (3, 2);"
    )
    connection.close()
    return path


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def room(request: pytest.FixtureRequest, database: Path) -> Iterator[SqliteRoom]:
    """A room on each back end that works here."""
    finding = next(one for one in probe.available() if one.backend == request.param)
    if not finding.works:
        pytest.skip(f"{finding.backend}: {finding.reason}")
    made = SqliteRoom(database, TABLES, backend=request.param, limits=SqlLimits(time_s=0.5, row_cap=100))
    yield made
    made.close()


def test_listed_data_is_read_in_a_box(room: SqliteRoom) -> None:
    """One query or several, errors in their places."""
    assert room.run("select name from staff order by id") == Rows(("name",), [("Ada",), ("Ben",)])
    first, second, third = room.run_each(
        ["select count(*) from visits", "select nix from staff", "values (1, x'00', null)"]
    )
    assert first == Rows(("count(*)",), [(3,)])
    assert str(second) == NOT_PERMITTED
    assert isinstance(third, Rows)
    assert third.rows == [(1, b"\0", None)]


def test_no_attack_passes_and_no_error_names_what_is_hidden(room: SqliteRoom, database: Path) -> None:
    """The authorizer holds in the box as it does outside; the folder stays as it was."""
    before = {path: path.read_bytes() for path in database.parent.iterdir()}
    for sql, result in zip(ATTACKS, room.run_each(ATTACKS), strict=True):
        assert isinstance(result, SandboxError), (sql, result)
        for hidden in ("SECRET", "pin", "pay", "note", str(database.parent)):
            assert hidden.lower() not in str(result).lower(), (sql, result)
    assert {path: path.read_bytes() for path in database.parent.iterdir()} == before


def test_the_attacks_leak_without_the_authorizer(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are real: with the wall taken out, hidden values come."""
    monkeypatch.setattr(SqliteGuard, "_authorizer", lambda self, watch: lambda *_: sqlite3.SQLITE_OK)
    open_guard = SqliteGuard(database, TABLES)
    found = []
    for sql in ATTACKS:
        try:
            found.append(str(open_guard.run(sql)))
        except SandboxError as error:
            found.append(str(error))
    assert sum("SECRET" in said for said in found) >= 3


def test_endless_queries_end_and_the_next_one_runs(room: SqliteRoom) -> None:
    """The engine's clock cuts a query, and what comes after it is answered."""
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    late, next_one = room.run_each([endless, "select 1"])
    assert "longer than 0.5 s" in str(late)
    assert isinstance(next_one, Rows)


def test_an_engine_that_breaks_takes_only_its_query(
    room: SqliteRoom, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash inside the box is an error of one query; this process and the other queries go on."""
    crash = (
        "from assay.sandbox import sql_guest\nimport os, signal\nresult = sql_guest._result\n"
        "def crashing(guard, sql):\n"
        "    return os.kill(os.getpid(), signal.SIGSEGV) if 'crash' in sql else result(guard, sql)\n"
        "sql_guest._result = crashing\nsql_guest.main()\n"
    )
    code = sql_box.guest_code("assay.sandbox.sql_guest").replace(
        "from assay.sandbox.sql_guest import main\nmain()\n", crash
    )
    monkeypatch.setattr(sql_box, "guest_code", lambda module: code)
    first, second, third = room.run_each(["select 1", "select 'crash'", "select 3"])
    assert isinstance(first, Rows)
    assert "broke the engine" in str(second)
    assert isinstance(third, Rows)


def test_the_box_sees_the_database_and_nothing_else(room: SqliteRoom, database: Path) -> None:
    """Code of an attacker who has broken SQLite can neither write the database nor read a file beside it."""
    beside = database.parent / "beside.txt"
    beside.write_text("SECRET-beside")
    code = (
        "for path, mode in (({db!r}, 'ab'), ({beside!r}, 'r'), ({passwd!r}, 'r')):\n"
        "    try:\n        open(path, mode).close()\n    except OSError:\n        continue\n    print(path)\n"
        "print(open({db!r}, 'rb').read(6))\n"
    ).format(db=str(database), beside=str(beside), passwd="/etc/passwd")
    assert room._box is not None
    try:
        outcome = room._box.room().run(code)
    finally:
        beside.unlink()
    assert outcome.stdout == b"b'SQLite'\n", outcome.stderr
    assert (GUEST_FOLDER / "sandbox").is_dir()


@pytest.fixture
def no_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no sandbox works."""

    def none(backend: str | None) -> None:
        raise SandboxUnavailable("no walls here")

    monkeypatch.setattr(sql_box.probe, "choose", none)


@pytest.mark.usefixtures("no_walls")
def test_without_walls_it_is_refused_unless_the_process_is_asked_for(database: Path) -> None:
    """Never silently weaker: the error names the option, and the option runs behind the authorizer alone."""
    with pytest.raises(SandboxUnavailable, match=r"no walls here.*isolation"):
        open_room(database=database, tables=TABLES)
    inside = open_room(database=database, tables=TABLES, isolation="process")
    assert inside.run("select count(*) from staff").rows == [(2,)]
    first, second = inside.run_each(["select pin from staff", "select 1"])
    assert str(first) == NOT_PERMITTED
    assert isinstance(second, Rows)
    inside.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either a database or files"),
        ({"files": {}}, "either a database or files"),
        ({"database": "x.db", "files": {"t": "t.csv"}}, "either a database or files"),
        ({"files": {"t": "t.csv"}, "engine": "sqlite"}, "SQLite cannot read t"),
        ({"database": "x.duckdb", "engine": "sqlite"}, r"SQLite cannot read x\.duckdb"),
        ({"files": {"t": "t.csv"}, "isolation": "process"}, "DuckDB has no wall of its own"),
        ({"database": "none.db"}, r"none\.db"),
        ({"database": "none.duckdb"}, r"none\.duckdb"),
    ],
)
def test_what_does_not_go_together_is_a_configuration_error(given: dict[str, Any], said: str) -> None:
    """The message says which option is wrong."""
    opened: Callable[..., object] = open_room
    with pytest.raises(ConfigError, match=said):
        opened(**given)
