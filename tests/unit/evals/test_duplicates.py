"""Near-duplicates: what an exhaustive search finds, in less time, and never more pairs than anybody can use."""

from __future__ import annotations

import random
import time
from itertools import combinations, pairwise

import pytest

from assay.errors import EvalError
from assay.evals.suites import duplicates as module
from assay.evals.suites.duplicates import MOST_PARTNERS, clusters, duplicates, fingerprint, resembling

WORDS = [f"w{n}" for n in range(300)]


def texts_with_copies(count: int, *, words: int, seed: int) -> list[str]:
    """Random texts, and for each a copy with a word or two exchanged."""
    draw = random.Random(seed)  # noqa: S311 - texts, no secrets
    made = []
    for _ in range(count):
        said = draw.choices(WORDS, k=draw.randint(words // 2, words))
        copy = [draw.choice(WORDS) if draw.random() < 1.5 / len(said) else word for word in said]
        made += [" ".join(said), " ".join(copy)]
    return made


def shingles(said: list[str]) -> set[object]:
    """The words, and each two that are neighbours."""
    return {*said, *pairwise(said)}


def by_exhaustion(texts: list[str], at_least: float) -> set[tuple[int, int]]:
    """The pairs, from comparing each text with each."""
    sets = []
    for text in texts:
        sets.append(shingles(text.split()))
    return {
        (i, j)
        for (i, one), (j, other) in combinations(enumerate(sets), 2)
        if len(one & other) / len(one | other) >= at_least
    }


@pytest.mark.parametrize("at_least", [0.5, 0.75, 0.85, 1.0])
def test_finds_what_an_exhaustive_search_finds(at_least: float) -> None:
    """The index leaves out no pair and adds none."""
    texts = texts_with_copies(60, words=40, seed=3)
    found = duplicates(texts, at_least=at_least)
    assert {(i, j) for i, j, _ in found} == by_exhaustion(texts, at_least)
    assert found == sorted(found)
    assert all(i < j and at_least <= similarity <= 1 for i, j, similarity in found)


def test_long_texts_are_estimated_closely() -> None:
    """Of long texts a sketch is compared; it errs by some hundredths."""
    draw = random.Random(5)  # noqa: S311 - texts, no secrets
    said = [f"x{draw.randrange(10**6)}" for _ in range(5000)]
    changed = [f"y{n}" if n % 25 == 0 else word for n, word in enumerate(said)]
    other = [f"z{draw.randrange(10**6)}" for _ in range(5000)]
    found = duplicates([" ".join(said), " ".join(other), " ".join(changed)], at_least=0.7)
    exact = len(shingles(said) & shingles(changed)) / len(shingles(said) | shingles(changed))
    assert [(i, j) for i, j, _ in found] == [(0, 2)]
    assert found[0][2] == pytest.approx(exact, abs=0.06)


def test_same_text_in_another_dress_is_a_duplicate() -> None:
    """Case, white space, punctuation and Unicode form do not make another text; the first of them is named."""
    texts = ["Where is my order?", "where  is my ORDER", "something else entirely", "“Where is my order”"]
    assert duplicates(texts) == [(0, 1, 1.0), (0, 3, 1.0)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("5 - 3", "5 + 3"), ("3.5", "35"), ("3.5 kg", "3,5 kg"), ("10 %", "10"), ("a", ""), ("?", "!"), ("年月", "月年")],
)
def test_what_means_something_makes_another_fingerprint(one: str, other: str) -> None:
    """Symbols, decimal signs and the order of signs count."""
    assert fingerprint(one) != fingerprint(other)


def test_fingerprint_is_the_same_everywhere() -> None:
    """It can be written down: no seed of the process is in it."""
    assert fingerprint("Hello, world") == fingerprint("hello world!") == "e9a804b2e527fd3601d2ffc0bb023cd6"


def test_scripts_without_spaces_are_compared_sign_by_sign() -> None:
    """One sign more in a long sentence of Chinese or Thai is a near-duplicate."""
    said = "请问我的订单什么时候可以送到因为我下个星期要出门旅行所以需要提前收到"
    assert [pair[:2] for pair in duplicates([said, said + "吗", "今天天气很好"])] == [(0, 1)]


def test_many_alike_are_joined_without_all_their_pairs() -> None:
    """A thousand texts of one template give few pairs each, and one cluster."""
    head = " ".join(WORDS[:60])
    found = duplicates([f"{head} number {n}" for n in range(1000)])
    assert len(found) <= 1000 * MOST_PARTNERS
    assert clusters(found) == [tuple(range(1000))]
    assert len(duplicates(["same"] * 1000)) == 999


def test_texts_that_resemble_a_few_are_found() -> None:
    """The same ones that a search among all would join to them."""
    texts = texts_with_copies(40, words=40, seed=9)
    few = texts[:20:2]
    pairs = duplicates([*few, *texts], at_least=0.7)
    assert set(resembling(texts, few, at_least=0.7)) == {j - 10 for i, j, _ in pairs if i < 10 <= j}
    assert list(resembling(["a", ""], [])) == []
    assert list(resembling(["a", "", "!"], ["", "A."])) == [0]


def test_clusters_are_what_pairs_join() -> None:
    """Pairs that share a member are one group."""
    assert clusters([(4, 5, 1.0), (0, 2, 0.9), (2, 3, 0.9), (1, 5, 1.0)]) == [(0, 2, 3), (1, 4, 5)]
    assert clusters([]) == []


def test_nothing_and_no_words_are_fine() -> None:
    """Empty texts are duplicates of each other and near to nothing."""
    assert duplicates([]) == []
    assert duplicates(["", "word", "   ", "\ud800"]) == [(0, 2, 1.0)]


@pytest.mark.parametrize("at_least", [0.0, -1.0, 1.1, float("nan")])
def test_a_threshold_that_is_no_share_is_refused(at_least: float) -> None:
    """A threshold of 0 would join everything."""
    with pytest.raises(EvalError, match="at_least"):
        duplicates(["a"], at_least=at_least)


def test_thousands_take_no_square_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2 million pairs of unlike texts two in a hundred are compared at most."""
    compared = 0
    compare = module._similarity

    def counted(mine: frozenset[int], other: object) -> float:
        nonlocal compared
        compared += 1
        return compare(mine, other)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_similarity", counted)
    draw = random.Random(1)  # noqa: S311 - texts, no secrets
    texts = [" ".join(f"w{int(draw.paretovariate(0.7))}" for _ in range(30)) for _ in range(2000)]
    begun = time.process_time()
    duplicates(texts)
    assert compared < 40_000
    assert time.process_time() - begun < 10
