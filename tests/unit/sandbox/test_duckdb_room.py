"""SQL over files with DuckDB: what is not listed is not there, whatever is asked, and files are read as they are."""

from __future__ import annotations

import gc
import gzip
import os
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.errors import ConfigError, SandboxError
from assay.sandbox import duckdb_room, probe
from assay.sandbox.duckdb_room import FILE_ENDS, DuckdbRoom
from assay.sandbox.rows import NOT_PERMITTED, Rows
from assay.sandbox.sql_box import SqlLimits

duckdb = pytest.importorskip("duckdb")
projection = pytest.importorskip("assay.sandbox.projection")
guard = pytest.importorskip("assay.sandbox.duckdb_guard")

TABLES = {"staff": ["id", "name"], "visits": "*", "v_names": ["name"]}
HIDDEN = ("secret", "pin", "pay", "note", "777123")
ATTACKS = [
    "select pin from staff",
    "select * from pay",
    "select count(*) from pay",
    "from staff order by pin",
    "select name from staff where pin like 'SECRET%'",
    "from query('select * from pay')",
    "from query_table('pay')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select * from pay'))",
    "from team()",
    "select pin_of(1)",
    "from pragma_storage_info('pay')",
    "describe pay",
    "summarize pay",
    "show pay",
    "pivot pay on staff_id using max(note)",
    "select payy from staff",
    "select pi from staff",
    "from pey",
    "select s.pin from staff s",
    "from v_pay",
    "from other.main.pay",
    "from '@/secret.csv'",
    "from read_csv('@/secret.csv')",
    "from read_text('@/secret.csv')",
    "from read_blob('@/team.duckdb')",
    "from glob('@/*')",
    "from sniff_csv('@/secret.csv')",
    "attach '@/team.duckdb' as x",
    "copy staff to '@/out.csv'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "reset lock_configuration",
    "pragma database_list",
    "call pragma_version()",
    "create table t as select 1",
    "create macro m() as table select * from pay",
    "insert into staff values (9, 'x')",
    "export database '@/x'",
    "from enable_logging(storage = 'file', storage_path = '@/log')",
    "select getenv('HOME')",
    "select 1; select 2",
    "",
    "-- nothing",
    "select",
    "select '\ud800'",
    "from guard",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with hidden and listed things, and a secret file beside it."""
    place = tmp_path_factory.mktemp("room")
    (place / "secret.csv").write_text("a\nSECRET-file\n")
    with duckdb.connect(str(place / "team.duckdb")) as made:
        made.execute(
            "create table staff(id int primary key, name text, pin text); create table pay(staff_id int, note text);"
            "insert into staff values (1, 'Ada', 'SECRET-1'), (2, 'Ben', 'SECRET-2');"
            "insert into pay values (777123, 'SECRET-pay'); create table visits(id int, seen timestamp);"
            "insert into visits values (1, '2024-05-01 10:00'), (2, null);"
            "create view v_names as select name, pin from staff; create view v_pay as select * from pay;"
            "create macro team() as table select * from pay;"
            "create macro pin_of(x) as (select pin from staff where id = x)"
        )
    return place


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def room(request: pytest.FixtureRequest, folder: Path) -> Iterator[DuckdbRoom]:
    """A room over the DuckDB file on each back end that works here."""
    finding = next(one for one in probe.available() if one.backend == request.param)
    if not finding.works:
        pytest.skip(f"{finding.backend}: {finding.reason}")
    limits = SqlLimits(time_s=0.7, row_cap=100, result_bytes=100_000, memory_bytes=256 << 20)
    made = DuckdbRoom(None, TABLES, database=folder / "team.duckdb", backend=request.param, limits=limits)
    yield made
    made.close()


@pytest.fixture(scope="module")
def walls() -> None:
    """Skip where no sandbox works."""
    if not any(finding.works for finding in probe.available()):
        pytest.skip("; ".join(f"{finding.backend}: {finding.reason}" for finding in probe.available()))


def filled(folder: Path) -> list[str]:
    """The attacks with the folder's path."""
    return [sql.replace("@", str(folder)) for sql in ATTACKS]


def test_listed_data_is_read(room: DuckdbRoom) -> None:
    """Tables with the listed columns, all columns of `*`, and a view as rows."""
    queries = [
        "select * from staff order by id",
        "from visits order by id",
        "select v.name from V_NAMES v order by 1",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4) select count(*) from n",
        "show tables",
    ]
    results = room.run_each(queries)
    assert [result.rows for result in results if isinstance(result, Rows)] == [
        [(1, "Ada"), (2, "Ben")],
        [(1, "2024-05-01 10:00:00"), (2, None)],
        [("Ada",), ("Ben",)],
        [(4,)],
        [("staff",), ("v_names",), ("visits",)],
    ]


