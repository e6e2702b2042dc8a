"""`assay report`, as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assay.cli import report as command_module
from assay.cli.main import assay
from assay.errors import ConfigError
from assay.report.samples import PER_KIND

Project = Any  # of this folder's conftest


@pytest.fixture
async def folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a decision, as the current folder."""
    project.model("good", {})
    project.model("bad", {"word 1": "no"})
    project.suite({"words": [{"id": f"w{n}", "input": f"word {n}", "target": "yes"} for n in range(3)]})
    await project.choose()
    assert project.loaded
    monkeypatch.chdir(project.folder)
    return Path(project.folder)


def call(*words: str) -> Result:
    """Run the command; mistakes are raised."""
    return CliRunner().invoke(assay, ["report", *words], catch_exceptions=False)


def test_it_prints_the_verdict_and_the_path(folder: Path) -> None:
    """The page lies in the current folder, named by the decision."""
    done = call("--format", "md")
    assert done.exit_code == 0
    verdict, path = done.output.splitlines()
    assert verdict == "Every kind of work has a proven model: words on what you own."
    assert Path(path).parent == folder.resolve()
    assert Path(path).name.startswith("report-")
    assert Path(path).suffix == ".md"


def test_json_names_what_was_written(folder: Path) -> None:
    """`--json` gives path, form, id and verdict with stable keys."""
    found = json.loads(call("--format", "json", "-o", "out.json", "--json").output)
    assert set(found) == {"path", "format", "decision", "verdict"}
    written = json.loads((folder / "out.json").read_text())
    assert written["source"]["id"] == found["decision"]
    assert len(written["samples"]["shown"]) == 1


def test_a_dash_prints_it(folder: Path) -> None:
    """`-o -` writes no file."""
    before = set(folder.iterdir())
    assert call("--format", "md", "-o", "-").output.startswith("## Who does the work of desk")
    assert set(folder.iterdir()) == before


def test_no_samples(folder: Path) -> None:
    """`--no-samples` and `--samples 0` leave every text out."""
    for words in (("--no-samples",), ("--samples", "0")):
        assert "word 1" not in call("--format", "json", "-o", "-", *words).output
    assert "word 1" in call("--format", "json", "-o", "-").output


def test_an_unknown_id_is_an_error(folder: Path) -> None:
    """Exit code 2: what was named is not there."""
    with pytest.raises(ConfigError) as caught:
        call("feed")
    assert caught.value.exit_code == 2


def test_the_command_and_the_library_show_as_many_samples() -> None:
    """The command's default stands in its module, so that help needs no report; both are one number."""
    assert command_module.SAMPLES == PER_KIND
