"""The wall inside SQLite shows what is listed and nothing else, whatever is asked of it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ConfigError, SandboxError
from assay.sandbox.lexer import expansion, tokens
from assay.sandbox.rows import NOT_PERMITTED
from assay.sandbox.sqlite_guard import SqliteGuard

SETUP = """
create table staff(id integer primary key, name text, team text, pin text,
                   shout text generated always as (upper(pin)) virtual);
create index ix_pin on staff(pin);
create index ix_expression on staff(substr(pin, 2));
insert into staff(id, name, team, pin) values
  (1, 'Ada', 'red', 'SECRET-1'), (2, 'Ben', 'blue', 'SECRET-2'), (3, 'Cid', 'red', 'SECRET-3');
create table pay(staff_id integer, amount integer, note text default 'SECRET-default');
insert into pay values (1, 777123, 'SECRET-pay'), (2, 2, 'SECRET-pay'), (3, 3, 'SECRET-pay');
create table visits(id integer primary key, staff_id integer, minutes real, pin text);
insert into visits values (1, 1, 2.5, 'x'), (2, 1, 4.0, 'y'), (3, 2, 1.0, 'z');
create view teams as select team, count(*) as members from staff group by team;
create view leaky as select name, pin from staff;
create view quiet as select name from staff where pin like 'SECRET%';
create trigger spy after insert on visits begin insert into pay values (9, 9, 'SECRET-trigger'); end;
create virtual table notes using fts5(note);
insert into notes select note from pay;
analyze;
"""
TABLES = {
    "staff": ["id", "name", "team"],
    "visits": ["id", "staff_id", "minutes"],
    "teams": ["team", "members"],
    "leaky": ["name", "pin"],
    "quiet": ["name"],
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small database with a hidden table, a hidden column and things derived from both."""
    path = tmp_path_factory.mktemp("room") / "team 100%#?.db"
    connection = sqlite3.connect(path)
    connection.executescript(SETUP)
    connection.close()
    return path


@pytest.fixture(scope="module")
def room(database: Path) -> SqliteGuard:
    """A room with the listed tables only."""
    return SqliteGuard(database, TABLES)


@pytest.fixture
def untouched(database: Path) -> Iterator[Path]:
    """The directory of the database; fails the test if a file in it changes or appears."""
    folder = database.parent
    before = {path: path.read_bytes() for path in folder.iterdir()}
    yield folder
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


PERMITTED = {
    "select name from staff order by id": [("Ada",), ("Ben",), ("Cid",)],
    "SELECT Name, TEAM FROM Staff WHERE id = 1;": [("Ada", "red")],
    "select count(*) from staff": [(3,)],
    "select s.name, sum(v.minutes) from staff s join visits v on v.staff_id = s.id group by 1": [
        ("Ada", 6.5),
        ("Ben", 1.0),
    ],
    "with x as (select team from staff) select distinct team from x order by 1": [("blue",), ("red",)],
    "select * from teams order by team": [("blue", 1), ("red", 2)],
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4) select sum(i) from n": [(10,)],
    "select name, row_number() over (order by name desc) from staff limit 1": [("Cid", 1)],
    "/* why */ -- because\n (((values (1), (2))))": None,
    "values (1), (2)": [(1,), (2,)],
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4) select count(*) from n": [(4,)],
    "select strftime('%Y', '2024-05-01'), round(2.345, 1), json_extract('{\"a\": 7}', '$.a')": [("2024", 2.3, 7)],
    "select trim('  x '), trim('xxayx', 'x'), ltrim('001', '0'), rtrim('a..', '.'), trim('a', '')": [
        ("x", "ay", "1", "a", "a")
    ],
    "select replace('a-b-c', '-', '+'), replace('a', '', 'x'), replace(1.5, '.', ','), replace(null, 'a', 'b')": [
        ("a+b+c", "a", "1,5", None)
    ],
    "select printf('%05.2f|%s|%d%%', 1.5, 'x', 7), format('%,d', 1234567)": [("01.50|x|7%", "1,234,567")],
    "select instr('abc', 'c'), instr('abc', 'x'), instr(x'0102', x'02'), instr(null, 'a')": [(3, 0, 2, None)],
}


@pytest.mark.parametrize(("sql", "rows"), [(sql, rows) for sql, rows in PERMITTED.items() if rows is not None])
def test_listed_data_is_read_as_usual(room: SqliteGuard, sql: str, rows: list[tuple[object, ...]]) -> None:
    """Joins, windows, recursion, views over listed columns and ordinary functions work."""
    assert room.run(sql).rows == rows


