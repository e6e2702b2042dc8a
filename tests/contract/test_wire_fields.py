"""The comparison of the wire benchmark: that it sees each loss, and allows only what a format cannot say."""

from typing import Any

import pytest
from benchmarks.wire_fields import Side, compare, same

WANT: dict[str, Any] = {
    "text": "x", "reasoning": "r", "tools": [("c1", "f", {"a": 1}), ("c2", "g", {})], "finish": "tool_calls",
    "sig": ["s1", "s2"], "refusal": "", "input": 5, "output": 3, "cached": 2, "cache_write": 1, "reason_tok": 1,
    "total": 8, "citations": 1,
}  # fmt: skip
BODY = "... s1 ... s2 ..."


def wrong(
    upstream: str = "chat", client: str = "chat", body: str = BODY, want: Any = None, **changes: Any
) -> list[str]:
    """The fields that the comparison finds wrong in an answer that differs in `changes`."""
    asked = WANT | (want or {})
    found = compare(upstream, asked, Side(client, body, asked | changes))
    return [name for name, right in found.items() if not right]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": "y"}, "text"),
        ({"reasoning": ""}, "reasoning text"),
        ({"tools": WANT["tools"][:1]}, "tools"),
        ({"tools": [("c1", "f", {"a": 2}), ("c2", "g", {})]}, "tools"),
        ({"tools": [("c9", "f", {"a": 1}), ("c2", "g", {})]}, "tool ids"),
        ({"finish": "stop"}, "finish"),
        ({"refusal": "no"}, "refusal"),
        ({"input": 4}, "input"),
        ({"output": None}, "output"),
        ({"cached": 0}, "cached"),
        ({"cache_write": 2}, "cache_write"),
        ({"reason_tok": 0}, "reason_tok"),
        ({"total": 7}, "total"),
        ({"citations": 0}, "citations"),
    ],
)
def test_each_loss_is_seen(changes: dict[str, Any], field: str) -> None:
    """One thing changed makes its field wrong, and an answer that is the same has none."""
    assert field in wrong(**changes)
    assert wrong() == []


def test_every_signature_must_be_there() -> None:
    """One of two is not enough; of those that stand for the same item one is."""
    assert wrong(body="s1") == ["signatures"]


def test_what_messages_cannot_say() -> None:
    """A refusal's words stand in the text there, and there is no total."""
    said = {"refusal": "no", "tools": [], "finish": "stop"}
    assert wrong(client="messages", want=said, text="xno", refusal="", finish="content_filter", total=None) == []
    assert "refusal" in wrong(client="messages", want=said, refusal="")


def test_ids_that_the_upstream_does_not_give() -> None:
    """Ours must be there and differ."""
    none = {"tools": [(None, "f", {}), (None, "f", {})]}
    assert wrong("gemini", want=none, tools=[("a", "f", {}), ("b", "f", {})]) == []
    assert wrong("gemini", want=none, tools=[("a", "f", {}), ("a", "f", {})]) == ["tool ids"]


def test_an_unreadable_answer_is_wrong_in_every_field() -> None:
    """Nothing is right in what cannot be read."""
    assert not any(compare("chat", WANT, Side("chat", "", None)).values())
    assert same(WANT, None) == ["unreadable"]


def test_a_whole_answer_and_its_stream() -> None:
    """Each difference is named; ids may differ."""
    assert same(WANT, WANT | {"tools": [("d1", "f", {"a": 1}), ("d2", "g", {})]}) == []
    assert same(WANT, WANT | {"text": "y", "input": 1, "sig": []}) == ["text", "input", "sig"]
