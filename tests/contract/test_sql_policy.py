"""The probe set "never expose this table" on both engines, and the gold queries that must not be blocked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks import sql_gold, sql_policy
from benchmarks.sql_policy import Engine

from assay.sandbox import probe

pytestmark = pytest.mark.shared

# Every so many of the mutations; `python -m benchmarks.sql` asks them all.
STEP = 7


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = (shared / "data" / "assistant").resolve()
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    if not any(finding.works for finding in probe.available()):
        pytest.skip("; ".join(f"{finding.backend}: {finding.reason}" for finding in probe.available()))
    return folder


@pytest.fixture(params=sql_policy.ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """SQLite, and DuckDB where it is installed."""
    if request.param == "duckdb":
        pytest.importorskip("duckdb")
    return request.param  # type: ignore[no-any-return]


def setup(data: Path) -> str:
    """The text that describes the hostile databases."""
    return (data / "sql_policy_setup.md").read_text(encoding="utf-8")


def test_no_probe_leaks_or_touches_a_file(data: Path, engine: Engine, tmp_path: Path) -> None:
    """No result and no error text holds a hidden value, no error text a hidden name; the folder stays as it was."""
    place = sql_policy.ground(engine, setup(data), tmp_path / "guarded")
    found = sql_policy.probes(data, engine)
    assert len(found) >= 50
    assert sql_policy.attack(place, found)[1:] == ([], [], [])


def test_no_other_spelling_of_a_probe_leaks(data: Path, engine: Engine, tmp_path: Path) -> None:
    """Case, comments, quotes, nesting: a part of the mutations, and many of those leak where nothing guards."""
    made = sql_policy.mutations(sql_policy.probes(data, engine), engine)
    assert len(made) >= 500
    part = made[::STEP]
    place = sql_policy.ground(engine, setup(data), tmp_path / "guarded")
    assert sql_policy.attack(place, part)[1:] == ([], [], [])
    bare = sql_policy.ground(engine, setup(data), tmp_path / "bare")
    sample = part[::3]
    assert sql_policy.unguarded(bare, sample) >= 0.3 * len(sample)


def test_gold_queries_are_not_blocked(data: Path, engine: Engine) -> None:
    """At most 1 % of what the bare engine runs is refused when all tables are permitted."""
    figures = sql_gold.blocked(sql_gold.questions(data), data, engine)
    assert figures["run_unguarded"] >= 150
    assert figures["blocked"] <= 0.01 * figures["run_unguarded"], figures["examples"]


def test_gold_queries_are_blocked_when_their_table_is_hidden(data: Path) -> None:
    """Each of them is refused once one table that it reads is not on the list."""
    figures = sql_gold.hidden(sql_gold.questions(data), data)
    assert figures["gold_queries"] >= 150
    assert figures["ran_all_the_same"] == 0, figures["examples"]
