"""The journal: what is appended is there whatever happens, whole or not at all, and is folded exactly once."""

import asyncio
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger_rows import a_request, a_settlement, an_intent, change, folded, journalled, limited, look
from msgspec.structs import astuple

from assay.errors import LedgerError
from assay.ledger import journal as journal_module
from assay.ledger import segment as segment_module
from assay.ledger import store as store_module
from assay.ledger import writer as writer_module
from assay.ledger.journal import Journal, paths_of, segments_of
from assay.ledger.rows import Recovered, Reply
from assay.ledger.segment import Entry, Head, Reached, Segment, encode
from assay.ledger.store import SqliteLedger

CRASHES = """
import asyncio, os, signal, sys
sys.path.insert(0, sys.argv[1])
from ledger_rows import a_request, a_settlement, an_intent, limited
from assay.ledger.store import SqliteLedger

async def request(path, durability):
    ledger = SqliteLedger(path, durability)
    while True:
        intent, row = an_intent(0.5), a_request()
        await ledger.hold(intent, limited(1e6))
        print("held", intent.id, flush=True)
        written = ledger.finish(a_settlement(intent.id, 0.125), row)
        if written is not None:
            await written
        print("finished", intent.id, row.id, flush=True)

for path, durability, after in zip(*[iter(sys.argv[2:])] * 3):
    said, saying = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(saying, 1)
        asyncio.run(request(path, durability))
    os.close(saying)
    with open(said) as lines, open(path + ".said", "w") as told:
        for line, _ in zip(lines, range(int(after))):
            told.write(line)
        os.kill(child, signal.SIGKILL)
        told.write(lines.read())
    os.waitpid(child, 0)
"""
"""Processes that request for ever, each killed after some lines; what each had said stands beside its ledger."""
DURABILITIES = ("commit", "relaxed", "fsync", "commit", "commit")
KILLS = range(20)


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ledgers whose processes were killed."""
    folder = tmp_path_factory.mktemp("crashes")
    paths = [folder / f"{n}.db" for n in KILLS]
    words = [(str(path), DURABILITIES[n % 5], str(20 + 17 * n)) for n, path in enumerate(paths)]
    code = [sys.executable, "-c", CRASHES, str(Path(__file__).parent), *(word for three in words for word in three)]
    subprocess.run(code, check=True, timeout=100)
    return paths


def said(path: Path) -> list[list[str]]:
    """What a killed process had acknowledged, without a line that was torn."""
    words = [line.split() for line in path.with_name(f"{path.name}.said").read_text().splitlines()]
    return [one for one in words if (one[:1], len(one)) in ((["held"], 2), (["finished"], 3)) and len(one[-1]) == 32]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file beside which a journal may lie."""
    path = tmp_path / "ledger.db"
    path.touch()
    return path


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread folds nothing by itself."""
    monkeypatch.setattr(writer_module, "FOLD_S", 60.0)


def entry(n: int) -> Entry:
    """An entry that is told by its number."""
    return Entry(request=astuple(a_request(id=f"{n:032x}")))


def framed(value: Entry | Head) -> bytes:
    """An entry as it stands in the file."""
    return _frame(encode(value))


def numbers(segments: list[Segment]) -> list[int]:
    """The numbers of all entries that can be read."""
    with closing_all(segments):
        return [int(found.request[0], 16) for one in segments for found in one.ahead()[0] if found.request]


class closing_all:
    """Closes files at the end."""

    def __init__(self, segments: list[Segment]) -> None:
        self._segments = segments

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        for segment in self._segments:
            segment.close()


# ------------------------------------------------------------------------------------------ the file


def test_what_is_appended_is_in_the_file_at_once(path: Path) -> None:
    """Another process reads each entry as soon as `append` has returned, in order."""
    with closing(Journal(path, "s")) as journal:
        for n in range(3):
            journal.append(entry(n))
            assert numbers(segments_of(path, "s")) == list(range(n + 1))


def test_relaxed_entries_wait_for_others(path: Path) -> None:
    """What may wait is written with what may not, in order, or when it is flushed."""
    with closing(Journal(path, "s")) as journal:
        journal.append(entry(0), now=False)
        assert paths_of(path, "s") == []
        journal.append(entry(1))
        assert numbers(segments_of(path, "s")) == [0, 1]
        journal.append(entry(2), now=False)
        journal.flush()
        assert numbers(segments_of(path, "s")) == [0, 1, 2]


def test_relaxed_entries_do_not_gather_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded in bytes."""
    monkeypatch.setattr(journal_module, "BUFFER_BYTES", 1000)
    with closing(Journal(path, "s")) as journal:
        for n in range(20):
            journal.append(entry(n), now=False)
        assert len(numbers(segments_of(path, "s"))) >= 15