def test_no_attack_passes_and_no_error_names_what_is_hidden(room: DuckdbRoom, folder: Path) -> None:
    """Not even as a candidate of "did you mean", nor as an echo of the query; the folder stays as it was."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for sql, result in zip(ATTACKS, room.run_each(filled(folder)), strict=True):
        assert isinstance(result, SandboxError), (sql, result)
        for hidden in (*HIDDEN, str(folder)):
            assert hidden not in str(result).lower(), (sql, result)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_no_mixture_of_words_leaks(room: DuckdbRoom) -> None:
    """Statements made of dangerous words at random give permitted rows or an error without a hidden name."""
    words = [
        "select", "pin", "note", "*", "from", "staff", "pay", ",", "(", ")", "union", "with", "x", "as", "name",
        "where", "1", "=", "order by", "limit", "'a'", '"', "/*", "--\n", "join", "in", "duckdb_tables()", ";", "v_pay",
        "exists", "max", "over", "rowid", "natural", "values", "pivot", "describe", "columns", "query('from pay')",
        "team()", "s", "positional join", "lateral", "unnest", "struct_pack", "replace", "exclude",
        "using sample", "qualify", "asof",
    ]  # fmt: skip
    draw = random.Random(11)  # noqa: S311 - the same statements every time
    asked = ["select " + " ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(400)]
    for sql, result in zip(asked, room.run_each(asked), strict=True):
        assert "secret" not in str(result).lower(), sql
        assert "777123" not in str(result), sql
        if isinstance(result, SandboxError):
            assert not any(hidden in str(result).lower() for hidden in HIDDEN), (sql, result)


def test_the_place_of_the_copy_tells_nothing(room: DuckdbRoom) -> None:
    """Neither the database's name nor its path holds a digest of the source, which would confirm a guess."""
    (name, path), *_ = room.run("select database_name, path from duckdb_databases() order by path nulls last").rows
    assert (name, Path(str(path)).name) == ("data", "data.duckdb")
    assert room.snapshot[:8] not in str(path)


def test_hidden_and_absent_names_have_one_text(room: DuckdbRoom) -> None:
    """Whether a hidden table or column exists cannot be told from the refusal."""
    queries = ["select pin from staff", "select nip from staff", "from pay", "from yap", "from team()", "from maet()"]
    assert {str(result) for result in room.run_each(queries)} == {NOT_PERMITTED}


def test_nothing_of_the_engine_tells_of_hidden_things(room: DuckdbRoom) -> None:
    """Its own tables list what was copied, and the copy holds no byte of the rest."""
    own = [
        "from duckdb_tables()", "from duckdb_columns()", "from duckdb_views()", "from duckdb_constraints()",
        "select function_name, macro_definition from duckdb_functions() where not internal", "from duckdb_databases()",
        "from sqlite_master", "from information_schema.columns", "from pg_catalog.pg_class", "from duckdb_settings()",
        "from pragma_storage_info('staff')", "select columns(*) from staff", "select s from staff s", "summarize staff",
    ]  # fmt: skip
    for sql, result in zip(own, room.run_each(own), strict=True):
        assert isinstance(result, Rows), (sql, result)
        assert not any(hidden in str(result).lower() for hidden in ("secret-", "'pin'", "'pay'", "'note'")), (
            sql,
            result,
        )
    copy = next(room._folder.rglob("data.duckdb")).read_bytes().lower()
    assert b"ada" in copy
    assert not any(hidden.encode() in copy for hidden in ("secret", "777123", "v_pay", "pin_of"))


def test_the_attacks_leak_without_the_copy(folder: Path) -> None:
    """They are real: over the original file, hidden values come although the engine is locked."""
    options = {"names": [], "row_cap": 100, "time_s": 2, "result_bytes": 1 << 20, "memory_bytes": 256 << 20}
    bare = guard.DuckdbGuard(str(folder / "team.duckdb"), **options)
    found = []
    for sql in filled(folder):
        try:
            found.append(str(bare.run(sql)))
        except SandboxError as error:
            found.append(str(error))
    bare._database.close()
    assert sum("SECRET" in said for said in found) >= 5


def test_files_leak_without_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's lock is one wall, the box another: without the lock and outside a box the secret file is read."""
    monkeypatch.setattr(guard, "CLOSED", {"threads": 1})
    options = {"names": [], "row_cap": 100, "time_s": 2, "result_bytes": 1 << 20, "memory_bytes": 256 << 20}
    bare = guard.DuckdbGuard(str(folder / "team.duckdb"), **options)
    assert "SECRET-file" in str(bare.run(f"from read_csv('{folder}/secret.csv')"))
    bare._database.close()