ATTACKS = [
    "select pin from staff",
    "select * from staff",
    "select staff.* from staff",
    "select s.pin from staff as s",
    'select "pin" from "main"."staff"',
    "select [PIN] from `STAFF`",
    "select rowid from staff where pin > ''",
    "select name from staff where pin like 'SECRET%'",
    "select name from staff order by pin",
    "select count(*) from staff group by pin",
    "select name from staff group by name having max(pin) > ''",
    "select max(pin) over () from staff",
    "select sum(case when substr(pin, 1, 1) = 'S' then 1 end) from staff",
    "select shout from staff",
    "select name from staff where substr(pin, 2) = 'ECRET-1'",
    "select name from staff indexed by ix_pin where pin = 'SECRET-1'",
    "select id from staff indexed by ix_pin",  # in the order of what is hidden
    "select name from staff natural join visits",
    "select 1 from staff join visits using (pin)",
    "select count(*) from staff join (select 'SECRET-1' as pin) using (pin)",
    "select count(*) from staff join (select 'SECRET-1' as pin) using ('pin')",
    "select name from staff natural join (select 'SECRET-1' as pin)",
    "select name from staff NATURAL/**/LEFT JOIN (select 'SECRET-1' as pin)",
    "select 1 from visits join pay using(staff_id)",
    "select 1 from sqlite_schema join (select 'pay' as name) using (name)",
    "select 'SECRET-pay' in pay",
    "select ('Ada', 'SECRET-1') in leaky",
    "select (1, 777123, 'SECRET-pay') in pay",
    "select (select pin from staff i where i.id = o.id) from staff o",
    "select 1 where exists (select 1 from pay)",
    "select count(*) from pay",
    "select rowid from pay",
    "with recursive pay(n) as (select 1 union all select n + 1 from pay where n < 2) select count(*) from pay",
    "select (with pay as (select 1) select 1), (select count(*) from pay)",
    "select count(*) from pragma_table_info('pay')",
    "select count(*) from dbstat",
    "select count(*) from notes_data",
    "select count(*) from json_each('[1]')",
    "select name from staff note note note",
    "select name from staff where pay pay",
    "select 1 from pay limit 1",
    "select note from pay union all select name from staff",
    "select name from staff except select note from pay",
    "with staff as (select note as name from pay) select name from staff",
    "with x(a, b, c) as (select * from pay) select c from x",
    "select d from (select 1 a, 2 b, 3 d union all select * from pay)",
    "select visits.note from pay as visits",
    "select * from (values (1)) v, pay",
    "select v.minutes from visits v where v.staff_id in (select staff_id from pay)",
    "select v.minutes, (v.id, v.id) in (select staff_id, amount from pay) from visits v",
    "select name, pin from leaky",
    "select name from leaky",
    "select name from quiet",
    "select note from notes",
    "select notes from notes where notes match 'SECRET'",
    "select c0 from notes_content",
    "select block from notes_data",
    "select * from notes_content",
    "select sql from sqlite_master",
    "select name from sqlite_schema",
    "select sql from sqlite_temp_master",
    "select stat from sqlite_stat1",
    "select * from dbstat",
    "select data from sqlite_dbpage",
    "select name from pragma_table_info('pay')",
    "select * from pragma_database_list",
    "select * from json_each((select json_group_array(note) from pay))",
    "select value from json_each('[1]')",
    "select key from json_tree('[1]')",
    "select * from generate_series(1, 3)",
    "select load_extension('/tmp/x.so')",
    "select readfile('/etc/passwd')",
    "select writefile('/tmp/x', 'y')",
    "select edit('x')",
    "select fts3_tokenizer('simple')",
    "select zeroblob(1000)",
    "select hex(randomblob(9))",
    "select sqlite_version()",
    "select sqlite_compileoption_get(1)",
    "select last_insert_rowid()",
    "select snippet(notes, 0, '', '', '', 9) from notes",
    "pragma table_info(pay)",
    "pragma query_only = 0",
    "pragma writable_schema = 1",
    "PRAGMA temp_store_directory = '/tmp'",
    "explain select name from staff",
    "explain query plan select name from staff where id = 1",
    "attach database 'file:other.db?mode=rwc' as other",
    "detach main",
    "vacuum into 'copy.db'",
    "vacuum",
    "reindex",
    "analyze",
    "begin; select 1",
    "savepoint x",
    "insert into visits values (9, 9, 9, 9)",
    "insert into visits select 9, 9, amount, 9 from pay returning minutes",
    "with x as (select 1) insert into visits select 9, 9, 9, 9 from x",
    "with x as (select 1) delete from visits returning *",
    "with x as (select 1) update visits set minutes = 0 returning minutes",
    "update staff set name = pin",
    "delete from pay",
    "drop table pay",
    "create table copy as select * from pay",
    "create temp table copy as select * from pay",
    "create view v as select * from pay",
    "create trigger t after insert on visits begin select 1; end",
    "alter table pay rename to visits2",
    "select 1; select note from pay",
    "select 1; drop table pay",
    "select note from temp.pay",
    "select note from other.pay",
    "select ?1",
    "select :name, name from staff",
    "",
    ";",
    "-- nothing",
    "(((",
    "select",
    "select 'open",
    "select /* open",
    "select \x00 name from staff",
    "select '\ud800'",
    "ＳＥＬＥＣＴ note from pay",
]


