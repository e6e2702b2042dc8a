"""Kinds of work found in requests that name none."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from assay.errors import EvalError
from assay.evals.kinds.marks import marks_of, weights_of
from assay.evals.kinds.space import Space, product
from assay.evals.kinds.strength import ENOUGH
from assay.evals.kinds.suggestion import groups_of, suggested
from assay.evals.kinds.tree import cuts
from assay.types import Message, OutputFormat, Request, Tool

COMMON = [f"word{n}" for n in "abcdefghijklmnopqrstuvwxyz"]
OWN = {
    "query": ["select", "table", "rows", "join", "column", "database", "count", "group", "order"],
    "refund": ["refund", "order", "parcel", "broken", "complaint", "delivery", "angry", "money", "late"],
    "verse": ["poem", "rhyme", "stanza", "moon", "river", "autumn", "verse", "sonnet", "lines"],
}


def request(text: str, system: str | None = None) -> Request:
    """A request of one message, and an instruction."""
    first = (Message.of("system", system),) if system else ()
    return Request(messages=(*first, Message.of("user", text)))


def traffic(kinds: dict[str, int], seed: int = 1) -> tuple[list[Counter[str]], list[str]]:
    """Marks of requests that share half of their words with all others, and the kind of each, shuffled."""
    chance = random.Random(seed)  # noqa: S311 - which words
    asked = []
    for kind, count in kinds.items():
        for _ in range(count):
            words = [chance.choice(OWN[kind]) for _ in range(6)] + [chance.choice(COMMON) for _ in range(6)]
            chance.shuffle(words)
            asked.append((marks_of(request(" ".join(words))), kind))
    chance.shuffle(asked)
    return [marks for marks, _ in asked], [kind for _, kind in asked]


@pytest.mark.parametrize("kinds", [{"query": 40, "refund": 40, "verse": 40}, {"query": 90, "verse": 20}])
def test_kinds_are_found_again(kinds: dict[str, int]) -> None:
    """As many as there are, also where one is rare; nearly every request is in the group of its kind."""
    marked, truth = traffic(kinds)
    found = groups_of(marked)
    assert found.many == len(kinds)
    members = [
        Counter(kind for kind, one in zip(truth, found.groups, strict=True) if one == g) for g in range(found.many)
    ]
    assert sum(max(one.values()) for one in members) > 0.97 * len(truth)
    assert min(found.sure) > 0.9


def test_where_there_is_no_structure_none_is_found() -> None:
    """Requests of random words are of one kind, however many groups could be made of them."""
    chance = random.Random(3)  # noqa: S311 - which words
    noise = [marks_of(request(" ".join(chance.choice(COMMON) for _ in range(12)))) for _ in range(80)]
    found = groups_of(noise)
    assert found.many == 1
    assert max(value for count, value in found.strengths.items() if count > 1) < ENOUGH
    assert groups_of(noise, 4).many == 4  # who asks for four gets four, and is told how strong they are


def test_equal_requests_give_equal_kinds() -> None:
    """Nothing hangs on chance."""
    marked, _ = traffic({"query": 30, "refund": 30})
    one, other = groups_of(marked), groups_of(marked)
    assert (one.groups, one.strengths, one.sure) == (other.groups, other.strengths, other.sure)


def test_kinds_have_names_of_their_telling_words() -> None:
    """And examples of their own middle; names differ."""
    marked, truth = traffic({"query": 40, "refund": 40, "verse": 40})
    kinds = suggested(marked, groups_of(marked))
    assert len({kind.name for kind in kinds}) == 3
    for kind in kinds:
        of = {truth[place] for place in kind.examples}
        assert len(of) == 1
        assert set(kind.name.split("-")) <= set(OWN[of.pop()])
        assert kind.requests == 40


def test_too_few_requests_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a handful nobody can say that there are kinds; nor of as many kinds as requests."""
    marked, _ = traffic({"query": 5})
    with pytest.raises(EvalError, match="too few"):
        groups_of(marked)
    marked, _ = traffic({"query": 15})
    with pytest.raises(EvalError, match="too few"):
        groups_of(marked, 10)


def test_marks_are_more_than_words() -> None:
    """An instruction, tools and the form of the answer count; figures are all alike; long texts have two ends."""
    asked = Request(
        messages=(Message.of("system", "Answer in SQL"), Message.of("user", "Orders of 2024, 17 of them")),
        tools=(Tool(name="run", parameters={}),),
        output=OutputFormat(kind="json_schema", name="rows"),
    )
    marks = marks_of(asked)
    assert {"said:sql", "orders", "#", "tool:run", "form:rows"} <= marks.keys()
    assert marks["#"] == 2
    long = marks_of(request("begin " + "middle " * 1000 + "end"))
    assert {"begin", "end"} <= long.keys()
    assert long.total() == 300
    assert marks_of(Request()) == Counter()


def test_a_mark_of_all_or_of_hardly_any_weighs_nothing() -> None:
    """It tells nobody apart."""
    marked = [Counter({"all": 1, "rare": 1}), *(Counter({"all": 1, "some": 1}) for _ in range(4)), Counter({"all": 1})]
    assert weights_of(marked).keys() == {"some"}


def test_requests_of_like_words_lie_close() -> None:
    """Two that share no word are close where others use the words of both."""
    marked = [Counter({"a": 1, "b": 1}), Counter({"b": 1, "c": 1}), Counter({"a": 1, "c": 1})] * 4
    marked += [Counter({"x": 1, "y": 1}), Counter({"y": 1, "z": 1}), Counter({"x": 1, "z": 1})] * 4
    space = Space(marked, 2)
    a, c, x = (space.point({name: 1}) for name in "acx")
    assert product(a, c) > 0.9
    assert abs(product(a, x)) < 0.1
    assert space.point({"unheard": 1}) == (0.0, 0.0)


def test_a_tree_has_every_number_of_groups() -> None:
    """Each cut joins two groups of the one before; the largest group is the first."""
    points = [(1.0, 0.0), (0.99, 0.14), (0.0, 1.0), (0.0, -1.0), (0.96, 0.28)]
    found = cuts(points, 5)
    assert {count: len(set(groups)) for count, groups in found.items()} == {count: count for count in range(1, 6)}
    assert found[3][0] == found[3][1] == found[3][4] == 0
    for count in range(1, 5):
        finer = dict(zip(found[count + 1], found[count], strict=True))
        assert [finer[group] for group in found[count + 1]] == found[count]
    assert cuts(points[:1], 3) == {1: [0]}
