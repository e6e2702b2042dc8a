"""`assay kinds`, `assay shadows` and the sums of `assay feedback`, on a ledger with traffic."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

import pytest

from assay.app import App
from assay.config.load import load
from assay.inference.bodies import Bodies
from assay.inference.spine import Options
from assay.inference.trace import Trace
from assay.types import Message, Request

Project = Any  # of this folder's conftest

TEXTS = {
    "sql": "select the {} of each table row, grouped by column, as one query with a join",
    "refund": "my parcel with the {} came broken, I am angry and want my money back",
}


def ask(project: Project, count: int, *, kind: str | None = None, kinds: tuple[str, ...] = tuple(TEXTS)) -> list[str]:
    """Ask `both` in this process as a gateway would; the ids of the requests."""

    async def run() -> list[str]:
        ids = []
        async with App(load(project.folder)) as app:
            keeper = Bodies(app.ledger, app.loaded.config).keeper("both")
            for number in range(count):
                text = TEXTS[kinds[number % len(kinds)]].format(f"thing{number}")
                trace = Trace()
                asked = Request(messages=(Message.of("user", text),), kind=kind)
                await app.spine.answer(asked, "both", trace, Options(bodies=keeper))
                ids.append(trace.request_id)
            await app.spine.shadows.ended()
        return ids

    return asyncio.run(run())


def configure(project: Project, more: str) -> None:
    """Add to the route `both`."""
    config = project.folder / "assay.toml"
    config.write_text(config.read_text().replace('candidates = ["bad", "good"]\n', f'candidates = ["bad"]\n{more}\n'))


def test_an_empty_ledger_has_nothing_to_tell(project: Project) -> None:
    """Each says what would bring it something, with exit code 4."""
    for words, told in (
        (("kinds",), "no request"),
        (("kinds", "suggest"), "bodies"),
        (("shadows",), "audit"),
        (("feedback",), "POST /v1/feedback"),
    ):
        ended = project.inside(*words)
        assert (ended.code, told in ended.out) == (4, True), ended.out + ended.err
        assert project.inside(*words, "--json").code == 4


@pytest.mark.parametrize(
    "words", [("shadows", "bath"), ("feedback", "--route", "bath"), ("cache", "clear", "bath")], ids=lambda it: it[0]
)
def test_a_name_that_nothing_has_is_a_mistake(project: Project, words: tuple[str, ...]) -> None:
    """Where nothing was found, and the configuration knows no such name, the nearest is told."""
    ended = project.inside(*words)
    assert (ended.code, "nothing is called 'bath'; did you mean 'both'?" in ended.err) == (2, True), ended.err


def test_kinds_are_listed_with_the_share_that_names_none(project: Project) -> None:
    """By number of requests, with cost and the names that were called."""
    ask(project, 3, kind="desk")
    ask(project, 1)
    told = project.inside("kinds", "--json").json
    assert [(one["kind"], one["requests"], one["targets"]) for one in told["kinds"]] == [
        ("desk", 3, {"both": 3}), ("", 1, {"both": 1}),
    ]  # fmt: skip
    assert told["untagged_share"] == 0.25
    assert told["kinds"][0]["usd"] > 0
    shown = project.inside("kinds").out
    assert "25.0% name no kind: assay kinds suggest" in shown


def test_kinds_are_suggested_from_kept_requests(project: Project) -> None:
    """With names, examples and routes to paste; tagged requests are left alone; equal requests, equal words."""
    configure(project, 'bodies = "full"')
    ask(project, 24)
    ask(project, 4, kind="known")
    told = project.inside("kinds", "suggest", "--json").json
    assert (told["requests"], told["looked_at"]) == (24, 24)
    assert sorted(kind["requests"] for kind in told["kinds"]) == [12, 12]
    shown = project.inside("kinds", "suggest")
    assert shown.code == 0
    assert shown.out == project.inside("kinds", "suggest").out
    assert "prediction strength 1.00" in shown.out
    first = told["kinds"][0]["name"]
    assert f'[routes.{first}]\ncandidates = ["both"]\nkind = "{first}"' in shown.out
    config = project.folder / "assay.toml"
    config.write_text(config.read_text() + "\n" + shown.out[shown.out.index("[routes.") :])
    assert project.inside("config", "check").code == 0


def test_requests_of_one_kind_have_no_structure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and not made up; too few requests are told too."""
    configure(project, 'bodies = "full"')
    ask(project, 5)
    few = project.inside("kinds", "suggest")
    assert few.code != 0
    assert "too few" in few.err
    chance = random.Random(2)  # noqa: S311 - which words
    words = [f"word{letter}" for letter in "abcdefghijklmnop"]
    texts = {str(number): " ".join(chance.choices(words, k=12)) for number in range(40)}
    monkeypatch.setattr(sys.modules[__name__], "TEXTS", texts)
    ask(project, 40, kinds=tuple(texts))
    one = project.inside("kinds", "suggest", "--since", "1h")
    assert one.code == 4
    assert "no structure" in one.out
    assert project.inside("kinds", "suggest", "--k", "2").code == 0