@pytest.mark.parametrize("sql", ATTACKS)
@pytest.mark.usefixtures("untouched")
def test_attacks_are_refused_without_naming_what_is_hidden(room: SqliteGuard, sql: str) -> None:
    """Every one ends in a SandboxError whose text holds no hidden name or value that the query did not say."""
    with pytest.raises(SandboxError) as caught:
        room.run(sql)
    said = str(caught.value).lower()
    for hidden in ("secret", "777123", "pin", "pay", "note", "ix_", "shout", str(Path.home())):
        assert hidden not in said


def test_hidden_and_absent_names_have_one_text(room: SqliteGuard) -> None:
    """Whether a hidden table or column exists cannot be told from the refusal."""
    for sql in ("select pin from staff", "select nip from staff", "select 1 from pay", "select 1 from yap"):
        with pytest.raises(SandboxError) as caught:
            room.run(sql)
        assert str(caught.value) == NOT_PERMITTED


def test_a_syntax_error_names_words_of_sql_and_what_is_listed(room: SqliteGuard) -> None:
    """The word that was not understood helps to repair the query; any other name of the query is not said again."""
    with pytest.raises(SandboxError, match="syntax error near 'id'"):
        room.run("select name from staff wher id = 1")
    with pytest.raises(SandboxError, match="syntax error near 'where'"):
        room.run("select name from staff where where id = 1")
    for unknown in ("pay", "nothing_like_it"):
        with pytest.raises(SandboxError, match="syntax error near a name: "):
            room.run(f"select name from staff wher {unknown} = 1")
    with pytest.raises(SandboxError, match="syntax error"):
        room.run("select name from staff where name = 'x")


BOMBS = [
    "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c",
    "select count(*) from staff a, staff b, staff c, staff d, staff e, staff f, staff g, staff h, staff i, staff j,"
    " staff k, staff l, staff m, staff n, staff o, staff p",
    "with a0 as (select 1 x)"
    + "".join(f", a{i} as (select 1 x from a{i - 1} p, a{i - 1} q)" for i in range(1, 31))
    + " select * from a30",
    "select trim(printf('%060000d', 0), replace(printf('%060000d', 0), '0', 'b') || '0')",
    "with recursive c(x) as (select 1 union all select x + 1 from c)"
    " select instr(printf('%060000d', 0), printf('%030000d', 0) || 'b') from c",
    "with recursive c(x) as (select 1 union all select x + 1 from c)"
    " select x, printf('%060000d', 0) from c order by 2, 1",
    "with recursive c(x) as (select 'a' union all select x || x from c) select max(length(x)) from c",
    "select printf('%.*c', 2000000000, 'x')",
    "select printf('%-2000000000d', 1)",
    "select format('%.2000000000f', 1.5)",
    "select printf('%,!+0*d', 2000000000, 1)",
    "select printf('%s %99999.99999f' || '%99999.99999f', 1, 1, 1)",
    "select replace(printf('%060000d', 0), '0', replace(printf('%060000d', 0), '0', 'b'))",
    "select " + "(" * 5000 + "1" + ")" * 5000,
    "select " + " union all select ".join("1" * 600),
    "select 1" + " + 1" * 4000,
    "select '" + "x" * 1_000_000 + "'",
    "select " + ",".join(f"instr(x, x || 'b{i}')" for i in range(800)) + " from (select printf('%060000d', 0) x)",
]


