"""Exact, normalised and pattern comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.text import Exact, Normalised, Regex, normalise
from assay.errors import EvalError
from assay.types import Reasoning, Response, Text


def said(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


def test_exact_compares_the_text_only() -> None:
    """Case counts, white space around does not (unless asked), reasoning is no answer."""
    assert Exact().check(said(" Paris\n"), "Paris", None).passed
    assert not Exact().check(said("paris"), "Paris", None).passed
    assert not Exact(strip=False).check(said(" Paris"), "Paris", None).passed
    assert Exact().check(said("b"), ["a", "b"], None).passed
    assert not Exact().check(Response(parts=(Reasoning(text="Paris"),)), "Paris", None).passed


def test_the_explanation_shows_both_sides() -> None:
    """A reader sees what was wanted and what came."""
    assert Exact().check(said("Rome"), "Paris", None).explanation == "expected 'Paris', got 'Rome'"


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("  PARIS. ", "paris"),
        ("“New   York”!", "new york"),
        ("Ｆｕｌｌ width", "full width"),
        ("straße", "STRASSE"),
        ("rock-'n'-roll", "Rock n Roll"),
        ("It's 3.5%.", "it s 3.5%"),
        ("-5.", "-5"),
    ],
)
def test_normalised_ignores_form(answer: str, target: str) -> None:
    """Case, punctuation, white space and Unicode form do not count."""
    assert Normalised().check(said(answer), target, None).passed


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("3.5", "35"),
        ("-5", "5"),
        ("5%", "5"),
        ("$5", "€5"),
        ("not paris", "paris"),
        ("", "?"),
        ("...", ""),
        ("c", "c++"),
    ],
)
def test_normalised_keeps_meaning(answer: str, target: str) -> None:
    """Decimal points, signs, percent and other words count, and punctuation alone does not equal nothing."""
    assert not Normalised().check(said(answer), target, None).passed


def test_articles_count_unless_asked() -> None:
    """Articles are ignored by option only."""
    assert not Normalised().check(said("the cat"), "cat", None).passed
    assert Normalised(articles=True).check(said("The cat"), "a cat", None).passed


@given(st.text(max_size=80))
def test_normalising_again_changes_nothing(text: str) -> None:
    """A normalised text is accepted for itself."""
    assert Normalised().check(said(text), text, None).passed
    assert normalise(text) == normalise(f"  {text}\n")


def test_regex_searches_or_matches_the_whole() -> None:
    """The pattern comes from the option or the target; `mode` says how much must match."""
    assert Regex(pattern=r"\bv\d+\b").check(said("use v12 now"), None, None).passed
    assert not Regex(pattern=r"v\d+", mode="fullmatch").check(said("use v12"), None, None).passed
    assert Regex(mode="fullmatch", ignore_case=True).check(said(" V12\n"), ["x", r"v\d+"], None).passed
    assert not Regex(pattern="a.b").check(said("a\nb"), None, None).passed
    assert Regex(pattern="^b$", multiline=True).check(said("a\nb"), None, None).passed


def test_regex_bounds_the_text() -> None:
    """A long answer is not searched, and says so."""
    result = Regex(pattern="a", max_chars=10).check(said("a" * 11), None, None)
    assert not result.passed
    assert "max_chars" in result.explanation


def test_a_broken_target_pattern_is_the_suites_fault() -> None:
    """It is an error, not a wrong answer."""
    with pytest.raises(EvalError, match="no pattern"):
        Regex().check(said("a"), "(", None)
