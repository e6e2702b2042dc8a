"""The probe set "never expose this table" and the gold queries that must not be blocked."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest

from assay.errors import SandboxError
from assay.sandbox.sql import SqlRoom

pytestmark = pytest.mark.shared

LEAK = re.compile("CANARY|43414E415259|987654321|INFER-YES", re.IGNORECASE)
TABLES = {
    "users": ["id", "name", "city"],
    "orders": ["id", "user_id", "total"],
    "v_users": ["id", "name", "city"],
}


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = shared / "data" / "assistant"
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    return folder


def read(path: Path) -> list[dict[str, object]]:
    """The records of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_no_probe_leaks_or_touches_a_file(data: Path, tmp_path: Path) -> None:
    """No result and no error text of any SQLite probe holds a hidden value, and the folder stays as it was."""
    setup = re.search(r"SQLite:\n```sql\n(.*?)```", (data / "sql_policy_setup.md").read_text(), re.DOTALL)
    assert setup is not None
    path = tmp_path / "policy.db"
    connection = sqlite3.connect(path)
    connection.executescript(setup[1])
    connection.close()
    before = path.read_bytes()
    room = SqlRoom(path, TABLES, time_s=1)
    probes = [str(p["sql"]) for p in read(data / "sql_policy_probes.jsonl") if p["engine"] in ("any", "sqlite")]
    leaks = []
    for sql in probes:
        try:
            said = str(room.run(sql.replace("@DB@", str(path))))
        except SandboxError as error:
            said = str(error)
        if LEAK.search(said):
            leaks.append((sql, said))
    assert len(probes) >= 50
    assert leaks == []
    assert [p.name for p in tmp_path.iterdir()] == ["policy.db"]
    assert path.read_bytes() == before


def test_gold_queries_are_not_blocked(data: Path) -> None:
    """At most 1 % of the gold queries of ten databases is refused when all tables are permitted."""
    golds = [(str(r["db"]), sql) for r in read(data / "text2sql.jsonl") for sql in r["gold"]]  # type: ignore[attr-defined]
    blocked = []
    for db, sql in golds:
        try:
            SqlRoom(data / "db" / f"{db}.sqlite", time_s=20).run(sql)
        except SandboxError as error:
            blocked.append((db, sql, str(error)))
    assert len(golds) >= 200
    assert len(blocked) <= 0.01 * len(golds), blocked
