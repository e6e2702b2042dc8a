"""`assay choose --adapt`, from the command line to a pin: what is decided, told, written, and found again."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prompt_world import FOLLOWS_EXAMPLES, PromptWorld, sample, some

from assay.cli.door import guarded
from assay.cli.main import assay

CONFIG = """\
# a comment that stays
[decide]
suite = "suite"
split = "heldout"

[ledger]
url = "sqlite:///assay.db"

[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
price_usd_per_mtok = { input = 1, output = 1 }
settings = { style = "text", template = "{input} =>", max_tokens = 8 }
"""


class Ended(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


def run(*words: str) -> Ended:
    """A command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = guarded(lambda: assay.main([*words], standalone_mode=False))
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture
def place(world: PromptWorld, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, a dozen dev and ten held-out samples, and a model that needs examples."""
    folder = world.folder / "place"
    folder.mkdir()
    world.folder = folder
    world.suite({"say": some()}, say="bar = 0.8")
    (folder / "small.json").write_text(json.dumps(FOLLOWS_EXAMPLES))
    (folder / "assay.toml").write_text(CONFIG)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")
    return folder


def test_the_adapted_one_is_decided_beside_the_configured(place: Path) -> None:
    """Both are candidates on held-out samples; the gain is told paired, with its interval, and what it cost."""
    ended = run("choose", "--adapt", "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    (kind,) = found["kinds"]
    assert kind["chosen"] == "small+adapted"
    assert {one["name"]: one["status"] for one in kind["candidates"]} == {"small": "failed", "small+adapted": "chosen"}
    assert found["split"] == "heldout"
    (one,) = found["adaptations"]
    (searched,) = one["kinds"]
    assert searched["gain"]["adapted"] == 10
    assert searched["gain"]["configured"] == 0
    assert searched["gain"]["comparison"]["difference"] == 1.0
    assert searched["gain"]["comparison"]["interval"][0] > 0.5
    assert searched["gain"]["optimism"] == 0.0
    assert one["spending"]["answers"] == 32
    assert one["spending"]["tokens"] > 0


def test_the_text_tells_what_was_tried_and_won(place: Path) -> None:
    """The gain, the variants, the prompt itself, the rule, the cost; `assay explain` says the same later."""
    ended = run("choose", "--adapt")
    for said in (
        "Adapted on dev, 64 answers at most for each candidate and kind",
        "+100 points [",
        "small: 32 answers on dev, 32 of them asked now, for ",
        "tried: as configured 0 of 8; 4 examples 8 of 8",
        '| template = "{input} =>"',
        "Rule: the configured prompt is kept unless",
        "What won passed 0 points more on dev",
    ):
        assert said in ended.out, ended.out
    assert max(map(len, ended.out[: ended.out.index("say: small+adapted")].splitlines())) <= 120
    later = run("explain")
    assert "Adapted on dev" in later.out
    assert "+100 points [" in run("explain", "-k", "say").out


def test_again_it_asks_nothing(place: Path, world: PromptWorld) -> None:
    """The same call finds every answer and comes to the same."""
    first = run("choose", "--adapt", "--json").json
    asked = len(world.calls)
    again = run("choose", "--adapt", "--json").json
    assert len(world.calls) == asked
    assert again["asked_now"] == 0
    assert again["adaptations"][0]["kinds"] == first["adaptations"][0]["kinds"]


def test_what_is_written_is_found_pinned_and_served(place: Path, world: PromptWorld) -> None:
    """Deployment and route go into the configuration; nothing is asked again, and the pin holds."""
    ended = run("choose", "--adapt", "--write", "assay.toml")
    assert ended.code == 0, ended.err
    text = (place / "assay.toml").read_text()
    assert text.startswith(CONFIG)
    table = tomllib.loads(text)["deployments"]["small+adapted"]
    assert table["like"] == "small"
    assert table["only_kinds"] == ["say"]
    assert len(table["kinds"]["say"]["examples"]) == 2
    assert tomllib.loads(text)["routes"]["prompts-chosen"]["candidates"] == ["small+adapted"]
    asked = len(world.calls)
    assert run("choose", "--json").json["kinds"][0]["chosen"] == "small+adapted"
    assert len(world.calls) == asked
    assert run("pin").code == 0
    assert (place / "assay.lock").exists()


def test_what_is_not_written_cannot_be_pinned(place: Path) -> None:
    """A pin must be served by the configuration; the message says how it gets there, and that works."""
    run("choose", "--adapt")
    refused = run("pin")
    assert refused.code != 0
    assert "assay choose --again --write assay.toml" in refused.err
    assert run("choose", "--again", "--write", "assay.toml").code == 0
    ended = run("pin")
    assert ended.code == 0, ended.err


def test_it_is_written_again_by_force(place: Path) -> None:
    """A second search takes the place of the first, in the file too; without --force the file is as it was."""
    run("choose", "--adapt", "--write", "assay.toml")
    before = (place / "assay.toml").read_text()
    refused = run("choose", "--adapt", "--seed", "3", "--write", "assay.toml")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (place / "assay.toml").read_text() == before
    ended = run("choose", "--adapt", "--seed", "3", "--write", "assay.toml", "--force")
    assert ended.code == 0, ended.err
    after = (place / "assay.toml").read_text()
    assert after != before
    assert after.count("written by assay") == 2
    assert after.startswith(CONFIG)


def test_a_new_file_has_both_pieces(place: Path) -> None:
    """A file that is only a piece can be written again too."""
    for _ in range(2):
        ended = run("choose", "--adapt", "--write", "piece.toml", "--force")
        assert ended.code == 0, ended.err
        assert set(tomllib.loads((place / "piece.toml").read_text())) == {"deployments", "routes"}
    (place / "assay.toml").write_text(CONFIG + (place / "piece.toml").read_text())
    assert run("choose", "--json").json["kinds"][0]["chosen"] == "small+adapted"


def test_a_decision_is_made_again_without_a_search(place: Path, world: PromptWorld) -> None:
    """`--again` goes by the prompts that were found, also where nobody has put them into the configuration."""
    run("choose", "--adapt")
    asked = len(world.calls)
    ended = run("choose", "--again")
    assert ended.code == 0, ended.err
    assert "stands: nothing that it rests on has changed" in ended.out
    (place / "assay.toml").write_text(CONFIG.replace("input = 1,", "input = 2,"))
    changed = run("choose", "--again", "--write", "assay.toml")
    assert changed.code == 0, changed.err
    assert "small+adapted" in tomllib.loads((place / "assay.toml").read_text())["deployments"]
    assert len(world.calls) == asked


def test_searches_never_stand_among_runs_of_the_suite(place: Path) -> None:
    """What was asked on dev is of a suite of its own, and of targets that nobody configured."""
    run("choose", "--adapt")
    with contextlib.closing(sqlite3.connect(place / "assay.db")) as ledger:
        rows = ledger.execute("select suite, suite_digest, target from runs").fetchall()
    dev = [(digest, target) for suite, digest, target in rows if suite == "prompts/adapt"]
    others = {(digest, target) for suite, digest, target in rows if suite == "prompts"}
    assert len(dev) == 4
    assert {target for _, target in others} == {"small", "small+adapted"}
    assert not {digest for digest, _ in dev} & {digest for digest, _ in others}
    assert all(target.startswith("small~say~") for _, target in dev)


def test_where_later_decisions_would_count_dev_samples_it_is_said(place: Path) -> None:
    """The default of `decide.split` is all samples, those too that prompts were made of."""
    assert "decide.split" not in run("choose", "--adapt").err
    (place / "assay.toml").write_text(CONFIG.replace('split = "heldout"\n', ""))
    ended = run("choose", "--adapt", "--json")
    assert 'set decide.split = "heldout"' in ended.err
    assert ended.json["split"] == "heldout"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--adapt", "--split", "dev"), "leave --split dev out"),
        (("--adapt", "--split", "all"), "leave --split all out"),
        (("--adapt-answers", "9"), "go with --adapt"),
        (("--proposer", "small"), "go with --adapt"),
        (("--adapt", "--again"), "without --again"),
        (("--adapt", "--proposer", "smal"), "small"),
        (("--adapt", "--adapt-usd", "nan"), "no number"),
    ],
)
def test_options_that_make_no_sense_together(place: Path, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what to do."""
    ended = run("choose", *words)
    assert ended.code == 2
    assert said in ended.err


def test_a_suite_that_was_never_split_says_how(place: Path, world: PromptWorld) -> None:
    """Nothing is asked."""
    world.suite({"say": [sample(n, "heldout") for n in range(10)]})
    ended = run("choose", "--adapt")
    assert ended.code == 2
    assert "assay suite split" in ended.err
    assert world.calls == []


def test_where_nothing_wins_it_is_decided_as_ever(place: Path) -> None:
    """No candidate is added, and the reason is told."""
    (place / "small.json").write_text(json.dumps({"default": "no"}))
    ended = run("choose", "--adapt")
    assert ended.code == 1
    assert "every prompt is kept as configured" in ended.out
    assert "small+adapted" not in ended.out


def test_money_of_the_search_is_kept_apart_from_the_decision(place: Path) -> None:
    """A search that ran out of it leaves the prompts, and the decision goes on."""
    ended = run("choose", "--adapt", "--adapt-usd", "0.0003", "--json")
    assert ended.code == 1
    (one,) = ended.json["adaptations"]
    assert "--adapt-usd" in one["reason"]
    assert one["spending"]["usd"] <= 0.0003
