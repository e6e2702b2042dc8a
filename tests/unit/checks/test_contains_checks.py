"""Checks that other tools have too: texts in an answer, choices, JSON equality, the opposite of a check."""

from __future__ import annotations

from typing import Any

import pytest

from assay.checks.registry import make_check
from assay.errors import ConfigError, EvalError
from assay.types import Response, Text


def passes(spec: dict[str, Any], text: str, target: object = None) -> bool:
    """Whether an answer of one text passes."""
    return make_check(spec).check(Response(parts=(Text(text=text),)), target, None).passed


@pytest.mark.parametrize(
    ("options", "target", "right", "wrong"),
    [
        ({}, "grub", "some grub here", "some Grub"),
        ({}, ["a1", "b2"], "say b2", "say c3"),
        ({"all": ["x", "y"]}, None, "yx", "x too"),
        ({"any": ["x", "y"]}, None, "y", "z"),
        ({"none": ["x", "y"]}, None, "z", "zy"),
        ({"all": ["Bon"], "none": ["jour"], "ignore": "case"}, None, "bon", "bonjour"),
        ({"at": "start"}, "Yes", "Yes, it is", " Yes"),
        ({"at": "start", "trim": "space"}, "Yes", " Yes", "It is: Yes"),
        ({"at": "end", "ignore": "case", "trim": "punctuation"}, "Paris", "It is paris. ", "Paris it is"),
        ({"ignore": "form", "either": True}, "the big Apple", "Apple!", "Pear"),
        ({"ignore": "form", "either": True}, "Apple", "the apple, I think", ""),
    ],
)
def test_texts_are_found_where_they_are_wanted(options: dict[str, Any], target: object, right: str, wrong: str) -> None:
    """Any, all or none; anywhere or at an end; case and form count unless they are to be ignored."""
    spec = {"check": "contains", **options}
    assert passes(spec, right, target)
    assert not passes(spec, wrong, target)


def test_a_long_answer_and_a_missing_target_are_told() -> None:
    """Neither passes, and neither is an accident."""
    assert not passes({"check": "contains"}, "a" * 1_000_001, "a")
    with pytest.raises(EvalError, match="got none"):
        passes({"check": "contains"}, "a")
    with pytest.raises(ConfigError, match="did you mean 'ignore'"):
        make_check({"check": "contains", "ignores": "case"})


CHOICES = ["red", "dark red", "Not known"]


@pytest.mark.parametrize(
    ("answer", "target", "passed"),
    [
        ("B", "B", True),
        ("(b)", "B", True),
        ("B. because it is", "dark red", True),
        ("Let me think. A is tempting.\nANSWER: B", "B", True),
        ("The answer is **B**.", "B", True),
        ("Answer: A. No: the answer is B", "B", True),
        ("It is dark red.", "B", True),
        ("red or dark red", "B", True),
        ("red, or not known", "A", False),
        ("A big mess", "A", False),
        ("Answer: A's fault", "A", False),
        ("D", "A", False),
        ("", "A", False),
    ],
)
def test_the_choice_that_is_named_counts(answer: str, target: str, passed: bool) -> None:
    """By its letter where it is called the answer or leads, else by the words of one choice alone."""
    assert passes({"check": "choice", "choices": CHOICES}, answer, target) is passed


def test_letters_alone_need_no_words() -> None:
    """A question that shows its own choices needs none in the suite; a target that is none is told."""
    assert passes({"check": "choice"}, "C) 12", "C")
    with pytest.raises(EvalError, match="a target is a letter, not 'blue'"):
        passes({"check": "choice"}, "C", "blue")


def test_json_is_compared_by_value() -> None:
    """Order of keys and the form of a number do not count; types and lengths do; text of JSON where it is asked for."""
    target = {"a": [1, {"b": None}]}
    assert passes({"check": "json"}, '{"a": [1.0, {"b": null}]}', target)
    assert not passes({"check": "json"}, '{"a": [true, {"b": null}]}', target)
    assert not passes({"check": "json"}, "{'a'", target)
    assert passes({"check": "json"}, "[1]", [1])
    assert passes({"check": "json", "text": True, "any": True}, '{"x": 2}', ['{"x": 1}', '{"x": 2}'])
    with pytest.raises(EvalError, match="no JSON text"):
        passes({"check": "json", "text": True}, "{}", "{x}")


def test_the_opposite_of_a_check() -> None:
    """What the other passes does not pass; a target of its own goes before the sample's; nesting works."""
    unlike = {"check": "not", "of": {"check": "exact"}}
    assert passes(unlike, "a", "b")
    assert not passes(unlike, "b", "b")
    assert not passes({**unlike, "target": "c"}, "c", "b")
    assert passes({"check": "not", "of": unlike}, "b", "b")
    with pytest.raises(ConfigError, match="needs a check"):
        make_check({"check": "not", "of": {}})


def test_a_schema_may_be_met_within_a_text() -> None:
    """One JSON object among words is enough where that is asked for; broken ones do not stop the search."""
    spec = {"check": "schema", "schema": {"required": ["b"]}, "within": True}
    assert passes(spec, 'First {broken, then {"a": 1} and {"b": {"c": 2}}.')
    assert not passes(spec, 'Only {"a": {"b": 1}}.')
    assert not passes(spec, "No object, and {{{{ no parse.")


def test_parts_are_taken_out_before_forms_are_compared() -> None:
    """What a pattern drops counts on neither side; what it extracts stands for the answer."""
    spec = {"check": "normalised", "drop": [",", r"(?s).*#### "], "extract": r"#### (\S+)"}
    assert passes(spec, "So 1,000 it is.\n#### 1,000", "500 + 500 = 1000\n#### 1000")
    assert not passes(spec, "1000", "1000")
    numbers = {"check": "normalised", "extract": r"(-?\d+)|(none)", "which": "last"}
    assert passes(numbers, "2 + 3 = 5", "5")
    with pytest.raises(ConfigError, match="is no pattern"):
        make_check({"check": "normalised", "drop": ["("]})
