"""Samples as a person reads them."""

from __future__ import annotations

from pathlib import Path

from assay.evals.suites.readable import said
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite import read_suite
from assay.evals.suites.writing import NewKind, write_suite


def test_a_conversation_is_read_with_what_the_user_says_after_each_answer(tmp_path: Path) -> None:
    """Whoever labels or compares its last answer must know what that answers."""
    line = SampleLine(id="a", input="The code is 7734.", follow_ups=("Its first half?", "And the second?"), target="34")
    table = {"graders": [{"check": "contains"}]}
    folder = write_suite(tmp_path / "s", name="s", version="1", description="", kinds=[NewKind("talk", [line], table)])
    (sample,) = read_suite(folder).samples
    assert said(sample).split("\n") == [
        "user: The code is 7734.", "assistant: (the model's answer)",
        "user: Its first half?", "assistant: (the model's answer)", "user: And the second?",
    ]  # fmt: skip
