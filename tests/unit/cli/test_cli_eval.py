"""`assay eval`: parts of a suite, repeats, budgets, dry runs, and how it says that something is missing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from assay.evals.runs import backlog

Project = Any  # of this folder's conftest


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that refuse are given up at once."""
    monkeypatch.setattr(backlog, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(backlog, "PATIENCE_S", 0.2)


def attempts(project: Project) -> list[dict[str, Any]]:
    """What was asked so far."""
    found: list[dict[str, Any]] = project.inside("logs", "--json", "-n", "500").json["attempts"]
    return found


def test_a_dry_run_asks_nothing_and_says_what_it_would(project: Project) -> None:
    """Samples by kind, what is missing, the bound of the cost and what so many samples can show; no run is begun."""
    told = project.inside("eval", "--dry-run", "--repeats", "2", "--json")
    assert told.code == 0, told.err
    good, bad = told.json["forecasts"]
    assert (good["target"], good["missing"], good["run"]) == ("good", 40, None)
    assert good["kinds"]["words"] == {
        "samples": 10, "repeats": 2, "missing": 20, "bound_usd": pytest.approx(good["bound_usd"] / 2),
        "judges": [],
    }  # fmt: skip
    assert good["bound_usd"] > bad["bound_usd"] > 0
    assert told.json["power"]["overall"]["samples"] == 20
    assert attempts(project) == []

    assert project.inside("eval", "-m", "good", "-k", "words").code == 0
    spent = sum(row["cost_usd"] for row in attempts(project))
    text = project.inside("eval", "-m", "good", "--dry-run").out
    assert re.search(r"good  \(continues run \w+\)", text)
    assert re.search(r"words +10 +1 +0 +0\.00 USD", text)
    assert re.search(r"names +10 +1 +10 +0\.\d+ USD", text)
    assert "points from each other" in text
    assert "1 sample can tell no two candidates apart" in project.inside("eval", "--sample", "words7", "--dry-run").out
    assert spent <= good["bound_usd"] / 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tasks", "ifeval"), "--tasks is of a harness"),
        (("--fewshot", "0"), "--fewshot is of a harness"),
        (("--harness", "lm-eval", "--tasks", "ifeval", "--max-usd", "0"), "--max-usd is of a suite"),
        (("--harness", "lm-eval", "--tasks", "ifeval", "-k", "words"), "--kind is of a suite"),
        (("--harness", "lm-eval", "--tasks", "ifeval", "--dry-run"), "--dry-run is of a suite"),
    ],
)
def test_no_option_is_without_effect_in_silence(project: Project, options: tuple[str, ...], said: str) -> None:
    """Options of a harness need one, and those of a suite go with none: a limit on money least of all."""
    told = project.inside("eval", "-m", "good", *options)
    assert (told.code, attempts(project)) == (2, [])
    assert said in told.err


def test_a_part_of_a_suite(project: Project) -> None:
    """`--limit` takes so many of each kind, `--sample` names them; both are of the run of the whole suite."""
    few = project.inside("eval", "-m", "good", "--limit", "3", "--json")
    assert few.json["scorecards"][0]["overall"]["total"] == 6
    one = project.inside("eval", "-m", "good", "--sample", "words7", "--json")
    assert one.json["scorecards"][0]["overall"]["total"] == 1
    assert one.json["scorecards"][0]["run"] == few.json["scorecards"][0]["run"]
    wrong = project.inside("eval", "-m", "good", "--sample", "wrods7")
    assert wrong.code == 2
    assert "no sample 'wrods7' here" in wrong.err


def test_repeats_are_shown(project: Project) -> None:
    """How steady answers are, and what several tries are worth."""
    project.script("good", {"match": r"words 3\.", "answer": "no", "times": 1}, default="yes")
    told = project.inside("eval", "-m", "good", "-k", "words", "--repeats", "4", "--json")
    assert told.code == 0, told.err
    steady = told.json["scorecards"][0]["steadiness"]["words"]
    assert (steady["repeats"], steady["samples"], steady["steady"]["share"]) == (4, 10, 0.9)
    assert told.json["scorecards"][0]["overall"]["share"] == 0.975
    text = project.inside("eval", "-m", "good", "-k", "words", "--repeats", "4").out
    assert "words: 10 samples 4 times each, 90% of them always the same;" in text
    assert re.search(r"at least one of 4 passes 100% \[\d+%, 100%\], all of 4 90% \[", text)
    assert len(attempts(project)) == 40


def test_a_budget_stops_it_and_says_where(project: Project) -> None:
    """Exit code 3, what was spent of what, how much is left to ask; what was done is kept and goes on."""
    whole_usd = project.inside("eval", "-m", "good", "--dry-run", "--json").json["forecasts"][0]["bound_usd"]
    limit = 1.1 * whole_usd / 20  # one call at its bound, and little more
    stopped = project.inside("eval", "-m", "good", "--max-usd", str(limit), "--json")
    assert stopped.code == 3
    ended = stopped.json["ending"]
    assert 0 < ended["left"] < 20
    assert 0 < ended["spent_usd"] <= ended["limit_usd"] == limit
    assert f"stopped, with {ended['left']} of 20 answers not asked for: budget '--max-usd'" in stopped.err
    assert "the same command asks for the rest" in stopped.err
    assert sum(row["cost_usd"] for row in attempts(project)) == pytest.approx(ended["spent_usd"])
    whole = project.inside("eval", "-m", "good", "--max-usd", "1", "--json")
    assert (whole.code, whole.json["ending"]["left"], len(attempts(project))) == (0, 0, 20)


def test_a_budget_needs_a_price(project: Project) -> None:
    """What nobody knows the cost of is refused before anything is asked, unless the configuration allows it."""
    config = (project.folder / "assay.toml").read_text()
    free = config.replace("price_usd_per_mtok = { input = 2.0, output = 2.0 }\n", "").replace(
        'dialect = "scripted"\nscript = "good.json"', 'dialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"'
    )
    (project.folder / "assay.toml").write_text(free)
    refused = project.inside("eval", "-m", "good", "--max-usd", "1")
    assert refused.code == 2
    assert "the price of this call is not known" in refused.err
    assert attempts(project) == []


def test_what_has_no_score_is_counted_by_class(project: Project) -> None:
    """Exit code 3 and a line that says how many answers have no score and why; stdout is JSON alone."""
    project.script(
        "good", {"match": r"words [12]\.", "error": "ProviderFault"}, {"match": r"names 4\.", "error": "RateLimited"},
        default="yes",
    )  # fmt: skip
    ended = project.inside("eval", "-m", "good", "--json")
    assert ended.code == 3
    assert json.loads(ended.out)["ending"]["unscored"] == {"ProviderFault": 2, "RateLimited": 1}
    assert "3 of 20 answers have no score: 2 ProviderFault, 1 RateLimited." in ended.err
    assert json.loads(ended.out)["scorecards"][0]["overall"]["bounds"] == [0.85, 1.0]
