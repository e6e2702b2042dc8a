"""`assay advise` and `assay choose --from-catalog` from the command line."""

from __future__ import annotations

import json
import shlex
import tomllib

import click
import pytest
from click.testing import CliRunner
from tests.unit.cli.conftest import Project

from assay.cli.advise import PROMPTS
from assay.cli.main import assay
from assay.decision.advice.task import TASKS
from assay.evals.suites.starters import starter


def test_advice_is_told_with_best_runner_up_lever_and_proof(project: Project) -> None:
    """A person reads who, who else, which lever, what it costs and how to refute it."""
    ended = project.inside("advise", "--task", "chat", "--budget", "800")
    assert ended.code == 0
    for word in (
        "best:",
        "runner-up:",
        "lever:     prompt",
        "Shortlist",
        "USD/month",
        "Prove or refute it:",
        "refuted by:",
    ):
        assert word in ended.out
    assert "Tree" not in ended.out


def test_json_has_the_documented_keys_and_nothing_else_is_printed(project: Project) -> None:
    """Every key is there, and unknown is null."""
    found = project.inside("advise", "--task", "extraction", "--json").json
    assert set(found) >= {
        "as_of", "situation", "best", "runner_up", "shortlist", "levers", "cheapest", "tree", "removed", "proof",
        "caveat",
    }  # fmt: skip
    assert set(found["best"]) >= {
        "kind",
        "title",
        "parts",
        "able",
        "rank",
        "usd_per_month",
        "usd_per_query",
        "refuted_by",
    }
    assert found["situation"]["task"] == "extraction"
    assert "task" not in found["situation"]["assumed"]


def test_explain_shows_the_tree_and_every_removal(project: Project) -> None:
    """Question, answer, what followed; each removed model with its limit and reason."""
    out = project.inside("advise", "--task", "chat", "--privacy", "regulated", "--explain").out
    assert "Where may the data go?" in out
    assert "regulated data stays on machines of your own" in out
    assert "(assumed)" in out


def test_use_cases_are_a_table(project: Project) -> None:
    """Seven rows with best, runner-up, price and lever; JSON has the same."""
    out = project.inside("advise", "--use-cases").out
    rows = project.inside("advise", "--use-cases", "--json").json
    assert len(rows) == 7
    for row in rows:
        assert row["task"] in out
        assert row["best"]
        assert row["best"] in out
        assert row["usd_per_query"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no task; name one with --task: reasoning, long-documents"),
        (("--task", "cod"), "no task 'cod'; did you mean 'code'?"),
        (("--task", "code", "--device", "rtx4091"), "no device 'rtx4091'; did you mean 'rtx4090'?"),
        (("--task", "code", "--context", "10"), "context_tokens: 10 is less than one request and its answer"),
        (("--task", "code", "--requests-per-day", "nan"), "is no number"),
    ],
)
def test_a_mistake_names_the_value_and_the_nearest(project: Project, arguments: tuple[str, ...], message: str) -> None:
    """Usage errors end with 2 and say what to do."""
    ended = project.inside("advise", *arguments)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_nobody_left_ends_with_one(project: Project) -> None:
    """Limits that leave nothing are the answer no, with the limits that took most."""
    ended = project.inside("advise", "--task", "chat", "--budget", "0.00001")
    assert ended.code == 1
    assert "no model of the catalogue is left within these limits" in ended.out
    assert "budget removed" in ended.out


def test_written_start_passes_config_check_and_lint(project: Project) -> None:
    """What `--write` leaves is accepted by the commands that come next."""
    ended = project.inside("advise", "--task", "classification", "--write", "work")
    assert ended.code == 0
    assert "Wrote work:" in ended.err
    assert project.inside("config", "check", "-c", "work").code == 0
    assert project.inside("suite", "lint", "work/suite", "-c", "work").code == 0
    tables = tomllib.loads((project.folder / "work" / "assay.toml").read_text())
    assert set(tables["decide"]["candidates"]) <= {*tables["deployments"], *tables.get("routes", {})}
    assert project.inside("advise", "--task", "classification", "--write", "work").code == 2


