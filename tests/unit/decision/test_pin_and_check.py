"""Pins: frozen facts, proved again; any byte that decides an answer is noticed and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.decision.check import Checking, CheckReport
from assay.decision.decision import Decision
from assay.decision.lock import VERSION, Lock, read_lock, write_lock
from assay.decision.pin import broken_pins, changed_facts, pin, pinned_route
from assay.errors import DecisionError, Refused
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.types import Message, Request

World = Any  # of this folder's conftest
MakeSpine = Callable[..., Spine]


async def pinned(world: World, outcomes: dict[str, dict[str, str]], suite: Suite, **more: Any) -> tuple[Spine, Lock]:
    """A decision pinned, with no tolerated regression unless told."""
    tolerated = more.pop("tolerated", 0.0)
    spine = world.spine(outcomes, **more)
    decision = await world.choosing(spine, suite).choose()
    return spine, await pin(spine, decision, tolerated_regression=tolerated)


async def proved(spine: Spine, lock: Lock, suite: Suite, **options: Any) -> CheckReport:
    """`assay check`."""
    runner = Runner(spine, suite, seed=lock.seed, use_cache=False)
    return await Checking(spine, lock, suite, runner, **options).check()


async def test_what_was_pinned_holds(world: World) -> None:
    """Nothing has changed: every pin holds, on exactly the pinned samples, asked anew."""
    suite = world.suite({"a": 10, "b": 4})
    spine, lock = await pinned(world, {"m": {"a": "+" * 9 + "-", "b": "++++"}}, suite)
    before = len(world.calls)
    report = await proved(spine, lock, suite)
    assert {one.kind: one.verdict for one in report.kinds} == {"a": "holds", "b": "holds"}
    assert report.exit_code == 0
    assert len(world.calls) - before == sum(len(one.samples) for one in lock.kinds.values())


async def test_repeats_are_pinned_as_they_were_decided(world: World, ledger: Any) -> None:
    """A sample that passes two times of three passes by majority, when it is decided, pinned and proved again."""
    suite = world.suite({"a": 4}, a='repeats = 3\nreducer = "majority"')
    spine = world.spine({"m": {"a": "++++"}})
    decision = await world.choosing(spine, suite).choose()
    for row in await ledger.results(decision.runs["m"]):
        if row.repeat == 2:
            await ledger.add_result(msgspec.structs.replace(row, value=0.0))
    again = await world.choosing(spine, suite).choose()
    assert again.kinds[0].chosen == "m"
    lock = await pin(spine, msgspec.json.decode(msgspec.json.encode(again), type=Decision), tolerated_regression=0.0)
    assert lock.kinds["a"].passed == len(lock.kinds["a"].samples) == 4
    assert (await proved(spine, lock, suite)).exit_code == 0


async def test_digests_alone_ask_nothing(world: World) -> None:
    """`--digests-only` compares and makes no call."""
    suite = world.suite({"a": 4})
    spine, lock = await pinned(world, {"m": {"a": "++++"}}, suite)
    before = len(world.calls)
    assert (await proved(spine, lock, suite, digests_only=True)).exit_code == 0
    assert len(world.calls) == before


async def test_choosing_after_a_check_still_asks_nothing(world: World, ledger: Any) -> None:
    """The runs of a re-proof do not stand in for the evidence, also when the cache is gone."""
    suite = world.suite({"a": 10, "b": 6})
    spine, lock = await pinned(world, {"m": {"a": "+" * 10, "b": "+" * 6}}, suite)
    await proved(spine, lock, suite)
    await ledger.clear_replies()
    before = len(world.calls)
    again = await world.choosing(spine, suite).choose()
    assert (again.asked_now, len(world.calls)) == (0, before)


@pytest.mark.parametrize("what", ["prompt", "script", "settings", "suite", "model", "gone"])
async def test_one_changed_byte_is_noticed_and_named(
    world: World, make_spine: MakeSpine, tmp_path: Path, what: str
) -> None:
    """One byte of a prompt file, of the weights (script), of a setting or of the suite: exit 1, and it says which."""
    (tmp_path / "system.txt").write_text("Answer with one word.")
    suite = world.suite({"a": 4})
    more = {"m": 'kinds = { a = { system_file = "system.txt" } }'}
    _, lock = await pinned(world, {"m": {"a": "++++"}}, suite, **more)
    outcomes, words = {"m": {"a": "++++"}}, what
    if what == "prompt":
        (tmp_path / "system.txt").write_text("Answer with one word!")
        words = "prompt_sha256 was"
    elif what == "script":
        outcomes, words = {"m": {"a": "+++-"}}, "script_sha256 was"
    elif what == "settings":
        more, words = {"m": 'kinds = { a = { system_file = "system.txt", top_p = 0.5 } }'}, "prompt_sha256 was"
    elif what == "suite":
        file = tmp_path / "suite" / "a.jsonl"
        file.write_bytes(file.read_bytes().replace(b"a 3.", b"a 4."))
        suite = read_suite(tmp_path / "suite")
    elif what == "gone":
        outcomes, more, words = {"n": {"a": "++++"}}, {}, "has no 'm' any more"
    spine = world.spine(outcomes, **more)
    if what == "model":
        text = (
            '[deployments.m]\nmodel = "x/other"\ndialect = "scripted"\nscript = "m.json"\n'
            'settings = { max_tokens = 8 }\nkinds = { a = { system_file = "system.txt" } }\n'
        )
        spine, words = make_spine(text), "model was 'x/m' and is 'x/other'"
    before = len(world.calls)
    report = await proved(spine, lock, suite)
    assert [one.verdict for one in report.kinds] == ["changed"]
    assert words in report.kinds[0].reason
    assert report.exit_code == 1
    assert len(world.calls) == before  # no money for what is known already


async def test_a_candidate_below_a_route_is_part_of_the_pin(world: World, make_spine: MakeSpine) -> None:
    """A pinned route is broken by a change in anything below it, or in its policy."""
    suite = world.suite({"a": 4})
    route = '[routes.r]\ncandidates = ["m", "n"]\npolicy = {{ kind = "{}" }}\n'
    spine = world.spine({"m": {"a": "++++"}, "n": {"a": "++++"}}, route.format("fallback"))
    decision = await world.choosing(spine, suite, "r").choose()
    lock = await pin(spine, decision, tolerated_regression=0.0)
    assert await broken_pins(spine, lock) == {}
    below = world.spine({"m": {"a": "++++"}, "n": {"a": "+++-"}}, route.format("fallback"))
    assert "1.n/script_sha256" in (await broken_pins(below, lock))["a"]
    other = world.spine({"m": {"a": "++++"}, "n": {"a": "++++"}}, route.format("fixed"))
    assert "policy was 'fallback' and is 'fixed'" in (await broken_pins(other, lock))["a"]


class Drifting:
    """Makes a scripted deployment answer otherwise without changing anything that a digest sees."""

    def __init__(self, spine: Spine, name: str, spoiled: set[str], how: str = "no") -> None:
        provider: Any = spine.targets[name].provider  # type: ignore[union-attr]  # a deployment
        real = provider._choose

        def choose(asked: str) -> Any:
            rule, answer = real(asked)
            if asked not in spoiled:
                return rule, answer
            return (rule, how) if how != "fault" else (msgspec.structs.replace(rule, error="Overloaded"), "")

        provider._choose = choose


@pytest.mark.parametrize(
    ("tolerated", "verdict", "code"), [(0.0, "regressed", 1), (0.1, "holds", 0), (0.2, "holds", 0)]
)
async def test_a_regression_is_judged_by_the_tolerance(world: World, tolerated: float, verdict: str, code: int) -> None:
    """One of ten pinned samples less: beyond a tolerance of 0, within one of 10 %."""
    suite = world.suite({"a": 10}, a="gate = true\nbar = 0.8")  # in full
    spine, lock = await pinned(world, {"m": {"a": "+" * 10}}, suite, tolerated=tolerated)
    assert len(lock.kinds["a"].samples) == 10
    Drifting(spine, "m", {"a 3."})
    report = await proved(spine, lock, suite, full=True)
    assert (report.kinds[0].verdict, report.exit_code) == (verdict, code)
    assert (report.kinds[0].passed, report.kinds[0].pinned_passed) == (9, 10)


async def test_unscored_samples_make_it_open(world: World) -> None:
    """A provider's faults during the proof are no regression: it cannot be told, exit code 4."""
    suite = world.suite({"a": 5}, a="gate = true")
    spine, lock = await pinned(world, {"m": {"a": "+" * 5}}, suite)
    Drifting(spine, "m", {"a 1."}, "fault")
    report = await proved(spine, lock, suite)
    assert (report.kinds[0].verdict, report.exit_code) == ("open", 4)


