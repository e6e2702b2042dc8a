"""Strata and the draw: rare ones are there, the seed decides, copies are counted, memory is bounded."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evals.traffic.draw import Draw
from assay.evals.traffic.strata import shares

SIZES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 5000), min_size=1, max_size=12)


def test_shares_are_by_the_square_root() -> None:
    """A hundred times the requests give ten times the samples; a single request is there all the same."""
    sizes = {"common": 10_000, "rare": 100, "once": 1}
    taken = shares(sizes, sizes, 111)
    assert sum(taken.values()) == 111
    assert taken["once"] == 1
    assert 9 <= taken["common"] / taken["rare"] <= 11


@given(SIZES, st.integers(1, 300), st.randoms())
def test_shares_keep_their_bounds(sizes: dict[str, int], total: int, random: object) -> None:
    """Never more than there is or is wanted, never less than can be had, one of each where there is room."""
    available = {one: size - size // 3 for one, size in sizes.items()}
    taken = shares(sizes, available, total)
    assert all(0 <= taken[one] <= available[one] for one in sizes)
    assert sum(taken.values()) == min(total, sum(available.values()))
    if len(sizes) <= total:
        assert all(taken[one] >= 1 for one in sizes if available[one])


def test_more_strata_than_samples() -> None:
    """The largest ones give one each."""
    assert shares({"a": 5, "b": 9, "c": 7}, {"a": 5, "b": 9, "c": 7}, 2) == {"a": 0, "b": 1, "c": 1}


def drawn(draw: Draw) -> list[tuple[str, int]]:
    """`(request, copies)` of all that were drawn."""
    return [
        (one.request_id, one.copies) for _, cells in draw.kinds() for cell in cells.values() for one in cell.drawn()
    ]


def test_the_draw_hangs_on_the_seed_and_on_no_order() -> None:
    """The same requests in another order are drawn alike, with another seed otherwise."""
    texts = [(f"text {n % 400}", f"{n:04d}") for n in range(1000)]
    made = []
    for order, seed in ((texts, 1), (texts[::-1], 1), (texts, 2)):
        draw = Draw(20, seed)
        for text, request_id in order:
            draw.add("k", (), text, request_id, 0)
        made.append(drawn(draw))
    assert made[0] == made[1] != made[2]
    assert len(made[0]) == 20


def test_copies_are_counted_exactly() -> None:
    """Also of texts that come again long after they were drawn first; all requests are counted."""
    draw, counts = Draw(15, 0), Counter[str]()
    for n in range(3000):
        text = f"text {(n * 7919) % 97}"
        counts[text] += 1
        draw.add("k", (), text, text, 0)
    ((_, cells),) = draw.kinds()
    (cell,) = cells.values()
    assert cell.requests == 3000
    assert {one.request_id: one.copies for one in cell.drawn()} == {
        one.request_id: counts[one.request_id] for one in cell.drawn()
    }


def test_a_text_is_as_likely_to_be_drawn_however_often_it_was_asked() -> None:
    """Over many seeds a text that was asked a hundred times comes no more often than one that was asked once."""
    seen = Counter[str]()
    for seed in range(400):
        draw = Draw(5, seed)
        for n in range(20):
            for _ in range(100 if n == 0 else 1):
                draw.add("k", (), f"text {n}", f"text {n}", 0)
        seen.update(request_id for request_id, _ in drawn(draw))
    assert 70 <= seen["text 0"] <= 130  # 100 expected, standard deviation 8.7


def test_of_equal_texts_the_one_that_most_is_known_of_stands() -> None:
    """Feedback decides, then the earlier one."""
    draw = Draw(5, 0)
    for request_id, rank in (("1", 4), ("2", 0), ("3", 2), ("0", 4)):
        draw.add("k", (), "text", request_id, rank)
    assert drawn(draw) == [("2", 4)]


def test_the_draw_holds_no_more_than_it_was_told_to() -> None:
    """A hundred thousand requests leave as many entries as are wanted of each stratum."""
    draw = Draw(7, 0)
    for n in range(100_000):
        draw.add("k", (("by", str(n % 3)),), str(n), str(n), 0)
    ((_, cells),) = draw.kinds()
    assert [len(cell.members) for cell in cells.values()] == [7, 7, 7]
    assert sum(cell.requests for cell in cells.values()) == 100_000


@pytest.mark.parametrize("total", [0, 1])
def test_nothing_to_take_from(total: int) -> None:
    """Strata without anything left give nothing."""
    assert shares({"a": 5}, {"a": 0}, total) == {"a": 0}
