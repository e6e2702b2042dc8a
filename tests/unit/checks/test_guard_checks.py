"""Checks that guards look with: words and patterns, credentials, personal data."""

from __future__ import annotations

from typing import Any

import pytest

from assay.checks.check import MAX_CHARS
from assay.checks.folded import folded
from assay.checks.patterns import Patterns
from assay.checks.registry import make_check
from assay.checks.said import as_answer, everything, rewritten
from assay.errors import ConfigError
from assay.types import Image, Message, Reasoning, Refusal, Request, Response, Text, ToolCall, ToolResult

KEY = "sk-" + "a1B2c3D4e5F6g7H8i9J0" * 2


def said(*parts: Any) -> Response:
    """An answer of these parts."""
    return Response(parts=parts)


def passes(spec: dict[str, Any], text: str) -> bool:
    """Whether a text passes a check."""
    return make_check(spec).check(said(Text(text=text)), None, None).passed


@pytest.mark.parametrize(
    "text",
    [
        "BOMB", "a bomb!", "B\u00d6MB", "b\u043emb", "b\u200bomb", "\U0001d553omb", "bo\u0336mb",
        "\uff42\uff4f\uff4d\uff42", "dirty\n  bomb",
    ],
)  # fmt: skip
def test_words_however_they_are_written(text: str) -> None:
    """Capitals, look-alikes, invisible characters, strokes, wide letters, accents: a reader reads the same word."""
    spec = {"check": "patterns", "words": ["bomb", "dirty bomb"]}
    assert not passes(spec, text)
    assert passes(spec, Patterns(words=["bomb"]).redact(text))


@pytest.mark.parametrize("text", ["bombastic", "aplomb omb", "b o m b"])
def test_whole_words_only(text: str) -> None:
    """Other words that hold the letters pass."""
    assert passes({"check": "patterns", "words": ["bomb"]}, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("snoitcurtsni suoiverp", True),
        ("cHJldmlvdXMgaW5zdHJ1Y3Rpb25z", True),
        ("p.r.e.v.i.o.u.s i-n-s-t-r-u-c-t-i-o-n-s", True),
        ("70726576696f757320696e737472756374696f6e73", True),
        ("the previous ones", False),
    ],
)
def test_long_words_in_disguise(text: str, found: bool) -> None:
    """Backwards, encoded or spelled out, where that is wanted; short words are not looked for so."""
    spec = {"check": "patterns", "words": ["previous instructions", "ones"]}
    assert passes({**spec, "disguised": True}, text) is not found if found else not passes(spec, text)
    if found:
        assert passes(spec, text)


def test_every_part_is_looked_at() -> None:
    """Reasoning, refusals, arguments of calls and their escapes, alternatives; a word spread over parts of text."""
    check = make_check({"check": "patterns", "words": ["bomb"]})
    for answer in (
        said(Reasoning(text="bomb")),
        said(Refusal(text="bomb")),
        said(ToolCall(id="1", name="f", arguments='{"a": ["\\u0062omb"]}')),
        said(ToolCall(id="1", name="f", arguments='{"a": "{\\"b\\": \\"\\\\u0062omb\\"}"}')),
        said(Text(text="bo"), Text(text="mb")),
        Response(parts=(Text(text="fine"),), alternatives=(said(Text(text="bomb")),)),
    ):
        assert not check.check(answer, None, None).passed


def test_bytes_of_media_are_no_words() -> None:
    """The base64 of an image is not searched."""
    image = Image(data="Ym9t bomb", media_type="image/png")
    assert "bomb" not in everything(as_answer(Request(messages=(Message(role="user", parts=(image,)),))))


def test_credentials_and_personal_data() -> None:
    """Found, told by their sort and never repeated, taken out; each leaves the other's alone."""
    text = f"key {KEY} of ann@example.org"
    credentials, personal = make_check({"check": "credentials"}), make_check({"check": "personal"})
    found = credentials.check(said(Text(text=text)), None, None)
    assert (found.passed, found.explanation) == (False, "holds secret")
    assert credentials.redact(text) == "key <secret-1> of ann@example.org"  # type: ignore[attr-defined]
    assert personal.redact(text) == f"key {KEY} of <email-1>"  # type: ignore[attr-defined]
    assert passes({"check": "personal", "only": ["card"]}, text)
    assert not passes({"check": "personal"}, "ann\uff20example.org")


def test_a_text_that_is_too_long_does_not_pass() -> None:
    """What is not looked into is not let through."""
    for spec in ({"check": "patterns", "words": ["bomb"]}, {"check": "personal"}, {"check": "credentials"}):
        assert not passes(spec, "x" * (MAX_CHARS + 1))


def test_rewriting_keeps_the_form() -> None:
    """Arguments stay JSON, roles and names stay, and what is not to be changed is the same."""
    asked = Request(messages=(
        Message.of("user", "old"),
        Message(role="assistant", parts=(ToolCall(id="1", name="old", arguments='{"old": ["old", 1]}'),)),
        Message(role="tool", parts=(ToolResult(call_id="1", parts=(Text(text="old"),)),)),
    ))  # fmt: skip
    changed = rewritten(asked, lambda text: text.replace("old", "new"))
    assert changed.messages[0].text == "new"
    call = changed.messages[1].parts[0]
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("old", '{"new":["new",1]}')
    assert "new" in everything(as_answer(changed))


def test_folding_keeps_places() -> None:
    """A part of the folded text stands for the part of the text that it was made of."""
    found = folded("a\u200b\ufb01x")
    assert found.text == "afix"
    assert found.there(1, 3) == (2, 3)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"check": "patterns"}, "name `words` or `patterns`"),
        ({"check": "patterns", "wrds": ["a"]}, "did you mean 'words'"),
        ({"check": "personal", "only": ["mail"]}, "unknown sort 'mail'"),
        ({"check": "credentials", "only": ["x"]}, "no option 'only'"),
    ],
)
def test_wrong_options(spec: dict[str, Any], told: str) -> None:
    """Named, with what there is."""
    with pytest.raises(ConfigError, match=told):
        make_check(spec)
