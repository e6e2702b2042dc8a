"""Comparisons of whole runs: what is established, what would be needed, and where the answers differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import SuiteError
from assay.evals.figures.answers import said
from assay.evals.figures.comparison import compare_runs, verdict
from assay.evals.graders.grading import Score
from assay.evals.runs.runner import Run, Runner, read_run
from assay.evals.suites.suite import Kind, Sample, Suite
from assay.inference.spine import Spine
from assay.ledger.rows import ResultRow, RunRow
from assay.ledger.store import SqliteLedger
from assay.types import Image, Label, Message, Text, ToolCall, ToolResult

MakeSpine = Callable[..., Spine]


def suite_of(**kinds: int) -> Suite:
    """A suite in memory with so many samples of each kind: `words0`, `words1`, ..."""
    samples = tuple(
        Sample(
            id=f"{kind}{n}", kind=kind, messages=(Message.of("user", f"{kind} {n}."),), target="yes", graders=(),
            split="heldout", label=Label.UNLABELLED,
        )
        for kind, count in kinds.items()
        for n in range(count)
    )  # fmt: skip
    named = {
        kind: Kind(name=kind, description="", bar=None, gate=False, guards=None, label=Label.UNLABELLED)
        for kind in kinds
    }
    return Suite(name="s", version="1", description="", folder="/s", digest="d" * 64, kinds=named, samples=samples)


def run_of(suite: Suite, target: str, values: Mapping[str, float | None], **more: Any) -> Run:
    """A run of a suite with these values."""
    head = RunRow(
        id=more.pop("id", f"run-of-{target}"), suite=suite.name, suite_digest=more.pop("digest", suite.digest),
        target=target, target_digest="t", config_digest="c", seed=0, created_at=0.0, version="1",
    )  # fmt: skip
    kinds = {sample.id: sample.kind for sample in suite.samples}
    rows = {
        sample: ResultRow(
            run_id=head.id, sample_id=sample, kind=kinds.get(sample, "?"), value=value,
            unscored="Timeout: cut" if value is None else None, answer=f"{target} says {value}",
            scores=msgspec.json.encode([Score(grader="exact", value=value, explanation=f"because {value}")]),
            cost_basis="measured", cached=False, created_at=0.0, latency_s=0.5, cost_usd=0.001,
        )
        for sample, value in values.items()
    }  # fmt: skip
    return Run(head, rows)


def passing(suite: Suite, passed: int) -> dict[str, float | None]:
    """The first so many samples right, the others wrong."""
    return {sample.id: float(n < passed) for n, sample in enumerate(suite.samples)}


# ------------------------------------------------------------------------------------------- verdicts


def test_an_established_difference() -> None:
    """Ten samples only A got right, none the other way: A is better, told with size, interval and p."""
    suite = suite_of(words=20)
    found = compare_runs([run_of(suite, "a", passing(suite, 18)), run_of(suite, "b", passing(suite, 8))], suite)
    pair = found.pairs[0]
    assert (pair.better, found.best, pair.more_samples) == ("a", "a", None)
    assert pair.p_value == pair.p_adjusted == pytest.approx(2 / 2**10)
    assert verdict(found).startswith("a is better than b by +50 points [+")
    assert "on 20 samples, p = 0.002." in verdict(found)


def test_the_order_of_names_changes_the_sign_only() -> None:
    """B against A says the same in other words."""
    suite = suite_of(words=20)
    runs = [run_of(suite, "a", passing(suite, 18)), run_of(suite, "b", passing(suite, 8))]
    there, back = compare_runs(runs, suite), compare_runs(runs[::-1], suite)
    assert there.best == back.best == "a"
    assert verdict(there) == verdict(back)


def test_what_cannot_be_told_says_what_would_tell() -> None:
    """Three discordant samples of twenty establish nothing; the number of further samples is named."""
    suite = suite_of(words=20)
    found = compare_runs([run_of(suite, "a", passing(suite, 12)), run_of(suite, "b", passing(suite, 9))], suite)
    pair = found.pairs[0]
    assert (pair.better, found.best) == (None, None)
    assert pair.more_samples is not None
    assert pair.more_samples > 0
    assert f"about {pair.more_samples} more samples would show it" in verdict(found)
    assert "cannot tell a and b apart: +15 points" in verdict(found)


def test_equal_candidates() -> None:
    """As many right on each side: no number of samples is promised, but what would have shown is."""
    suite = suite_of(words=100)
    mirrored = {**passing(suite, 40), **{f"words{n}": 1.0 for n in range(60, 80)}}
    a = run_of(suite, "a", passing(suite, 60))
    found = compare_runs([a, run_of(suite, "b", mirrored)], suite)
    assert found.pairs[0].difference == 0
    assert found.pairs[0].more_samples is None
    assert "points or more would have shown" in verdict(found)
    same = compare_runs([a, run_of(suite, "c", passing(suite, 60))], suite)
    assert "they differ on 0 samples" in verdict(same)


def test_an_interval_without_zero_is_not_enough() -> None:
    """The exact test decides: seven to one discordant samples have an interval above 0 and p = 0.07."""
    suite = suite_of(words=20)
    b = {**passing(suite, 13), "words19": 1.0} | {f"words{n}": 0.0 for n in range(7)}
    pair = compare_runs([run_of(suite, "a", passing(suite, 13)), run_of(suite, "b", b)], suite).pairs[0]
    assert (pair.only_a, pair.only_b, pair.p_value) == (7, 1, 18 / 2**8)
    assert pair.interval is not None
    assert pair.interval[0] > 0
    assert pair.better is None


def test_pairs_are_adjusted_for_one_another() -> None:
    """A lead that holds alone (p = 0.03) is none among three pairs; per kind the family is larger still."""
    suite = suite_of(words=20, names=20)
    a = run_of(suite, "a", passing(suite, 26))
    b, c = run_of(suite, "b", passing(suite, 20)), run_of(suite, "c", passing(suite, 20))
    alone = compare_runs([a, b], suite).pairs[0]
    assert (alone.better, alone.p_adjusted) == ("a", pytest.approx(1 / 32))
    among = compare_runs([a, b, c], suite)
    assert [pair.better for pair in among.pairs] == [None, None, None]
    assert among.pairs[0].p_adjusted == pytest.approx(3 / 32)
    assert among.pairs[0].kinds["names"].p_adjusted == pytest.approx(6 / 32)
    assert verdict(among).startswith("No one is better than every other.")


def test_a_run_is_not_compared_with_itself() -> None:
    """A name and the id of the same run: refused, and never the best of one; two of one moment are two."""
    suite = suite_of(words=4)
    run, twin = (run_of(suite, "a", passing(suite, 2), id="1" * 31 + end) for end in "12")
    with pytest.raises(SuiteError, match="run 111111111111 is named twice"):
        compare_runs([run, run], suite)
    assert compare_runs([run], suite).best is None
    assert [side.name for side in compare_runs([run, twin], suite).sides] == [f"a@{'1' * 31}{end}" for end in "12"]


def test_the_best_of_three() -> None:
    """The one whose lead over each other is established; two that lead together are no best."""
    suite = suite_of(words=60)
    a, b, c = (run_of(suite, name, passing(suite, count)) for name, count in (("a", 50), ("b", 30), ("c", 10)))
    assert compare_runs([c, a, b], suite).best == "a"
    assert compare_runs([a, run_of(suite, "twin", passing(suite, 50)), c], suite).best is None


VALUES = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, None])] * 2), min_size=1, max_size=40)


@given(VALUES)
def test_any_two_runs_have_a_consistent_comparison(values: list[tuple[float | None, float | None]]) -> None:
    """Counts of the kinds add up to the whole, a lead goes the way of the counts, and the verdict is a sentence."""
    suite = suite_of(words=len(values), names=len(values))
    runs = []
    for side, name in enumerate("ab"):
        scored = {f"{kind}{n}": pair[side] for n, pair in enumerate(values) for kind in ("words", "names")}
        runs.append(run_of(suite, name, scored))
    found = compare_runs(runs, suite)
    pair = found.pairs[0]
    assert pair.samples == sum(kind.samples for kind in pair.kinds.values())
    assert pair.only_a == sum(kind.only_a for kind in pair.kinds.values())
    if pair.better is not None:
        assert pair.better == ("a" if pair.only_a > pair.only_b else "b")
        assert found.best == pair.better
    assert verdict(found).endswith(".")


def test_only_samples_that_both_have_scored_count() -> None:
    """Unscored samples stay out of the pair, are counted with their reasons, and without any there is no test."""
    suite = suite_of(words=10)
    a = run_of(suite, "a", {**passing(suite, 10), "words0": None})
    b = run_of(suite, "b", {f"words{n}": 0.0 for n in range(6)})
    found = compare_runs([a, b], suite)
    assert found.pairs[0].samples == 5
    assert (found.sides[0].figures.unscored, found.sides[0].unscored) == (1, {"Timeout: cut": 1})
    nothing = compare_runs([a, run_of(suite, "c", {"words0": 1.0})], suite)
    assert (nothing.pairs[0].difference, nothing.best) == (None, None)
    assert "no sample that both have a score for" in verdict(nothing)


def test_a_cut_suite_cuts_the_comparison() -> None:
    """Results outside the suite's samples do not count."""
    suite = suite_of(words=10, names=10)
    runs = [run_of(suite, "a", passing(suite, 20)), run_of(suite, "b", passing(suite, 10))]
    words = compare_runs(runs, suite.only(("words",)))
    assert (words.samples, words.pairs[0].samples, words.pairs[0].difference) == (10, 10, 0.0)
    assert list(words.pairs[0].kinds) == ["words"]


