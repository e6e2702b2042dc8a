"""The project's words: each has its line in the glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text("utf-8")
WORDS = (
    "Model", "Deployment", "Dialect", "Request", "Response", "Usage", "Kind", "Attempt", "Route", "Policy",
    "Constraints", "Estimate", "Check", "Suite", "Sample", "Grader", "Score", "Run", "Scorecard", "Decision", "Pin",
    "Feedback", "Ledger", "Recipe", "Adapter", "Tool", "Sandbox",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_design_is_explained(word: str) -> None:
    """The word has a row of its own with an explanation that says something."""
    found = re.search(rf"^\| \*\*{word}\*\* \| (.+) \|$", GLOSSARY, re.MULTILINE)
    assert found is not None
    assert len(found[1]) > 20


def test_rows_are_not_told_twice() -> None:
    """No word has two rows."""
    rows = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
    assert len(rows) == len(set(rows))
