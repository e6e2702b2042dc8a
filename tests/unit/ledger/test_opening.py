"""Opening and closing: what is no ledger is left alone and named, and nothing stays open."""

import asyncio
import gc
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from ledger_rows import a_request, a_settlement, an_intent, change, limited, look

from assay.errors import LedgerError
from assay.ledger.migrate import APPLICATION_ID, VERSION
from assay.ledger.store import SqliteLedger


def open_files() -> list[str]:
    """The files that this process has open."""
    # By their links: psutil would look into the folders of other tests, some of which are closed to nobody.
    links = Path("/proc/self/fd")
    if not links.is_dir():
        return sorted(file.path for file in psutil.Process().open_files())
    return sorted(target for one in os.listdir(links) if (target := _target(links / one)).startswith("/"))


def _target(link: Path) -> str:
    """Where a link leads; nowhere if it has gone, as that of the listing itself."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def refused(path: Path, match: str) -> None:
    """Opening `path` fails with a message that names it, and leaves nothing open behind."""
    gc.collect()  # what other tests have left
    before, threads = open_files(), threading.active_count()
    with pytest.raises(LedgerError, match=match) as raised:
        SqliteLedger(path)
    assert str(path) in str(raised.value)
    del raised
    gc.collect()
    assert open_files() == before
    assert threading.active_count() == threads


def test_a_new_file_is_made_with_its_folder(tmp_path: Path) -> None:
    """A ledger in a folder that does not exist yet is created with it, marked as ours, at this version."""
    ledger = SqliteLedger(tmp_path / "deep" / "er" / "ledger.db")
    ledger.close_now()
    assert look(ledger.path, "pragma application_id") == [(APPLICATION_ID,)]
    assert look(ledger.path, "pragma user_version") == [(VERSION,)]


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    """A SQLite file of another program is refused, and not a byte of it changes."""
    path = tmp_path / "photos.db"
    change(path, "create table photos (name text)", "insert into photos values ('cat.jpg')")
    before = path.read_bytes()
    refused(path, "another program; name another file in ledger.url")
    assert path.read_bytes() == before


@pytest.mark.parametrize("pragma", ["application_id = 252006674", "user_version = 1"])
def test_another_programs_empty_file_is_left_alone(tmp_path: Path, pragma: str) -> None:
    """A file without tables that another program has marked as its own is refused too."""
    path = tmp_path / "track.gpkg"
    change(path, f"pragma {pragma}")
    before = path.read_bytes()
    refused(path, "another program")
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A ledger of a later assay is not opened; the message says both versions and what to do."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close_now()
    change(path, f"pragma user_version = {VERSION + 1}")
    refused(path, rf"newer assay \(schema {VERSION + 1}, this one knows {VERSION}\); upgrade")


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    """A file of 0 bytes (`mktemp`) belongs to nobody."""
    path = tmp_path / "ledger.db"
    path.touch()
    SqliteLedger(path).close_now()
    assert look(path, "select count(*) from sessions") == [(1,)]


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_corrupt_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no database is an error that names it, and stays as it is."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    refused(path, "cannot open the ledger")
    assert path.read_bytes() == content


def test_a_ledger_with_damaged_pages_is_refused_or_works(tmp_path: Path) -> None:
    """Whichever page is overwritten with noise, opening ends with a ledger or with LedgerError."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close_now()
    whole = path.read_bytes()
    noise = random.Random(7)  # noqa: S311 - damage, not secrets
    for start in range(0, len(whole), 4096):
        damaged = whole[:start] + noise.randbytes(4096) + whole[start + 4096 :]
        path.write_bytes(damaged)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        try:
            ledger = SqliteLedger(path)
        except LedgerError:
            continue
        try:
            ledger.close_now()
        except LedgerError:
            continue


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    """A directory in place of the file is an error that names it."""
    refused(tmp_path, "cannot open the ledger")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A path through a file is an error that names it."""
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file" / "ledger.db", "cannot open the ledger .*or name another in ledger.url")


def test_a_read_only_place_is_refused() -> None:
    """Where this user may not write, opening fails with the reason instead of running without records."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        SqliteLedger(path).close_now()
        path.chmod(0o444)
        os.chmod(folder, 0o555)  # noqa: S103 - closed to writing, which is the point
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)  # root may write everywhere; nobody may not
        try:
            refused(path, "readonly|unable to open|read-only")
        finally:
            if root:
                os.seteuid(0)
            os.chmod(folder, 0o700)


def test_many_processes_create_one_ledger(tmp_path: Path) -> None:
    """Processes that open the same new file at the same moment all get it, and each has its session."""
    code = (
        "import sys, time; from assay.ledger.store import SqliteLedger\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for n in range(5): SqliteLedger(f'{sys.argv[1]}/ledger{n}.db').close_now()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    for n in range(5):
        sessions = look(tmp_path / f"ledger{n}.db", "select ended, count(*) from sessions group by 1")
        assert sessions == [("closed", 6)]


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """A second `close`, also at the same time, does nothing."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await asyncio.gather(ledger.close(), ledger.close())
    await ledger.close()
    ledger.close_now()
    assert look(ledger.path, "select ended from sessions") == [("closed",)]


async def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    """Reading and writing after `close` are LedgerErrors, not hangs."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.hold(an_intent())
    with pytest.raises(LedgerError, match="closed"):
        ledger.close_request(a_request())
    with pytest.raises(LedgerError, match="closed"):
        await ledger.attempts()


async def test_nothing_leaks(tmp_path: Path) -> None:
    """Opening, using and closing leaves neither a file nor a thread open, and folds the log into the file."""
    files, threads = open_files(), {thread.ident for thread in threading.enumerate() if thread.name == "ledger"}
    for _ in range(5):
        ledger = SqliteLedger(tmp_path / "ledger.db")
        intent = an_intent()
        await ledger.hold(intent)
        await ledger.settle(a_settlement(intent.id))
        await ledger.close()
    assert open_files() == files
    assert {thread.ident for thread in threading.enumerate() if thread.name == "ledger"} == threads
    assert not (tmp_path / "ledger.db-wal").exists()


async def test_a_table_that_was_dropped_is_a_ledger_error(ledger: SqliteLedger) -> None:
    """A ledger that somebody has cut apart answers with LedgerError, for reading and for writing."""
    change(ledger.path, "drop table spend")
    with pytest.raises(LedgerError, match="no such table"):
        await ledger.spent()
    with pytest.raises(LedgerError, match="no such table"):
        await ledger.hold(an_intent(), limited(1.0))


def test_the_sqlite_here_knows_strict_tables() -> None:
    """The schema uses STRICT tables, which SQLite has since 3.37."""
    assert sqlite3.sqlite_version_info >= (3, 37)


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
async def test_a_new_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    """Bodies may be in it; what somebody has opened to a group stays so."""
    path = tmp_path / "assay.db"
    SqliteLedger(path).close_now()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    SqliteLedger(path).close_now()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_disk_without_room_for_a_new_one_is_told(tmp_path: Path) -> None:
    """SQLite undoes by itself what it had begun; why is told, not that there was nothing left to undo."""
    made = subprocess.run(
        [sys.executable, "-c", _SMALL, str(tmp_path / "ledger.db")], capture_output=True, text=True, check=False
    )
    assert re.search(r"cannot open the ledger \S+: (disk I/O error|database or disk is full); make it", made.stdout)


_SMALL = """
import resource, signal, sys
from assay.errors import LedgerError
from assay.ledger.store import SqliteLedger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    SqliteLedger(sys.argv[1])
except LedgerError as error:
    print(error)
"""
