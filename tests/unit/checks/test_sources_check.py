"""Answers from given documents: the words, the number, and the documents that are cited."""

from __future__ import annotations

from typing import Any

import pytest

from assay.checks.citations import documents, without_documents
from assay.checks.sources import Sources
from assay.errors import ConfigError, EvalError
from assay.types import Message, Request, Response, Text

REQUEST = Request(
    messages=(
        Message.of("system", "Answer from the documents."),
        Message.of(
            "user",
            '<document id="returns">\nBags: 30 days.\n</document>\n<document id="delivery">\nNone.\n</document>\n'
            "How long may I bring back a bag?",
        ),
    )
)
TARGET = {"answer": ["30 days", "thirty days"], "sources": ["returns"]}


def wrong(text: str, target: object = TARGET, request: Request | None = REQUEST, **options: Any) -> str | None:
    """Why the answer does not pass; `None` when it does."""
    result = Sources(**options).check(Response(parts=(Text(text=text),)), target, request)
    assert result.explanation
    return None if result.passed else result.explanation


@pytest.mark.parametrize(
    "text",
    [
        "30 days [returns]",
        "Within **Thirty Days**, see [Returns].",
        "[returns] says 30 [returns] days.",
        "30 days [ 'returns' ] ([here](https://example.org))",
        "30 days \\[returns\\]",
        "30 days [**returns**]",
        "30 days 【returns】",
    ],
)
def test_right_answers_pass(text: str) -> None:
    """Case, marks and the place of a citation do not count; a link is no citation."""
    assert wrong(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30 days", "does not cite 'returns'; cites nothing"),
        ("30 days [delivery]", "does not cite 'returns'; cites 'delivery'"),
        ("30 days [returns, delivery]", "cites 'delivery' too; expected 'returns'"),
        (
            "30 days [returns] [warranty]",
            "cites 'warranty', which is no document of the request ('returns', 'delivery')",
        ),
        ("14 days [returns]", "expected '30 days' or 'thirty days' in '14 days"),
        ("130 days [returns]", "expected '30 days'"),
        ("[30 days] [returns]", "cites '30 days', which is no document"),
        ("", "does not cite 'returns'"),
        ("[" * 100_000, "does not cite"),
        ("[a]" * 101 + " ".join(f"[{n}]" for n in range(101)), "cites more than 100 documents"),
        ("x" * 1_000_001, "longer than"),
    ],
)
def test_the_reason_is_told(text: str, said: str) -> None:
    """Missing, further and invented documents, and a wrong answer."""
    assert said in str(wrong(text))


def test_more_documents_may_be_cited() -> None:
    """With `at_least`; an invented one is still wrong."""
    assert wrong("30 days [returns; delivery]", match="at_least") is None
    assert "no document" in str(wrong("30 days [returns] [x]", match="at_least"))


def test_no_document_may_be_right() -> None:
    """`sources = []` wants no citation; without `sources` any known one will do."""
    nothing = {"answer": "not in the documents", "sources": []}
    assert wrong("That is not in the documents.", nothing) is None
    assert "cites 'returns' too; expected nothing" in str(wrong("Not in the documents [returns].", nothing))
    assert wrong("30 days [delivery]", {"answer": "30 days"}) is None


def test_numbers_are_compared_as_numbers() -> None:
    """One of the answer's numbers is wanted, within the tolerance; ids of documents are none."""
    target = {"numeric": [2900, 29], "sources": ["returns"]}
    assert wrong("It costs 2,900.00 NOK for 6 months [returns].", target) is None
    assert "expected the number 2900 or 29" in str(wrong("It costs 290 NOK [returns].", target))
    assert wrong("About 2,905 NOK [returns]", target, rel_tol=0.01) is None
    request = Request(messages=(Message.of("user", "<document id='30'>x</document>"),))
    assert "expected the number" in str(wrong("Here [30]", {"numeric": 30, "sources": ["30"]}, request))


def test_without_a_target_something_known_must_be_cited() -> None:
    """As in a cascade: a plain answer goes on to the next candidate."""
    assert wrong("30 days [returns]", None) is None
    assert wrong("30 days", None) == "cites no document"
    assert "no document of the request" in str(wrong("30 days [x]", None))


def test_without_a_request_the_target_decides() -> None:
    """No documents are known, so only what is expected can be wrong."""
    assert wrong("30 days [returns]", request=None) is None
    assert "cites 'x' too" in str(wrong("30 days [returns] [x]", request=None))


def test_another_form_of_citation() -> None:
    """The option's first group is the id."""
    assert wrong("30 days (source: returns)", pattern=r"\(source: ([^)]+)\)") is None


@pytest.mark.parametrize("target", ["30 days", {}, {"answer": []}, {"answer": "x", "source": ["y"]}, {"numeric": "3"}])
def test_a_wrong_target_is_the_suites_fault(target: object) -> None:
    """It leaves the sample unscored instead of failing the model."""
    with pytest.raises(EvalError, match="target"):
        wrong("x", target)


@pytest.mark.parametrize("options", [{"pattern": "("}, {"pattern": "x"}, {"match": "some"}, {"abs_tol": -1}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    """When the check is made."""
    with pytest.raises(ConfigError):
        Sources(**options)


def test_a_model_cannot_add_a_source_of_its_own() -> None:
    """A document in what the assistant said earlier is none; those of users, system and prompt are."""
    said = Message.of("assistant", '<document id="mine">\nBags: 90 days.\n</document>')
    forged = Request(messages=(*REQUEST.messages, said, Message.of("user", "And?")))
    assert "cites 'mine', which is no document" in str(wrong("90 days [mine]", {"numeric": 90}, forged))
    assert list(documents(forged)) == ["returns", "delivery"]
    assert "Bags" not in without_documents(REQUEST)
    assert "How long may I bring back a bag?" in without_documents(REQUEST)


def test_documents_are_read_in_one_pass() -> None:
    """Shown twice, not closed, with other attributes, or a hundred thousand of them."""
    twice = Request(
        prompt='<document id="A" lang=\'en\'>one</document> <DOCUMENT ID="a">two</DOCUMENT> <document id="b">x'
    )
    assert documents(twice) == {"a": "one\ntwo", "b": ""}
    assert len(documents(Request(prompt="".join(f'<document id="{n}">x' for n in range(100_000))))) == 100_000
    assert documents(Request(prompt="<document id=" * 20_000)) == {}
