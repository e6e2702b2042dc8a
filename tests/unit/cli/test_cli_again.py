"""`assay choose --again`: what has changed since a decision, and what that changes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.cli.again import make_again
from assay.decision.again import question_of
from assay.decision.decision import Decision

Project = Any  # of this folder's conftest


def edit(path: Path, old: str, new: str) -> None:
    """Change a file; what is to be changed must be there."""
    text = path.read_text("utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new), "utf-8")


def sent(project: Project) -> int:
    """How many calls reached a model so far."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection:
        found = connection.execute("select count(*) from attempts where outcome = 'ok'").fetchone()
    return int(found[0])


def chosen(body: Any) -> dict[str, str | None]:
    """Kind -> candidate, of a decision's JSON."""
    return {kind["name"]: kind.get("chosen") for kind in body["kinds"]}


def asked(body: Any, name: str) -> int:
    """How many answers of a candidate a decision's JSON rests on."""
    results = [one for kind in body["kinds"] for one in kind["candidates"] if one["name"] == name]
    return sum(one.get("passed", 0) + one.get("failed", 0) for one in results)


@pytest.fixture
def two(project: Project) -> Project:
    """A project in which both candidates pass: `bad`, which is cheaper, has been chosen for both kinds."""
    project.script("bad", default="yes")
    ended = project.inside("choose", "--json")
    assert chosen(ended.json) == {"words": "bad", "names": "bad"}, ended.err
    return project


def test_nothing_changed_asks_nothing_and_decides_nothing(two: Project) -> None:
    """The old decision stands, with its exit code; no model is called and no decision is recorded."""
    before = sent(two)
    ended = two.inside("choose", "--again")
    assert ended.code == 0, ended.err
    assert "stands: nothing that it rests on has changed." in ended.out
    assert "Nobody was asked." in ended.out
    found = two.inside("choose", "--again", "--json").json
    newest = two.inside("explain", "--json").json["id"]
    assert (found["changes"], found["effects"], found["decision"]["id"], found["of"]) == ([], [], newest, newest)
    assert sent(two) == before


def test_a_decision_that_stands_keeps_its_exit_code(project: Project) -> None:
    """Nobody passed then, and nothing has changed: still 1."""
    assert project.inside("choose", "-m", "bad").code == 1
    ended = project.inside("choose", "--again")
    assert (ended.code, "stands" in ended.out) == (1, True), ended.err


def test_a_changed_price_alone_makes_another_choice(two: Project) -> None:
    """The one that was dearer is asked, the one that is known is not; the reason names price, before and after."""
    before = sent(two)
    edit(two.folder / "assay.toml", "input = 2.0, output = 2.0", "input = 0.5, output = 0.5")
    found = two.inside("choose", "--again", "--json").json
    assert chosen(found["decision"]) == {"words": "good", "names": "good"}
    assert [(one["about"], one["subject"], one["before"], one["after"]) for one in found["changes"]] == [
        ("price", "good", 2.0, 0.5),
        ("price", "good", 2.0, 0.5),
    ]
    effect = found["effects"][0]
    assert (effect["before"], effect["after"]) == ("bad", "good")
    assert "good: USD per million input tokens: 2 -> 0.5 (-75%)" in effect["because"]
    assert found["decision"]["again_of"] == found["of"]
    assert sent(two) - before == found["decision"]["asked_now"] == asked(found["decision"], "good")
    report = two.inside("report", "--format", "md", "-o", "-").out
    assert f"Decision {found['of'][:12]} of" in report
    assert "| good | price | USD per million input tokens: 2 -&gt; 0.5 (-75%) |" in report


def test_what_is_known_of_both_is_enough(two: Project) -> None:
    """Both have been asked already: a price that changes and comes back reorders them, and no model is called."""
    file = two.folder / "assay.toml"
    edit(file, "input = 2.0, output = 2.0", "input = 0.5, output = 0.5")
    assert two.inside("choose", "--again").code == 0
    before = sent(two)
    edit(file, "input = 0.5, output = 0.5", "input = 2.0, output = 2.0")
    ended = two.inside("choose", "--again")
    assert "words: good -> bad" in ended.out
    assert "0 were asked for now." in ended.out
    assert sent(two) == before