def test_a_tail_torn_at_any_byte_is_cut(path: Path) -> None:
    """Wherever the last entry ends too early, those before it are read, and nothing else."""
    with closing(Journal(path, "s")) as journal:
        for n in range(3):
            journal.append(entry(n))
        [file] = paths_of(path, "s")
        whole = file.read_bytes()
        last = len(framed(entry(2)))
        for end in range(len(whole) - last, len(whole)):
            file.write_bytes(whole[:end])
            assert numbers(segments_of(path, "s")) == [0, 1], end
        for end in range(0, len(whole) - 3 * last, 10):
            file.write_bytes(whole[:end])
            assert numbers(segments_of(path, "s")) == [], end


@pytest.mark.parametrize("tail", [b"\x00" * 100, b"\xff" * 100, b"\x05\x00\x00\x00aaaahello"])
def test_a_tail_of_noise_is_cut(path: Path, tail: bytes) -> None:
    """Zeros, which a file has at its end after a loss of power, and noise are no entries."""
    with closing(Journal(path, "s")) as journal:
        journal.append(entry(0))
        [file] = paths_of(path, "s")
        file.write_bytes(file.read_bytes() + tail)
        assert numbers(segments_of(path, "s")) == [0]


def test_a_file_that_is_no_journal_is_named(path: Path) -> None:
    """A whole entry of something else is an error that names the file, rather than a row of the ledger."""
    file = path.with_name("ledger.db-s-000000.journal")
    with closing(Journal(path, "s")) as journal:
        journal.append(entry(0))
        head = file.read_bytes()[: -len(framed(entry(0)))]
        payload = msgspec.msgpack.encode("a text")
        file.write_bytes(head + _frame(payload))
        with pytest.raises(LedgerError, match=r"s-000000\.journal has an entry that cannot be read"):
            numbers(segments_of(path, "s"))
        file.write_bytes(_frame(payload))
        with pytest.raises(LedgerError, match=r"s-000000\.journal is no journal of a ledger"):
            segments_of(path, "s")


def _frame(payload: bytes) -> bytes:
    from zlib import crc32

    return len(payload).to_bytes(4, "little") + crc32(payload).to_bytes(4, "little") + payload


def test_a_long_journal_is_several_files_that_go_when_they_are_folded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that has grown large is followed by another; all but the last are deleted once they are folded."""
    monkeypatch.setattr(segment_module, "SEGMENT_BYTES", 1000)
    with closing(Journal(path, "s")) as journal:
        for n in range(30):
            journal.append(entry(n))
        assert len(paths_of(path, "s")) > 3
        assert numbers(segments_of(path, "s")) == list(range(30))
        read = [(one, one.ahead()) for one in journal.segments()]
        journal.folded(Reached(one, end, one.number + len(found)) for one, (found, end) in read)
        assert len(paths_of(path, "s")) == 1
        assert journal.unfolded_bytes == 0
        journal.append(entry(30))
        assert journal.unfolded_bytes > 0


def test_what_is_not_kept_in_memory_is_read_from_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries have been written, those that nobody has read are read once each, in order."""
    monkeypatch.setattr(segment_module, "KEPT_BYTES", 1000)
    monkeypatch.setattr(segment_module, "SEGMENT_BYTES", 3000)
    found: list[int] = []
    with closing(Journal(path, "s")) as journal:
        for n in range(100):
            journal.append(entry(n), now=n % 3 == 0)
            if n % 8 == 7:
                journal.flush()
                read = [(one, one.ahead()) for one in journal.segments()]
                found += [int(one.request[0], 16) for _, (ahead, _) in read for one in ahead if one.request]
                journal.folded(Reached(one, end, one.number + len(ahead)) for one, (ahead, end) in read)
    assert found == list(range(96))


