"""Real requests asked again: drawn from what the old one answered, as their clients sent them, where they may go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "evals" / "traffic"))
from real_requests import Asked, keep

from assay.decision.migration.finding import Footing, Verdict
from assay.decision.migration.migrating import Migrating
from assay.decision.migration.traffic import Traffic, draw_traffic
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.evals.traffic.harvest import Wish
from assay.inference.spine import Spine
from assay.privacy.redaction import Redactor
from assay.types import Label, OutputFormat, Sampling

World = Any  # of the folder above
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ANSWERS = {"rules": [{"match": "where", "answer": '{"city": "Oslo"}'}], "default": "yes"}


@pytest.fixture
def spine(make_spine: Callable[..., Spine]) -> Spine:
    """An old one that is private, a new one that is not."""
    toml = "".join(
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\nprivate = {private}\n'
        for name, private in (("old", "true"), ("new", "false"))
    )
    return make_spine(toml, {"old.json": ANSWERS, "new.json": ANSWERS})


async def drawn(spine: Spine, suite: Suite | None = None, **options: Any) -> Traffic:
    """All that the old one answered."""
    wish = Wish(limit=100, answered_by=("old",))
    return await draw_traffic(spine, wish, Redactor(personal=True), "new", suite, **options)


def asked(number: int, kind: str = "talk", **more: Any) -> Asked:
    """One of many requests that are not alike."""
    words = " ".join(f"{'abcdefghij'[int(digit)]}{digit}" * 3 for digit in str(number * 7919))
    return Asked(f"Tell me of {words}", deployment="old", kind=kind, **more)


async def test_only_what_the_old_one_answered_is_drawn(spine: Spine, ledger: Any) -> None:
    """Requests that another deployment answered tell nothing of the old one."""
    await keep(ledger, [asked(1), asked(2), asked(3)._replace(deployment="other")])
    found = await drawn(spine)
    assert (found.requests, found.drawn, found.ungraded) == ({"talk": 2}, {"talk": 2}, ("talk",))
    assert found.graded is None


async def test_a_request_is_sent_as_its_client_sent_it(spine: Spine, ledger: Any) -> None:
    """Sampling and the form of the answer are the client's; mail addresses are not sent again."""
    output = OutputFormat(kind="json_schema", name="place", schema=SCHEMA)
    sent = {"sampling": Sampling(max_tokens=7, temperature=0.5), "output": output}
    await keep(ledger, [Asked("where is ada@mail.example.org?", '{"city": "Oslo"}', deployment="old", request=sent)])
    found = await drawn(spine)
    assert found.graded is not None
    (sample,) = found.graded.samples
    request = sample.request(3.0)
    assert (request.sampling.max_tokens, request.output, request.deadline_s) == (7, output, 3.0)
    assert "ada@" not in request.messages[0].text
    assert sample.graders == ({"check": "schema", "schema": SCHEMA},)


async def test_the_suites_graders_hold_where_they_need_no_right_answer(world: World, ledger: Any) -> None:
    """A pattern grades a real request; a comparison with a target cannot."""
    suite = world.suite({"talk": 4})
    spine = world.spine({"old": {}, "new": {}})
    await keep(ledger, [asked(1), asked(2)])
    assert (await drawn(spine, suite)).ungraded == ("talk",)
    file = world.folder / "suite" / "suite.toml"
    file.write_text(
        file.read_text().replace('{ check = "exact" }', '{ check = "exact" }, { check = "regex", pattern = "y" }')
    )
    from assay.evals.suites.suite import read_suite

    found = await drawn(spine, read_suite(world.folder / "suite"))
    assert found.graded is not None
    assert found.graded.samples[0].graders == ({"check": "regex", "pattern": "y"},)


async def test_private_requests_are_withheld_and_counted(spine: Spine, ledger: Any) -> None:
    """What may not go to the new one is in no suite that is asked, and stands with its reason."""
    await keep(ledger, [asked(1, label=Label.PRIVATE_ONLY), asked(2)])
    found = await drawn(spine)
    assert found.drawn == {"talk": 1}
    assert found.answered is not None
    assert {one.label for one in found.answered.samples} == {Label.UNLABELLED}
    ((reason, count),) = found.withheld["talk"].items()
    assert (count, "private" in reason) == (1, True)


