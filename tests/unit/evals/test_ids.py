"""Texts by number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from assay.evals.suites.ids import Ids


@given(some.lists(some.text(max_size=12)))
def test_texts_are_numbered_in_the_order_they_come(texts: list[str]) -> None:
    """Each text has one number, whatever came between; what was never added is not found."""
    ids, known = Ids(), dict[str, int]()
    for text in texts:
        assert ids.add(text) == known.setdefault(text, len(known))
    assert list(ids) == list(known)
    assert [ids.find(text) for text in known] == list(known.values())
    assert ids.find("not among them, at 13 letters") is None
    assert "" in ids or ids.find("") is None


def test_a_large_table_takes_few_bytes() -> None:
    """Fifty thousand ids stay findable after the table has grown, in a tenth of what a dictionary takes."""
    ids = Ids()
    for number in range(50_000):
        ids.add(f"sample-{number}")
    assert ids.find("sample-49999") == 49_999
    assert ids[31_415] == "sample-31415"
    assert len(ids._bytes) + 4 * len(ids._ends) + 4 * len(ids._slots) < 1_600_000


@pytest.mark.parametrize("number", [-1, 2])
def test_a_number_that_was_not_given_is_an_index_error(number: int) -> None:
    """A wrong number is never answered with another text."""
    ids = Ids()
    ids.add("a")
    ids.add("b")
    with pytest.raises(IndexError):
        ids[number]
