"""`assay judge`: auditing a judge, and labelling answers for it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from assay.cli.judge.compare import render
from assay.evals.graders.grader import Score
from assay.evals.judging.duel import fight

PASS = '{"reasons": "r", "verdict": "pass"}'
FAIL = '{"reasons": "r", "verdict": "fail"}'
HONEST = {"match": r"(?s)<reference-\w+>\n([^\n]+)\n.*<answer-\w+>\n\1\n</answer", "answer": PASS}
FOOLED = {"match": r"<answer-\w+>\n\n</answer", "answer": PASS}


@pytest.fixture
def judged(project: Any) -> Any:
    """The project, with a kind that the deployment `bad` grades."""
    lines = [{"id": f"f{n:02d}", "input": f"fact {n}.", "target": f"It is {n}."} for n in range(48)]
    (project.folder / "suite" / "facts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (project.folder / "suite" / "suite.toml").open("a") as toml:
        toml.write('[kinds.facts]\nsamples = "facts.jsonl"\n')
        toml.write('graders = [{ grader = "judge", model = "bad", rubric = "As the reference." }]\n')
    project.script("good", {"match": r"fact (\d*[02468])\.", "answer": "It is {1}."}, default="yes")
    project.script("bad", HONEST, default=FAIL)
    return project


def told(ended: Any) -> tuple[int, str, str]:
    """Exit code, standard output and error."""
    return ended.code, ended.out, ended.err


def label(project: Any, monkeypatch: pytest.MonkeyPatch, keys: str, *more: str) -> Any:
    """Label answers of `good` with these keys."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(keys) + "\n"))
    return project.inside("judge", "label", "good", "-o", "labels.jsonl", "-k", "facts", *more, "--json").json


def test_an_honest_judge_is_cleared_and_shown_beside_its_kind(judged: Any) -> None:
    """Exit code 0, and `assay eval` tells what is known of it; before, that it was never audited."""
    code, out, _ = told(judged.inside("eval", "-m", "good", "-k", "facts"))
    assert code == 0
    assert "facts: graded by bad (judge), never audited as it is now: assay judge audit bad" in out
    out = judged.inside("eval", "-m", "good", "-m", "bad", "-s", "./suite", "-c", "assay.toml").out
    assert "assay judge audit bad -s ./suite -c assay.toml;" in out  # about the same suite, when it is pasted
    assert "Where: assay compare good bad -s ./suite -c assay.toml" in out
    code, out, _ = told(judged.inside("judge", "audit", "bad"))
    assert (code, "nothing passes more than 10%" in out, "no labels given" in out) == (0, True, True)
    code, out, _ = told(judged.inside("eval", "-m", "good", "-k", "facts", "--json"))
    (standing,) = json.loads(out)["judges"]
    assert (standing["judge"], standing["audit"]["probe"]["fooled"]) == ("bad", "no")


def test_a_decision_says_what_is_known_of_its_judges(judged: Any) -> None:
    """On stderr: a judge that was never audited, and one that is a candidate itself."""
    told = judged.inside("choose", "-k", "facts", "-m", "good", "-m", "bad").err
    assert "facts: graded by bad (judge), never audited as it is now: assay judge audit bad" in told
    assert "it judges itself in bad" in told


def test_a_judge_that_can_be_gamed_is_flagged(judged: Any) -> None:
    """Exit code 1; the answer that fools it is named, here and beside its kind."""
    judged.script("bad", FOOLED, HONEST, default=FAIL)
    code, out, _ = told(judged.inside("judge", "audit", "bad"))
    assert (code, "FLAGGED: an empty answer passes" in out) == (1, True)
    assert "FOOLED by an empty answer" in judged.inside("eval", "-m", "good", "-k", "facts").out


def test_what_cannot_be_told(judged: Any) -> None:
    """Exit code 4 on too few samples, 3 where no verdict can be read, 2 for a judge that nobody asks."""
    assert judged.inside("judge", "audit", "bad", "--probes", "5").code == 4
    judged.script("bad", default="?")
    assert judged.inside("judge", "audit", "bad", "--probes", "5").code == 3
    code, _, said = told(judged.inside("judge", "audit", "gut"))
    assert (code, "no grader of suite 'desk' asks 'gut'" in said) == (2, True)