def test_the_box_sees_the_copy_alone(room: DuckdbRoom, folder: Path) -> None:
    """Code of an attacker who has broken DuckDB finds neither the original nor what lies beside it."""
    code = f"import os\nprint([p for p in {[str(p) for p in folder.iterdir()]!r} if os.access(p, os.R_OK) and open(p)])"
    assert room._copy is not None
    outcome = room._copy.box.room().run(code)
    assert outcome.stdout == b"[]\n" or b"Permission denied" in outcome.stderr, outcome


def test_limits_cut_a_query_and_the_next_one_runs(room: DuckdbRoom) -> None:
    """Time, memory, rows and size of a result."""
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    late, huge, many, large, fine = room.run_each(
        [endless, "select repeat('x', 4000000000)", "from range(1000)", "select repeat('x', 200000)", "select 42"]
    )
    assert "longer than 0.7 s" in str(late)
    assert isinstance(huge, SandboxError)
    assert isinstance(many, Rows)
    assert (len(many.rows), many.truncated) == (100, True)
    assert "larger than 100,000 bytes" in str(large)
    assert fine == Rows(("42",), [(42,)])


def test_values_have_the_form_that_sqlite_gives_them(room: DuckdbRoom) -> None:
    """Times as ISO text, decimals as numbers, truth as 0 or 1, nested values as JSON."""
    sql = (
        "select date '2024-05-01', time '10:00', 1.50::decimal(5,2), 7::decimal(5,0), true, 1::hugeint, 'a'::blob,"
        " 'inf'::double, [1, null], {'a': date '2024-05-01', 'b': 'x'::blob}, map {1: 2.5}, null, interval 1 day"
    )
    assert room.run(sql).rows == [
        ("2024-05-01", "10:00:00", 1.5, 7, 1, 1, b"a", float("inf"), "[1, null]", '{"a": "2024-05-01", "b": "78"}',
         '{"1": 2.5}', None, "1 day, 0:00:00")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select name, count(*) from staff", "must stand in GROUP BY"),
        ("select sum(name) from staff", "explicit casts"),
        ("select name::int from staff", "cannot be converted"),
        ("select name from staff where count(*) > 1", "aggregate function stands where none may"),
        ("select name from staff wher id = 1", "syntax error near 'id'"),
        ("select name from staff pin pin pin", "syntax error near a name"),
        ("select name from staff order order", "syntax error near 'order'"),
    ],
)
def test_errors_help_to_repair_the_query(room: DuckdbRoom, sql: str, said: str) -> None:
    """The kind of the mistake is told, in words that name nothing."""
    with pytest.raises(SandboxError, match=said):
        room.run(sql)


@pytest.mark.usefixtures("walls")
def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    """CSV with a name that looks like a pattern, TSV, packed CSV, Parquet; columns without regard to case."""
    text = "id,City,secret\n1,Oslo,S-1\n2,,S-2\n"
    place = tmp_path / "year=2024"
    place.mkdir()
    (place / "a [1]*.csv").write_text(text)
    (place / "b.tsv").write_text(text.replace(",", "\t"))
    (place / "c.csv.gz").write_bytes(gzip.compress(text.encode()))
    with duckdb.connect() as maker:
        maker.execute(f"copy (select 1 as id, 'Oslo' as \"City\", 'S' as secret) to '{place}/d.parquet'")
    files = {"a": place / "a [1]*.csv", "b": place / "b.tsv", "c": place / "c.csv.gz", "the d": place / "d.parquet"}
    room = DuckdbRoom(files, {name: ["ID", "city"] for name in files})
    results = room.run_each([f'from "{name}"' for name in files])
    room.close()
    assert results[:3] == [Rows(("id", "City"), [(1, "Oslo"), (2, None)])] * 3
    assert results[3] == Rows(("id", "City"), [(1, "Oslo")])
    assert all(str(end) in duckdb_room.FILE_ENDS for end in projection.READERS)


