"""Patterns that are searched in linear time: they find what Python's own engine finds, and no text makes them slow."""

from __future__ import annotations

import random
import re
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.linear import Linear
from assay.errors import ConfigError

PATTERNS = (
    r"\bfoo\b", r"a+b", r"(a|b)*c", r"^x\d{2,3}$", r"[^a-c\s]x", r"(?i:Foo)bar", r"a{2}b?", r"\w+@\w+\.com", r"\Bx",
    r"(?:ab)+?c", r"x.y", r"[\w.-]+", r"(a+)+b", r"\Aab", r"ab\Z", r"[^\W\d]+", r"\S{3,}", r"é|ß", r"a?b?c",
)  # fmt: skip
PIECES = st.sampled_from([*"abcxyoF\n1@m_. é", "foo", "x12", "a@b.com", "foobar", "aab"])


@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    """Whether there is a match, and where the matches are, for patterns whose longest match is the first tried."""
    linear, own = Linear([pattern]), re.compile(pattern, re.MULTILINE)
    assert linear.search(text) is (own.search(text) is not None)
    if "+?" not in pattern and "a?b?c" not in pattern:
        assert linear.spans(text) == [found.span() for found in own.finditer(text)]


def test_the_longest_match_counts() -> None:
    """Of alternatives, not the first but the longest: nothing of what is found is left."""
    assert Linear(["ab|abc"]).spans("xabcx") == [(1, 4)]


def test_several_patterns_and_case() -> None:
    """Any of them; capitals make no difference where that is wanted."""
    both = Linear(["foo", "b.r"], ignore_case=True)
    assert both.spans("a FOO or BaR") == [(2, 5), (9, 12)]
    assert Linear(["foo"]).spans("FOO") == []


@pytest.mark.parametrize("pattern", [r"x[^a]", r"[^a-c]x", r"[^\W_b]o", r"[a-z]é", r"(?i:[^x]y)", r"Foo[^B]"])
@given(st.lists(PIECES | st.sampled_from([*"ABXßſ\u212aÉ"]), max_size=8).map("".join))
def test_without_case_it_finds_what_python_finds(pattern: str, text: str) -> None:
    """A set of what may not stand there leaves out capitals and small letters alike."""
    linear = Linear([pattern], ignore_case=True)
    assert linear.search(text) is (re.search(pattern, text, re.MULTILINE | re.IGNORECASE) is not None)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+b", "a" * 50_000),
        (r"(a|aa)*c", "a" * 50_000),
        (r"(a|a?)+c", "a" * 50_000),
        (r"a*a*a*a*a*b", "a" * 50_000),
        (r"(.*a){15}z", "a" * 20_000),
        (r"\w+\s*=\s*\w+", "a" * 100_000),
        (r"(x+x+)+y", "x" * 50_000),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 20_000),
    ],
)
def test_no_text_makes_it_slow(pattern: str, text: str) -> None:
    """Patterns that would keep Python's engine busy for years; in CPU time, with a wide margin."""
    linear = Linear([pattern])
    began = time.process_time()
    linear.search(text)
    linear.spans(text + "!" + text)
    assert time.process_time() - began < 5


def test_places_of_many_matches_that_all_look_far() -> None:
    """A text that makes each match look to its end: from some place on, everything counts as found."""
    text = "a" * 4_000
    spans = Linear([r"a(?:.*b)?"]).spans(text)
    assert spans[0] == (0, 1)
    assert spans[-1][1] == len(text)


@pytest.mark.parametrize(("pattern", "head"), [("ab.{0,1500}q", ""), ("q.{0,1500}ab", "qab\n")])
def test_a_text_that_keeps_many_states_is_not_gone_through_to_its_end(
    pattern: str, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as found, and nothing of it is let through, forwards or backwards; others are searched as before."""
    monkeypatch.setattr("assay.checks.linear._MOST_WORK", 400_000)
    linear, chance = Linear([pattern]), random.Random(1)  # noqa: S311 - any text will do
    slow = head + "".join(chance.choice(["ab", "x", "yy"]) for _ in range(20_000))
    assert linear.search(slow)
    assert linear.spans(slow) == [(0, len(slow))]
    assert not linear.search("x" * 200_000)
    assert linear.spans("xqabqx") == [(2, 5) if pattern.startswith("ab") else (1, 4)]


def test_its_memory_is_bounded() -> None:
    """Texts of ever other characters do not fill it; it finds the same."""
    linear = Linear([r"q\d+z"])
    for start in range(0x4E00, 0x4E00 + 20_000, 2_000):
        assert not linear.search("".join(map(chr, range(start, start + 2_000))) * 30)
    assert linear.search("q12z")


def test_its_memory_is_bounded_where_a_text_is_in_many_states() -> None:
    """What a way takes grows with the states that it leads to, so these are what is counted."""
    linear, chance = Linear([r"ab.{0,800}q"]), random.Random(1)  # noqa: S311 - any text will do
    text = "".join(chance.choice(["ab", "x", "yy"]) for _ in range(4_000))
    tracemalloc.start()
    try:
        assert not linear.search(text)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 20_000_000
    assert linear.search(text + "q")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (r"(a)\1", "linear time"),
        (r"a(?=b)", "linear time"),
        (r"(?<!a)b", "linear time"),
        (r"(?>a+)b", "linear time"),
        (r"a*", "nothing stands"),
        (r"(a", "is no pattern"),
        (r"(?s:a.b)", "flags"),
        (r"(?:a{1000}){1000}", "too large"),
    ],
)
def test_what_it_refuses(pattern: str, told: str) -> None:
    """With the pattern, and why."""
    with pytest.raises(ConfigError, match=told):
        Linear([pattern])
