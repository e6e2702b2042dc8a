"""`assay spend` as people call it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

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


def test_what_nobody_knows_the_price_of_does_not_look_free(project: Project) -> None:
    """A group of which nothing is known but its calls has no sum; `--json` has both counts."""
    config = project.folder / "assay.toml"
    config.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith("price_usd")))
    project.inside("eval", "-m", "good")
    [row] = project.inside("spend", "--by", "deployment", "--json").json["rows"]
    assert row["unknown"] == row["attempts"] > 0
    shown = project.inside("spend", "--by", "deployment").out.splitlines()
    assert [line.split()[:2] for line in shown[1:3]] == [["good", "unknown"], ["all", "unknown"]]


@pytest.mark.parametrize("command", ["spend", "logs"])
def test_a_time_that_ends_before_it_begins_is_a_mistake(project: Project, command: str) -> None:
    """Nothing is found in it, which would pass for an answer; the other way round there is one."""
    wrong = project.inside(command, "--since", "1h", "--until", "2h")
    assert (wrong.code, "--until lies before --since" in wrong.err) == (2, True)
    assert project.inside(command, "--since", "2h", "--until", "1h").code == 0


def test_logs_of_a_key_by_its_name(project: Project) -> None:
    """The key that holds is meant, where one that was revoked had its name; sums keep both apart."""
    project.inside("keys", "add", "web")
    project.inside("keys", "revoke", "web")
    project.inside("keys", "add", "web")
    old, new = project.inside("keys", "list", "--all", "--json").json
    assert (old["state"], new["state"]) == ("revoked", "active")
    project.inside("eval", "-m", "good")
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        connection.execute("update attempts set key_id = ?", (new["id"],))
    assert project.inside("spend", "--by", "key").out.splitlines()[1].startswith("web  ")
    for said in ("web", new["id"], new["id"][:14]):
        assert len(project.inside("logs", "--key", said, "--json").json["attempts"]) == 20
    assert project.inside("logs", "--key", old["id"], "--json").json["attempts"] == []
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        connection.execute("update attempts set key_id = ? where kind = 'words'", (old["id"],))
    both = project.inside("spend", "--by", "key").out
    assert f"web ({old['id'][:12]})" in both
    assert f"web ({new['id'][:12]})" in both
    wrong = project.inside("logs", "--key", "wed")
    assert (wrong.code, "there is no key 'wed'" in wrong.err) == (2, True)
