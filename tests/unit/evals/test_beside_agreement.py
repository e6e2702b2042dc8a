"""Two answers to one request, told apart without a model."""

from __future__ import annotations

from typing import Any

import pytest

from assay.checks.registry import make_check
from assay.errors import EvalError
from assay.evals.beside.agreement import agreement, by_check
from assay.types import OutputFormat, Request, Response, Text, ToolCall


def said(text: str = "", *calls: tuple[str, str]) -> Response:
    """An answer of words and calls."""
    made = tuple(ToolCall(id=str(n), name=name, arguments=given) for n, (name, given) in enumerate(calls))
    return Response(parts=(*((Text(text=text),) if text else ()), *made))


@pytest.mark.parametrize(
    ("own", "other", "agree", "by"),
    [
        ("Refund.", "refund", True, "text"),
        ("refund", "complaint", False, "text"),
        ("42", "42.0", True, "text"),
        ("1,200", "1200", True, "text"),
        ("42", "42 %", False, "text"),
        ('{"a": 1, "b": [2]}', '{ "b": [2.0], "a": 1 }', True, "json"),
        ('{"a": 1}', '```json\n{"a": 2}\n```', False, "json"),
        ("", "", True, "text"),
    ],
)
def test_closed_answers_are_compared_by_what_they_say(own: str, other: str, agree: bool, by: str) -> None:
    """Case, punctuation, the order of keys and the form of a number do not count; other values do."""
    found = agreement(Request(), said(own), said(other))
    assert found is not None
    assert (found.agree, found.by) == (agree, by)


@pytest.mark.parametrize(
    ("own", "other"),
    [("word " * 40, "other " * 40), ("yes", "No, since " + "it is long " * 20), ("a\nb", "a\nc")],
)
def test_open_answers_are_left_to_a_judge(own: str, other: str) -> None:
    """Where one is more than a short line and they differ in words, nobody can tell without a model."""
    assert agreement(Request(), said(own), said(other)) is None


def test_long_answers_that_are_equal_need_no_judge() -> None:
    """The same words are the same answer, however many."""
    found = agreement(Request(), said("One two. " * 50), said("one two " * 50))
    assert found is not None
    assert found.agree


def test_a_request_for_json_is_closed_whatever_comes() -> None:
    """An answer that is none does not agree with one that is, long as it may be."""
    wanted = Request(output=OutputFormat(kind="json_schema", schema={}))
    found = agreement(wanted, said('{"a": 1}'), said("I cannot do that. " * 20))
    assert found is not None
    assert (found.agree, found.by) == (False, "json")


@pytest.mark.parametrize(
    ("own", "other", "agree"),
    [
        ((("a", '{"x": 1}'), ("b", "{}")), (("b", "{}"), ("a", '{"x": 1.0}')), True),
        ((("a", '{"x": 1}'),), (("a", '{"x": true}'),), False),
        ((("a", "{}"),), (("a", "{}"), ("a", "{}")), False),
        ((("a", "{}"),), (), False),
        ((("a", "no json"),), (("a", "no json"),), True),
    ],
)
def test_tool_calls_count_with_their_arguments(own: Any, other: Any, agree: bool) -> None:
    """In any order, each once; an answer in words does not agree with a call."""
    found = agreement(Request(), said("", *own), said("", *other) if other else said("words"))
    assert found is not None
    assert (found.agree, found.by) == (agree, "calls")


def test_a_check_has_the_client_s_answer_as_its_target() -> None:
    """Whatever a suite can check can say whether two answers agree."""
    numeric = make_check({"check": "numeric"})
    assert by_check("numeric", numeric, Request(), said("7"), said("It is 7.")).agree
    assert not by_check("numeric", numeric, Request(), said("7"), said("It is 8.")).agree
    calls = make_check({"check": "tool-calls"})
    assert by_check("tool-calls", calls, Request(), said("", ("a", '{"x": 1}')), said("", ("a", '{"x": 1}'))).agree


def test_what_is_no_target_is_an_error_of_its_own() -> None:
    """The client's answer may not be what the check compares with; then nobody can tell."""
    with pytest.raises(EvalError):
        by_check("numeric", make_check({"check": "numeric"}), Request(), said("no figure"), said("7"))
