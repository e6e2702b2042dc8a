"""What all checks share: names, options, targets, and that no answer makes one raise."""

from __future__ import annotations

import importlib
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.checks.check import CheckResult, alternatives, fenced_blocks, shorten
from assay.checks.fields import Fields
from assay.checks.leak import Leak
from assay.checks.numeric import Numeric
from assay.checks.schema import Schema
from assay.checks.sources import Sources
from assay.checks.sql import Sql
from assay.checks.text import Exact, Normalised, Regex
from assay.checks.tool_calls import ToolCalls
from assay.errors import ConfigError, EvalError
from assay.types import Reasoning, Refusal, Request, Response, Text, ToolCall


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of one small table."""
    path = tmp_path_factory.mktemp("checks") / "t.db"
    connection = sqlite3.connect(path)
    connection.executescript("create table t(a, b); insert into t values (1, 'x'), (2, 'y')")
    connection.close()
    return str(path)


@pytest.fixture(scope="module")
def every(database: str) -> list[tuple[Any, object]]:
    """One check of each kind with a target it takes."""
    return [
        (Exact(), "a"),
        (Normalised(articles=True), ["a", "b"]),
        (Regex(pattern=r"\d+"), None),
        (Regex(), r"^x++$"),
        (Numeric(take="last", percent="fraction"), 3.5),
        (Numeric(decimal=","), "3,5"),
        (Schema(schema={"type": "object", "required": ["a"]}, fenced=True), None),
        (Fields(fields={"a": "numeric", "b": "normalised"}, extra="forbid"), {"a": 1, "b": ["x"], "c": {"d": [1]}}),
        (Leak(canaries=["CANARY-77"], expect="yes"), None),
        (Leak(), "CANARY-77"),
        (ToolCalls(), [{"name": "f", "arguments": {"a": ["x", 1, [1]]}}]),
        (ToolCalls(from_text=True, forbid=["g"]), [{"name": "f"}]),
        (Sources(), {"answer": "x", "numeric": 1, "sources": ["a"]}),
        (Sql(database=database), "select a from t"),
        (Sql(database=database, match="runs"), None),
    ]


anything = st.text(st.characters(), max_size=200)
surrogates = st.text(st.sampled_from("\ud800\udfff\x00a1{}[]\":,`'-%&\\u0x=\n "), max_size=60)
json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | anything,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
).map(lambda value: __import__("json").dumps(value))
texts = anything | surrogates | json_like | st.sampled_from(["```json\n", "```sql\nselect", "select * from t", "with"])


@settings(max_examples=150, deadline=None)
@given(text=texts, other=surrogates)
def test_no_answer_makes_a_check_raise(every: list[tuple[Any, object]], text: str, other: str) -> None:
    """Any text in any part gives a result that can be written as JSON."""
    parts = (Reasoning(text=other), Text(text=text), ToolCall(id=other, name="f", arguments=text), Refusal(text=other))
    for answer in (Response(parts=parts), Response(parts=(Text(text=text),)), Response()):
        for check, target in every:
            result = check.check(answer, target, None)
            assert isinstance(result, CheckResult)
            assert result.explanation
            msgspec.json.encode(result)


HARD = {
    "empty": "",
    "spaces": " \n\t",
    "huge": "x" * 3_000_000,
    "huge number": "9" * 200_000,
    "many numbers": "1 " * 100_000,
    "commas": "1," * 100_000,
    "deep list": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "rather deep": '{"a":' * 900 + "1" + "}" * 900,
    "big integer": '{"a": ' + "9" * 10_000 + "}",
    "exponents": '{"a": 1e999999999}  1e999999999 -1E-999999999',
    "infinite": '{"a": Infinity, "b": NaN}',
    "twice": '{"a": 1, "a": 2}',
    "surrogates": "\ud800" * 1000,
    "nul": "\x00" * 1000,
    "fences": "```" * 50_000,
    "open fence": "```sql\nselect a from t",
    "parentheses": "select " + "(" * 9000,
    "quotes": "select '" + "'" * 9001,
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD.keys())
@pytest.mark.timeout(20)
def test_hard_answers_give_results_soon(every: list[tuple[Any, object]], text: str) -> None:
    """Empty, huge and deep answers neither raise nor hang."""
    for check, target in every:
        assert check.check(Response(parts=(Text(text=text),)), target, None).explanation


def test_the_entry_points_name_the_checks() -> None:
    """Each entry point in pyproject.toml is a class of that name with a docstring."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    for name, place in project["entry-points"]["assay.checks"].items():
        module, attribute = place.split(":")
        found = getattr(importlib.import_module(module), attribute)
        assert found.name == name
        assert found.__doc__


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Exact(stripp=True), "did you mean 'strip'"),
        (lambda: Numeric(tolerance=1), "known: abs_tol"),
        (lambda: Numeric(rel_to=1), "did you mean 'rel_tol'"),
        (lambda: Numeric(abs_tol=-1), "abs_tol"),
        (lambda: Numeric(take="middle"), "middle"),
        (lambda: Regex(pattern="("), "is no pattern"),
        (lambda: Schema(schema={"type": "objekt"}), "not valid"),
        (lambda: Schema(schema={}, schema_file="x"), "not both"),
        (lambda: Schema(schema_file="/none.json"), "none.json"),
        (lambda: Fields(fields={"a": "nearly"}), "nearly"),
        (lambda: Leak(canaries=[]), "empty"),
        (lambda: Leak(canaries=["a-b"]), "fewer than 4"),
        (lambda: Sql(), "database"),
        (lambda: Sql(database="/none.db"), "none.db"),
    ],
)
def test_wrong_options_are_configuration_errors(make: Any, said: str) -> None:
    """The message names the option and the nearest known one."""
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_missing_target_is_told(database: str) -> None:
    """Without a target, the checks that need one say so by name."""
    for check in (Exact(), Normalised(), Regex(), Numeric(), Fields(), Leak(), Sql(database=database)):
        with pytest.raises(EvalError, match=check.name):
            check.check(Response(), None, None)
    with pytest.raises(EvalError, match="schema"):
        Schema().check(Response(), None, Request())


@pytest.mark.parametrize("target", [True, {"a": 1}, [], [None], ["a", ["b"]]])
def test_a_target_of_the_wrong_kind_is_told(target: object) -> None:
    """A target that cannot be compared as text is the suite's fault, not the answer's."""
    with pytest.raises(EvalError, match="a text, a number or a list"):
        Exact().check(Response(), target, None)


def test_numbers_become_texts_as_people_write_them() -> None:
    """A whole float has no `.0`."""
    assert alternatives("x", [3.0, 2.5, 7, "a"]) == ["3", "2.5", "7", "a"]


def test_code_blocks_are_found() -> None:
    """Language and content of each block; the last may be open."""
    text = "a\n```sql\nselect 1\n```\nb\n  ```\nx\n  ```\n```JSON\n{"
    assert fenced_blocks(text) == [("sql", "select 1"), ("", "x"), ("json", "{")]


def test_explanations_are_short_lines() -> None:
    """Long, broken and many-lined text is made fit to be shown."""
    assert shorten("a\n b") == "a b"
    assert len(shorten("x" * 10_000)) == 121
    assert shorten("\ud800") == "?"
