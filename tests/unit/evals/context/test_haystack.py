"""The text that facts are hidden in: ours alone, of the wanted size, and it gives nothing away."""

from __future__ import annotations

import re
from itertools import islice
from random import Random

import pytest

from assay.evals.context.haystack import sentences, woven
from assay.evals.context.tasks import TASKS, Task, hidden

FORMS = re.compile(r"\d|depot|code|parcel", re.IGNORECASE)


def seeded(seed: int | str) -> Random:
    """Draws texts."""
    return Random(seed)  # noqa: S311 - a text, not a secret


def test_filler_says_nothing_of_what_is_asked() -> None:
    """No sentence of the filler has a digit, or a word that facts are made of."""
    assert [one for one in islice(sentences(seeded(1)), 5000) if FORMS.search(one)] == []


def test_filler_is_varied() -> None:
    """Of 5,000 sentences hardly any comes twice."""
    drawn = list(islice(sentences(seeded(2)), 5000))
    assert len(set(drawn)) > 4900


@pytest.mark.parametrize("chars", [0, 300, 5000, 40_000])
def test_a_text_is_no_longer_than_it_may_be(chars: int) -> None:
    """It fills its letters up to a sentence; facts are in it even where there is no room."""
    text = woven(seeded(3), chars, [(0.5, "A fact.")], ["Another."])
    assert "A fact." in text
    assert "Another." in text
    assert len(text) <= max(chars, len("A fact. Another."))
    assert chars < 300 or len(text) > chars - 200


def test_facts_stand_where_they_should() -> None:
    """Depth 0 begins the text, 1 ends it, a half is in the middle; of one depth the first named comes first."""
    placed = [(0.0, "First."), (0.0, "Second."), (0.5, "Middle."), (1.0, "Last.")]
    text = woven(seeded(4), 20_000, placed, ["Strewn."] * 3)
    assert text.startswith("First. Second. ")
    assert text.endswith("Last.")
    assert abs(text.index("Middle.") / len(text) - 0.5) < 0.01


def test_a_seed_is_a_text() -> None:
    """The same seed gives the same text, another one another."""
    assert woven(seeded("a"), 2000, [], []) == woven(seeded("a"), 2000, [], [])
    assert woven(seeded("a"), 2000, [], []) != woven(seeded("b"), 2000, [], [])


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_stands_once_and_others_like_it_beside(task: Task) -> None:
    """The code asked for is in one sentence alone; four other depots have codes of their own, in the same form."""
    for number in range(50):
        facts = hidden(task, seeded(number), 0.3)
        every = [sentence for _, sentence in facts.placed] + list(facts.strewn)
        assert sum(str(facts.answer) in sentence for sentence in every) == 1
        codes = [code for sentence in every for code in re.findall(r"\d{5}", sentence)]
        assert len(codes) == len(set(codes)) == (6 if task == "latest" else 5)
        assert str(facts.answer) not in facts.question


def test_hops_are_far_from_each_other() -> None:
    """The parcel's sentence stands half the text away from the code, at every depth."""
    for depth in (0.0, 0.25, 0.5, 0.75, 1.0):
        (first, parcel), (second, code) = hidden("hops", seeded(1), depth).placed
        assert "parcel" in parcel
        assert "code" in code
        assert (second, abs(first - second)) == (depth, 0.5)


def test_what_was_changed_stands_after_what_it_was() -> None:
    """In `latest` the overruled code never comes later in the text than the change of it."""
    for depth in (0.0, 0.5, 1.0):
        facts = hidden("latest", seeded(2), depth)
        text = woven(seeded(2), 10_000, facts.placed, facts.strewn)
        depot = re.search(r"the (\w+) depot now", facts.question)
        assert depot is not None
        was, now = (text.index(f"gate code of the {depot[1]} depot {word}") for word in ("is", "was changed"))
        assert was < now
