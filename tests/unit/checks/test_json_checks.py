"""JSON answers: under a schema, and field by field."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from assay.checks.fields import Fields
from assay.checks.json_text import equal, parse
from assay.checks.schema import Schema
from assay.errors import EvalError
from assay.types import OutputFormat, Request, Response, Text

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def said(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


@pytest.mark.parametrize(
    "text", ["", "{", "{'a': 1}", '{"a": NaN}', '{"a": 1, "a": 2}', "[1,]", "Sure: {}", "```\n{}\n```"]
)
def test_json_is_strict(text: str) -> None:
    """What a strict parser refuses is refused, duplicate keys and prose too."""
    assert parse(text).error


def test_equality_is_that_of_json() -> None:
    """A whole float equals an integer; true is not 1."""
    assert equal({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not equal([True], [1])
    assert not equal({"a": 1}, {"a": 1, "b": 2})


def test_a_schema_accepts_and_explains() -> None:
    """A valid object passes; a violation is told with its place."""
    check = Schema(schema=PERSON)
    assert check.check(said('{"name": "Ada", "age": 36}'), None, None).passed
    result = check.check(said('{"name": "Ada", "age": -1, "x": 0}'), None, None)
    assert not result.passed
    assert result.detail is not None
    assert any("$.age" in error for error in result.detail["errors"])
    assert not check.check(said('```json\n{"name": "Ada"}\n```'), None, None).passed
    assert Schema(schema=PERSON, fenced=True).check(said('Here:\n```json\n{"name": "Ada"}\n```'), None, None).passed


def test_the_schema_may_come_from_a_file_or_the_request(tmp_path: Path) -> None:
    """Option first, then what the client asked for; a plain JSON request wants an object."""
    path = tmp_path / "person.json"
    path.write_text(json.dumps(PERSON))
    assert not Schema(schema_file=str(path)).check(said("{}"), None, None).passed
    request = Request(output=OutputFormat(kind="json_schema", schema=PERSON))
    assert Schema().check(said('{"name": "x"}'), None, request).passed
    assert not Schema().check(said("{}"), None, request).passed
    plain = Request(output=OutputFormat(kind="json"))
    assert Schema().check(said("{}"), None, plain).passed
    assert not Schema().check(said("[]"), None, plain).passed


def test_an_invalid_schema_of_a_request_is_told() -> None:
    """It is not the answer's fault."""
    request = Request(output=OutputFormat(kind="json_schema", schema={"type": "objekt"}))
    with pytest.raises(EvalError, match="not valid"):
        Schema().check(said("{}"), None, request)


def test_no_reference_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that refers to another document is an error; nothing is opened."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "create_connection", refuse)
    check = Schema(schema={"$ref": "http://127.0.0.1:9/schema.json"})
    with pytest.raises(EvalError, match="not in it"):
        check.check(said("{}"), None, None)


def test_an_endless_schema_is_no_crash() -> None:
    """A schema that refers to itself without end gives a result."""
    assert not Schema(schema={"$ref": "#"}).check(said("{}"), None, None).passed


TARGET = {"total": 12.5, "name": "ACME Ltd.", "items": [1, 2], "paid": True}


def test_all_fields_right_passes() -> None:
    """Equal fields pass, extra ones are allowed unless forbidden."""
    answer = said(json.dumps({**TARGET, "note": "x"}))
    assert Fields().check(answer, TARGET, None).passed
    assert Fields().check(answer, json.dumps(TARGET), None).passed
    result = Fields(extra="forbid").check(answer, TARGET, None)
    assert not result.passed
    assert "note" in result.explanation


def test_each_wrong_field_is_listed() -> None:
    """The explanation and the detail name all of them, with partial credit."""
    result = Fields().check(said('{"total": 12, "name": "ACME Ltd.", "paid": 1}'), TARGET, None)
    assert not result.passed
    assert result.detail == {"right": 1, "of": 4, "wrong": ["total", "items", "paid"]}
    assert "items: is missing" in result.explanation
    assert "expected 12.5, got 12" in result.explanation


def test_fields_have_rules() -> None:
    """Normalised text and numeric tolerance, per field or by default."""
    check = Fields(fields={"total": {"how": "numeric", "abs_tol": 0.01}, "name": "normalised"})
    assert check.check(
        said('{"total": "$12.51", "name": "acme LTD", "items": [1, 2], "paid": true}'), TARGET, None
    ).passed
    assert not check.check(said('{"total": 12.52, "name": "acme", "items": [1, 2], "paid": true}'), TARGET, None).passed
    assert Fields(default="normalised").check(said('{"a": ["X", " y"]}'), {"a": ["x", "y"]}, None).passed
    assert not Fields(default="numeric").check(said('{"a": true}'), {"a": 1}, None).passed
    assert not Fields(default="numeric").check(said('{"a": null}'), {"a": 0}, None).passed


@pytest.mark.parametrize("text", ["", "[]", "null", "prose", '"{}"'])
def test_no_object_is_wrong(text: str) -> None:
    """Every other JSON value, or none, has no right field."""
    result = Fields().check(said(text), TARGET, None)
    assert not result.passed
    assert result.detail == {"right": 0, "of": 4, "wrong": []}


@pytest.mark.parametrize("target", [{}, [], "no", 3])
def test_a_target_must_be_an_object(target: object) -> None:
    """Anything else is the suite's fault."""
    with pytest.raises(EvalError, match="JSON object"):
        Fields().check(said("{}"), target, None)
