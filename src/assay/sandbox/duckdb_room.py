"""SQL over files and databases with DuckDB: what may not be read is not there.

Two kinds of boxes. One sees the original files and makes the copy of what may be read (`projection`); its output is
written to a temporary folder of ours. The other sees that copy alone; in it the model's SQL runs (`duckdb_guard`). The
copy is kept, with the digest of what it was made from, as long as the room: a query costs a box and no copying. When a
source has changed, the next query makes a new one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assay.errors import ConfigError, SandboxError
from assay.sandbox.cgroup import engine_files
from assay.sandbox.python import Limits, PythonRoom
from assay.sandbox.rows import Rows
from assay.sandbox.sql_box import GUEST_FOLDER, SqlBox, SqlLimits, guest_code

__all__ = ["FILE_ENDS", "DuckdbRoom"]

FILE_ENDS = (".csv", ".csv.gz", ".tsv", ".parquet")
"""Ends of the names of files that can be a table."""

_COPY_S = 120.0
_FULL = re.compile("too large|no space", re.IGNORECASE)


class _Copy(NamedTuple):
    """A copy that queries run on: what it was made from, and the boxes that see it."""

    state: tuple[tuple[int, int, int], ...]
    digest: str
    box: SqlBox


class DuckdbRoom:
    """Runs SELECTs of a model with DuckDB over files or a database, of which only what may be read is there.

    Any thread may call it. Temporary files are removed when the room is closed, collected, or the process ends.

    Args:
        files: table -> a CSV, TSV or Parquet file.
        database: in place of `files`, a database file; of a DuckDB file the tables of the schema main.
        engine: that file's own engine. A SQLite file's columns become the declared type where every value fits it.
        tables: table or view -> its columns that may be read, or "*" for all; a view is copied as the rows that it
            has. `None` = all.
        limits: of one query.
        copy_bytes: greatest size of the copy.
        warm: boxes kept started.
        backend: walls of the boxes; `None` = the best that work here.

    Raises:
        ConfigError: a file is missing or cannot be read, a listed table or column is not in it, or duckdb is not
            installed.
        SandboxUnavailable: this machine has no working walls.
    """

    def __init__(
        self,
        files: Mapping[str, str | Path] | None = None,
        tables: Mapping[str, Iterable[str] | Literal["*"]] | None = None,
        *,
        database: str | Path | None = None,
        engine: Literal["duckdb", "sqlite"] = "duckdb",
        limits: SqlLimits = SqlLimits(),  # noqa: B008 - a frozen value
        copy_bytes: int = 256 << 20,
        warm: int = 0,
        backend: str | None = None,
    ) -> None:
        if importlib.util.find_spec("_duckdb") is None:
            raise ConfigError("SQL over files needs duckdb 2, which is not installed; pip install 'assay[duckdb]'")
        named = {name: _file(path) for name, path in (files or {}).items()}
        source = None if database is None else _database(database)
        self._paths = sorted({*named.values(), *([source] if source else [])})
        self._job: dict[str, Any] = {
            "files": {name: str(path) for name, path in named.items()} or None,
            "database": str(source) if source else None,
            "engine": engine,
            "tables": None if tables is None else {name: c if c == "*" else list(c) for name, c in tables.items()},
        }
        self._limits, self._copy_bytes, self._warm, self._backend = limits, copy_bytes, warm, backend
        self._folder = Path(tempfile.mkdtemp(prefix="assay-sql-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._lock = threading.Lock()
        self._copy: _Copy | None = None
        try:
            self._current()
        except BaseException:
            self.close()
            raise

    @property
    def snapshot(self) -> str:
        """The state of the data that results are of: the sources' digest (sha256, hex)."""
        return self._current().digest

    def run(self, sql: str) -> Rows:
        """Run one SELECT (or FROM, WITH, VALUES).

        Raises:
            SandboxError: it is not permitted, not understood, or went over a limit; the text names nothing hidden.
            SandboxUnavailable: the engine does not start in its box.
            ConfigError: a source has changed and cannot be copied any more.
        """
        result = self.run_each([sql])[0]
        if isinstance(result, SandboxError):
            raise result
        return result

    def run_each(self, queries: Sequence[str]) -> list[Rows | SandboxError]:
        """Run several, in as few boxes as will do; an error stands in the place of its query's rows."""
        return self._current().box.run_each(queries)

    def close(self) -> None:
        """End the boxes that wait and remove the copy."""
        if self._copy is not None:
            self._copy.box.close()
        self._remove()

    def _current(self) -> _Copy:
        """The copy of the sources as they are now."""
        with self._lock:
            state = tuple(_state(path) for path in self._paths)
            if self._copy is not None and self._copy.state == state:
                return self._copy
            digest = _digest(self._paths)
            if self._copy is not None and self._copy.digest == digest:
                self._copy = self._copy._replace(state=state)
            else:
                # The old boxes are not closed: other threads may be in them. They go when nobody holds them.
                self._copy = _Copy(state, digest, self._project())
            return self._copy

    def _project(self) -> SqlBox:
        tables, data = self._copied()
        # Queries can ask for the file's place: a digest in it would confirm a guess of what is hidden.
        path = Path(tempfile.mkdtemp(dir=self._folder), "data.duckdb")
        path.write_bytes(data)
        path.chmod(0o400)
        limits = self._limits
        options = {
            "path": str(path),
            "names": sorted({*tables, *(column for columns in tables.values() for column in columns)}),
            "row_cap": limits.row_cap,
            "time_s": limits.time_s,
            "result_bytes": limits.result_bytes,
            "memory_bytes": limits.memory_bytes,
        }
        return SqlBox("duckdb", options, readable=[path], limits=limits, warm=self._warm, backend=self._backend)

    def _copied(self) -> tuple[dict[str, list[str]], bytes]:
        """Tables with their columns, and the bytes of the copy."""
        size = self._copy_bytes
        limits = Limits(
            wall_s=_COPY_S, cpu_s=int(_COPY_S), memory_bytes=(2 << 30) + 2 * size, file_bytes=size,
            work_bytes=2 * size, output_bytes=size + (1 << 20),
        )  # fmt: skip
        readable = [GUEST_FOLDER, *self._paths, *engine_files(self._backend)]
        room = PythonRoom(limits=limits, backend=self._backend, readable=readable, packages=True)
        try:
            outcome = room.run(guest_code("assay.sandbox.projection"), stdin=json.dumps(self._job).encode())
        finally:
            room.close()
        head, _, data = outcome.stdout.partition(b"\n")
        said = _said(head)
        if "error" in said:
            bound = f"; it may have {size:,} bytes" if _FULL.search(said["error"]) else ""
            raise ConfigError(f"what may be read cannot be copied out of {self._shown()}: {said['error']}{bound}")
        if outcome.exit_code != 0 or not said:
            reason = outcome.stopped or f"it ended with code {outcome.exit_code}"
            raise ConfigError(f"the copy of {self._shown()} failed: {reason}; it may have {size:,} bytes")
        return said["tables"], data

    def _shown(self) -> str:
        return ", ".join(str(path) for path in self._paths)


def _said(head: bytes) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(head)
    except ValueError:
        return {}
    return said


def _file(path: str | Path, ends: tuple[str, ...] = FILE_ENDS) -> Path:
    file = Path(path).resolve()
    if not file.is_file():
        raise ConfigError(f"{str(path)!r} is no file; SQL needs one")
    if ends and not file.name.lower().endswith(ends):
        raise ConfigError(f"{str(path)!r} cannot be read as a table; known ends: {', '.join(ends)}")
    return file


def _database(path: str | Path) -> Path:
    file = _file(path, ends=())
    log = file.with_name(f"{file.name}.wal")
    if log.exists() and log.stat().st_size:
        raise ConfigError(f"{str(path)!r} has a write-ahead log: end what writes to it, or CHECKPOINT, and try again")
    return file


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read any more: {error.strerror}") from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _digest(paths: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
