"""Hostile text in reports: invisible letters, endless answers, secrets, Markdown."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.evals.graders.grading import Score
from assay.evals.suites.suite import Sample
from assay.report.markdown import escape, markdown
from assay.report.mask import WITHHELD, Mask
from assay.report.shown import MOST_CHARS, passage, visible, written
from assay.report.view import DecisionView
from assay.types import Label, Message

GOLDEN = Path(__file__).with_name("report.md")
CANARY = "CANARY-ALARM-9317-4402"


def sample(target: Any = None, *graders: dict[str, Any]) -> Sample:
    """A sample with these graders."""
    return Sample(
        id="s1", kind="k", messages=(Message.of("user", "hello"),), target=target, graders=graders, split="heldout",
        label=Label.UNLABELLED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text\nwith a line\tand a tab", "plain text\nwith a line\tand a tab"),
        ("Größe 日本語 🙂", "Größe 日本語 🙂"),
        ("safe\u202etxt.exe", "safe⟨U+202E⟩txt.exe"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("nul\x00 esc\x1b[31m", "nul⟨U+0000⟩ esc⟨U+001B⟩[31m"),
        ("lone \ud800 half", "lone ⟨U+D800⟩ half"),
        ("line\u2028end", "line⟨U+2028⟩end"),
        ("dos\r\nline", "dos\nline"),
    ],
)
def test_nothing_invisible_is_left(text: str, shown: str) -> None:
    """Controls, bidirectional marks and halves of letters are written out; what a reader can see stays."""
    assert visible(text) == shown


def test_a_long_text_is_folded_and_an_endless_one_is_cut() -> None:
    """The head shows at once, the rest on demand, and what is dropped is counted."""
    assert passage("short").rest == ""
    long = passage("x" * 5000)
    assert long.head + long.rest == "x" * 5000
    assert len(long.head) < 1000
    assert long.dropped == 0
    endless = passage("y" * 1_000_000)
    assert len(endless.head) + len(endless.rest) == MOST_CHARS
    assert endless.dropped == 1_000_000 - MOST_CHARS
    assert passage("line\n" * 100).head.count("\n") == 12


def test_a_target_is_shown_as_it_was_written() -> None:
    """Text stays text; the rest is JSON."""
    assert written("yes") == "yes"
    assert written({"a": 1}) == '{\n  "a": 1\n}'


@pytest.mark.parametrize(
    "said", [CANARY, CANARY.lower(), " ".join(CANARY), CANARY[::-1], base64.b64encode(CANARY.encode()).decode()]
)
def test_a_canary_is_withheld_in_every_disguise(said: str) -> None:
    """What the leak check finds, the report does not quote; the rest of the answer goes with it."""
    mask = Mask([sample("ok", {"check": "leak", "canaries": [CANARY]})])
    found = mask.passage(f"Well: {said}, as you asked.")
    assert (found.head, found.withheld) == ("", WITHHELD)
    assert mask.passage("I cannot share that.").head == "I cannot share that."


@pytest.mark.parametrize("target", [CANARY, [CANARY, "other-secret-22"], {"canaries": [CANARY], "expect": "no"}])
def test_canaries_of_targets_are_known(target: Any) -> None:
    """A leak grader without the option takes its canaries from the target; so does the mask."""
    assert Mask([sample(target, {"check": "leak"})]).hides(f"it is {CANARY}")


def test_canaries_of_graders_within_graders_are_known() -> None:
    """Also where the leak check is a member of an ensemble, or turned round."""
    inner = {"check": "leak", "canaries": [CANARY]}
    for spec in ({"grader": "ensemble", "graders": [inner]}, {"check": "not", "of": inner}):
        assert Mask([sample("ok", spec)]).hides(f"it is {CANARY}")


def test_a_changed_suite_withholds_what_failed_the_leak_check() -> None:
    """Its canaries may be others than those of the time: then the check's own verdict counts."""
    grader = {"check": "leak", "canaries": [CANARY]}
    failed = (Score(grader="leak", value=0.0, explanation="canary 1 of 1 occurs"),)
    assert Mask([sample("ok", grader)], changed=True).passage("OLD-SECRET-1", failed).withheld
    assert not Mask([sample("ok", grader)]).passage("no secret", failed).withheld


def test_a_suite_without_leak_checks_hides_nothing() -> None:
    """No canary, no mask; and a canary that the check refuses as too short is none."""
    assert not Mask([sample("x", {"check": "exact"})]).hides(CANARY)
    assert not Mask([sample("ab", {"check": "leak"})]).hides("ab")


def test_markdown_shows_hostile_text_as_text() -> None:
    """Markup, tables, mentions and links of a name stay letters."""
    hostile = "</details><script>x</script> | **b** [a](http://e.invalid) `c` @team\nnew \u202eline"
    line = escape(hostile)
    assert "<" not in line
    assert "\n" not in line
    assert "@" not in line
    assert "\\|" in line
    assert "\\*\\*b" in line
    assert "\\[a\\]" in line
    assert "⟨U+202E⟩" in line


def test_markdown_keeps_a_folded_reason_within_its_fold(small_view: DecisionView) -> None:
    """A reason of several lines ends no HTML, so nothing of it is read as Markdown, and it calls nobody."""
    first = msgspec.structs.replace(small_view.kinds[0], reason="no\n\n![x](http://x) @all <i>")
    text = markdown(msgspec.structs.replace(small_view, kinds=(first, *small_view.kinds[1:])))
    assert f"<summary><b>{first.name}</b>: no ![x](http://x) &#64;all &lt;i&gt;</summary>" in text


def test_markdown_golden(small_view: DecisionView) -> None:
    """The Markdown of a decision is as the golden file says (`ASSAY_GOLDEN=1` rewrites it)."""
    text = markdown(small_view)
    if os.environ.get("ASSAY_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