def test_a_journal_is_locked_while_its_process_lives(path: Path) -> None:
    """Whoever asks whether it is being written is told so until it is closed."""
    journal = Journal(path, "s")
    assert not journal_module.is_being_written(path, "s")
    journal.append(entry(0))
    assert journal_module.is_being_written(path, "s")
    journal.close()
    assert not journal_module.is_being_written(path, "s")
    assert numbers(segments_of(path, "s")) == [0]  # nobody has folded it


@pytest.fixture
def small_disk(path: Path) -> Iterator[int]:
    """Files of this process may grow to 3000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    yield soft
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_an_error_and_nothing_is_half_written(path: Path, small_disk: int) -> None:
    """What does not fit is refused with the reason, what was acknowledged stays, and later entries are whole again."""
    with closing(Journal(path, "s")) as journal:
        acknowledged: list[int] = []

        def fill() -> None:
            for n in range(30):
                journal.append(entry(n))
                acknowledged.append(n)

        with pytest.raises(LedgerError, match="disk full"):
            fill()
        assert 3 < len(acknowledged) < 30
        resource.setrlimit(resource.RLIMIT_FSIZE, (small_disk, small_disk))
        journal.append(entry(100))
        assert numbers(segments_of(path, "s")) == [*acknowledged, 100]
        assert [segment.head.first for segment in segments_of(path, "s")] == [0, len(acknowledged)]


# --------------------------------------------------------------------------------------- the ledger


async def test_one_write_each_and_nothing_to_wait_for(ledger: SqliteLedger, lazy: None) -> None:
    """A hold and the end of a request are durable when they return, and SQLite has not been asked."""
    intent, row = an_intent(), a_request()
    assert ledger.hold_now(intent)
    assert ledger.finish(a_settlement(intent.id), row) is None
    assert [tuple(map(bool, astuple(one))) for one in journalled(ledger.path)] == [
        (True, False, False),
        (False, True, True),
    ]
    assert look(ledger.path, "select count(*) from attempts") == [(0,)]
    [found] = await ledger.attempts()  # who reads through the ledger sees all of it
    assert (found["id"], found["outcome"]) == (intent.id, "ok")
    assert look(ledger.path, "select id from requests") == [(row.id,)]
    assert look(ledger.path, "select folded from sessions") == [(2,)]


async def test_others_see_rows_soon(ledger: SqliteLedger) -> None:
    """What nobody reads here is folded by itself within a fraction of a second."""
    await ledger.close_request(a_request())
    for _ in range(500):
        if look(ledger.path, "select count(*) from requests") == [(1,)]:
            break
        await _moment()
    assert look(ledger.path, "select count(*) from requests") == [(1,)]


async def test_a_thread_that_looks_in_time_is_not_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While rows come, they are folded without anybody being held up to wake the thread; none is left when it rests."""
    woken: list[int] = []
    real = writer_module.Writer.call

    def call(writer: writer_module.Writer) -> None:
        if threading.current_thread().name != "ledger":
            woken.append(1)
        real(writer)

    monkeypatch.setattr(writer_module, "FOLD_S", 0.02)
    monkeypatch.setattr(writer_module.Writer, "call", call)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    for n in range(300):
        await ledger.close_request(a_request())
        await asyncio.sleep(0.0005 * (n % 7))
    assert len(woken) < 20
    for n in range(30):  # about as long as it takes to go to rest
        await asyncio.sleep(0.015 + 0.001 * (n % 10))
        await ledger.close_request(a_request())
    for _ in range(500):
        if not ledger._journal.unfolded_bytes:
            break
        await _moment()
    assert look(ledger.path, "select count(*) from requests") == [(330,)]
    await ledger.close()


