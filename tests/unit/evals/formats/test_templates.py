"""The small part of template languages that is filled in, and patterns of two languages."""

from __future__ import annotations

import re

import pytest

from assay.errors import SuiteError
from assay.evals.formats.js_pattern import from_python, to_python
from assay.evals.formats.template import rendered, value_of

VALUES = {
    "a": " x ",
    "n": 2,
    "list": ["p", "q"],
    "deep": {"k": {"j": 5}},
    "cell": '{"t": "in"}',
    "choices": {"text": [1]},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{a}}|{{ n }}", " x |2"),
        ("{{- a.strip() -}}", "x"),
        ("{{deep.k['j']}} {{ list[0] }} {{list[-1]}}", "5 p q"),
        ("{{ cell.t }}", "in"),
        ("{{ list.index('q') }}", "1"),
        ("no marks } {", "no marks } {"),
    ],
)
def test_plain_expressions_are_filled_in(template: str, text: str) -> None:
    """Names, members, numbers of lists, and a few methods of texts."""
    assert rendered(template, VALUES) == text


def test_one_expression_alone_keeps_its_value() -> None:
    """A list stays a list; with words around it, it is text."""
    assert value_of("{{ list }}", VALUES) == ["p", "q"]
    assert value_of("{{[n, deep.k.j]}}", VALUES) == [2, 5]
    assert value_of("{{n}}{{n}}", VALUES) == "22"


@pytest.mark.parametrize(
    "template",
    [
        "{{ a | upper }}", "{% if a %}x{% endif %}", "{# note #}", "{{ __import__('os') }}", "{{ a.__class__ }}",
        "{{ a() }}",
        "{{ a.format(n) }}", "{{ n + 1 }}", "{{ gone }}", "{{ list[7] }}", "{{ }}", "{{ a", "{{ 'x' * 9 }}",
        "{{ lambda: 1 }}",
        "{{ " + "(" * 900 + " }}", "{{ env.HOME }}",
    ],
)  # fmt: skip
def test_everything_else_is_refused(template: str) -> None:
    """Nothing is run, no variable of the environment is read, nothing missing becomes an empty text."""
    with pytest.raises(SuiteError):
        rendered(template, VALUES)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (r"^(?<year>\d{4})\/\k<year>$", r"^(?P<year>\d{4})/(?P=year)\Z"),
        (r"[$]\$", r"[$]\$"),
        (r"(?<=a)b(?<!c)", r"(?<=a)b(?<!c)"),
        (r"\u{41}", "A"),
    ],
)
def test_patterns_are_said_in_pythons_way(theirs: str, ours: str) -> None:
    """The end, named groups, escapes; a class keeps its dollar."""
    assert to_python(theirs) == ours
    assert re.compile(ours)


def test_patterns_go_back() -> None:
    """What Python alone has is refused; `$`, which lets a line's end stand behind it, keeps that."""
    assert from_python(r"^(?P<a>x)\Z") == "^(?<a>x)$"
    assert from_python(r"x$") == r"x(?=\n?$)"
    for pattern in ("a++", "(?i)a", "(?P=a)", "(?>a)"):
        with pytest.raises(SuiteError, match=r"what JavaScript's have not"):
            from_python(pattern)
