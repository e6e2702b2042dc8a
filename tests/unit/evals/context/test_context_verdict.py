"""What answers come to: the border of a context, what is needed, depths that matter, and words for it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from assay.evals.context.plan import Place, Quoted
from assay.evals.context.standing import Rule
from assay.evals.context.told import told, told_depths
from assay.evals.context.verdict import Finding, Orders, Seen, finding, needed_reach
from assay.stats.anytime import anytime
from assay.stats.certainty import Verdict
from assay.stats.intervals import wilson

DEPTHS = (0, 25, 50, 75, 100)
UNKNOWN = Quoted(model=None, engine=None)


def seen(passes: Mapping[int, int], failed: Mapping[int, int], unscored: Mapping[int, int] | None = None) -> list[Seen]:
    """So many prompts of each length, one after another over the depths."""
    found = []
    for values, counts in ((1.0, passes), (0.0, failed), (None, unscored or {})):
        for length, count in counts.items():
            start = sum(one.place.length == length for one in found)
            found += [Seen(Place("needle", length, DEPTHS[n % 5], n), values) for n in range(start, start + count)]
    return found


def result(*given: Mapping[int, int], lengths: tuple[int, ...] = (1024, 2048, 4096), bar: float = 0.9) -> Finding:
    """What they come to, of 20 prompts each."""
    return finding("needle", seen(*given), Rule(bar), orders(lengths))


def orders(lengths: tuple[int, ...]) -> Orders:
    """Twenty prompts of each."""
    return {length: [Place("needle", length, DEPTHS[n % 5], n).id for n in range(20)] for length in lengths}


@pytest.mark.parametrize(
    ("given", "effective", "fails", "settled"),
    [
        (({1024: 20, 2048: 18}, {4096: 3}), 2048, 4096, True),
        (({1024: 20, 2048: 18, 4096: 20}, {2048: 2}), 4096, None, True),
        (({}, {1024: 3}), 0, 1024, True),
        (({1024: 20, 2048: 17}, {2048: 2}), 1024, None, False),
        (({1024: 10}, {}), None, None, False),
        (({1024: 20, 4096: 20}, {2048: 3}), 1024, 2048, True),
        (({1024: 20, 2048: 17}, {2048: 2}, {2048: 1}), 1024, None, False),
        (({}, {}), None, None, False),
    ],
    ids=["border", "all", "none", "one is open", "the first is open", "a hole", "no score", "nothing asked"],
)  # fmt: skip
def test_the_border(
    given: tuple[Mapping[int, int], ...], effective: int | None, fails: int | None, settled: bool
) -> None:
    """The longest length that holds with all shorter ones; what is open is no failure, and none holds beyond one."""
    found = result(*given)
    assert (found.effective_tokens, found.fails_tokens, found.settled) == (effective, fails, settled)


@pytest.mark.parametrize(
    ("need", "verdict"), [(1024, Verdict.PASS), (2048, Verdict.PASS), (4096, Verdict.FAIL), (3000, Verdict.OPEN)]
)
def test_what_is_needed(need: int, verdict: Verdict) -> None:
    """It is used where so much holds, not used where so much fails, and cannot be told in between."""
    assert needed_reach([result({1024: 20, 2048: 18}, {4096: 3})], need) is verdict


def test_what_is_needed_of_every_task() -> None:
    """One task that fails is enough to say no; one that is open leaves it open."""
    able, unable, unknown = result({1024: 20}, {}), result({}, {1024: 3}), result({}, {})
    assert needed_reach([able, unable, unknown], 1024) is Verdict.FAIL
    assert needed_reach([able, unknown], 1024) is Verdict.OPEN
    assert needed_reach([able, able], 1024) is Verdict.PASS


def test_no_depth_is_named_by_chance() -> None:
    """Of 300 grids in which no depth matters at most 5 % name one, early stops or none."""
    draw = Random(7)  # noqa: S311 - a simulation
    named = 0
    for _ in range(300):
        rows = [
            Seen(Place("needle", length, depth, repeat), float(draw.random() < rate))
            for length, rate in ((1024, 0.95), (2048, 0.7), (4096, 0.4))
            for depth in DEPTHS
            for repeat in range(4)
        ]
        draw.shuffle(rows)
        named += bool(finding("needle", _until_certain(rows), Rule(0.9)).depth_effects)
    assert named <= 0.05 * 300


def _until_certain(rows: list[Seen]) -> list[Seen]:
    """What is asked of each length until three have failed."""
    kept: list[Seen] = []
    for row in rows:
        failed = sum(one.value == 0 and one.place.length == row.place.length for one in kept)
        if failed < 3:
            kept.append(row)
    return kept


def test_a_lost_depth_is_named() -> None:
    """A depth at which nothing passes, where elsewhere all does, with its counts."""
    rows = [
        Seen(Place("needle", length, depth, repeat), float(depth != 50))
        for length in (1024, 2048)
        for depth in DEPTHS
        for repeat in range(4)
    ]
    found = finding("needle", rows, Rule(0.9))
    said = told_depths(found)
    assert said is not None
    assert "less is found at a depth of 50 % (0 of 8 pass, elsewhere 32 of 32" in said
    assert told_depths(result({1024: 20}, {})) is None


@pytest.mark.parametrize(
    ("given", "said", "words"),
    [
        (({1024: 20, 2048: 18}, {4096: 3}), Quoted(model=8192, engine=None),
         "needle: effective context 2,048 tokens (25% of the 8,192 quoted): 18 of 18 pass there; at 4,096 0 of 3."),
        (({1024: 20, 2048: 20, 4096: 20}, {}), UNKNOWN,
         "needle: effective context at least 4,096 tokens: 20 of 20 pass there, the longest asked."),
        (({}, {1024: 3}), UNKNOWN, "needle: nothing, for not even the shortest length holds; at 1,024 0 of 3."),
        (({1024: 20}, {}), UNKNOWN,
         "needle: effective context at least 1,024 tokens: 20 of 20 pass there; at 2,048 nothing was asked."),
        (({1024: 10}, {1024: 1}, {1024: 9}), UNKNOWN,
         "needle: cannot be told; at 1,024 10 of 11, 9 of 20 have no score, so that it cannot be told."),
    ],
)  # fmt: skip
def test_the_border_in_words(given: tuple[Mapping[int, int], ...], said: Quoted, words: str) -> None:
    """A sentence with the evidence at both sides of the border."""
    assert told(result(*given), said) == words


def test_a_refusal_in_words() -> None:
    """What a host said that takes no such prompt."""
    rows = seen({1024: 20}, {})
    rows += [Seen(Place("needle", 2048, 0, n), 0.0, None, "at most\n1,500 tokens.") for n in range(3)]
    assert told(finding("needle", rows, Rule(0.9), orders((1024, 2048))), UNKNOWN).endswith(
        "; at 2,048 the prompt is refused: at most 1,500 tokens."
    )


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_an_error_is_kept_whoever_looks_when(error: float) -> None:
    """Looked at after every prompt, few orders of 17 or 18 right ones of 20 decide wrongly; a rule that peeks does."""
    draw = Random(5)  # noqa: S311 - a simulation
    rule, ids = Rule(0.9, error, 4), [str(n) for n in range(20)]
    wrong, early, peeking = {17: 0, 18: 0}, 0, 0
    for passes, never in ((17, Verdict.PASS), (18, Verdict.FAIL)):
        for _ in range(500):
            values = [1.0] * passes + [0.0] * (20 - passes)
            draw.shuffle(values)
            ended = next(
                (seen, verdict)
                for seen in range(1, 21)
                if (verdict := rule.verdict(ids, dict(zip(ids, values[:seen], strict=False)), 20)) is not Verdict.OPEN
            )
            wrong[passes] += ended[1] is never
            early += ended[0] < 18
            peeking += passes == 17 and any(sum(values[:seen]) >= 0.9 * seen for seen in range(5, 21))
    assert wrong[17] <= 500 * error / 2 + 3 * (500 * error / 2) ** 0.5
    assert wrong[18] <= 500 * error / 8 + 3 * (500 * error / 8) ** 0.5
    assert early > 100
    assert peeking > 0.2 * 500


def test_a_verdict_reads_the_begin_of_the_order() -> None:
    """What came out of turn decides nothing but what is certain: prompts that are slow may be those that fail."""
    rule, ids = Rule(0.9, 0.2), [str(n) for n in range(20)]
    later: dict[str, float | None] = {one: 1.0 for one in ids[1:16]}
    assert rule.verdict(ids, later, 20) is Verdict.OPEN
    assert rule.verdict(ids, {**later, "0": 1.0}, 20) is Verdict.PASS
    assert rule.verdict(ids, {**later, "0": None}, 20) is Verdict.OPEN
    assert Rule(0.9).verdict(ids, {**later, "0": 1.0}, 20) is Verdict.OPEN


def test_an_interval_of_prompts_that_were_not_all_asked_holds_whenever_one_stops() -> None:
    """What was seen ended the asking: Wilson's interval, right for all 20 prompts, would be too narrow then."""
    whole, stopped, failed = result({1024: 20, 2048: 18}, {4096: 3}).reaches
    assert whole.interval == pytest.approx(wilson(20, 20))
    assert stopped.interval == pytest.approx(anytime(18, 18))
    assert failed.interval == pytest.approx(anytime(0, 3))