async def test_what_has_become_much_is_folded_without_waiting_for_more(
    ledger: SqliteLedger, lazy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two foldings there are only so many rows, however long they might be gathered."""
    monkeypatch.setattr(journal_module, "MUCH_BYTES", 2000)
    while ledger._journal.unfolded_bytes < 2000:
        assert look(ledger.path, "select count(*) from requests") == [(0,)]
        await ledger.close_request(a_request())
    for _ in range(500):
        if not ledger._journal.unfolded_bytes:
            break
        await _moment()
    assert look(ledger.path, "select count(*) > 5 from requests") == [(1,)]


async def _moment() -> None:
    await asyncio.sleep(0.01)


async def test_an_attempt_folded_in_two_parts_is_one_row(ledger: SqliteLedger, lazy: None) -> None:
    """Begun before and ended after a folding, an attempt has one row with both parts, and is charged once."""
    intent = an_intent(1.0)
    await ledger.hold(intent, limited(10.0))
    await folded(ledger)
    assert look(ledger.path, "select outcome, cost_basis from attempts") == [("running", "held")]
    await ledger.settle(a_settlement(intent.id, 0.25))
    await folded(ledger)
    assert look(ledger.path, "select outcome, reserved_usd, cost_usd from attempts") == [("ok", 1.0, 0.25)]
    assert look(ledger.path, "select settled_pico from spend") == [(250_000_000_000,)]


async def test_many_rows_of_many_shapes_are_all_there(ledger: SqliteLedger, lazy: None) -> None:
    """Rows whose unknown columns differ are inserted in bulk, each with its own values."""
    wanted: dict[str, dict[str, Any]] = {}
    for n in range(150):
        intent = an_intent(None if n % 3 else 0.5, kind=("sql", None)[n % 2], run_id=f"run{n}")
        settlement = a_settlement(intent.id, 0.25, output_tokens=n if n % 5 else None, message="x" if n % 7 else None)
        await ledger.hold(intent)
        await ledger.settle(settlement)
        wanted[intent.id] = msgspec.structs.asdict(intent) | msgspec.structs.asdict(settlement)
    found = {row["id"]: row for row in await ledger.attempts(limit=1000)}
    assert {key: {name: row[name] for name in wanted[key]} for key, row in found.items()} == wanted


async def test_a_row_that_sqlite_refuses_takes_no_other_with_it(
    ledger: SqliteLedger, lazy: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A count of 64 bits, which SQLite cannot hold, is unknown in its row; all other rows are as they were given."""
    intents = [an_intent() for _ in range(3)]
    for n, intent in enumerate(intents):
        await ledger.hold(intent)
        await ledger.settle(a_settlement(intent.id, input_tokens=2**63 if n == 1 else n))
    assert [row["input_tokens"] for row in reversed(await ledger.attempts())] == [0, None, 2]


async def test_what_rests_on_the_journal_finds_it_in_sqlite(ledger: SqliteLedger, lazy: None) -> None:
    """Every transaction folds first: an operation sees all rows that were recorded before it."""
    row = a_request()
    await ledger.close_request(row)
    found = await ledger.write(lambda connection: connection.execute("select id from requests").fetchall())
    assert found == [(row.id,)]


async def test_a_run_does_not_get_ahead_of_its_answers(ledger: SqliteLedger) -> None:
    """While SQLite has not got an answer of a run, the intent of its next sample waits; other requests do not."""
    sample, following, other = an_intent(run_id="run"), an_intent(run_id="run"), an_intent()
    assert ledger.hold_now(sample)
    written = ledger.settle(a_settlement(sample.id), Reply(key="key", response=b"answer"))
    assert not written.done()
    assert not ledger.hold_now(following)
    assert ledger.hold_now(other)
    await ledger.hold(following)
    assert written.done()
    assert len(look(ledger.path, "select id from attempts")) == 3


async def test_too_much_unfolded_waits_for_sqlite(
    ledger: SqliteLedger, lazy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the journal is as long as it may be, nobody holds at once; who waits has his row in SQLite."""
    await ledger.close_request(a_request())
    monkeypatch.setattr(store_module, "MAX_UNFOLDED_BYTES", 100)
    intent = an_intent()
    assert not ledger.hold_now(intent)
    await ledger.hold(intent)
    assert look(ledger.path, "select id from attempts") == [(intent.id,)]
    assert look(ledger.path, "select count(*) from requests") == [(1,)]


async def test_folding_that_fails_is_tried_again(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While SQLite cannot write, the journal keeps what was recorded, the log says so, and nothing is lost."""
    monkeypatch.setattr(writer_module, "RETRY_S", 0.01)
    change(ledger.path, "alter table requests rename to elsewhere")
    row = a_request()
    with caplog.at_level(logging.ERROR, logger="assay.ledger"):
        await ledger.close_request(row)
        for _ in range(500):
            if "it is tried again" in caplog.text:
                break
            await _moment()
    assert (
        "no such table: requests; is the disk full, or the file locked or read-only?; it is tried again" in caplog.text
    )
    change(ledger.path, "alter table elsewhere rename to requests")
    await folded(ledger)
    assert look(ledger.path, "select id from requests") == [(row.id,)]


async def test_a_mistake_in_folding_is_an_error_not_a_hang(
    ledger: SqliteLedger, lazy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever folding raises is told to those who share its transaction, and the thread lives on."""
    row = a_request()
    await ledger.close_request(row)

    def broken(connection: object, *, whole: bool) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patched:
        assert ledger._writer.folding is not None
        patched.setattr(ledger._writer.folding, "perform", broken)
        with pytest.raises(LedgerError, match="a bug"):
            await asyncio.wait_for(ledger.write(lambda connection: None), 5)
    await folded(ledger)
    assert look(ledger.path, "select id from requests") == [(row.id,)]


async def test_a_file_that_cannot_be_folded_stays_when_the_ledger_is_closed(tmp_path: Path, lazy: None) -> None:
    """Closing says what is wrong; the session is not closed, and the next one to open finds everything."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    row = a_request()
    await ledger.close_request(row)
    change(path, "alter table requests rename to elsewhere")
    with pytest.raises(LedgerError, match="no such table"):
        await ledger.close()
    change(path, "alter table elsewhere rename to requests", "update sessions set process_started_at = 0")
    SqliteLedger(path).close_now()
    assert look(path, "select id from requests") == [(row.id,)]
    assert paths_of(path, "*") == []


async def test_closing_leaves_no_file(tmp_path: Path, lazy: None) -> None:
    """An orderly end folds everything and deletes the journal."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    await ledger.close_request(a_request())
    assert len(paths_of(path, "*")) == 1
    await ledger.close()
    assert paths_of(path, "*") == []
    assert look(path, "select count(*) from requests") == [(1,)]
    with pytest.raises(LedgerError, match="closed"):
        ledger.finish(a_settlement("a"), a_request())


# --------------------------------------------------------------------------------------- the dead


def copied(path: Path, folder: Path) -> Path:
    """A ledger with its journal as they are now: what a crash at this moment leaves behind."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith("-shm"):
            (folder / file.name).write_bytes(file.read_bytes())
    change(folder / path.name, "update sessions set process_started_at = 0")
    return folder / path.name


def outcome(path: Path) -> tuple[Recovered, list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What opening finds, and the rows and sums after it."""
    ledger = SqliteLedger(path)
    ledger.close_now()
    assert paths_of(path, "*") == []
    return (
        ledger.recovered,
        look(path, "select id, outcome, cost_usd, cost_basis from attempts order by id"),
        look(path, "select id from requests"),
        look(path, "select settled_pico from spend"),
    )


async def test_a_crash_at_any_moment_of_folding_folds_once(tmp_path: Path, lazy: None) -> None:
    """Died before the folding, after its commit or after the deletion: every row is there once, and charged once."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    done, open_ = an_intent(1.0), an_intent(2.0)
    row = a_request()
    for intent in (done, open_):
        await ledger.hold(intent, limited(10.0))
    ledger.finish(a_settlement(done.id, 0.25), row)
    before = copied(path, tmp_path / "before")
    files = {file: file.read_bytes() for file in paths_of(path, "*")}
    await folded(ledger)
    after = copied(path, tmp_path / "after")
    without = copied(path, tmp_path / "without")
    for file in paths_of(without, "*"):
        file.unlink()
    await ledger.close()
    again = copied(path, tmp_path / "again")  # whoever recovered it died before he could delete the files
    for file, content in files.items():
        (again.parent / file.name).write_bytes(content)
    rows = sorted([(done.id, "ok", 0.25, "measured"), (open_.id, "lost", 2.0, "bound")])
    for crashed, recovered in ((before, 1), (after, 1), (without, 1), (again, 0)):
        charged = Recovered(attempts=recovered, charged_usd=2.0 * recovered, unknown=0)
        assert outcome(crashed) == (charged, rows, [(row.id,)], [(2_250_000_000_000,)]), crashed


async def test_a_crash_leaves_several_files(tmp_path: Path, lazy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that begins in one file and ends in another is one row, and all files go."""
    monkeypatch.setattr(segment_module, "SEGMENT_BYTES", 1000)
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    intents = [an_intent(1.0) for _ in range(20)]
    for intent in intents:
        await ledger.hold(intent, limited(100.0))
    for intent in intents:
        ledger.finish(a_settlement(intent.id, 0.25), a_request())
    crashed = copied(path, tmp_path / "crashed")
    await ledger.close()
    assert len(paths_of(crashed, "*")) > 5
    _, attempts, requests, settled = outcome(crashed)
    assert attempts == [(intent.id, "ok", 0.25, "measured") for intent in sorted(intents, key=lambda one: one.id)]
    assert (len(requests), settled) == (20, [(5_000_000_000_000,)])


async def test_an_earlier_versions_journal_is_read(tmp_path: Path, lazy: None) -> None:
    """Columns that a file does not name are unknown in its rows; those that it names are found by their names."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    await ledger.close_request(a_request(id="a", kind="sql", deployment="small"))
    crashed = copied(path, tmp_path / "crashed")
    await ledger.close()
    [file] = paths_of(crashed, "*")
    [segment] = segments_of(crashed, "*")
    names = tuple(reversed([name for name in segment.head.request if name not in ("guarded", "team", "id")]))
    values = dict(zip(segment.head.request, segment.ahead()[0][0].request or (), strict=True))
    head = msgspec.structs.replace(segment.head, request=("id", *names))
    segment.close()
    file.write_bytes(framed(head) + framed(Entry(request=("a", *(values[name] for name in names)))))
    SqliteLedger(crashed).close_now()
    assert look(crashed, "select id, kind, deployment, team from requests") == [("a", "sql", "small", None)]


async def test_a_journal_of_an_unknown_session_is_left_alone(tmp_path: Path) -> None:
    """Files beside a ledger that was replaced by another belong to nobody here."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close_now()
    journal = Journal(path, "stranger")
    journal.append(entry(0))
    journal.close()
    SqliteLedger(path).close_now()
    assert numbers(segments_of(path, "stranger")) == [0]


@pytest.mark.parametrize("kill", KILLS[:-1])
def test_kill_9_loses_nothing_that_was_acknowledged(crashes: list[Path], kill: int) -> None:
    """Killed at any moment, in any mode: what was said to be held or finished is there, once, and charged once."""
    path, relaxed = crashes[kill], DURABILITIES[kill % 5] == "relaxed"
    SqliteLedger(path).close_now()
    attempts = {key: (state, cost) for key, state, cost in look(path, "select id, outcome, cost_usd from attempts")}
    requests = {key for (key,) in look(path, "select id from requests")}
    assert {words[1] for words in said(path) if words[0] == "held"} <= set(attempts)
    if not relaxed:
        finished = [words for words in said(path) if words[0] == "finished"]
        assert finished
        assert all(attempts[words[1]] == ("ok", 0.125) and words[2] in requests for words in finished)
    lost = [key for key, (state, _) in attempts.items() if state == "lost"]
    assert len(lost) <= 1 or relaxed
    pico = sum(500_000_000_000 if state == "lost" else 125_000_000_000 for state, _ in attempts.values())
    assert look(path, "select settled_pico from spend") == [(pico,)]
    assert look(path, "select count(*) from leases where pico > 0") == [(0,)]
    assert paths_of(path, "*") == []


def test_some_that_open_at_once_fold_once(crashes: list[Path]) -> None:
    """Processes that find the same journal at the same moment fold it once between them."""
    path = crashes[-1]
    code = "import sys; from assay.ledger.store import SqliteLedger as L; L(sys.argv[1]).close_now()"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    finished = {words[2] for words in said(path) if words[0] == "finished"}
    assert finished <= {key for (key,) in look(path, "select id from requests")}
    [(pico,)] = look(path, "select cast(round(sum(cost_usd) * 1e12) as integer) from attempts")
    assert look(path, "select settled_pico from spend") == [(pico,)]


async def test_a_ledger_on_a_full_disk_says_so_and_goes_on(tmp_path: Path, small_disk: int) -> None:
    """Holding and finishing fail with the reason; with room again they work, and what was acknowledged is there."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (small_disk, small_disk))
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.close_request(a_request())
    await folded(ledger)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, small_disk))
    acknowledged: list[str] = []

    async def fill() -> None:
        while True:
            intent = an_intent(0.5)
            await ledger.hold(intent, limited(1000.0))
            ledger.finish(a_settlement(intent.id), a_request())
            acknowledged.append(intent.id)

    with pytest.raises(LedgerError, match="disk full"):
        await fill()
    resource.setrlimit(resource.RLIMIT_FSIZE, (small_disk, small_disk))
    late = an_intent(0.5)
    await ledger.hold(late, limited(1000.0))
    ledger.finish(a_settlement(late.id), a_request())
    found = {row["id"] for row in await ledger.attempts(outcome="ok", limit=1000)}
    assert found == {*acknowledged, late.id}
    await ledger.close()


async def test_fsync_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In `fsync` nothing is done before a sync that began after the write; writes of one moment share it."""
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), real(file))[1])
    ledger = SqliteLedger(tmp_path / "ledger.db", "fsync")
    try:
        intent = an_intent()
        assert not ledger.hold_now(intent)
        await ledger.hold(intent)
        assert len(synced) == 2  # the file, and the folder that has its name
        await ledger.settle(a_settlement(intent.id))
        assert len(synced) == 3
        await asyncio.gather(*(ledger.close_request(a_request()) for _ in range(100)))
        assert len(synced) < 50
    finally:
        await ledger.close()


async def test_a_disk_that_fails_to_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that his row survives a loss of power when the disk said that it does not."""
    ledger = SqliteLedger(tmp_path / "ledger.db", "fsync")

    def failing(file: int) -> None:
        raise OSError(5, "Input/output error")

    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", failing)
            with pytest.raises(LedgerError, match="Input/output error"):
                await ledger.close_request(a_request())
        await ledger.close_request(a_request())
    finally:
        await ledger.close()
    assert "ledger sync" not in {thread.name for thread in threading.enumerate()}
