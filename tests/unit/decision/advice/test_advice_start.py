"""What `--write` leaves behind works: the configuration loads, the suite is accepted by lint."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.decision.advice.conftest import USUAL, Advised, catalog_of, hosted

from assay.config.load import load
from assay.decision.advice.doubts import THINKING_TOKENS
from assay.decision.advice.start import start
from assay.decision.advice.task import TASKS
from assay.errors import ConfigError, SuiteError
from assay.evals.lint.linter import lint
from assay.evals.suites.suite import read_suite
from assay.inference.build import Builder, make_route


@pytest.mark.parametrize("task", sorted(TASKS))
async def test_every_task_gets_a_working_start(advised: Advised, tmp_path: Path, task: str) -> None:
    """A configuration that builds, and a suite of the task's kind without an error."""
    if task == "sql":
        pytest.importorskip("duckdb")
    catalog = catalog_of(*USUAL)
    found = advised(task, **({"device": "laptop"} if task == "edge" else {}))
    started = start(found, catalog, tmp_path)
    loaded = load(tmp_path)
    builder = Builder(catalog)
    for name, deployment in loaded.config.deployments.items():
        builder.deployment(name, deployment)
    for name, route in loaded.config.routes.items():
        make_route(name, route)
    suite = read_suite(loaded.suite_path)
    assert TASKS[task].kind in suite.kinds
    own = suite.only((TASKS[task].kind,), None)  # profiles are tried by tests of their own
    assert (await lint(own, bar=0.8)).count("error") == 0
    assert all((tmp_path / file).is_file() for file in started.files)
    assert loaded.config.decide.candidates


def test_a_route_is_written_for_a_hybrid(advised: Advised, tmp_path: Path) -> None:
    """The cascade is there under the name that the evals call, with a check that needs no right answer."""
    found = advised("extraction", requests_per_day=500_000, hard_share=0.1, privacy="public")
    hybrid = advised("sql", requests_per_day=50_000, hard_share=0.2)
    assert hybrid.best is not None
    assert hybrid.best.kind == "hybrid"
    started = start(hybrid, catalog_of(*USUAL), tmp_path)
    tables = tomllib.loads((tmp_path / "assay.toml").read_text())
    assert tables["routes"]["best"]["policy"]["kind"] == "cascade"
    assert tables["routes"]["best"]["policy"]["check"]["match"] == "runs"
    assert tables["decide"]["candidates"][0] == "best"
    assert any("put a check of your own work" in note for note in started.notes)
    assert found.best is not None


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"usd_per_month": 2500.0}, "usd_per_month", 2500.0),
        ({"privacy": "regulated"}, "unlabelled_data", "private-only"),
        ({"licences": ("free",)}, "licences", ["free"]),
    ],
)
def test_limits_are_written_as_constraints(
    advised: Advised, tmp_path: Path, given: dict[str, Any], key: str, value: object
) -> None:
    """What limited the advice limits live requests too."""
    start(advised("code", **given), catalog_of(*USUAL), tmp_path)
    assert tomllib.loads((tmp_path / "assay.toml").read_text())["constraints"][key] == value


def test_own_machines_are_private_and_hosts_are_not(advised: Advised, tmp_path: Path) -> None:
    """A server of one's own is said to be private; no key is written, only told by its variable."""
    started = start(advised("code", privacy="sensitive"), catalog_of(*USUAL), tmp_path)
    deployments = load(tmp_path).config.deployments
    own = [one for name, one in deployments.items() if name.endswith("-own")]
    rest = [one for name, one in deployments.items() if not name.endswith("-own")]
    assert own
    assert all(one.is_private for one in own)
    assert rest
    assert not any(one.is_private for one in rest)
    assert any("$RENTAL_KEY" in note for note in started.notes)


def test_nothing_is_overwritten(advised: Advised, tmp_path: Path) -> None:
    """A folder with a configuration or a suite stays as it is."""
    found, catalog = advised("chat"), catalog_of(*USUAL)
    (tmp_path / "assay.toml").write_text("# mine\n")
    with pytest.raises(ConfigError, match="is there already"):
        start(found, catalog, tmp_path)
    other = tmp_path / "other"
    (other / "suite").mkdir(parents=True)
    (other / "suite" / "notes.txt").write_text("mine")
    with pytest.raises(SuiteError):
        start(found, catalog, other)
    assert not (other / "assay.toml").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_start_is_there_as_a_whole_or_not_at_all(
    advised: Advised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """It grows out of sight, so that what ends it in the middle leaves the place as it was."""
    place = tmp_path / "new"
    if there:
        place.mkdir()

    def ended(asked: object, folder: Path) -> tuple[str, ...]:
        folder.mkdir()
        (folder / "half.jsonl").write_text("{}")
        assert not (place / "suite").exists()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("assay.decision.advice.start._suite", ended)
        with pytest.raises(ConfigError, match=r"cannot write .*assay\.toml: No space left"):
            start(advised("chat"), catalog_of(*USUAL), place)
    assert [path.name for path in tmp_path.rglob("*")] == (["new"] if there else [])
    start(advised("chat"), catalog_of(*USUAL), place)
    assert {path.name for path in place.iterdir()} == {"assay.toml", "suite"}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_nobody_left_writes_nothing(advised: Advised, tmp_path: Path) -> None:
    """Without a candidate there is nothing to begin with, and the message says where the reasons are."""
    with pytest.raises(ConfigError, match="no model is left to begin with"):
        start(advised("chat", usd_per_month=0.0001), catalog_of(*USUAL), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_who_thinks_has_room_for_it(advised: Advised, tmp_path: Path) -> None:
    """A label has 10 tokens: a model that thinks first would be cut off before it, and fail for no fault of its own."""
    models = (*USUAL, hosted("switch", (0.001, 0.004), 95, more='reasoning = "switch"'))
    start(advised("classification", models=models), catalog_of(*models), tmp_path)
    made = load(tmp_path).config.deployments
    rooms = {name: one.settings.max_tokens for name, one in made.items()}
    assert rooms.pop("switch") == 4 * (TASKS["classification"].output_tokens + THINKING_TOKENS)
    assert set(rooms.values()) == {4 * TASKS["classification"].output_tokens}