def test_runs_of_one_target_are_told_apart() -> None:
    """Two runs of the same name carry the beginning of their id."""
    suite = suite_of(words=2)
    runs = [run_of(suite, "a", passing(suite, 1), id=f"{n}" * 32) for n in (1, 2)]
    assert [side.name for side in compare_runs(runs, suite).sides] == ["a@111111111111", "a@222222222222"]


def test_a_run_of_another_suite_is_refused() -> None:
    """The message names the run and both contents."""
    suite = suite_of(words=2)
    with pytest.raises(SuiteError, match=r"run-of-b of 'b' is of suite 's', content eeeeeeeeeeee, not .* dddddddddddd"):
        compare_runs([run_of(suite, "a", {}), run_of(suite, "b", {}, digest="e" * 64)], suite)


# ------------------------------------------------------------------------------------------- answers


def test_rows_hold_answers_and_the_graders_words() -> None:
    """In the suite's order; those with one passed and one failed differ, an unscored one differs from nothing."""
    suite = suite_of(words=4)
    a = run_of(suite, "a", {"words2": 1.0, "words0": 1.0, "words1": None})
    b = run_of(suite, "b", {"words0": 0.0, "words1": 0.0, "words2": 1.0})
    rows = compare_runs([a, b], suite).rows
    assert [(row.sample, row.differs) for row in rows] == [("words0", True), ("words1", False), ("words2", False)]
    first = rows[0].replies
    assert (rows[0].input, rows[0].target) == ("words 0.", "yes")
    assert [(reply.name, reply.value, reply.answer) for reply in first] == [
        ("a", 1.0, "a says 1.0"), ("b", 0.0, "b says 0.0"),
    ]  # fmt: skip
    assert first[1].scores == (Score(grader="exact", value=0.0, explanation="because 0.0"),)
    assert rows[1].replies[0].unscored == "Timeout: cut"