@pytest.mark.parametrize("sql", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_cut_off(database: Path, sql: str) -> None:
    """Endless, huge and exponentially large queries end soon with an error, at the time of preparing as well."""
    bounded = SqliteGuard(database, TABLES, time_s=0.5, memory_bytes=256 << 20)
    begin = time.monotonic()
    with pytest.raises(SandboxError):
        bounded.run(sql)
    assert time.monotonic() - begin < 5


def test_ordinary_nesting_is_no_bomb(room: SqliteGuard) -> None:
    """Twenty common tables in a chain, each named a few times, are permitted."""
    chain = ", ".join(f"a{i} as (select x + 1 as x from a{i - 1})" for i in range(1, 20))
    assert room.run(f"with a0 as (select 0 as x), {chain} select x from a19").rows == [(19,)]


@pytest.mark.parametrize(
    "head", ["a as (", "a(x) as (", "A AS MATERIALIZED (", '"a" as not materialized (', "[a] as ("]
)
def test_expansion_sees_every_way_to_write_a_common_table(head: str) -> None:
    """However the name is quoted, its copies are counted."""
    sql = f"with {head}select 1 x), b as (select 1 x from a, A, `a`), c as (select 1 x from b, b) select * from c, c"
    assert expansion(tokens(sql)) >= 2 * 2 * 3


def test_the_row_cap_is_told(database: Path) -> None:
    """A result that is cut says so."""
    capped = SqliteGuard(database, TABLES, row_cap=2)
    assert capped.run("select id from staff order by id") == (("id",), [(1,), (2,)], True)
    assert capped.run("select id from staff where id < 3 order by id").truncated is False


def test_large_results_are_cut_off(database: Path) -> None:
    """Many rows of permitted size cannot fill the memory."""
    small = SqliteGuard(database, TABLES, result_bytes=1000)
    with pytest.raises(SandboxError, match=r"1,000 bytes"):
        small.run("select printf('%0400d', 0) from staff")


def test_all_tables_without_a_list(database: Path) -> None:
    """No list means every table and view of the file, and still nothing of the engine's own."""
    everything = SqliteGuard(database)
    assert everything.run("select count(*) from visits join pay using (staff_id)").rows == [(3,)]
    assert everything.run("select pin from staff where id = 1").rows == [("SECRET-1",)]
    assert len(everything.run("select * from leaky").rows) == 3
    with pytest.raises(SandboxError):
        everything.run("select name from sqlite_master")
    with pytest.raises(SandboxError):
        everything.run("delete from pay")


def test_names_compare_as_in_sqlite(tmp_path: Path) -> None:
    """A hidden table whose name only Unicode's lower case makes equal to a listed one stays hidden."""
    path = tmp_path / "kelvin.db"
    connection = sqlite3.connect(path)
    connection.executescript('create table k(a); create table "\u212a"(a); insert into "\u212a" values (\'SECRET\')')
    connection.close()
    room = SqliteGuard(path, {"K": "*"})
    assert room.run("select a from k").rows == []
    with pytest.raises(SandboxError):
        room.run('select a from "\u212a"')


def test_text_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    """Broken stored text is shown with replacement signs instead of the engine's error, which prints it."""
    path = tmp_path / "broken.db"
    connection = sqlite3.connect(path)
    connection.executescript("create table t(a text); insert into t values (cast(x'41ff42' as text))")
    connection.close()
    assert SqliteGuard(path).run("select a from t").rows == [("A\ufffdB",)]


def test_a_missing_or_foreign_file_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the file; none is created."""
    with pytest.raises(ConfigError, match=r"none\.db"):
        SqliteGuard(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())
    (tmp_path / "text.db").write_text("this is no database, and long enough to be looked at " * 20)
    with pytest.raises(ConfigError, match=r"text\.db"):
        SqliteGuard(tmp_path / "text.db")


def test_a_file_that_vanished_is_a_sandbox_error(tmp_path: Path) -> None:
    """What breaks after the start is told without the path."""
    path = tmp_path / "gone.db"
    connection = sqlite3.connect(path)
    connection.executescript("create table t(a)")
    connection.close()
    room = SqliteGuard(path)
    path.unlink()
    with pytest.raises(SandboxError, match="cannot be opened") as caught:
        room.run("select a from t")
    assert "gone" not in str(caught.value)


def test_threads_share_a_room(room: SqliteGuard) -> None:
    """Many threads get right answers and right refusals at the same time."""

    def work(i: int) -> object:
        if i % 3 == 0:
            with pytest.raises(SandboxError):
                room.run("select note from pay")
            return i
        return room.run(f"select {i} + count(*) from staff").rows[0][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [i if i % 3 == 0 else i + 3 for i in range(200)]


fragments = st.sampled_from(
    ["select", "pin", "note", "*", "from", "staff", "pay", ",", "(", ")", "union", "with", "x", "as", "name", "where",
     "1", "=", "order by", "limit", "'a'", '"', "/*", "--\n", "join", "notes", "in", "sqlite_master", ";", "leaky",
     "exists", "max", "over", "rowid", "natural", "values"]
)  # fmt: skip


@given(st.lists(fragments, max_size=14).map(" ".join).map("select ".__add__))
def test_no_mixture_of_words_leaks(room: SqliteGuard, sql: str) -> None:
    """Random statements from dangerous words yield permitted rows or a SandboxError, never a secret."""
    try:
        said = str(room.run(sql))
    except SandboxError as error:
        said = str(error)
    assert "SECRET" not in said
    assert "777123" not in said


@given(st.text(max_size=60))
def test_any_text_is_a_result_or_a_sandbox_error(room: SqliteGuard, sql: str) -> None:
    """No text, valid Unicode or not, raises anything else."""
    with contextlib.suppress(SandboxError):
        room.run("select " + sql)
