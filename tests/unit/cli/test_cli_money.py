"""What ends an evaluation, and what has to be paid for: told before anything is asked, and never in silence."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from assay.errors import LedgerError
from assay.ledger.rows import ResultRow
from assay.ledger.store import SqliteLedger

Project = Any  # of this folder's conftest

VERDICT = '{"reasons": "r", "verdict": "pass"}'


@pytest.fixture
def judged(project: Project) -> Project:
    """The project, with a kind that the deployment `bad` grades."""
    lines = [{"id": f"f{n}", "input": f"fact {n}.", "target": "yes"} for n in range(8)]
    (project.folder / "suite" / "facts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (project.folder / "suite" / "suite.toml").open("a") as toml:
        toml.write('[kinds.facts]\nsamples = "facts.jsonl"\n')
        toml.write('graders = [{ grader = "judge", model = "bad", rubric = "As the reference." }]\n')
    project.script("bad", default=VERDICT)
    return project


def unpriced(project: Project) -> None:
    """From now on nobody knows what a call of `bad` costs."""
    config = (project.folder / "assay.toml").read_text()
    before, _, rest = config.partition("[deployments.bad]")
    lines = [line for line in rest.splitlines() if not line.startswith("price_usd")]
    rest = "\n".join(lines).replace('dialect = "scripted"\nscript = "bad.json"', _REMOTE)
    (project.folder / "assay.toml").write_text(f"{before}[deployments.bad]{rest}\n")


_REMOTE = 'dialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"'


def attempts(project: Project) -> list[dict[str, Any]]:
    """What was asked so far."""
    found: list[dict[str, Any]] = project.inside("logs", "--json", "-n", "500").json["attempts"]
    return found


def test_a_budget_needs_the_price_of_judges_too(judged: Project) -> None:
    """A judge of unknown price is refused before anything is asked; kinds that it does not grade go on."""
    unpriced(judged)
    refused = judged.inside("eval", "-m", "good", "--max-usd", "1")
    assert (refused.code, attempts(judged)) == (2, [])
    assert "bad: a budget is set and the price of this call is not known" in refused.err
    assert judged.inside("eval", "-m", "good", "-k", "words", "--max-usd", "1").code == 0


def test_a_dry_run_says_where_judges_come_on_top(judged: Project) -> None:
    """Beside the bound of the kind that they grade and of all, and of no other; not where nothing is left to ask."""
    told = judged.inside("eval", "-m", "good", "--dry-run", "--json").json["forecasts"][0]
    assert {kind: one["judges"] for kind, one in told["kinds"].items()} == {"words": [], "names": [], "facts": ["bad"]}
    lines = judged.inside("eval", "-m", "good", "--dry-run").out.splitlines()
    assert {line.split()[0] for line in lines if line.endswith("USD plus judges")} == {"facts", "overall"}
    assert "  judges (bad) read the answers, so that only --max-usd bounds what they cost" in lines
    assert judged.inside("eval", "-m", "good", "-k", "facts").code == 0
    assert "plus judges" not in judged.inside("eval", "-m", "good", "-k", "facts", "--dry-run").out


@pytest.mark.parametrize("command", [("audit", "bad"), ("compare", "good", "good2", "--judge", "bad")])
def test_verdicts_are_paid_from_a_purse(judged: Project, command: tuple[str, ...]) -> None:
    """`--max-usd` ends an audit and a comparison within the limit, and refuses a judge of unknown price at once."""
    config = (judged.folder / "assay.toml").read_text()
    other = config[config.index("[deployments.good]") :].split("\n\n")[0].replace("good", "good2")
    judged.script("good2", default="Yes, it is.")
    (judged.folder / "assay.toml").write_text(f"{config}\n{other}\n")
    assert judged.inside("eval", "-m", "good", "-m", "good2", "-k", "facts").code == 0
    before = attempts(judged)
    stopped = judged.inside("judge", *command, "-k", "facts", "--max-usd", "0.0045", "--concurrency", "1")
    assert stopped.code == 3, stopped.err
    assert "budget '--max-usd'" in stopped.err
    spent = [row["cost_usd"] for row in attempts(judged)[: len(attempts(judged)) - len(before)]]
    assert 0 < sum(spent) <= 0.0045
    unpriced(judged)
    asked = attempts(judged)
    refused = judged.inside("judge", *command, "-k", "facts", "--max-usd", "1")
    assert (refused.code, len(attempts(judged))) == (2, len(asked))
    assert "the price of this call is not known" in refused.err


def test_a_ledger_that_takes_no_more_ends_it_in_order(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: exit code 3, JSON of what was done on stdout, the reason on stderr, and no stack of calls."""
    add, kept = SqliteLedger.add_result, []

    def full(self: SqliteLedger, row: ResultRow) -> asyncio.Future[None]:
        if len(kept) == 5:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(LedgerError("cannot write the ledger: database or disk is full"))
            return failed
        kept.append(row)
        return add(self, row)

    monkeypatch.setattr(SqliteLedger, "add_result", full)
    ended = project.inside("eval", "-m", "good", "--json")
    assert ended.code == 3
    assert ended.json["scorecards"][0]["overall"]["passed"] == 5
    assert (ended.json["ending"]["left"], "disk is full" in ended.json["ending"]["stopped"]) == (15, True)
    assert ended.err.endswith("assay: cannot write the ledger: database or disk is full\n")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("command", "budget"),
    [
        (("choose",), 0.0002),
        (("migrate", "good", "bad"), 0.0002),
        (("migrate", "good", "bad", "--max-usd", "0.0002"), 9),
    ],
)
def test_an_empty_purse_is_no_verdict(project: Project, command: tuple[str, ...], budget: float) -> None:
    """It ends with 4, cannot be told: 1 would say that nobody passes, or that work may not move."""
    config = project.folder / "assay.toml"
    config.write_text(f"[constraints]\nusd_per_month = {budget}\n{config.read_text()}")
    ended = project.inside(*command, "--json")
    assert (ended.code, ended.out) == (4, "")
    assert "does not fit" in ended.err
    assert "goes on with the rest" in ended.err