def test_the_input_of_a_conversation_is_shown_with_roles() -> None:
    """Several turns, tool calls and results are written out; what is no text is named."""
    call = ToolCall(id="1", name="look", arguments='{"a":1}')
    turns = (
        Message.of("system", "Be brief."),
        Message(role="user", parts=(Text(text="See:"), Image(url="http://x/y.png"))),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(ToolResult(call_id="1", parts=(Text(text="blue"),)),)),
    )
    sample = msgspec.structs.replace(suite_of(words=1).samples[0], messages=turns)
    assert said(sample) == 'system: Be brief.\nuser: See: [image]\nassistant: look({"a":1})\ntool: blue'


# ------------------------------------------------------------------------------------------- runs

CONFIG = '[deployments.m]\nmodel = "x/m"\ndialect = "scripted"\nscript = "m.json"\n'


async def test_a_known_run_is_found_and_completed(
    make_spine: MakeSpine, ledger: SqliteLedger, tiny: Callable[[int], Suite]
) -> None:
    """`known` finds the newest run as it is now and makes none; `complete` asks only what has no score."""
    suite = tiny(4)
    spine = make_spine(CONFIG, {"m.json": {"default": "yes"}})
    asked: list[str] = []
    runner = Runner(spine, suite, on_result=lambda _, row: asked.append(row.sample_id))
    assert await runner.known("m") is None
    run = await runner.open("m")
    await runner.evaluate(run, suite.samples[:3])
    found = await runner.known("m")
    assert found is not None
    assert found.row.id == run.row.id
    asked.clear()
    await runner.complete(found, suite)
    assert asked == [suite.samples[3].id]
    row = await ledger.run(run.row.id[:14])
    assert row is not None
    assert row.finished_at is not None
    assert set((await read_run(ledger, row)).results) == {sample.id for sample in suite.samples}
    other = Runner(spine, suite, seed=1)
    assert await other.known("m") is None


