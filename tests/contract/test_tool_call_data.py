"""Tool calls of a public benchmark: ground truth is accepted as it stands, changed calls are not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.checks.tool_calls import ToolCalls
from assay.types import Request, Response, Text, Tool, ToolCall

pytestmark = pytest.mark.shared

CALLING = ("simple_python", "multiple", "parallel", "parallel_multiple", "live_simple")
Call = dict[str, Any]


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = shared / "data" / "assistant"
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    return folder


def read(data: Path, *names: str) -> list[dict[str, Any]]:
    """The records of some files."""
    files = [(data / f"bfcl_{name}.jsonl").read_text(encoding="utf-8") for name in names]
    return [json.loads(line) for file in files for line in file.splitlines()]


def target(record: dict[str, Any]) -> list[Call]:
    """The ground truth in the check's form."""
    return [
        {"name": name, "arguments": arguments} for call in record["ground_truth"] for name, arguments in call.items()
    ]


def request(record: dict[str, Any]) -> Request:
    """The question's tools."""
    return Request(
        tools=tuple(Tool(name=function["name"], parameters=function["parameters"]) for function in record["function"])
    )


def rendered(wanted: Call) -> Call:
    """A call that a right model makes: the first alternative of each argument; those that may be absent are."""
    return {"name": wanted["name"], "arguments": _object(wanted["arguments"])}


def _object(wanted: dict[str, list[Any]]) -> dict[str, Any]:
    return {key: _value(accepted[0]) if accepted else [] for key, accepted in wanted.items() if accepted[:1] != [""]}


def _value(wanted: Any) -> Any:
    if isinstance(wanted, dict):
        return _object(wanted)
    return [_value(one) for one in wanted] if isinstance(wanted, list) else wanted


def answer(calls: list[Call]) -> Response:
    """An answer that makes these calls."""
    return Response(
        parts=tuple(
            ToolCall(id=f"call_{i}", name=call["name"], arguments=json.dumps(call["arguments"]))
            for i, call in enumerate(calls)
        )
    )


def as_python(calls: list[Call]) -> str:
    """Calls as a model without a form for them writes them."""
    return f"[{', '.join(map(_as_python, calls))}]"


def _as_python(call: Call) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in call["arguments"].items())
    return f"{call['name']}({arguments})"


def test_ground_truth_is_what_the_schemas_say(data: Path) -> None:
    """With `types = "schema"` all but a few calls of the benchmark pass: it contradicts its own schemas there."""
    records = read(data, *CALLING)
    check = ToolCalls(types="schema")
    wrong = [
        (record["id"], result.explanation)
        for record in records
        if not (
            result := check.check(answer([rendered(one) for one in target(record)]), target(record), request(record))
        ).passed
    ]
    assert len(wrong) <= 0.05 * len(records), wrong


def test_ground_truth_is_accepted(data: Path) -> None:
    """In the order of the benchmark and reversed, and as text where that is asked for."""
    records = read(data, *CALLING)
    wrong = []
    for record in records:
        calls = [rendered(one) for one in target(record)]
        written = Response(parts=(Text(text=f"<tool_call>{json.dumps(calls)}</tool_call>"),))
        for check, said in (
            (ToolCalls(), answer(calls)),
            (ToolCalls(order="same"), answer(calls)),
            (ToolCalls(), answer(calls[::-1])),
            (ToolCalls(from_text=True), written),
            (ToolCalls(from_text=True), Response(parts=(Text(text=f"Here: {as_python(calls)}"),))),
            (ToolCalls(from_text=True), Response(parts=(Text(text=f"```python\n{as_python(calls)}\n```"),))),
        ):
            result = check.check(said, target(record), request(record))
            if not result.passed:
                wrong.append((record["id"], result.explanation))
    assert len(records) >= 500
    assert wrong == []


def mutants(wanted: list[Call]) -> Iterator[list[Call]]:
    """Answers in which one thing is another; an argument that may be absent is not left out."""
    calls = [rendered(one) for one in wanted]
    for place, call in enumerate(calls):
        yield [*calls[:place], *calls[place + 1 :]]
        yield [*calls, call]
        yield _with(calls, place, name=call["name"] + "_all")
        for key, value in call["arguments"].items():
            rest = {other: kept for other, kept in call["arguments"].items() if other != key}
            if "" not in (wanted[place]["arguments"][key] or [""]):
                yield _with(calls, place, arguments=rest)
            yield _with(calls, place, arguments={**rest, f"{key}_2": value})
            yield _with(calls, place, arguments={**call["arguments"], "another": value})
            for other in _changed(value):
                yield _with(calls, place, arguments={**rest, key: other})


def _with(calls: list[Call], place: int, **changed: Any) -> list[Call]:
    return [*calls[:place], {**calls[place], **changed}, *calls[place + 1 :]]


def _changed(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield from (not value, str(value), int(value))
    elif isinstance(value, int | float):
        yield from (value + 1, -value if value else 7, value * 10 if value else 0.5, str(value))
    elif isinstance(value, str):
        yield from (value + " or so", value[:-1] + "~", value[1:] or "zz", [value], None)
    elif isinstance(value, list):
        yield from (value[:-1], [*value, "more"], {"list": value}, str(value))
    elif isinstance(value, dict):
        yield from ({**value, "another": 1}, {}, str(value))


def test_changed_calls_are_rejected(data: Path) -> None:
    """At least 95 % of the answers in which one call, name, argument or value is another, of every second record."""
    check = ToolCalls()
    tried = 0
    kept = []
    for record in read(data, *CALLING)[::2]:
        for calls in mutants(target(record)):
            tried += 1
            if check.check(answer(calls), target(record), request(record)).passed:
                kept.append((record["id"], calls))
    print(f"{tried - len(kept)}/{tried} changed answers rejected")  # noqa: T201 - a figure
    assert tried >= 5000
    assert len(kept) <= 0.05 * tried, kept[:20]


def test_no_call_is_right_where_no_tool_fits(data: Path) -> None:
    """Irrelevance: a text passes, a call of the offered tool does not."""
    for record in read(data, "irrelevance"):
        call = {"name": record["function"][0]["name"], "arguments": {}}
        assert ToolCalls().check(Response(parts=(Text(text="I cannot."),)), [], request(record)).passed
        assert not ToolCalls().check(answer([call]), [], request(record)).passed


def test_some_call_is_right_where_a_tool_fits(data: Path) -> None:
    """Relevance: a call of an offered tool passes, a text and an invented tool do not."""
    check = ToolCalls(expect="calls")
    for record in read(data, "live_relevance"):
        call = {"name": record["function"][0]["name"], "arguments": {}}
        assert check.check(answer([call]), None, request(record)).passed
        assert not check.check(answer([{**call, "name": "invented"}]), None, request(record)).passed
        assert not check.check(Response(parts=(Text(text="Of course."),)), None, request(record)).passed
