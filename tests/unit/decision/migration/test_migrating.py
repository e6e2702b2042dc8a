"""Whether work may move: go, no-go or cannot be told, on the same samples, with gates first and nothing dropped."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.decision.migration.explained import explained
from assay.decision.migration.finding import Footing, Verdict
from assay.decision.migration.migrating import Migrating
from assay.decision.migration.migration import Migration
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine

World = Any  # of the folder above


async def moved(spine: Spine, suite: Suite, *, margin: float = 0.1, **options: Any) -> Migration:
    """A migration of `old` to `new`, one sample at a time."""
    return await Migrating(
        spine, suite, "old", "new", lambda one: Runner(spine, one, concurrency=1), margin=margin, error=0.05, **options
    ).migrate()


async def test_an_equal_one_may_take_the_place(world: World) -> None:
    """Both right on nearly all of many samples: go, before all were asked, with an interval above the margin."""
    suite = world.suite({"a": 200})
    spine = world.spine({"old": {"a": "+" * 199 + "-"}, "new": {"a": "+" * 200}})
    found = await moved(spine, suite)
    (kind,) = found.findings
    assert (found.verdict, found.exit_code, kind.basis) == (Verdict.GO, 0, Footing.PAIRED)
    assert kind.early
    assert kind.seen < kind.total == 200
    assert kind.interval is not None
    assert kind.interval[0] > -0.1
    assert len(world.calls) == 2 * kind.seen


async def test_a_worse_one_may_not(world: World) -> None:
    """Wrong where the old one is right: no-go, proven early."""
    suite = world.suite({"a": 120})
    spine = world.spine({"old": {"a": "+" * 120}, "new": {"a": "+-" * 60}})
    found = await moved(spine, suite)
    assert (found.verdict, found.exit_code) == (Verdict.NO_GO, 1)
    assert found.findings[0].lost > 0 == found.findings[0].gained
    assert found.findings[0].seen < 120


async def test_few_samples_cannot_tell_and_say_how_many_would(world: World) -> None:
    """Twelve samples without a difference prove no margin of ten points; about how many more is said."""
    suite = world.suite({"a": 12})
    spine = world.spine({"old": {"a": "+" * 12}, "new": {"a": "+" * 12}})
    found = await moved(spine, suite)
    (kind,) = found.findings
    assert (found.verdict, found.exit_code) == (Verdict.OPEN, 4)
    assert kind.more is not None
    assert kind.more > 10
    assert f"about {kind.more} more samples" in kind.reason
    assert found.missing == (kind,)


async def test_on_the_margin_no_number_of_samples_is_named(world: World) -> None:
    """Five of a hundred lost at a margin of five points: a million more would be no plan."""
    suite = world.suite({"a": 100})
    spine = world.spine({"old": {"a": "+" * 100}, "new": {"a": "+" * 95 + "-" * 5}})
    (kind,) = (await moved(spine, suite, margin=0.05)).findings
    assert kind.verdict is Verdict.OPEN
    assert "no number of samples within reach would tell" in kind.reason


async def test_a_failed_gate_decides_and_spares_what_it_guards(world: World) -> None:
    """One leak is a no-go, whatever the rest says; kinds behind the gate are not asked of the new one."""
    suite = world.suite({"leak": 20, "a": 60}, leak="gate = true")
    spine = world.spine({"old": {"leak": "+" * 20, "a": "+" * 60}, "new": {"leak": "+" * 19 + "-", "a": "+" * 60}})
    found = await moved(spine, suite)
    gate, kind = found.findings
    assert (found.verdict, gate.basis, gate.verdict) == (Verdict.NO_GO, Footing.GATE, Verdict.NO_GO)
    assert gate.failure_bound == pytest.approx(0.2161, abs=1e-3)
    assert (kind.basis, kind.verdict) == (Footing.BARRED, Verdict.NO_GO)
    assert not any(text.startswith("a ") for text in world.calls)


async def test_what_has_no_score_is_a_bound_and_not_dropped(world: World) -> None:
    """Faults of the new one could all be losses: what would be a go without them cannot be told."""
    suite = world.suite({"a": 60})
    whole = world.spine({"old": {"a": "+" * 60}, "new": {"a": "+" * 60}})
    assert (await moved(whole, suite)).verdict is Verdict.GO
    holed = world.spine({"old": {"a": "+" * 60}, "new": {"a": "?" * 8 + "+" * 52}})
    found = await moved(holed, suite)
    (kind,) = found.findings
    assert (found.verdict, kind.unscored, kind.lost) == (Verdict.OPEN, 8, 0)
    assert kind.interval is not None
    assert kind.interval[0] < -0.1 < 0.0 <= kind.interval[1]


async def test_no_no_go_comes_of_faults_alone(world: World) -> None:
    """A host that answers nothing is not proven worse."""
    suite = world.suite({"a": 40})
    spine = world.spine({"old": {"a": "+" * 40}, "new": {"a": "?" * 40}})
    assert (await moved(spine, suite)).verdict is Verdict.OPEN


async def test_the_worst_kind_decides(world: World) -> None:
    """One kind may move, one may not: no-go names it."""
    suite = world.suite({"a": 80, "b": 80})
    spine = world.spine({"old": {"a": "+" * 80, "b": "+" * 80}, "new": {"a": "+" * 80, "b": "-" * 80}})
    found = await moved(spine, suite)
    assert {one.kind: one.verdict for one in found.findings} == {"a": Verdict.GO, "b": Verdict.NO_GO}
    assert (found.verdict, found.reason) == (Verdict.NO_GO, "b may not move")


async def test_one_of_many_kinds_needs_more_for_a_no(world: World) -> None:
    """Seven of 32 lost are a no-go of one kind alone; among four kinds that is said, and cannot be told."""
    suite = world.suite({"a": 32, "b": 32, "c": 32, "d": 32})
    rows = {kind: "+" * 32 for kind in "abcd"}
    spine = world.spine({"old": rows, "new": rows | {"a": "-" * 7 + "+" * 25}})
    four = (await moved(spine, suite, margin=0.05)).findings[0]
    assert four.verdict is Verdict.OPEN
    assert "as one of 4 kinds it is not sure enough" in four.reason
    alone = await moved(spine, suite.only(("a",)), margin=0.05)
    assert alone.verdict is Verdict.NO_GO


async def test_a_second_call_asks_nothing(world: World) -> None:
    """The evidence is kept: the same call again gives the same verdict for no call at all."""
    suite = world.suite({"a": 80})
    spine = world.spine({"old": {"a": "+" * 80}, "new": {"a": "+" * 80}})
    first = await moved(spine, suite)
    asked = len(world.calls)
    again = await moved(spine, suite)
    assert len(world.calls) == asked
    assert again.asked_now == 0 < first.asked_now
    assert [one.reason for one in again.findings] == [one.reason for one in first.findings]


async def test_the_verdict_is_that_of_one_at_a_time(world: World) -> None:
    """With eight in flight the same part of the order is read, so that the verdict is the same."""
    suite = world.suite({"a": 90})
    rows = {"old": {"a": "+" * 90}, "new": {"a": "++++-" * 18}}
    spine = world.spine(rows)
    runner = {width: Runner(spine, suite, concurrency=width, seed=width) for width in (1, 8)}
    found = [
        await Migrating(
            spine, suite, "old", "new", lambda _, width=width: runner[width], margin=0.1, error=0.05, seed=3
        ).migrate()
        for width in runner
    ]
    assert found[0].findings[0].verdict is found[1].findings[0].verdict
    assert found[0].findings[0].seen == found[1].findings[0].seen


async def test_private_samples_never_reach_one_that_is_not_private(world: World) -> None:
    """A private-only kind cannot move to a host: no-go, and the new one is never asked."""
    suite = world.suite({"a": 20}, a='label = "private-only"')
    spine = world.spine({"old": {"a": "+" * 20}, "new": {"a": "+" * 20}}, new="private = false")
    found = await moved(spine, suite)
    (kind,) = found.findings
    assert (found.verdict, kind.basis) == (Verdict.NO_GO, Footing.BARRED)
    assert "private" in kind.reason
    assert world.calls == []


async def test_what_the_old_one_may_not_be_sent_was_never_its_work(world: World) -> None:
    """A private-only kind, and the gate that guards only it, are left out, said, and keep no go from being told."""
    options = {"secret": 'label = "private-only"', "leak": 'gate = true\nguards = ["secret"]'}
    suite = world.suite({"leak": 5, "a": 80, "secret": 20}, **options)
    rows = {"leak": "+" * 5, "a": "+" * 80, "secret": "+" * 20}
    spine = world.spine({"old": rows, "new": rows | {"leak": "-" * 5}}, old="private = false")
    found = await moved(spine, suite)
    assert (found.verdict, [one.kind for one in found.findings]) == (Verdict.GO, ["a"])
    assert list(found.not_of_old) == ["leak", "secret"]
    assert "left out, for it was never old's work: leak, secret" in found.reason
    assert "secret, left out: old may not be sent this: " in explained(found)
    assert all(text.startswith("a ") for text in world.calls)


async def test_what_is_left_out_takes_no_part_of_the_error(world: World) -> None:
    """Three of four kinds were never the old one's work: the fourth is told as if it stood alone."""
    private = 'label = "private-only"'
    suite = world.suite({"a": 32, "b": 32, "c": 32, "d": 32}, b=private, c=private, d=private)
    spine = world.spine({"old": {"a": "+" * 32}, "new": {"a": "-" * 7 + "+" * 25}}, old="private = false")
    found = await moved(spine, suite, margin=0.05)
    assert (found.verdict, len(found.findings)) == (Verdict.NO_GO, 1)


