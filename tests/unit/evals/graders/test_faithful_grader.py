"""Answers that cite documents: what can be looked up, what a judge says, and what cites nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from graders_shared import answer, sample
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.citations import CITED
from assay.errors import ConfigError, SuiteError
from assay.evals.graders.faithful import Faithful
from assay.evals.graders.grader import Score
from assay.evals.graders.grading import check_graders, grade
from assay.evals.graders.judges import Judges
from assay.evals.graders.statements import missing, statements
from assay.ledger.store import SqliteLedger

RETURNS = 'Bags may be returned within thirty days. Ms Olsen says: "keep the receipt". Frame NW-48136 costs 1,250 EUR.'
SHOWN = (
    f'<document id="returns">\n{RETURNS}\n</document>\n<document id="delivery">\nWe deliver in 3 days to Oslo.\n'
    "</document>\nI bought a bag 40 days ago, says Nilsen. May I return it?"
)
SPEC = {"grader": "faithful"}


async def faithful(text: str, judges: Judges | None = None, **more: Any) -> Score:
    """What the grader says of an answer."""
    return (await grade(sample({**SPEC, **more}, text=SHOWN), answer(text), judges=judges)).scores[0]


@pytest.mark.parametrize(
    "text",
    [
        "You may return bags within 30 days [returns].",
        "No, Nilsen, 40 days are too many: it is 30. [returns]",
        "Olsen says to “keep the receipt” [returns], and it takes 3 days to Oslo [delivery].",
        "- The frame NW-48136 costs 1250 euros [returns]\n- Oslo's deliveries take 3 days [delivery]",
        "Summary:\n1. It is 30 days [returns]\n2. It is the 3rd day [delivery]",
        "Bags are taken back. [returns] I hope that this helps.",
        "Deliveries take 3 days and returns 30 [delivery, returns].",
    ],
)
async def test_what_the_documents_have_passes(text: str) -> None:
    """Numbers also as words, names of the question, several documents, citations after the sentence."""
    found = await faithful(text)
    assert (found.value, found.measure) == (1.0, 1.0), found.explanation


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("You may return bags within 60 days [returns].", "returns has not the number 60"),
        ("It takes 30 days [delivery].", "delivery has not the number 30"),
        ("We say “lose the receipt” [returns].", "has not the words 'lose the receipt'"),
        ("It goes to Bergen [delivery].", "has not the name 'Bergen'"),
        ("The frame NW-48137 costs 1250 [returns].", "returns has not the number 48137"),
        ("The frame NV-48136 costs 1250 [returns].", "has not the name 'NV-48136'"),
        ("It is 30 days [warranty].", "'warranty' is no document of the request"),
        ("It is 30 days [returns]. Then 7 more. [returns]", "the number 7"),
        ("It is 30 days.", "cites no document"),
        ("", "cites no document"),
    ],
)
async def test_what_they_have_not_fails(text: str, said: str) -> None:
    """The unsupported statement is named, and what is missing in its document."""
    found = await faithful(text)
    assert found.value == 0.0
    assert said in found.explanation


async def test_the_share_of_supported_statements_is_the_measure() -> None:
    """And the unsupported ones stand in the detail, cut."""
    found = await faithful("It is 30 days [returns]. It is 9 days [returns]. Hello to you all.")
    assert found.measure == 0.5
    assert found.detail == {"cited": 2, "uncited": 1, "unsupported": ["It is 9 days."]}


async def test_uncited_statements() -> None:
    """Some may cite nothing, or all, or none."""
    half = "It is 30 days [returns]. We like bags very much."
    assert (await faithful(half)).value == 1.0
    strict = await faithful(half, uncited="forbid")
    assert (strict.value, "We like bags very much" in strict.explanation) == (0.0, True)
    assert (await faithful("We do not know this.", uncited="allow")).value == 1.0


async def test_facts_may_be_chosen() -> None:
    """Without names a language that writes nouns with capitals can be graded."""
    assert (await faithful("Man darf die Tasche 30 Tage behalten [returns].")).value == 0.0
    assert (await faithful("Man darf die Tasche 30 Tage behalten [returns].", facts=["numbers"])).value == 1.0


async def test_a_judge_sees_what_cannot_be_looked_up(judging: Callable[..., Judges], ledger: SqliteLedger) -> None:
    """It is asked once for all statements, and not at all where the words already tell."""
    rule = {"match": r"2\. \(cites delivery\) We deliver", "answer": '{"reasons": "no word", "unsupported": [2]}'}
    judges = judging(rule, default='{"reasons": "all fine", "unsupported": []}')
    text = "Bags may be returned [returns]. We deliver to the moon [delivery]."
    found = await faithful(text, judges, model="judge")
    assert (found.value, found.measure) == (0.0, 0.5)
    assert "We deliver to the moon" in found.explanation
    assert "no word" in found.explanation
    assert (await faithful("Bags may be returned [returns].", judges, model="judge")).value == 1.0
    assert len(await ledger.attempts()) == 2
    await faithful("It is 60 days [returns].", judges, model="judge")
    assert len(await ledger.attempts()) == 2


async def test_a_verdict_about_no_statement_is_none(judging: Callable[..., Judges]) -> None:
    """A judge that names a statement which there is not has not understood: unscored."""
    judges = judging(default='{"reasons": "r", "unsupported": [7]}')
    found = await faithful("Bags may be returned [returns].", judges, model="judge")
    assert (found.value, "statement 7 of 1" in found.explanation) == (None, True)


def test_a_sample_without_documents_shows_before_money_is_spent() -> None:
    """There is nothing to be faithful to."""
    with pytest.raises(SuiteError, match="shows no document"):
        check_graders((sample(SPEC),))
    for options, said in (
        ({"pattern": "("}, "no pattern"),
        ({"pattern": "x"}, "no group"),
        ({"facts": ["x"]}, "facts"),
    ):
        with pytest.raises(ConfigError, match=said):
            Faithful(**options)


def test_statements_and_their_citations() -> None:
    """Sentences, items and lines; a citation belongs to the sentence that it ends or stands in."""
    text = "Dr. Olsen keeps it [a]. It lasts. [b] Then [c] says more. Is it so? Yes:\n* an item here\n[d] begins a line"
    found = statements(text, re.compile(CITED))
    assert [(one.text.rstrip(" ."), one.cites) for one in found] == [
        ("Dr. Olsen keeps it", ("a",)),
        ("It lasts", ("b",)),
        ("Then says more", ("c",)),
        ("an item here", ()),
        ("begins a line", ("d",)),
    ]


@given(st.text(alphabet=st.sampled_from(list("aB1. [](),;:!?\n\"“”'-*#é")), max_size=300))
def test_whatever_a_model_writes_is_read(text: str) -> None:
    """Any text has statements, which can be looked up; nothing of it is cited that does not stand there."""
    for one in statements(text, re.compile(CITED)):
        assert all(name in text.casefold() for name in one.cites)
        missing(one.text, "a B1", "c", ("quotes", "numbers", "names"))


def test_long_answers_are_read_in_time() -> None:
    """Up to the limit of characters, whatever they are made of."""
    for piece in ("a. ", "[a] ", "A", "[", "“a", "1", "-"):
        statements(piece * (100_000 // len(piece)), re.compile(CITED))