@pytest.mark.usefixtures("walls")
def test_a_type_lists_no_value_of_rows_that_a_view_leaves_out(tmp_path: Path) -> None:
    """The values of an enumeration that occur keep their order; others are not in the copy, nor inside lists."""
    with duckdb.connect(str(tmp_path / "states.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT unnest(['z', 'a', 'SECRET'])::ENUM('z', 'SECRET', 'a') AS state")
        made.execute("CREATE VIEW v AS SELECT state, [state] AS states FROM t WHERE state != 'SECRET'")
    room = DuckdbRoom(database=tmp_path / "states.duckdb", tables={"v": "*"})
    try:
        assert room.run("SELECT state, enum_range(state), states[1] FROM v ORDER BY state").rows == [
            ("z", '["z", "a"]', "z"),
            ("a", '["z", "a"]', "a"),
        ]
        assert "SECRET" not in str(room.run("DESCRIBE v").rows)
    finally:
        room.close()


def test_a_sqlite_file_is_read_with_its_declared_types(tmp_path: Path) -> None:
    """Where a value does not fit the declared type, the column is text; names may need quotes."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        'create table t(id integer, "the day" date, price real, odd integer, twice integer as (id * 2), raw blob,'
        " mixed blob, hidden text);"
        "insert into t values (1, '2024-05-01', 2.5, 7, x'00ff', 'text', 'S');"
        "insert into t values (2, null, null, 'seven', null, null, 'S');"
        "create view v as select id + 1 as n from t;"
    )
    connection.close()
    room = DuckdbRoom(
        None,
        {"T": ["id", "the day", "price", "odd", "twice", "raw", "mixed"], "v": "*"},
        database=path,
        engine="sqlite",
    )
    rows, types, view = room.run_each(
        [
            "from T order by id",
            'select typeof("the day"), typeof(price), typeof(odd), typeof(raw) from t limit 1',
            "from v",
        ]
    )
    room.close()
    assert isinstance(rows, Rows)
    assert rows.rows == [
        (1, "2024-05-01", 2.5, "7", 2, b"\0\xff", "text"),
        (2, None, None, "seven", 4, None, None),
    ]
    assert isinstance(types, Rows)
    assert types.rows == [("DATE", "DOUBLE", "VARCHAR", "BLOB")]
    assert isinstance(view, Rows)
    assert sorted(view.rows) == [(2,), (3,)]


@pytest.mark.usefixtures("walls")
def test_a_changed_source_is_copied_anew(tmp_path: Path) -> None:
    """The next query sees the new rows; a file that was only touched is not copied again; threads share the copy."""
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    room = DuckdbRoom({"a": file})
    assert room.run("select max(id) from a").rows == [(1,)]
    first, copy = room.snapshot, room._copy
    os.utime(file, (1, 1))
    assert room.snapshot == first
    assert room._copy is not None
    assert copy is not None
    assert room._copy.box is copy.box
    file.write_text("id\n22\n")
    with ThreadPoolExecutor(2) as pool:
        assert [rows.rows for rows in pool.map(room.run, ["select max(id) from a"] * 2)] == [[(22,)]] * 2
    assert room.snapshot != first
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read any more"):
        room.run("select 1")
    room.close()


@pytest.mark.usefixtures("walls")
def test_the_copy_goes_with_the_room(tmp_path: Path) -> None:
    """Closed or forgotten, a room leaves nothing behind; a room that cannot be made leaves nothing either."""
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    room = DuckdbRoom({"a": file})
    place = room._folder
    assert (place.stat().st_mode & 0o777, len(list(place.rglob("*.duckdb")))) == (0o700, 1)
    room.close()
    room.close()
    assert not place.exists()
    room = DuckdbRoom({"a": file})
    place = room._folder
    del room
    gc.collect()
    assert not place.exists()


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("content", "tables", "said"),
    [
        (b"id\n1\n", {"a": ["idd"]}, "no column 'idd'"),
        (b"id\n1\n", {"b": "*"}, "no table 'b'"),
        (b"id\n1\n", {"a": []}, "empty list"),
        (b"id\n1\n", {}, "nothing may be read"),
        (b"PAR1 not really", None, "cannot be copied"),
    ],
)
def test_what_cannot_be_copied_is_a_configuration_error(
    tmp_path: Path, content: bytes, tables: dict[str, list[str]] | None, said: str
) -> None:
    """It shows when the room is made, before any money is spent."""
    file = tmp_path / ("a.parquet" if content.startswith(b"PAR1") else "a.csv")
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        DuckdbRoom({"a": file}, tables)


def test_files_that_cannot_be_a_table_are_refused(tmp_path: Path) -> None:
    """A missing file, a name that tells no format, a database with a write-ahead log."""
    with pytest.raises(ConfigError, match=r"none\.csv' is no file"):
        DuckdbRoom({"a": tmp_path / "none.csv"})
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(ConfigError, match=", ".join(FILE_ENDS).replace(".", r"\.")):
        DuckdbRoom({"a": tmp_path / "a.xlsx"})
    (tmp_path / "x.duckdb").write_bytes(b"x")
    (tmp_path / "x.duckdb.wal").write_bytes(b"x")
    with pytest.raises(ConfigError, match="write-ahead log"):
        DuckdbRoom(database=tmp_path / "x.duckdb")


def test_without_duckdb_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; everything else works without it."""
    monkeypatch.setattr(duckdb_room.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'assay\[duckdb\]'"):
        DuckdbRoom({"a": tmp_path / "a.csv"})


@pytest.mark.usefixtures("walls")
def test_a_copy_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """The bound is told."""
    file = tmp_path / "a.csv"
    file.write_text("id\n" + "\n".join(f"{i * 7919 % 100_003}-{i}" for i in range(200_000)))
    with pytest.raises(ConfigError, match="it may have 1,000,000 bytes"):
        DuckdbRoom({"a": file}, copy_bytes=1_000_000)