def test_labels_go_on_where_they_were_left(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is in the file at once, with the answer's digest; the next call shows the others, and no verdict."""
    judged.inside("eval", "-m", "good", "-k", "facts")
    assert label(judged, monkeypatch, "rq") == {"labels": 1, "known": 0, "left": 47, "file": "labels.jsonl"}
    assert label(judged, monkeypatch, "xwsw", "--by", "ann")["labels"] == 2  # the end of its input ends it
    lines = [json.loads(line) for line in (judged.folder / "labels.jsonl").read_text().splitlines()]
    assert [line["value"] for line in lines] == [1, 0, 0]
    assert lines[1]["by"] == "ann"
    assert len({line["sample"] for line in lines}) == 3
    assert all(len(line["answer_sha256"]) == 64 for line in lines)
    assert label(judged, monkeypatch, "rrr", "-n", "4")["labels"] == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    shown = judged.inside("judge", "label", "good", "-o", "labels.jsonl", "-k", "facts").err
    assert "answer: " in shown
    assert "target: It is" in shown
    assert "pass" not in shown


def test_labels_that_cannot_be_written(judged: Any) -> None:
    """It shows before anybody has read anything."""
    judged.inside("eval", "-m", "good", "-k", "facts")
    found = judged.inside("judge", "label", "good", "-o", "nowhere/labels.jsonl", "-k", "facts")
    assert (found.code, "cannot write the labels" in found.err, "--- 1" in found.err) == (2, True, False)


def test_an_audit_with_labels(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """People's labels and the judge's verdicts on the same answers; labels of other answers are refused."""
    judged.inside("eval", "-m", "good", "-k", "facts")
    label(judged, monkeypatch, "r" * 48)
    code, out, _ = told(judged.inside("judge", "audit", "bad", "--labels", "labels.jsonl", "--json"))
    (audit,) = json.loads(out)
    people = audit["people"]
    assert (code, people["hits"], people["misses"], people["answers"]) == (0, 24, 24, 48)
    assert audit["steadiness"]["share"] == 1.0
    with (judged.folder / "labels.jsonl").open("a") as labels:
        labels.write('{"sample": "words1", "value": 1, "answer_sha256": "00"}\n')  # of a kind that is not audited
    assert judged.inside("judge", "audit", "bad", "-k", "facts", "--labels", "labels.jsonl").code == 0
    (judged.folder / "one.jsonl").write_text((judged.folder / "labels.jsonl").read_text().splitlines()[0])
    _, out, _ = told(judged.inside("judge", "audit", "bad", "-k", "facts", "--labels", "one.jsonl"))
    assert "of 1 verdict agrees" in out or "0 of 1 verdict agree:" in out
    (judged.folder / "other.jsonl").write_text('{"sample": "f00", "value": 1, "answer_sha256": "00"}\n')
    code, _, said = told(judged.inside("judge", "audit", "bad", "--labels", "other.jsonl"))
    assert (code, "of 1 label none is about an answer" in said) == (2, True)


def test_a_run_that_is_not_there(judged: Any) -> None:
    """Exit code 4 names what there is."""
    code, _, said = told(judged.inside("judge", "label", "good", "-o", "labels.jsonl"))
    assert (code, "make one with `assay eval`" in said) == (4, True)
    assert not Path(judged.folder / "labels.jsonl").exists()


def test_two_runs_before_a_judge(judged: Any) -> None:
    """Wins, ties and a sign test; exit code 0 where one is better, 4 where it cannot be told, 3 without verdicts."""
    first, second = '{"reasons": "r", "better": "first"}', '{"reasons": "r", "better": "second"}'
    known = {"match": r"(?s)<first-\w+>\nIt is", "answer": first}
    swapped = {"match": r"(?s)<second-\w+>\nIt is", "answer": second}
    judged.script("judge", known, swapped, default='{"reasons": "r", "better": "first"}')
    with (judged.folder / "assay.toml").open("a") as toml:
        toml.write('[deployments.judge]\nmodel = "x/judge"\ndialect = "scripted"\nscript = "judge.json"\n')
    judged.script("bad", default="no")
    suite = judged.folder / "suite" / "suite.toml"
    suite.write_text(
        suite.read_text().replace('grader = "judge", model = "bad", rubric = "As the reference."', 'check = "exact"')
    )
    judged.inside("eval", "-k", "facts")
    found = judged.inside("judge", "compare", "good", "bad", "--judge", "judge", "-k", "facts", "--json")
    duel = found.json
    assert (found.code, duel["better"], duel["wins_a"], duel["wins_b"], duel["ties"]) == (0, "good", 24, 0, 24)
    assert duel["win_rate"] == 0.75
    assert duel["position"]["favours"] == "first"
    text = judged.inside("judge", "compare", "bad", "good", "--judge", "judge", "-k", "facts").out
    assert "good is better: bad wins 0, good wins 24, 24 ties" in text
    judged.script("judge", default=first)
    biased = judged.inside("judge", "compare", "good", "bad", "--judge", "judge", "-k", "facts", "--json")
    assert (biased.code, biased.json["ties"], biased.json["judges_itself"]) == (4, 48, False)
    own = judged.inside("judge", "compare", "good", "bad", "--judge", "good", "-k", "facts", "--json")
    assert (own.code, own.json["unscored"]) == (3, 48)
    judged.script("judge", default="hm")
    assert judged.inside("judge", "compare", "good", "bad", "--judge", "judge", "-k", "facts").code == 3
    assert judged.inside("judge", "compare", "good", "good", "--judge", "judge").code == 2
    assert judged.inside("judge", "compare", "good", "bad", "--judge", "gut").code == 2
    assert judged.inside("judge", "compare", "good", "zzz", "--judge", "judge").code == 4


def test_a_judge_of_its_own_answers_is_remarked_on() -> None:
    """What the scores say of it stands in the result, and in its text."""
    own = {"orders": ["first", "second"], "judges_itself": True}
    duel = fight("a", "b", "a", [Score(grader="pairwise", value=1.0, measure=1.0, detail=own)], None)
    assert (duel.judges_itself, duel.wins_a, duel.better) == (True, 1, None)
    assert "a judges answers of its own model here" in render(duel)


def test_config_check_knows_the_judges(judged: Any) -> None:
    """One that is not in assay.toml is told by `assay config check`, and by `assay eval` before anything is asked."""
    assert judged.inside("config", "check").code == 0
    suite = judged.folder / "suite" / "suite.toml"
    suite.write_text(suite.read_text().replace('model = "bad"', 'model = "bat"'))
    for arguments in (("config", "check"), ("eval", "-m", "good")):
        found = judged.inside(*arguments)
        assert found.code == 2
        assert "'bat'" in found.err
    assert judged.inside("logs", "--json").json["attempts"] == []


def test_a_judge_is_no_candidate_unless_it_is_named(judged: Any) -> None:
    """Without `decide.candidates` all deployments are, but those that only grade this suite."""
    config = judged.folder / "assay.toml"
    config.write_text(config.read_text().replace('candidates = ["good", "bad"]\n', "", 1))
    out = judged.inside("eval", "-k", "facts", "--limit", "1", "--json").json
    assert [card["target"] for card in out["scorecards"]] == ["good"]
    out = judged.inside("eval", "-k", "words", "--limit", "1", "--json").json
    assert [card["target"] for card in out["scorecards"]] == ["good", "bad"]
    named = judged.inside("eval", "-m", "bad", "-k", "facts", "--limit", "1", "--json").json
    assert [card["target"] for card in named["scorecards"]] == ["bad"]


@pytest.mark.parametrize("option", ["--deadline-s", "--max-usd"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_number_is_refused(judged: Any, option: str, value: str) -> None:
    """`nan` is neither below nor above any limit."""
    ended = judged.inside("eval", option, value)
    assert ended.code == 2
    assert "is no number" in ended.err
