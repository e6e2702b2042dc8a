"""Tool calls: which count as the wanted ones, what is forbidden, and what the explanation names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.arguments import squeeze
from assay.checks.python_calls import python_calls
from assay.checks.tool_calls import ToolCalls
from assay.checks.written_calls import written_calls
from assay.errors import ConfigError, EvalError
from assay.types import Request, Response, Text, Tool, ToolCall


def calls(*made: tuple[str, Any], text: str = "") -> Response:
    """An answer with these calls; arguments that are no text are written as JSON."""
    parts = [
        ToolCall(id=str(i), name=name, arguments=given if isinstance(given, str) else json.dumps(given))
        for i, (name, given) in enumerate(made)
    ]
    return Response(parts=(Text(text=text), *parts))


def wrong(answer: Response, target: object, request: Request | None = None, **options: Any) -> str | None:
    """Why the answer does not pass; `None` when it does."""
    result = ToolCalls(**options).check(answer, target, request)
    assert result.explanation
    return None if result.passed else result.explanation


BOOKED = ("book", {"nights": 2})
BOOK = [{"name": "book", "arguments": {"city": ["Oslo", "Oslo, Norway"], "nights": 2, "pets": ["", False]}}]


@pytest.mark.parametrize(
    "arguments",
    [
        {"city": "Oslo", "nights": 2},
        {"city": "oslo norway", "nights": 2.0, "pets": False},
        {"nights": 2, "city": " OSLO ", "pets": ""},
        '{"city": "Oslo", "nights": 2}\n',
    ],
)
def test_right_arguments_pass(arguments: Any) -> None:
    """Alternatives, optional ones, 2 and 2.0, spelling."""
    assert wrong(calls(("book", arguments)), BOOK) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (calls(), "makes no tool call"),
        (calls(text="I would call book."), "makes no tool call"),
        (calls(("find", {"city": "Oslo", "nights": 2})), "expected a call of 'book', got 'find'"),
        (
            calls(("book", {"city": "Rome", "nights": 2})),
            "book: argument 'city': expected 'Oslo' or 'Oslo, Norway', got",
        ),
        (calls(("book", {"city": "Oslo", "nights": "2"})), "argument 'nights': expected 2, got '2'"),
        (calls(("book", {"city": "Oslo", "nights": True})), "argument 'nights': expected 2, got True"),
        (calls(("book", {"city": "Oslo", "nights": 2, "pets": 0})), "argument 'pets': expected"),
        (calls(("book", {"city": ["Oslo"], "nights": 2})), "argument 'city'"),
        (calls(("book", {"nights": 2})), "the argument 'city' is missing"),
        (calls(("book", {"city": "Oslo", "nights": 2, "hotel": "x"})), "the argument 'hotel' is not wanted"),
        (calls(("book", "")), "the argument 'city' is missing"),
        (calls(("book", "{city: Oslo}")), "book: arguments are not JSON"),
        (calls(("book", '{"city": "Oslo", "city": "Rome"}')), "occurs twice"),
        (calls(("book", "[1]")), "arguments are not a JSON object"),
        (calls(("book", "[" * 100_000)), "arguments are not JSON"),
        (
            calls(("book", {"city": "Oslo", "nights": 2}), ("book", {"city": "Oslo", "nights": 2})),
            "expected 1 call, got 2",
        ),
        (calls(*[("book", {})] * 300), "more than 200 calls"),
    ],
)
def test_the_first_difference_is_named(answer: Response, said: str) -> None:
    """Name, missing and unwanted arguments, values with their types, number of calls, unreadable arguments."""
    assert said in str(wrong(answer, BOOK))


def test_lists_and_objects_as_values() -> None:
    """A list value stands within the alternatives; objects follow the rule inside; an empty list may be absent."""
    target = [
        {"name": "f", "arguments": {"tags": [["a", "b"], ["c"]], "box": {"w": [1, 2], "note": ["", "x"]}, "no": []}}
    ]
    assert wrong(calls(("f", {"tags": ["A", "b"], "box": {"w": 2}})), target) is None
    assert wrong(calls(("f", {"tags": ["c"], "box": {"w": 1, "note": "x"}, "no": []})), target) is None
    assert "'tags'" in str(wrong(calls(("f", {"tags": ["b", "a"], "box": {"w": 1}})), target))
    assert "'tags'" in str(wrong(calls(("f", {"tags": "c", "box": {"w": 1}})), target))
    assert "'box'" in str(wrong(calls(("f", {"tags": ["c"], "box": {"w": 3}})), target))
    assert "'box'" in str(wrong(calls(("f", {"tags": ["c"], "box": {"w": 1, "h": 1}})), target))
    assert "'no'" in str(wrong(calls(("f", {"tags": ["c"], "box": {"w": 1}, "no": [1]})), target))


def test_order_and_multiplicity() -> None:
    """In any order each call is used once, also where alternatives overlap; `same` wants the order."""
    target = [{"name": "f", "arguments": {"n": [1, 2]}}, {"name": "f", "arguments": {"n": 1}}]
    one, two = ("f", {"n": 1}), ("f", {"n": 2})
    assert wrong(calls(one, two), target) is None
    assert wrong(calls(two, one), target) is None
    assert "argument 'n'" in str(wrong(calls(two, two), target))
    assert wrong(calls(two, one), target, order="same") is None
    assert "argument 'n'" in str(wrong(calls(one, two), target, order="same"))
    assert wrong(calls(two), target, order="same") == "expected 2 calls, got 1"


def test_extra_arguments_may_be_allowed() -> None:
    """Then they do no harm, inside objects neither."""
    assert wrong(calls(("book", {"city": "Oslo", "nights": 2, "x": 1})), BOOK, extra_arguments="allow") is None


def test_exact_strings() -> None:
    """Spelling counts where it is asked for."""
    assert "'city'" in str(wrong(calls(("book", {"city": "oslo", "nights": 2})), BOOK, strings="exact"))


def test_forbidden_tools_always_fail() -> None:
    """Next to right calls, without a target, also with unreadable arguments; other calls and words are fine."""
    bad = ("delete_order", "{")
    assert "calls 'delete_order', which is forbidden" in str(wrong(calls(bad), [], forbid=["delete_order"]))
    assert "forbidden" in str(wrong(calls(("book", {"city": "Oslo", "nights": 2}), bad), BOOK, forbid=["delete_order"]))
    assert wrong(calls(("find", {})), None, forbid=["delete_order"]) is None
    assert wrong(calls(text="No."), [], forbid=["delete_order"]) is None
    assert wrong(calls(text="No."), BOOK, forbid=["delete_order"]) == "makes no tool call"


def test_what_is_expected_without_calls_in_the_target() -> None:
    """`[]` is no call; `expect` says otherwise: some call, none, or whatever is permitted."""
    assert wrong(calls(text="Hello."), []) is None
    assert "no call is right here" in str(wrong(calls(("f", {})), []))
    assert "no call is right here" in str(wrong(calls(("f", {})), None, expect="none"))
    assert wrong(calls(("f", {})), None, expect="calls") is None
    assert wrong(calls(), None, expect="calls") == "makes no tool call"
    assert wrong(calls(), BOOK, expect="any") is None
    assert "expected a call of 'book'" in str(wrong(calls(("f", {})), BOOK, expect="any"))


def test_a_tool_that_was_not_offered_is_wrong() -> None:
    """Where the request is known, an invented tool is named as such."""
    request = Request(tools=(Tool(name="f"), Tool(name="book")))
    assert wrong(calls(("f", {})), None, request, expect="calls") is None
    said = wrong(calls(("g", {})), None, request, expect="calls")
    assert said == "calls 'g', which the request does not offer"


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "book", "arguments": {"city": "Oslo", "nights": 2}}',
        '<tool_call>\n{"name": "book", "arguments": {"city": "Oslo", "nights": 2}}\n</tool_call>',
        'I book it:\n```json\n[{"name": "book", "parameters": {"city": "Oslo", "nights": 2}}]\n```\nDone {really}.',
        '{"tool_calls": [{"function": {"name": "book", "arguments": "{\\"city\\": \\"Oslo\\", \\"nights\\": 2}"}}]}',
    ],
)
def test_written_calls_count_on_demand(text: str) -> None:
    """A call in the text is none, unless `from_text` says so."""
    assert wrong(calls(text=text), BOOK) == "makes no tool call"
    assert wrong(calls(text=text), BOOK, from_text=True) is None
    assert "forbidden" in str(wrong(calls(text=text), [], forbid=["book"], from_text=True))


def test_what_is_no_written_call() -> None:
    """Definitions of tools, data, broken and endless JSON."""
    definition = {"name": "book", "description": "Books a room", "parameters": {"type": "object"}}
    for text in (json.dumps(definition), '{"name": "Ann"}', "[1, 2]", '{"name": "f", "arguments": {', "{" * 100_000):
        assert written_calls(text) == []
    assert written_calls("x" * 2_000_000) == []


def test_squeezing_keeps_numbers() -> None:
    """Case, spaces and separators go; what would make another number stays."""
    assert squeeze("New York, NY") == squeeze("new-york ny") == "newyorkny"
    assert squeeze("x^2 and y") == squeeze("x 2 And  Y")
    for one, other in (("1.5", "15"), ("-5", "5"), ("1 2", "12"), ("10-12", "1012"), (".5", "5"), ("at -3", "at 3")):
        assert squeeze(one) != squeeze(other)
    assert squeeze("it's") == squeeze('it"s')


@pytest.mark.parametrize("target", ["book", {"name": "book"}, [{"arguments": {}}], [{"name": "f", "args": {}}], [3]])
def test_a_wrong_target_is_the_suites_fault(target: object) -> None:
    """It leaves the sample unscored instead of failing the model."""
    with pytest.raises(EvalError, match="a target is a list"):
        wrong(calls(), target)


def test_a_target_must_say_something() -> None:
    """None without an option is no expectation, and calls contradict `expect = "none"`."""
    with pytest.raises(EvalError, match="has no target"):
        wrong(calls(), None)
    with pytest.raises(EvalError, match='expect = "none"'):
        wrong(calls(), BOOK, expect="none")


def test_wrong_options_are_refused() -> None:
    """When the check is made."""
    for given_ in ({"order": "some"}, {"forbid": [""]}, {"forbidden": ["x"]}, {"forbid": "x"}):
        with pytest.raises(ConfigError):
            ToolCalls(**given_)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_any_object_is_its_own_match(arguments: dict[str, Any]) -> None:
    """What is wanted is accepted as it is, whatever it holds."""

    def wrapped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: [wrapped(one)] for key, one in value.items()}
        return [wrapped(one) for one in value] if isinstance(value, list) else value

    target = [{"name": "f", "arguments": wrapped(arguments)}]
    assert wrong(calls(("f", arguments)), target) is None


WEATHER = Request(
    tools=(
        Tool(
            name="geo.weather",
            parameters={
                "type": "dict",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "exact": {"type": "boolean"},
                    "at": {"type": "tuple", "items": {"type": "float"}},
                },
                "required": ["city"],
            },
        ),
        Tool(name="book", parameters={"type": "object", "properties": {"nights": {"type": "Integer"}}}),
        Tool(name="free"),
    )
)


def python(text: str) -> list[tuple[str, Any]]:
    """The calls that are found in a text."""
    parameters = {"geo.weather": ("city", "days"), "book": ("nights",)}
    return [(name, json.loads(given)) for name, given in python_calls(text, parameters, parameters)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[geo.weather(city="Oslo", days=3), book(nights=2)]', [("geo.weather", {"city": "Oslo", "days": 3}), BOOKED]),
        ("I call `book(nights=2)` now.", [BOOKED]),
        ("```python\nr = book(\n  nights=2,\n)\nprint(r)\n```", [BOOKED]),
        ("book(2)", [BOOKED]),
        ('geo.weather("a) b(", 1)', [("geo.weather", {"city": "a) b(", "days": 1})]),
        ("book(nights={'a': [1, -2.5, None, True, (3,)]})", [("book", {"nights": {"a": [1, -2.5, None, True, [3]]}})]),
        ("book(nights=true)", [("book", {"nights": True})]),
        ("book()", [("book", {})]),
        ("book(nights=two)", []),
        ("book(nights=__import__('os').system('true'))", []),
        ("book(nights=1, nights=2)", []),
        ("book(1, nights=2)", []),
        ("book(1, 2)", []),
        ("book(**{'nights': 2})", []),
        ("book(nights={1, 2})", []),
        ("book(nights=1j)", []),
        ("book(nights=9e999)", []),
        ("rebook(nights=2) my.book(nights=2)", []),
        ("other(nights=2)", []),
        ("book(" * 3000, []),
        ("book(nights=" + "[" * 5000 + "]" * 5000 + ")", []),
    ],
)
def test_calls_written_as_python(text: str, found: list[tuple[str, Any]]) -> None:
    """Literals only, parsed and never run; what is no call of a known function is passed over."""
    assert python(text) == found


def test_python_calls_count_where_they_are_asked_for() -> None:
    """Of tools that are offered or wanted, and only where no call was made otherwise."""
    target = [{"name": "book", "arguments": {"nights": 2}}]
    said = calls(text="[book(nights=2)]")
    assert wrong(said, target, WEATHER) == "makes no tool call"
    assert wrong(said, target, WEATHER, from_text=True) is None
    assert wrong(said, target, from_text=True) is None
    assert "argument 'nights'" in str(wrong(calls(text="book(nights=3)"), target, WEATHER, from_text=True))
    assert "forbidden" in str(wrong(calls(text="free()"), None, from_text=True, forbid=["free"]))
    both = calls(("book", {"nights": 3}), text="book(nights=2)")
    assert "argument 'nights'" in str(wrong(both, target, WEATHER, from_text=True))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (("geo.weather", {"city": "Oslo", "days": 3, "exact": True, "at": [1, 2.5]}), None),
        (("geo.weather", {"days": 3}), "'city' is a required property"),
        (("geo.weather", {"city": 7}), "argument 'city': 7 is not of type 'string'"),
        (("geo.weather", {"city": "x", "days": 1.5}), "argument 'days'"),
        (("geo.weather", {"city": "x", "exact": "true"}), "argument 'exact'"),
        (("geo.weather", {"city": "x", "at": ["here"]}), "argument 'at.0'"),
        (("geo.weather", "{city}"), "not JSON"),
        (("book", {"nights": "2"}), "argument 'nights'"),
        (("free", {"anything": 1}), None),
    ],
)
def test_arguments_follow_the_schema_where_asked(made: tuple[str, Any], said: str | None) -> None:
    """Types by the names of several languages, required arguments, and a tool without a schema takes everything."""
    found = wrong(calls(made), None, WEATHER, expect="calls", types="schema")
    assert found is None if said is None else said in str(found)
    assert wrong(calls(made), None, WEATHER, expect="calls") is None


def test_a_tool_whose_schema_is_none_is_no_fault_of_the_answer() -> None:
    """The sample cannot be graded; that is said, and is no 0."""
    broken = Request(tools=(Tool(name="f", parameters={"type": "object", "required": 3}),))
    with pytest.raises(EvalError, match="no JSON schema"):
        wrong(calls(("f", {})), None, broken, expect="calls", types="schema")