def test_costs_are_those_of_today(two: Project) -> None:
    """An answer that was billed at the old price counts at the new one, or the dearest would stay the cheapest."""
    edit(two.folder / "assay.toml", "input = 1.0, output = 1.0", "input = 30.0, output = 30.0")
    found = two.inside("choose", "--again", "--json").json["decision"]
    old = two.inside("explain", found["again_of"], "--json").json
    usd = {
        body["id"]: next(one["usd"] for one in body["kinds"][0]["candidates"] if one["name"] == "bad")
        for body in (old, found)
    }
    assert usd[found["id"]] == pytest.approx(30 * usd[old["id"]])
    assert chosen(found) == {"words": "good", "names": "good"}


def test_a_limit_that_takes_the_winner_out(two: Project) -> None:
    """A highest price, as a new licence rule would: named as limit and as what it forbids; the next one is taken."""
    edit(two.folder / "assay.toml", 'model = "x/bad"', 'private = false\nmodel = "x/bad"')
    assert two.inside("choose", "--again").code == 0
    with (two.folder / "assay.toml").open("a") as file:
        file.write("\n[constraints]\ninput_usd_per_mtok = 0.9\n")
    ended = two.inside("choose", "--again")
    assert ended.code == 0, ended.err
    assert "constraints.input_usd_per_mtok  limit" in ended.out
    assert "bad" in ended.out
    assert "forbidden: none -> x/bad costs 1 USD per million input tokens, above 0.9" in ended.out
    assert "words: bad -> good" in ended.out
    assert "- bad: excluded: x/bad costs 1 USD" in ended.out


def test_a_licence_rule_takes_the_winner_out(two: Project) -> None:
    """Weights whose licence is not among those that are allowed now."""
    with (two.folder / "assay.toml").open("a") as file:
        file.write('catalog_files = ["own.toml"]\n[constraints]\nlicences = ["mit"]\n')
    text = (two.folder / "assay.toml").read_text()
    (two.folder / "assay.toml").write_text(
        'catalog_files = ["own.toml"]\n' + text.replace('catalog_files = ["own.toml"]\n[con', "[con")
    )
    model = (
        '[[models]]\nid = "x/{0}"\nname = "{0}"\nmaker = "x"\necosystem = "open-weight"\n'
        'licence = "{1}"\nparameters = 1000\nevidence = "card"\n'
    )
    (two.folder / "own.toml").write_text(
        'as_of = "2026-11-27"\n[sources.card]\ntitle = "cards"\n'
        + model.format("bad", "apache-2.0")
        + model.format("good", "mit")
    )
    found = two.inside("choose", "--again", "--json")
    assert found.code == 0, found.err
    assert chosen(found.json["decision"]) == {"words": "good", "names": "good"}
    about = {(one["subject"], one["about"]) for one in found.json["changes"]}
    assert {("constraints.licences", "limit"), ("bad", "licence"), ("bad", "permission")} <= about


def test_a_changed_prompt_asks_only_that_candidate(project: Project) -> None:
    """Whoever has another prompt is another one: asked anew, and nobody else."""
    assert project.inside("choose").code == 0  # `bad` fails, `good` passes
    before = sent(project)
    edit(project.folder / "system.txt", "one word", "a single word")
    found = project.inside("choose", "--again", "--json").json
    assert [(one["subject"], one["about"], one["kinds"]) for one in found["changes"]] == [("good", "prompt", [])]
    assert found["effects"] == []
    assert sent(project) - before == found["decision"]["asked_now"] == asked(found["decision"], "good")