async def test_a_certain_regression_beside_an_open_kind_is_no(world: World) -> None:
    """1 goes before 4."""
    suite = world.suite({"a": 4, "b": 4}, a="gate = true\nguards = []", b="gate = true\nguards = []")
    spine, lock = await pinned(world, {"m": {"a": "++++", "b": "++++"}}, suite)
    Drifting(spine, "m", {"a 0."})
    Drifting(spine, "m", {"b 0."}, "fault")
    report = await proved(spine, lock, suite)
    assert {one.kind: one.verdict for one in report.kinds} == {"a": "regressed", "b": "open"}
    assert report.exit_code == 1


async def test_only_the_evidence_of_the_decision_is_pinned(world: World) -> None:
    """Samples that a run holds beyond the decision's own (another split, a later full run) are not in the pin."""
    suite = world.suite({"a": 10})
    spine = world.spine({"m": {"a": "+" * 10}})
    decision = await world.choosing(spine, suite, bar=0.5).choose()
    runner = Runner(spine, suite)
    await runner.evaluate(await runner.open("m"), suite.samples)
    lock = await pin(spine, decision, tolerated_regression=0.0)
    assert lock.kinds["a"].samples == decision.kinds[0].evidence
    assert (lock.kinds["a"].passed, len(lock.kinds["a"].samples)) == (5, 5)