async def test_what_the_suite_says_of_a_kind_holds_for_real_requests(world: World, ledger: Any) -> None:
    """A kind that is private-only there is so in traffic too, where a client forgot to say it."""
    suite = world.suite({"talk": 4, "chat": 4}, talk='label = "private-only"')
    spine = world.spine({"old": {}, "new": {}}, old="private = true", new="private = false")
    await keep(ledger, [asked(1), asked(2, kind="chat")])
    found = await drawn(spine, suite)
    assert found.drawn == {"talk": 0, "chat": 1}
    assert list(found.withheld) == ["talk"]


async def test_real_requests_can_only_say_no_beside_a_suite(world: World, ledger: Any) -> None:
    """The suite proves the kind: few real requests that cannot tell do not take that back, many worse ones do."""
    suite = world.suite({"talk": 60}, talk="bar = 0.5")
    text = (world.folder / "suite" / "suite.toml").read_text()
    graders = '{ check = "exact" }, { check = "regex", pattern = "yes" }'
    (world.folder / "suite" / "suite.toml").write_text(text.replace('{ check = "exact" }', graders))
    from assay.evals.suites.suite import read_suite

    suite = read_suite(world.folder / "suite")
    spine = world.spine({"old": {"talk": "+" * 60}, "new": {"talk": "+" * 60}})
    await keep(ledger, [asked(number) for number in range(3)])

    async def moved() -> Any:
        return await Migrating(
            spine, suite, "old", "new", lambda one: Runner(spine, one, concurrency=1), margin=0.1, error=0.05,
            traffic=await drawn(spine, suite),
        ).migrate()  # fmt: skip

    few = await moved()
    assert [(one.source, one.verdict) for one in few.findings] == [
        ("suite", Verdict.GO), ("traffic", Verdict.OPEN)
    ]  # fmt: skip
    assert (few.verdict, few.missing) == (Verdict.GO, ())
    (world.folder / "new.json").write_text('{"rules": [{"match": "Tell me", "answer": "no"}], "default": "yes"}')
    await keep(ledger, [asked(number) for number in range(3, 40)])
    spine.targets["new"].provider._script = type(spine.targets["new"].provider._script).read(world.folder / "new.json")
    spine.targets["new"]._identity = None
    many = await moved()
    assert many.findings[1].verdict is Verdict.NO_GO
    assert (many.verdict, many.reason) == (Verdict.NO_GO, "talk (real requests) may not move")


async def test_what_nothing_can_grade_alone_cannot_be_told(spine: Spine, ledger: Any, world: World) -> None:
    """A kind of real work that the suite has not, and no judge: agreement is told, and decides nothing."""
    suite = world.suite({"a": 60})
    spine = world.spine({"old": {"a": "+" * 60}, "new": {"a": "+" * 60}})
    await keep(ledger, [asked(number) for number in range(5)])
    found = await Migrating(
        spine, suite, "old", "new", lambda one: Runner(spine, one, concurrency=1), margin=0.1, error=0.05,
        traffic=await drawn(spine, suite),
    ).migrate()  # fmt: skip
    assert found.findings[1].basis is Footing.NONE
    assert (found.verdict, found.agreements[0].new.share) == (Verdict.OPEN, 1.0)


async def test_cut_off_and_called_again_nothing_is_asked_twice(world: World) -> None:
    """Cancelled in the middle, the same call goes on: of all answers that had come, none is asked for again."""
    suite = world.suite({"a": 60})
    spine = world.spine({"old": {"a": "+" * 60}, "new": {"a": "+" * 60}})

    came = asyncio.Event()

    def make(one: Suite) -> Runner:
        return Runner(spine, one, concurrency=1, on_result=lambda *_: came.set() if len(world.calls) > 24 else None)

    def moving() -> Any:
        return Migrating(spine, suite, "old", "new", make, margin=0.1, error=0.05).migrate()

    task = asyncio.ensure_future(moving())
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    before = len(world.calls)
    found = await moving()
    assert found.verdict is Verdict.GO
    assert before >= 25
    assert len(world.calls) <= 2 * found.findings[0].seen + 2  # of each of the two, what was in flight