def test_a_prompt_of_one_kind_is_told_with_its_kind(project: Project) -> None:
    """The other kind's answers come from the cache: they are the same calls."""
    assert project.inside("choose").code == 0
    before = sent(project)
    edit(
        project.folder / "assay.toml",
        'settings = { max_tokens = 8, system_file = "system.txt" }',
        'settings = { max_tokens = 8, system_file = "system.txt" }\nkinds = { words = { system = "Say one." } }',
    )
    found = project.inside("choose", "--again", "--json").json
    assert [(one["subject"], one["about"], one["kinds"]) for one in found["changes"]] == [("good", "prompt", ["words"])]
    each = asked(found["decision"], "good") // 2
    assert (sent(project) - before, found["decision"]["replayed_now"]) == (each, each)


def test_more_samples_are_told_and_only_they_are_asked(project: Project) -> None:
    """A suite that has grown: the old answers come from the cache."""
    assert project.inside("choose").code == 0
    before = sent(project)
    with (project.folder / "suite" / "words.jsonl").open("a") as file:
        for n in range(10, 15):
            file.write(json.dumps({"id": f"words{n}", "input": f"words {n}.", "target": "yes"}) + "\n")
    found = project.inside("choose", "--again", "--json").json
    assert [(one["subject"], one["fact"], one["before"], one["after"]) for one in found["changes"]] == [
        ("words", "samples", 10, 15)
    ]
    new = found["decision"]["asked_now"] - found["decision"]["replayed_now"]
    assert sent(project) - before == new
    assert found["decision"]["replayed_now"] > 0


def test_a_changed_sample_is_told(project: Project) -> None:
    """As many as before, but not the same."""
    assert project.inside("choose").code == 0
    edit(project.folder / "suite" / "words.jsonl", "words 3.", "words three.")
    assert "words  suite  digest of its samples: " in project.inside("choose", "--again").out


def test_a_new_candidate_is_told_and_may_win(project: Project) -> None:
    """Who was added to the configuration takes part; who is gone from it is told."""
    assert project.inside("choose").code == 0
    edit(project.folder / "assay.toml", '"good", "bad"]', '"good", "new"]')
    with (project.folder / "assay.toml").open("a") as file:
        file.write(
            '\n[deployments.new]\nmodel = "x/new"\ndialect = "scripted"\nscript = "good.json"\n'
            "price_usd_per_mtok = { input = 0.1, output = 0.1 }\nsettings = { max_tokens = 8 }\n"
        )
    ended = project.inside("choose", "--again")
    assert "is a new candidate" in ended.out
    assert "is no candidate any more" in ended.out
    assert "words: good -> new" in ended.out


def test_options_of_now_win(project: Project) -> None:
    """What stands on the command line is asked instead of what was asked then, and told as a change."""
    assert project.inside("choose", "-k", "words", "--seed", "3").code == 0
    found = project.inside("choose", "--again", "--bar", "1", "--json").json
    assert found["decision"]["kinds"][0]["bar"] == 1.0
    assert [kind["name"] for kind in found["decision"]["kinds"]] == ["words"]
    assert found["decision"]["seed"] == 3
    assert [(one["about"], one["fact"], one["after"]) for one in found["changes"]] == [("question", "bar", 1.0)]


def test_the_same_question_is_asked(project: Project) -> None:
    """Bar, candidates, kinds, split and seed of that decision, not of the newest."""
    first = project.inside("choose", "-m", "good", "-k", "words", "--bar", "0.9", "--json").json["id"]
    assert project.inside("choose").code == 0
    edit(project.folder / "system.txt", "one word", "a single word")
    found = project.inside("choose", "--again", first[:14], "--json").json
    again = found["decision"]
    assert (found["of"], again["again_of"], list(again["runs"])) == (first, first, ["good"])
    assert [(kind["name"], kind["bar"]) for kind in again["kinds"]] == [("words", 0.9)]


def test_a_candidate_that_is_configured_no_longer_is_left_out(project: Project) -> None:
    """It was named on the command line and is gone: told, and the others are decided."""
    assert project.inside("choose", "-m", "good", "-m", "bad").code == 0
    text = (project.folder / "assay.toml").read_text()
    start, end = text.index("[deployments.bad]"), text.index("[routes.both]")
    rest = text[:start] + text[end:].replace('["bad", "good"]', '["good"]')
    (project.folder / "assay.toml").write_text(rest.replace('"good", "bad"]', '"good"]'))
    found = project.inside("choose", "--again", "--json")
    assert found.code == 0, found.err
    assert ("bad", "is no candidate any more") in {(one["subject"], one["fact"]) for one in found.json["changes"]}