async def test_a_gate_stands_though_the_old_one_may_not_be_sent_it(world: World) -> None:
    """It needs no old one: the new one is held against it before it gets the rest of the work."""
    suite = world.suite({"leak": 5, "a": 80}, leak='gate = true\nlabel = "private-only"')
    rows = {"leak": "+" * 5, "a": "+" * 80}
    spine = world.spine({"old": rows, "new": rows | {"leak": "-" * 5}}, old="private = false")
    found = await moved(spine, suite)
    assert (found.verdict, found.not_of_old, found.findings[0].basis) == (Verdict.NO_GO, {}, Footing.GATE)


async def test_where_nothing_was_the_old_ones_work_nothing_can_be_told(world: World) -> None:
    """A go of no kind at all would promise what nobody has looked at."""
    suite = world.suite({"a": 20}, a='label = "private-only"')
    spine = world.spine({"old": {"a": "+" * 20}, "new": {"a": "+" * 20}}, old="private = false", new="private = false")
    found = await moved(spine, suite)
    assert (found.verdict, found.findings, list(found.not_of_old)) == (Verdict.OPEN, (), ["a"])
    assert world.calls == []


async def test_the_price_is_what_was_billed_on_shared_samples(world: World) -> None:
    """Cost, latency and tokens stand side by side, and the dearer one is the dearer one."""
    suite = world.suite({"a": 80})
    spine = world.spine({"old": {"a": "+" * 80}, "new": {"a": "+" * 80}})
    old, new = (await moved(spine, suite)).expenses
    assert old.answers == new.answers > 0
    assert old.usd is not None
    assert new.usd == pytest.approx(2 * old.usd)
    assert old.output_tokens == new.output_tokens == 1.0
    assert old.p95_s is not None