@pytest.mark.parametrize("task", ["extraction", "classification", "code", "agents", "reasoning"])
def test_the_commands_for_ones_own_examples_run(project: Project, task: str) -> None:
    """Import, lint and power of the proof are accepted as they are printed."""
    found = project.inside("advise", "--task", task, "--examples", "4", "--json").json
    lines = [{"input": line["input"], "target": line["target"]} for line in starter(TASKS[task].check).lines]
    (project.folder / "examples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    commands = [shlex.split(one["command"]) for one in found["proof"]["commands"]]
    assert [words[1:3] for words in commands[1:4]] == [["suite", "import"], ["suite", "lint"], ["suite", "power"]]
    for words in commands[1:4]:
        ended = project.inside(*words[1:])
        assert ended.code == 0, ended.err


def test_what_no_flag_gave_is_asked_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter takes what is usual; an answer counts as told. Elsewhere nothing is asked."""
    from assay.cli import advise

    told = {"privacy": "sensitive", "languages": "de, fr"}
    answers = iter([told.get(field) for field, _ in PROMPTS if field != "input_tokens"])

    def prompt(text: str, default: object, type: object, err: bool) -> object:
        answer = next(answers)
        return default if answer is None else answer

    monkeypatch.setattr(click, "prompt", prompt)
    given: dict[str, object] = {"requests_per_day": None, "input_tokens": 700}
    advise._ask("chat", given)
    assert given == {
        "requests_per_day": None, "input_tokens": 700, "privacy": "sensitive", "languages": ("de", "fr"),
    }  # fmt: skip


def test_nothing_is_asked_without_a_terminal() -> None:
    """In a script the stated defaults hold."""
    from assay.cli.main import assay

    ended = CliRunner().invoke(assay, ["advise", "--task", "chat", "--json"], input="")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["situation"]["privacy"] == "public"


def test_choose_from_catalog_keeps_to_the_constraints(project: Project) -> None:
    """The configuration's limits hold, the suite tells the task, and no model is asked."""
    text = (project.folder / "assay.toml").read_text()
    (project.folder / "assay.toml").write_text(text + '\n[constraints]\nusd_per_month = 100\nhosts = ["openai"]\n')
    found = project.inside("choose", "--from-catalog", "--json")
    assert found.code == 0
    situation = found.json["situation"]
    assert (situation["task"], situation["usd_per_month"], situation["examples"]) == ("classification", 100, 20)
    for plan in found.json["shortlist"]:
        assert (plan["bill_usd_per_month"] or 0) <= 100
        assert all(
            part["candidate"]["at"] == "openai" for part in plan["parts"] if part["candidate"]["place"] == "host"
        )
    assert not (project.folder / "assay.db").exists()


def test_choose_takes_a_task_only_from_the_catalogue(project: Project) -> None:
    """With evals there is a suite, whose kinds are named."""
    ended = project.inside("choose", "--task", "code")
    assert ended.code == 2
    assert "--task goes with --from-catalog" in ended.err


@pytest.mark.parametrize("more", [("--adapt",), ("--write", "new"), ("--again",), ("--bar", "0.9"), ("-m", "small")])
def test_advice_from_the_catalogue_takes_no_option_of_an_eval(project: Project, more: tuple[str, ...]) -> None:
    """Nobody is asked, so whoever bounds what is asked, or wants a route written, is told."""
    ended = project.inside("choose", "--from-catalog", *more)
    assert ended.code == 2
    assert "--from-catalog asks nobody" in ended.err
    assert not (project.folder / "new").exists()


@pytest.mark.parametrize("more", [("--task", "chat"), ("--budget", "5"), ("--write", "new"), ("--language", "de")])
def test_use_cases_take_no_flag_that_would_change_nothing(project: Project, more: tuple[str, ...]) -> None:
    """Whoever gives one believes that it counts."""
    ended = project.inside("advise", "--use-cases", *more)
    assert ended.code == 2
    assert "leave other flags out" in ended.err
    assert not (project.folder / "new").exists()


def test_a_word_for_private_data_names_what_is_meant() -> None:
    """`private` is what people say; the nearest word is named."""
    shown = CliRunner().invoke(assay, ["advise", "--task", "chat", "--privacy", "private"])
    assert shown.exit_code == 2
    assert "did you mean 'sensitive'?" in shown.output