def test_of_an_old_decision_only_outcomes_are_compared(two: Project) -> None:
    """It does not say what it rested on: no change is made up, and what was known is used."""
    with closing(sqlite3.connect(two.folder / "assay.db")) as connection:
        (body,) = connection.execute("select body from decisions order by id desc limit 1").fetchone()
        old = json.loads(body)
        for field in ("basis", "ground", "question"):
            del old[field]
        connection.execute("update decisions set body = ?", (json.dumps(old).encode(),))
        connection.commit()
    before = sent(two)
    ended = two.inside("choose", "--again")
    assert ended.code == 0, ended.err
    assert "does not say what it rested on" in ended.out
    assert "That changes nothing" in ended.out
    assert sent(two) == before


def test_a_pin_that_rests_on_an_older_decision_is_told(two: Project) -> None:
    """The lock is left as it is; who reads the answer is told that it is another decision's."""
    assert two.inside("pin").code == 0
    assert "assay.lock" not in two.inside("choose", "--again").out
    edit(two.folder / "assay.toml", "input = 2.0, output = 2.0", "input = 0.5, output = 0.5")
    pinned = json.loads(two.inside("explain", "--json").out)["id"]
    ended = two.inside("choose", "--again")
    assert f"assay.lock rests on another decision, {pinned[:12]}; `assay pin` freezes this one." in ended.out


def test_without_a_decision_there_is_nothing_to_make_again(project: Project) -> None:
    """An error that says what to run."""
    ended = project.inside("choose", "--again")
    assert (ended.code, "no decision yet" in ended.err) == (4, True)
    ended = project.inside("choose", "--again", "nosuch")
    assert (ended.code, "no decision 'nosuch'" in ended.err) == (2, True)


async def test_the_same_from_python(two: Project) -> None:
    """What the command does, for scripts: the decision that stands, and what changed."""
    from assay.app import open_app

    async with open_app(two.folder) as app:
        found = await make_again(app)
    assert (found.changes, found.decision, found.stands) == ((), None, found.of)


def test_what_was_asked_is_read_from_the_outcome_where_it_is_not_recorded(two: Project) -> None:
    """Candidates, kinds, split and seed; a bar may have been the suite's, and is not claimed."""
    import msgspec

    body = two.inside("explain", "--json").out.encode()
    old = msgspec.structs.replace(msgspec.json.decode(body, type=Decision), question=None)
    question = question_of(old)
    assert set(question.targets) == {"good", "bad"}
    assert (question.kinds, question.split, question.bar, question.seed) == (("words", "names"), "all", None, 0)


def test_a_grid_is_asked_again_by_its_name(project: Project) -> None:
    """Its members are the candidates, also those that it has only now."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write('\n[grids.tries]\nof = "good"\ntemperature = [0.0, 0.5]\n')
    ended = project.inside("choose", "-m", "tries", "-k", "words")
    assert ended.code == 0, ended.err
    assert "stands" in project.inside("choose", "--again").out
    edit(project.folder / "assay.toml", "[0.0, 0.5]", "[0.0, 0.7]")
    out = project.inside("choose", "--again").out
    assert out.count("is a new candidate") == out.count("is no candidate any more") == 1


def test_of_named_candidates_that_are_all_gone_nothing_is_guessed(project: Project) -> None:
    """An error that names them, instead of a decision between others."""
    assert project.inside("choose", "-m", "good").code == 0
    text = (project.folder / "assay.toml").read_text().replace("deployments.good", "deployments.fine")
    (project.folder / "assay.toml").write_text(text.replace('"good"]', '"fine"]').replace('["good"', '["fine"'))
    ended = project.inside("choose", "--again")
    assert ended.code == 4
    assert "none of its candidates is configured any more (good); name others with --model" in ended.err
    assert project.inside("choose", "--again", "-m", "fine").code == 0
