"""Exchanging the model's name in raw bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.splice import members, splice_model
from assay.errors import RequestError
from assay.types import Native

KEYS = st.one_of(
    st.sampled_from(["model", "stream", "stream_options", "include_usage", "messages"]), st.text(max_size=5)
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
MAY_REPEAT = {"model", "stream", "stream_options"}
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)
NAMES = st.text(max_size=10)


def replaced(value: dict[str, Any], model: str) -> dict[str, Any]:
    """What `splice_model` must amount to, done on the parsed object."""
    out = {**value, "model": model}
    if value.get("stream") is True:
        options = value.get("stream_options")
        out["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return out


@given(OBJECTS, NAMES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_splice_equals_parse_and_replace(value: dict[str, Any], model: str, ascii_only: bool, indent: Any) -> None:
    """On any nested object the spliced bytes parse to the object with only the model (and usage) exchanged."""
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    assert json.loads(splice_model(body, model)) == replaced(value, model)


@given(OBJECTS)
def test_members_cover_the_object(value: dict[str, Any]) -> None:
    """The scanner finds every member and where its value stands."""
    body = json.dumps(value).encode()
    assert {m.key: json.loads(body[m.start : m.end]) for m in members(body)} == value


def test_other_bytes_stay_as_they_are() -> None:
    """White space, number forms, key order and odd escapes are not touched."""
    body = b'{ "a" : 1.50e+3,\n "model"\t: "x\\"y",  "b":"\\u00e9\\/" }'
    assert splice_model(body, "new") == b'{ "a" : 1.50e+3,\n "model"\t: "new",  "b":"\\u00e9\\/" }'


def test_nested_models_and_strings_stay() -> None:
    """Only the top-level key counts, not one inside a message, a schema or a text."""
    body = b'{"m":{"model":"in"},"t":"\\"model\\":\\"text\\"","l":[{"model":1}],"model":"out"}'
    assert json.loads(splice_model(body, "new")) == {**json.loads(body), "model": "new"}
    assert splice_model(body, "new").count(b'"new"') == 1


def test_duplicates_and_escaped_keys_are_exchanged_too() -> None:
    """Readers differ in which duplicate they take, so all are exchanged; an escaped key is the same key."""
    body = b'{"model":"a","mod\\u0065l":"b","x":1,"model":{"deep":["]}"]}}'
    spliced = splice_model(body, "new")
    assert spliced == b'{"model":"new","mod\\u0065l":"new","x":1,"model":"new"}'


def test_missing_model_is_put_in() -> None:
    """A body without a model gets one."""
    assert splice_model(b"{}", "m") == b'{"model":"m"}'
    assert json.loads(splice_model(b'{"a":1}', "m")) == {"a": 1, "model": "m"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"include_usage": True}),
        (',"stream_options":null', {"include_usage": True}),
        (',"stream_options":{}', {"include_usage": True}),
        (',"stream_options":{ "x":1}', {"include_usage": True, "x": 1}),
        (
            ',"stream_options":{"include_usage":false,"x":{"include_usage":0}}',
            {"include_usage": True, "x": {"include_usage": 0}},
        ),
        (',"stream_options":{"include_usage":true}', {"include_usage": True}),
    ],
)
def test_streams_are_asked_for_usage(options: str, expected: dict[str, Any]) -> None:
    """A streamed request asks for usage, whatever the client said of it."""
    body = f'{{"model":"a","stream":true{options}}}'.encode()
    assert json.loads(splice_model(body, "b")) == {"model": "b", "stream": True, "stream_options": expected}


def test_usage_is_left_alone_without_a_stream_or_on_demand() -> None:
    """`stream` = false asks for nothing, nor does `usage` = false, for hosts that know no stream options."""
    assert splice_model(b'{"model":"a","stream":false}', "b") == b'{"model":"b","stream":false}'
    body = b'{"model":"a","stream":true}'
    sent = OpenAIChat().pass_request(Native(dialect="openai", raw=body), model="b", quirks={"stream_options": False})
    assert sent.body == b'{"model":"b","stream":true}'


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"a"', b'{"a":', b'{"a":[1', b'{"a":1', b"{1:2}", b'{"a" 1}'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """A cut or foreign body raises and does not run on."""
    with pytest.raises(RequestError):
        splice_model(body, "m")


@given(st.lists(st.tuples(KEYS, VALUES), max_size=6), NAMES)
def test_duplicates_of_any_key(pairs: list[tuple[str, Any]], model: str) -> None:
    """A field that is there twice is named and refused; the few that may be are spliced like any other."""
    body = "{" + ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}"
    found = list(members(body.encode()))
    assert [(member.key, json.loads(body.encode()[member.start : member.end])) for member in found] == pairs
    keys = [key for key, _ in pairs]
    twice = [key for number, key in enumerate(keys) if key in keys[:number] and key not in MAY_REPEAT]
    if twice:
        with pytest.raises(RequestError) as caught:
            splice_model(body.encode(), model)
        assert caught.value.field == twice[0]
    else:
        assert json.loads(splice_model(body.encode(), model)) == replaced(dict(pairs), model)


@pytest.mark.parametrize("first", ["1", "9999"])
@pytest.mark.parametrize("key", ["max_tokens", "max_\\u0074okens"])
def test_a_limit_that_is_there_twice_is_refused(first: str, key: str) -> None:
    """We check the last one and a host may take the first: no such body passes, whichever way the key is written."""
    native = Native(dialect="openai", raw=f'{{"model":"a","{key}":{first},"max_tokens":1}}'.encode())
    with pytest.raises(RequestError, match="max_tokens: the field is there twice") as caught:
        OpenAIChat().pass_request(native, model="b", quirks={})
    assert caught.value.field == "max_tokens"


def test_a_field_that_is_twice_further_in_passes() -> None:
    """Only the top level is looked at: equal keys of two messages, or inside one object, are not ours to judge."""
    body = b'{"model":"a","messages":[{"x":1,"x":2},{"x":1}]}'
    assert splice_model(body, "b") == body.replace(b'"a"', b'"b"')


@pytest.mark.parametrize("value", ['"12"', "12", "1", "true", "[1]", '"a\\\\"', '"\\""', "-1.5e+3"])
def test_prefixes_of_a_later_duplicate(value: str) -> None:
    """A first value that begins like the last one is not taken for it."""
    body = f'{{"model":{value},"a":1,"model":1,"b":"}}"}}'.encode()
    assert splice_model(body, "new") == b'{"model":"new","a":1,"model":"new","b":"}"}'


HOSTILE = [
    '{"model":"a","messages":[{"model":"in"}],"stream":false}',
    '{"messages":[],"model":"a","x":"messages"}',
    '{"x":"\\"messages\\":[1]","model":"a","messages":[1]}',
    '{"x\\"messages":[1],"model":"a","messages":[1]}',
    '{"x":{"messages":[1],"model":"in"},"messages":[1],"model":"a"}',
    '{"m\\u0065ssages":[1],"model":"a"}',
    '{"a":"model","model":"a","messages":"model"}',
    '{"messages":"hi","model":"hi"}',
    '{"mod\\u0065l":"a","messages":[1]}',
    '{"model":["a"],"messages":[1]}',
    '{"model":"\\u0061\\"","messages":[1],"stream":true}',
    ' {"messages" :\n[1] , "model"\t:"a","stream" :true}',
    '{"messages":[1],"model":"a","stream":true,"stream_options":{"include_usage":false}}',
    '{"model":"a","stream":true,"stream_options":null,"prompt":[1]}',
    '{"messages":[1],"stream":true}',
    '{"messages":[1]}',
]


@pytest.mark.parametrize("body", HOSTILE)
def test_only_the_model_of_the_body_itself_is_exchanged(body: str) -> None:
    """Whatever else looks like a key, or like the long value, and however often such a body comes."""
    for model in ("b", 'c"', "b"):
        assert json.loads(splice_model(body.encode(), model)) == replaced(json.loads(body), model)


@pytest.mark.parametrize(
    "body",
    [
        '{"messages":[1],"model":"a","messages":[1]}',
        '{"messages":[1],"model":"a","m\\u0065ssages":[1]}',
        '{"max_tokens":1,"model":"a","messages":[1],"max_tokens":2}',
        '{"max_tokens":1,"model":"a","messages":[1],"max_token\\u0073":2}',
        '{"model":"a","messages":[1],"x":1,"x":1}',
    ],
)
def test_what_is_twice_around_the_long_value_is_refused(body: str) -> None:
    """The second time, too, for what is remembered is no verdict on another body."""
    once = '{"max_tokens":1,"model":"a","messages":[1]}'
    for _ in range(2):
        assert json.loads(splice_model(once.encode(), "b"))["model"] == "b"
        with pytest.raises(RequestError, match="the field is there twice"):
            splice_model(body.encode(), "b")


def test_duplicates_of_the_model_around_the_long_value_are_all_exchanged() -> None:
    """Readers differ in which one they take."""
    body = b'{"model":"a","messages":[1],"model":"c"}'
    assert splice_model(body, "b") == b'{"model":"b","messages":[1],"model":"b"}'