def test_an_audit_is_read_out(project: Project) -> None:
    """How often the other agrees, and what it would have cost, for people and for programs."""
    configure(project, 'audit = { against = "good", share = 1.0, usd_per_day = 1.0 }')
    ask(project, 4, kind="desk")
    told = project.inside("shadows", "--json").json
    (one,) = told["comparisons"]
    assert (one["own"], one["other"], one["verdicts"]) == ("bad", "good", {"differs": 4})
    assert one["agreement"]["value"] == 0.0
    assert one["saved_usd"] < 0
    shown = project.inside("shadows", "both").out
    assert "both, audit: bad answered, good was asked beside" in shown
    assert "agree: 0.0 %" in shown
    assert "too few to rely on" in shown
    assert "USD more" in shown
    none = project.inside("shadows", "good")
    assert (none.code, none.out) == (
        4,
        "nothing of that has been compared\n",
    )  # there is an audit, so that none is asked for


def test_a_call_at_the_command_line_is_not_audited(project: Project) -> None:
    """It ends with its answer, and would pay for a comparison that it cuts."""
    configure(project, 'audit = { against = "good", share = 1.0 }')
    asked = {"model": "both", "messages": [{"role": "user", "content": "hello"}]}
    (project.folder / "request.json").write_text(json.dumps(asked))
    assert project.inside("call", "request.json").code == 0
    rows = project.inside("logs", "--json").json["attempts"]
    assert [row["deployment"] for row in rows] == ["bad"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('audit = { against = "godo" }', "did you mean 'good'"),
        ('audit = { against = "good", judge = "nobody" }', "audit.judge"),
        ('audit = { against = "both" }', "unknown 'both'"),
        ('audit = { against = "good", share = 2 }', "audit.share"),
        ('audit = { against = "good", check = "exakt" }', "exakt"),
        ('audit = { share = 0.1 }', "against"),
    ],
)  # fmt: skip
def test_a_wrong_audit_is_named(project: Project, wrong: str, told: str) -> None:
    """When the configuration is read, and not beside the traffic."""
    configure(project, wrong)
    ended = project.inside("config", "check")
    assert ended.code == 2
    assert told in ended.out + ended.err


def test_feedback_is_added_up(project: Project) -> None:
    """By kind and deployment, with the share that was heard of, intervals, and outcomes."""
    ids = ask(project, 4, kind="desk")
    for request_id, verdict in zip(ids, ("accepted", "edited", "rejected"), strict=False):
        assert project.inside("feedback", request_id, verdict, "--metric", "stars=4").code == 0
    project.inside("feedback", ids[3], "preferred", "--over", ids[2])
    (one,) = project.inside("feedback", "--json").json["opinions"]
    assert (one["kind"], one["deployment"], one["requests"]) == ("desk", "bad", 4)
    assert one["verdicts"] == {"accepted": 1, "edited": 1, "rejected": 1, "preferred": 1}
    assert (one["accepted"]["value"], one["usable"]["value"], one["passed_over"]) == (0.5, 0.75, 1)
    assert one["heard"]["value"] == 1.0
    assert one["outcomes"] == [{"metric": "stars", "n": 3, "mean": 4.0, "low": 4.0, "high": 4.0}]
    shown = project.inside("feedback", "--kind", "desk").out
    assert "50.0 %" in shown
    assert "no random sample" in shown
    assert project.inside("feedback", "--kind", "other").code == 4
    assert project.inside("feedback", ids[0], "accepted", "--since", "1d").code == 2
    assert project.inside("feedback", "--metric", "stars=1").code == 2
