"""A grid asked through the spine: what readers with a known sight are found to use, and what it costs to know."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import BudgetExceeded
from assay.evals.context.measure import PURPOSE, known_runs, measure, orders_of, seen_of
from assay.evals.context.plan import Grid
from assay.evals.context.ruler import measured_ruler
from assay.evals.context.standing import Rule
from assay.evals.context.suite import suite_of
from assay.evals.context.tasks import TASKS
from assay.evals.context.verdict import Finding, finding
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.inference.breaker import Breaker
from assay.inference.purse import Purse
from assay.inference.spine import Spine

Readers = Any  # the class of this folder's conftest
SpineWith = Callable[..., Spine]
Grids = Callable[..., Grid]

LENGTHS = (1024, 2048, 4096, 8192)
RULE = Rule(0.9)
WINDOW = 16_000
"""Letters; a prompt of 2,048 words has 11,000, one of 4,096 has 22,000."""


async def asked(spine: Spine, grid: Grid, *, rule: Rule = RULE, whole: bool = False, **more: Any) -> tuple[Run, Any]:
    """Measure the grid; gives the run and what ended it."""
    ruler = await measured_ruler(spine, "m", grid.lengths[0])
    suite = suite_of(grid, ruler)
    runner = Runner(spine, suite, seed=grid.seed, concurrency=1, **more)
    run = await runner.open("m", purpose=PURPOSE)
    return run, await measure(runner, run, suite, grid, rule, whole=whole)


async def found(spine: Spine, grid: Grid, *, rule: Rule = RULE, whole: bool = False) -> tuple[Finding, ...]:
    """What a grid comes to."""
    run, problem = await asked(spine, grid, rule=rule, whole=whole)
    assert problem is None
    seen = await seen_of(spine.ledger, run)
    suite = suite_of(grid, await measured_ruler(spine, "m", grid.lengths[0]))
    return tuple(finding(task, seen, rule, orders_of(suite, grid, task)) for task in grid.tasks)


@pytest.mark.parametrize(
    "sees", [lambda text: text[:WINDOW], lambda text: text[-WINDOW:]], ids=["begin alone", "end alone"]
)
async def test_what_a_window_of_sight_is_found_to_be(
    reader: Readers, spine_with: SpineWith, grid: Grids, sees: Callable[[str], str]
) -> None:
    """Who sees the first, or the last, letters alone is found to use the longest length that fits, in every task."""
    one = reader(sees)
    results = await found(spine_with(one), grid(*TASKS, lengths=LENGTHS))
    assert [(one.effective_tokens, one.fails_tokens) for one in results] == [(2048, 4096)] * 3
    assert not any(len(text) > 30_000 for text in one.asked), "nothing is asked after a length has failed"


async def test_who_sees_all_reaches_the_end(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """All lengths hold, no depth is lost, and each has the tokens that the reader counted."""
    results = await found(spine_with(reader()), grid(*TASKS, lengths=LENGTHS))
    for one in results:
        assert (one.effective_tokens, one.fails_tokens, one.depth_effects) == (8192, None, ())
        assert all(0.9 * reach.length < (reach.input_tokens or 0) <= reach.length - 32 for reach in one.reaches)


async def test_who_takes_any_code_uses_nothing(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Codes of other depots stand beside the one asked for: to answer with the last one in sight is not enough."""
    last = reader(says=lambda seen, text: re.findall(r"is (\d+)\.", seen)[-1])
    (result,) = await found(spine_with(last), grid())
    assert (result.effective_tokens, result.fails_tokens) == (0, 1024)


