"""Brings a ledger file to the schema of this version, one numbered step at a time."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from assay.errors import LedgerError

VERSION = 7
"""What `pragma user_version` holds after migrating."""

APPLICATION_ID = 0x61737379  # "assy": so that another program's database is not written into

_PATIENCE_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Create or upgrade the schema. A file that is not a ledger is left as it is.

    Raises:
        LedgerError: the file belongs to another program, or to a newer assay.
    """
    connection.execute("begin")  # one view of all three: another process may be creating the schema now
    try:
        (version,) = connection.execute("pragma user_version").fetchone()
        (application,) = connection.execute("pragma application_id").fetchone()
        (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    finally:
        connection.execute("rollback")
    if application != APPLICATION_ID and (tables or version or application):
        raise LedgerError(f"{path} is a SQLite file of another program; name another file in ledger.url")
    if version > VERSION:
        raise LedgerError(f"{path} was written by a newer assay (schema {version}, this one knows {VERSION}); upgrade")
    _use_wal(connection)
    if version == VERSION:
        return
    connection.execute("begin immediate")
    try:
        # Another process may have done it while this one waited for the lock.
        (version,) = connection.execute("pragma user_version").fetchone()
        for script in _scripts(version):
            for statement in _statements(Path(__file__).with_name(script).read_text("utf-8")):
                connection.execute(statement)
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {max(version, VERSION)}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # else SQLite has undone it: the disk is full, say, which is to be told
            connection.execute("rollback")
        raise


def _scripts(version: int) -> list[str]:
    """What brings a file of this version here: the whole schema for an empty one, else the steps that it lacks."""
    return ["schema.sql"] if version == 0 else [f"version_{step}.sql" for step in range(version + 1, VERSION + 1)]


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, for good. SQLite does not wait by itself for others who do so now."""
    for wait_s in (*_PATIENCE_S, None):
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if wait_s is None or "locked" not in str(error):
                raise
            time.sleep(wait_s)


def _statements(script: str) -> list[str]:
    """The statements of a script, split where SQLite says that one is complete."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