# ------------------------------------------------------------------------------------------- groups, made-up samples


def regrouped(suite: Suite, *, group: int = 0, synthetic: int = 0) -> Suite:
    """The same suite in groups of so many samples, the first so many of them made up."""
    samples = tuple(
        msgspec.structs.replace(sample, group=f"g{n // group}" if group else None, synthetic=n < synthetic)
        for n, sample in enumerate(suite.samples)
    )
    return msgspec.structs.replace(suite, samples=samples)


def test_groups_decide_what_is_established() -> None:
    """Eight differences of one sign in two groups establish nothing; alone they would. The number of groups is told."""
    plain = suite_of(words=40)
    values = passing(plain, 40) | {f"words{n}": 0.0 for n in range(8)}
    assert compare_runs([run_of(plain, "a", passing(plain, 40)), run_of(plain, "b", values)], plain).best == "a"
    grouped = regrouped(plain, group=4)
    found = compare_runs([run_of(grouped, "a", passing(grouped, 40)), run_of(grouped, "b", values)], grouped)
    pair = found.pairs[0]
    assert (pair.better, pair.groups, pair.p_value, pair.design_effect) == (None, 10, 0.5, 4.0)
    assert "on 40 samples in 10 groups, p = 0.5 > 0.05" in verdict(found)
    assert found.sides[0].figures.groups == 10
    assert (pair.more_samples or 0) > 4 * 20


def test_made_up_samples_do_not_count() -> None:
    """The verdict is on real work; made-up samples have a test of their own, and are told where nothing else is."""
    suite = regrouped(suite_of(words=30), synthetic=15)
    runs = [
        run_of(suite, "a", passing(suite, 30)),
        run_of(suite, "b", passing(suite, 0) | {f"words{n}": 1.0 for n in range(15, 30)}),
    ]
    found = compare_runs(runs, suite)
    pair = found.pairs[0]
    assert (found.best, pair.samples, pair.difference) == (None, 15, 0.0)
    assert pair.synthetic is not None
    assert (pair.synthetic.better, pair.synthetic.samples) == ("a", 15)
    assert (found.sides[1].figures.share, found.sides[1].synthetic.share if found.sides[1].synthetic else None) == (
        1.0,
        0.0,
    )
    every = regrouped(suite_of(words=15), synthetic=15)
    nothing = compare_runs([run_of(every, "a", passing(every, 15)), run_of(every, "b", passing(every, 0))], every)
    assert "no sample of real work" in verdict(nothing)
    assert "on 15 samples that were made up" in verdict(nothing)


def test_people_correct_a_difference() -> None:
    """Where people have read answers of both, the pair has the difference as they see it; else it has none."""
    suite = suite_of(words=60)
    runs = [run_of(suite, "a", passing(suite, 60)), run_of(suite, "b", passing(suite, 30))]
    said = {run.row.id: {(f"words{n}", 0): 1.0 for n in range(20, 40)} for run in runs}
    pair = compare_runs(runs, suite, said).pairs[0]
    assert pair.corrected is not None
    assert (pair.corrected.labels, pair.corrected.disagreed) == (20, 10.0)
    assert (pair.corrected.share or 0) < (pair.difference or 0)
    assert compare_runs(runs, suite, {runs[0].row.id: said[runs[0].row.id]}).pairs[0].corrected is None