async def test_a_kind_that_an_overall_choice_never_asked_is_not_pinned(world: World) -> None:
    """Decided together and certain before one kind had its turn: that kind is unproven, the others are pinned."""
    suite = world.suite({"a": 12, "b": 1})
    spine = world.spine({"m": {"a": "+" * 12, "b": "-"}})
    for seed in range(20):
        decision = await world.choosing(spine, suite, overall=True, bar=0.3, seed=seed).choose()
        if not any(sample.startswith("b") for sample in decision.kinds[0].evidence):
            break
    lock = await pin(spine, decision, tolerated_regression=0.0)
    assert list(lock.kinds) == ["a"]
    assert "overall" in lock.unproven["b"]


async def test_nothing_chosen_cannot_be_pinned(world: World) -> None:
    """A decision without a winner has nothing to freeze."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "----"}})
    decision = await world.choosing(spine, suite).choose()
    with pytest.raises(DecisionError, match="nothing to pin"):
        await pin(spine, decision, tolerated_regression=0.0)


async def test_evidence_that_is_gone_cannot_be_pinned(world: World, ledger: Any) -> None:
    """A decision whose run was deleted says so instead of pinning nothing."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}})
    decision: Decision = await world.choosing(spine, suite).choose()
    lost = msgspec.structs.replace(decision, runs={"m": "another"})
    with pytest.raises(DecisionError, match="holds no results"):
        await pin(spine, lost, tolerated_regression=0.0)


# ------------------------------------------------------------------------------------- the lock file


async def a_lock(world: World) -> Lock:
    """A lock with pinned and unproven kinds, and a name that TOML must quote."""
    suite = world.suite({"a": 4, "b": 4})
    _, lock = await pinned(world, {"m": {"a": "++++", "b": "----"}}, suite)
    return msgspec.structs.replace(lock, unproven={**lock.unproven, 'odd "kind".x': "why\nnot: ünproven"})


async def test_a_lock_round_trips(world: World, tmp_path: Path) -> None:
    """What was written is read back, and writing it again gives the same bytes."""
    lock, file = await a_lock(world), tmp_path / "assay.lock"
    write_lock(file, lock)
    data = file.read_bytes()
    assert read_lock(file) == lock
    write_lock(file, read_lock(file))
    assert file.read_bytes() == data
    assert list(tmp_path.glob(".assay.lock*")) == []


