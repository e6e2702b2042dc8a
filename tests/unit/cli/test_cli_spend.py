"""`assay spend` as people call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

BUDGET = '\n[constraints]\nusd_per_month = 5.0\n[budgets.desk]\nroute = "both"\nusd = 0.5\nper = "day"\n'


def test_spend_after_an_eval(project: Project) -> None:
    """Sums by purpose and by deployment, the budgets with what is left, and another model's bill."""
    (project.folder / "assay.toml").write_text((project.folder / "assay.toml").read_text() + BUDGET)
    assert project.inside("spend").out.startswith("nothing was asked")
    project.inside("eval", "-m", "both")
    told = project.inside("spend", "--by", "purpose", "--json").json
    [row] = told["rows"]
    assert (row["what"], row["attempts"], row["unknown"]) == ("eval", 20, 0)
    assert told["total"]["usd"] == row["usd"] > 0
    budgets = {line["budget"]: line for line in told["budgets"]}
    assert budgets["route both"]["spent_usd"] == budgets["everything"]["spent_usd"] == row["usd"]
    assert budgets["route both"]["left_usd"] == 0.5 - row["usd"]
    shown = project.inside("spend", "--by", "deployment")
    assert "bad" in shown.out
    assert "route both" in shown.out


def test_no_traffic_is_no_comparison(project: Project) -> None:
    """An eval is no traffic: what it would have cost elsewhere cannot be told from it; a wrong name is usage."""
    project.inside("eval", "-m", "good")
    assert project.inside("spend", "--against", "bad").code == 4
    wrong = project.inside("spend", "--against", "godo")
    assert wrong.code == 2
    assert "good" in wrong.err
