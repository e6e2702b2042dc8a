"""Runs of public benchmarks, which have no suite here: how they are compared and reported."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

Project = Any  # of this folder's conftest


@pytest.fixture
def public(project: Project) -> tuple[str, str]:
    """Two runs of a benchmark of ten documents, all right and all wrong, as `assay eval --harness` leaves them."""
    cards = project.inside("eval", "-k", "words", "--json").json["scorecards"]
    good, bad = (card["run"] for card in cards)
    with sqlite3.connect(project.folder / "assay.db") as ledger:
        ledger.execute("update runs set harness = 'lm-eval', suite = 'lm-eval:words', suite_digest = 'abcd'")
    ledger.close()
    return good, bad


def test_two_runs_of_a_benchmark_are_compared(project: Project, public: tuple[str, str]) -> None:
    """Document by document, without a suite; the better one is named, and that it is a public benchmark."""
    (project.folder / "suite" / "suite.toml").unlink()
    told = project.inside("compare", *public, "--json")
    assert told.code == 0, told.err
    assert (told.json["best"], told.json["samples"], told.json["suite"]) == ("good", 10, "lm-eval:words")
    text = project.inside("compare", *public, "-k", "words").out
    assert "public benchmark by lm-eval" in text
    assert "its text is in the harness" in text
    assert project.inside("compare", *public, "--labels", "x.jsonl").code == 2


def test_a_benchmark_is_not_compared_with_own_work(project: Project, public: tuple[str, str]) -> None:
    """The error says that it has no suite here, and where its figures are."""
    told = project.inside("compare", public[0], "good")
    assert told.code == 2
    assert "is of a public benchmark (lm-eval:words, content abcd), which has no suite here" in told.err
    assert f"`assay report {public[0][:16]}` has its figures" in told.err


def test_a_benchmark_is_reported_without_a_suite(project: Project, public: tuple[str, str]) -> None:
    """Its figures by task, and in place of samples that they are in the harness: not that a suite has changed."""
    told = project.inside("report", public[0], "--format", "md", "-o", "-")
    assert told.code == 0, told.err
    assert "A public benchmark has no suite here: its documents are in lm-eval." in told.out
    assert "A public benchmark, asked by lm-eval: no work of one's own" in told.out
    assert "words" in told.out
    assert "has changed" not in told.out