@pytest.mark.parametrize("damage", ["half", "bytes", "empty", "no route", "list"])
async def test_a_damaged_lock_is_told(world: World, tmp_path: Path, damage: str) -> None:
    """A lock that cannot be read names its file and the remedy; it is never half believed."""
    file = tmp_path / "assay.lock"
    write_lock(file, await a_lock(world))
    data = file.read_bytes()
    file.write_bytes(
        {
            "half": data[: len(data) // 2],
            "bytes": b"\xff\xfe" + data,
            "empty": b"",
            "no route": data.replace(b"route =", b"rout ="),
            "list": b"version = [1]\n",
        }[damage]
    )
    with pytest.raises(DecisionError) as caught:
        read_lock(file)
    assert str(file) in str(caught.value)
    assert "assay pin" in str(caught.value)


async def test_a_lock_of_another_version_is_told(world: World, tmp_path: Path) -> None:
    """A later format is refused by its number."""
    file = tmp_path / "assay.lock"
    write_lock(file, msgspec.structs.replace(await a_lock(world), version=VERSION + 1))
    with pytest.raises(DecisionError, match=f"version {VERSION + 1}"):
        read_lock(file)


def test_a_missing_lock_is_told(tmp_path: Path) -> None:
    """No lock: the message says how one comes to be."""
    with pytest.raises(DecisionError, match=r"run `assay choose`, then `assay pin`"):
        read_lock(tmp_path / "assay.lock")


# ------------------------------------------------------------------------------------ the pinned route


def asking(text: str, kind: str | None) -> Request:
    """A client's request."""
    return Request(messages=(Message.of("user", text),), kind=kind)


async def test_the_pinned_route_dispatches_by_kind(world: World) -> None:
    """Each kind goes to its pin; an unproven, unknown or missing kind is refused with the reason."""
    suite = world.suite({"a": 4, "b": 4, "c": 4})
    rows = {"one": {"a": "++++", "b": "----", "c": "----"}, "two": {"a": "++++", "b": "++++", "c": "----"}}
    spine, lock = await pinned(world, rows, suite)
    spine.targets["world"] = pinned_route(lock, {}, None)
    for kind, name in (("a", "one"), ("b", "two")):
        trace = Trace()
        assert (await spine.answer(asking(f"{kind} 0.", kind), "world", trace)).text == "yes"
        assert trace.answering is not None
        assert trace.answering.deployment == name
    before = len(world.calls)
    for kind, words in (("c", "none passes"), ("nonsense", "no candidate was proven"), (None, "names no kind")):
        with pytest.raises(Refused, match=words):
            await spine.answer(asking("x", kind), "world")
    assert len(world.calls) == before


async def test_a_broken_pin_is_refused_with_what_changed(world: World) -> None:
    """A kind whose pin is broken is not served by something else."""
    suite = world.suite({"a": 4})
    _, lock = await pinned(world, {"m": {"a": "++++"}}, suite)
    spine = world.spine({"m": {"a": "+++-"}})
    spine.targets["world"] = pinned_route(lock, await broken_pins(spine, lock), None)
    with pytest.raises(Refused, match="pin is broken: script_sha256"):
        await spine.answer(asking("a 0.", "a"), "world")


async def test_the_default_kind_is_served_with_its_own_prompt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is what is served: a request without a kind gets the default kind's prompt, too."""
    from assay.providers.scripted import ScriptedProvider

    suite = world.suite({"a": 4})
    spine, lock = await pinned(world, {"m": {"a": "++++"}}, suite, m='kinds = { a = { system = "the prompt of a" } }')
    seen: list[Any] = []
    stream = ScriptedProvider.stream

    def looking(self: Any, attempt: Any, meter: Any) -> Any:
        seen.append([message.text for message in attempt.request.messages])
        return stream(self, attempt, meter)

    monkeypatch.setattr(ScriptedProvider, "stream", looking)
    spine.targets["world"] = pinned_route(lock, {}, "a")
    for kind in (None, "nonsense", "a"):
        await spine.answer(asking("a 0.", kind), "world")
    assert seen == [["the prompt of a", "a 0."]] * 3


def test_changes_are_told_in_words() -> None:
    """Digests are shortened, added and removed facts are named."""
    before = {"weights_sha256": "a" * 64, "engine": "1", "same": "x"}
    after = {"weights_sha256": "b" * 64, "template": "t", "same": "x"}
    assert changed_facts(before, after) == (
        "engine was '1' and is absent",
        "template was absent and is 't'",
        "weights_sha256 was aaaaaaaaaaaa… and is bbbbbbbbbbbb…",
    )
    assert json.dumps(changed_facts(before, before)) == "[]"