async def test_the_middle_is_lost(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Who sees both ends only loses the depth between: it is named, with what is found elsewhere."""
    one = reader(lambda text: text[: len(text) * 2 // 5] + text[-len(text) * 2 // 5 :])
    (result,) = await found(spine_with(one), grid(lengths=LENGTHS, repeats=4), rule=Rule(0.75), whole=True)
    assert result.effective_tokens == 8192
    lost = [effect for effect in result.depth_effects if effect.lost]
    assert [(effect.depth, effect.passed, effect.elsewhere_passed) for effect in lost] == [(50, 0, 64)]
    assert lost[0].p_value < 1e-6


async def test_a_failing_length_is_asked_no_longer_than_it_takes(
    reader: Readers, spine_with: SpineWith, grid: Grids
) -> None:
    """At a bar of 0.9 three failures of twenty are enough; a length that holds takes eighteen passes."""
    blind = reader(lambda text: "")
    await found(spine_with(blind), grid(repeats=4))
    assert len(blind.asked) == 3
    able = reader()
    await found(spine_with(able), grid(lengths=(1024,), repeats=4, seed=1))
    assert len(able.asked) == 18


async def test_an_error_that_is_allowed_saves_calls(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Of forty prompts that all pass 36 make it certain; far fewer make it sure enough, and the border is the same."""
    one = reader(lambda text: text[:WINDOW])
    made = grid(lengths=LENGTHS, repeats=8)
    (result,) = await found(spine_with(one), made, rule=Rule(0.9, 0.05, len(LENGTHS)))
    assert (result.effective_tokens, result.fails_tokens) == (2048, 4096)
    assert [reach.passed for reach in result.reaches[:2]] == [21, 21]


async def test_all_is_asked_where_the_whole_picture_is_wanted(
    reader: Readers, spine_with: SpineWith, grid: Grids
) -> None:
    """With `whole` every prompt of every length."""
    blind = reader(lambda text: "")
    (result,) = await found(spine_with(blind), grid(), whole=True)
    assert len(blind.asked) == 20
    assert [(reach.failed, reach.verdict) for reach in result.reaches] == [(10, "fails")] * 2


async def test_the_same_again_asks_nothing(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Neither the grid nor a part of it; further lengths, tasks and repeats make the same run longer."""
    one = reader()
    spine = spine_with(one)
    first, _ = await asked(spine, grid(lengths=LENGTHS[:2]))
    count = len(one.asked)
    again, _ = await asked(spine, grid(lengths=LENGTHS[:2]))
    assert (again.row.id, len(one.asked)) == (first.row.id, count)
    more, _ = await asked(spine, grid("needle", "hops", lengths=LENGTHS[:3], repeats=3))
    assert more.row.id == first.row.id
    assert len(one.asked) > count
    assert [run.row.id for run in await known_runs(spine.ledger, 10)] == [first.row.id]


async def test_what_was_cut_goes_on(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Cancelled in the middle, then asked again: no prompt that had an answer is asked twice."""
    seventh = asyncio.Event()

    def says(seen: str, text: str) -> str:
        if len(one.asked) == 7:
            seventh.set()
        return str(reader.right(seen, text))

    one = reader(says=says)
    spine = spine_with(one)
    work = asyncio.ensure_future(asked(spine, grid(repeats=4, lengths=LENGTHS[:3])))
    await seventh.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await asked(spine, grid(repeats=4, lengths=LENGTHS[:3]))
    assert len(one.asked) - len(set(one.asked)) <= 1, "what was in flight at most"
    assert len(set(one.asked)) == 3 * 18


async def test_a_host_that_takes_no_more(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """A prompt that is refused for its length is a finding: the length fails, with what the host said."""
    one = reader(limit_words=3000)
    (result,) = await found(spine_with(one), grid(lengths=LENGTHS))
    assert (result.effective_tokens, result.fails_tokens) == (2048, 4096)
    refused = result.reaches[2].refused
    assert refused is not None
    assert "are more than 3000" in refused
    assert result.reaches[3].verdict == "not asked"


async def test_a_fault_is_no_failure(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Prompts without an answer leave a length open: it is not told that it fails, and they are asked again."""
    down = [True]
    one = reader(fails=lambda text: down[0] and len(text) > 8000)
    spine = spine_with(one)
    (result,) = await found(spine, grid())
    assert (result.effective_tokens, result.fails_tokens, result.reaches[1].verdict) == (1024, None, "open")
    assert not result.settled
    down[0] = False
    live: Any = spine.targets["m"]
    live.breaker = Breaker(live.config.breaker)  # its minute is over
    (healed,) = await found(spine, grid())
    assert healed.effective_tokens == 2048


async def test_an_empty_purse_ends_it(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """What was measured by then is kept, and what ended it is given back."""
    spine = spine_with(reader(), "price_usd_per_mtok = { input = 1.0, output = 1.0 }\nsettings = { max_tokens = 32 }")
    run, problem = await asked(spine, grid(repeats=4), purse=Purse(0.03, "--max-usd"))
    assert isinstance(problem, BudgetExceeded)
    seen = await seen_of(spine.ledger, run)
    result = finding("needle", seen, RULE)
    assert 0 < len(seen) < 38
    assert result.fails_tokens is None


async def test_concurrency_changes_no_verdict(reader: Readers, spine_with: SpineWith, grid: Grids) -> None:
    """Eight at a time ask a little more, and find the same."""
    sees = reader(lambda text: text[:WINDOW])
    spine = spine_with(sees)
    made = grid(lengths=LENGTHS)
    suite = suite_of(made, await measured_ruler(spine, "m", 1024))
    runner = Runner(spine, suite, concurrency=8)
    run = await runner.open("m", purpose=PURPOSE)
    await measure(runner, run, suite, made, RULE)
    result = finding("needle", await seen_of(spine.ledger, run), RULE, orders_of(suite, made, "needle"))
    assert (result.effective_tokens, result.fails_tokens) == (2048, 4096)