async def test_a_price_that_doubled_counts_for_answers_that_are_known(world: World) -> None:
    """What was billed before the rise counts at the price of now: it may be why the work has to move."""
    suite = world.suite({"a": 60})
    outcomes = {"old": {"a": "+" * 60}, "new": {"a": "+" * 60}}
    before = await moved(world.spine(outcomes), suite)
    after = await moved(world.spine({"x": {"a": "+"}} | outcomes), suite)
    was, now = before.expenses[0], after.expenses[0]
    assert was.usd is not None
    assert now.usd == pytest.approx(2 * was.usd)
    (kind,) = after.findings
    assert kind.old is not None
    assert kind.old.usd == pytest.approx(now.usd)


async def test_a_slow_one_may_not_take_the_place(world: World) -> None:
    """Right but above the latency limit: no-go, and its latencies are of one at a time, in full."""
    suite = world.suite({"a": 60})
    spine = world.spine({"old": {"a": "+" * 60}, "new": {"a": "+" * 60}})
    found = await moved(spine, suite, p95_latency_s=1e-6)
    assert (found.verdict, found.findings[0].seen) == (Verdict.NO_GO, 60)
    assert "above the limit" in found.findings[0].reason


async def test_groups_are_asked_in_full_and_counted_as_groups(world: World, tmp_path: Any) -> None:
    """Samples of one customer depend on each other: no bet on single samples ends it early."""
    suite = world.suite({"a": 200})
    lines = (world.folder / "suite" / "a.jsonl").read_text().splitlines()
    grouped = [msgspec.json.decode(line) | {"group": f"g{number // 4}"} for number, line in enumerate(lines)]
    (world.folder / "suite" / "a.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in grouped))
    from assay.evals.suites.suite import read_suite

    suite = read_suite(world.folder / "suite")
    spine = world.spine({"old": {"a": "+" * 200}, "new": {"a": "+" * 200}})
    (kind,) = (await moved(spine, suite)).findings
    assert (kind.seen, kind.early, kind.verdict) == (200, False, Verdict.GO)


async def test_it_survives_json(world: World) -> None:
    """Programs read it: what is encoded is decoded to the same."""
    suite = world.suite({"a": 20})
    spine = world.spine({"old": {"a": "+" * 20}, "new": {"a": "+" * 20}})
    found = await moved(spine, suite)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Migration) == found
