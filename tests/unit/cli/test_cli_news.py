"""`assay news` on the command line: the first look, the next one, what asks for action."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.cli.main import assay
from assay.errors import CatalogError, DecisionError

OWN = """
as_of = "2026-11-26"
sources = {{ s = {{ title = "here" }} }}
[[models]]
id = "acme/model"
name = "Model"
maker = "ACME"
ecosystem = "hosted"
price_usd_per_mtok = {{ input = 1.0, output = {output} }}
{more}
evidence = "s"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with one rented model of a file of its own."""
    monkeypatch.chdir(tmp_path)
    describe(tmp_path)
    (tmp_path / "assay.toml").write_text(
        'catalog_files = ["own.toml"]\n[deployments.d]\nmodel = "acme/model"\nhost = "groq"\n'
    )
    return tmp_path


def describe(folder: Path, output: float = 2.0, more: str = "") -> None:
    """Write what is known of the model."""
    (folder / "own.toml").write_text(OWN.format(output=output, more=more))


def news(*words: str) -> Result:
    """The command's result; errors of ours are raised."""
    result = CliRunner().invoke(assay, ["news", *words])
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_first_look_says_so_and_is_kept(project: Path) -> None:
    """The next one has nothing to tell; the file lies beside the ledger."""
    first = news()
    assert first.exit_code == 0
    assert first.stdout.startswith("First look, ")
    assert "acme/model" in first.stdout
    assert (project / "assay.db.news.json").exists()
    assert not (project / "assay.db").exists()
    assert news().stdout.rstrip().endswith("Nothing changed.")


def test_no_save_keeps_nothing(project: Path) -> None:
    """So the next look is the first again, or compares with the same one."""
    news("--no-save")
    assert not (project / "assay.db.news.json").exists()
    news()
    describe(project, output=3.0)
    for _ in range(2):
        assert "output_usd_per_mtok 2 -> 3 (+50%)" in news("--no-save").stdout
    assert "+50%" in news().stdout
    assert "+50%" not in news().stdout


def test_an_end_that_comes_into_sight_asks_for_action(project: Path) -> None:
    """Exit code 1, the day and the successor; JSON has the same."""
    news()
    describe(project, more='retires = "2026-01-31"\nsuccessor = "acme/next"')
    told = news("--json", "--no-save")
    assert told.exit_code == 1
    (used,) = json.loads(told.stdout)["used"]
    assert used["action"] == "retired on 2026-01-31; its successor is acme/next"
    shown = news()
    assert shown.exit_code == 1
    assert "acme/model (d): retires unknown -> 2026-01-31; successor unknown -> acme/next" in shown.stdout
    assert "  !  d " in shown.stdout


def test_a_model_in_use_that_left_the_catalogue_asks_for_action(project: Path) -> None:
    """Exit code 1, again and again until it is used no longer."""
    news()
    describe(project)
    (project / "own.toml").write_text((project / "own.toml").read_text().replace("acme/model", "acme/other"))
    for _ in range(2):
        shown = news()
        assert shown.exit_code == 1
        assert "left the catalogue" in shown.stdout
        assert "acme/model (d): gone" in shown.stdout


def test_news_that_nobody_read_are_told_again(project: Path) -> None:
    """A pipe that closes before the first byte keeps no look."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "assay", "news"], stdout=writing, cwd=project, check=False)
    os.close(writing)
    assert done.returncode == 0
    assert not (project / "assay.db.news.json").exists()


def test_a_look_that_is_still_to_come_is_told(project: Path) -> None:
    """A clock was wrong, then or now; what is compared with is named."""
    news()
    kept = project / "assay.db.news.json"
    look = json.loads(kept.read_text())
    kept.write_text(json.dumps(look | {"day": "2999-01-01"}))
    shown = news()
    assert "the last look is of 2999-01-01, which is still to come" in shown.stderr
    assert json.loads(kept.read_text())["day"] == look["day"]
    assert news().stderr == ""


def test_a_day_is_compared_as_far_as_the_catalogue_remembers() -> None:
    """New models with their prices; the rest is counted, and listed with --all."""
    shown = news("--since", "2026-06-01", "--no-save")
    assert shown.stdout.startswith("Since 2026-06-01:")
    assert "New models within your constraints" in shown.stdout
    assert "Of what you do not use: " in shown.stdout
    assert "Other changes" in news("--since", "2026-06-01", "--no-save", "--all").stdout
    small = json.loads(news("--since", "2026-06-01", "--no-save", "--json", "--device", "rtx3060").stdout)
    every = json.loads(news("--since", "2026-06-01", "--no-save", "--json").stdout)
    assert len(small["new_models"]) <= len(every["new_models"])


@pytest.mark.parametrize("day", ["soon", "2026-13-01", "2999-01-01"])
def test_a_day_that_is_none_is_told(day: str) -> None:
    """Wrong or still to come: exit code 2."""
    assert CliRunner().invoke(assay, ["news", "--since", day]).exit_code == 2


def test_what_is_wrong_is_told(project: Path) -> None:
    """An unknown device, a broken look."""
    with pytest.raises(CatalogError, match="rtx4091"):
        news("--device", "rtx4091")
    for broken in (b"{", b'{"day": "\xff"}', b'{"models": ' * 100_000):
        (project / "assay.db.news.json").write_bytes(broken)
        with pytest.raises(DecisionError, match="delete it to begin anew"):
            news()


def test_without_a_configuration_the_catalogue_has_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    """The look is kept where a user's state belongs."""
    (project / "assay.toml").unlink()
    monkeypatch.setattr("platformdirs.user_state_dir", lambda name: str(tmp_path / "state" / name))
    shown = news()
    assert shown.exit_code == 0
    assert shown.stdout.startswith("First look, ")
    assert (tmp_path / "state" / "assay" / "news.json").exists()
    assert "Nothing changed." in news().stdout
