"""An A/B read out: each request counts once, for the arm it was dealt, with sessions as what was dealt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from desks import BUSY, TOML, Desk

from assay.decision.experiments.experiment import Difference, Experiment
from assay.decision.experiments.reading import Asked, _differences, read_experiment
from assay.errors import DecisionError
from assay.ledger.dealt import Question, SumsRow, sums_of
from assay.routing.protocol import Rolled

MakeDesk = Callable[..., Desk]


async def read(desk: Desk, measure: str = "accepted", **asked: Any) -> Experiment:
    """What `assay ab report` reads."""
    return await read_experiment(desk.ledger, Asked(Question("desk", **asked.pop("question", {})), measure, **asked))


def difference(found: Experiment, measure: str) -> Any:
    """The difference in a measure."""
    return next(one for one in found.differences if one.compared.measure == measure)


async def test_a_better_arm_wins_and_a_worse_one_loses(desk: MakeDesk) -> None:
    """People accept three of four answers of one arm and one of four of the other: whoever is the baseline decides."""
    one = desk()
    for number, served in enumerate(await one.ask_all(240)):
        good = (number % 4 != 0) if served.arm == "new" else (number % 4 == 0)
        await one.say(served.id, "accepted" if good else "rejected")
    found = await read(one)
    assert (found.verdict, found.exit_code, found.unit, found.baseline) == ("winner", 0, "session", "old")
    shown = difference(found, "accepted")
    assert shown.compared.method == "exact"
    assert shown.compared.interval[0] > 0
    assert difference(found, "rejected").shows == "better"
    assert difference(found, "judged").shows == "open"
    turned = await read(one, baseline="new")
    assert (turned.verdict, turned.exit_code) == ("loser", 1)


async def test_no_difference_cannot_be_told_and_says_how_many_more(desk: MakeDesk) -> None:
    """Nearly alike arms: exit code 4, with the sessions that would be needed for what was seen."""
    one = desk()
    for number, served in enumerate(await one.ask_all(160)):
        await one.say(served.id, "accepted" if number % 2 or (served.arm == "new" and number % 5 == 0) else "rejected")
    found = await read(one)
    assert (found.verdict, found.exit_code) == ("open", 4)
    assert difference(found, "accepted").more_units > 100


async def test_nothing_said_is_no_verdict(desk: MakeDesk) -> None:
    """Without feedback in both arms the measure cannot be told, and the reason says what would."""
    one = desk()
    await one.ask_all(10)
    found = await read(one)
    assert found.verdict == "open"
    assert "feedback" in found.reason
    assert difference(found, "accepted").compared.value is None


async def test_failures_count_for_the_arm_that_was_dealt(desk: MakeDesk) -> None:
    """An answer that the other arm gave in its place is a failure of the arm, and no latency of either."""
    one = desk(new=BUSY)
    served = await one.ask_all(60)
    found = await read(one, "failed")
    old, new = found.arms
    dealt = Counter(request.arm for request in served)
    assert (old.requests, new.requests, new.beside) == (dealt["old"], dealt["new"], dealt["new"])
    assert (old.means["failed"], new.means["failed"]) == (0.0, 1.0)
    assert (new.p95_s, new.means["latency"]) == (None, None)
    assert (found.verdict, found.exit_code) == ("loser", 1)


async def test_long_sessions_count_as_what_they_are(desk: MakeDesk) -> None:
    """Sixty requests of six sessions are six: no interval by sessions, where sixty independent ones would tell."""
    one = desk()
    served = await one.ask_all(6, each=10)
    for request in served:
        await one.say(request.id, "accepted" if request.arm == "new" else "rejected")
    found = await read(one)
    shown = difference(found, "accepted").compared
    assert (shown.method, shown.interval) == ("sessions", None)
    assert shown.old_units + shown.new_units == 6
    assert found.verdict == "open"


async def test_requests_without_sessions_are_told(desk: MakeDesk) -> None:
    """Where no client names a session each request was dealt by itself; where some do it is mixed."""
    one = desk()
    for _ in range(8):
        await one.ask(None)
    assert (await read(one)).unit == "request"
    await one.ask("s1")
    assert (await read(one)).unit == "mixed"


async def test_answers_from_the_cache_and_other_kinds(desk: MakeDesk) -> None:
    """An answer from the cache is a request without a latency; another kind has requests of its own."""
    one = desk()
    for _ in range(12):
        await one.ask("s", use_cache=True, seed=1)
    found = await read(one, "failed")
    assert sum(arm.requests for arm in found.arms) == 12
    assert [wait for arm in found.arms if (wait := arm.p95_s) is not None]
    sums = await sums_of(one.ledger, Question("desk"), "1", '{"old":0.5,"new":0.5}', ("latency", "failed"))
    assert [(row.measure, row.requests) for row in sums] == [("latency", 1.0), ("failed", 12.0)]
    with pytest.raises(DecisionError, match="no request to 'desk' was dealt"):
        await read(one, question={"kind": "other"})


async def test_only_what_was_dealt_at_the_same_time_with_the_same_shares(desk: MakeDesk) -> None:
    """Other shares, other versions and requests that one arm alone could serve are left out, and counted."""
    one = desk()
    await one.ask_all(10)
    one.spine.take_rolled({"desk": Rolled("r1", {"old": 0.5, "new": 0.5})})
    await one.ask_all(20)
    one.spine.take_rolled({"desk": Rolled("r1", {"old": 0.25, "new": 0.75})})
    await one.ask_all(40)
    one.spine.take_rolled({"desk": Rolled("r1", {"old": 1.0, "new": 0.0})})
    await one.ask_all(5)
    found = await read(one, "failed")
    assert (found.version, found.versions) == ("r1", ("r1", "1"))
    assert sum(arm.requests for arm in found.arms) == 40
    assert found.left_out == {
        "one arm alone could have them": 5,
        "dealt by another version of the split": 10,
        "dealt with other shares, at another time": 20,
    }
    first = await read(one, "failed", version="1")
    assert sum(arm.requests for arm in first.arms) == 10
    with pytest.raises(DecisionError, match="there are r1, 1"):
        await read(one, version="2")


async def test_lost_sessions_are_loud(desk: MakeDesk) -> None:
    """Where one arm's sessions are missing nothing is believed: no winner, exit code 4."""
    one = desk()
    for number in range(400):
        request = await one.ask(f"s{number}")
        await one.say(request.id, "accepted" if request.arm == "new" else "rejected")
    await one.ledger.write(lambda connection: connection.execute(
        "delete from requests where dealt like '%\"arm\":\"old\"%' and rowid % 2 = 0"
    ))  # fmt: skip
    found = await read(one)
    assert (found.verdict, found.exit_code) == ("mismatch", 4)
    assert found.mismatch_p < 0.001


async def test_measured_outcomes_and_money(desk: MakeDesk) -> None:
    """An outcome that clients report is compared by its last value; cost is per request, and per one accepted."""
    one = desk(new={"default": "yes yes yes yes"})
    for number, served in enumerate(await one.ask_all(260)):
        await one.say(served.id, None, metric="minutes", value=9.0)
        await one.say(served.id, None, metric="minutes", value=3.0 + number % 3 + (served.arm == "new"))
        if number % 2:
            await one.say(served.id, "accepted")
    found = await read(one, "metric", lower=True, question={"metric": "minutes"})
    assert (found.verdict, found.metric) == ("loser", "minutes")
    old, new = found.arms
    assert new.means["metric"] - old.means["metric"] == pytest.approx(1.0, abs=0.3)  # type: ignore[operator]
    assert difference(found, "usd").shows == "worse"
    assert new.means["usd_per_accepted"] == pytest.approx(2 * new.means["usd"], rel=0.4)  # type: ignore[operator]


async def test_a_split_inside_another_route(desk: MakeDesk) -> None:
    """The split is found by its own name, whatever was called."""
    one = desk(toml=TOML + '[routes.outer]\ncandidates = ["desk"]\n')
    await one.ask("s", target="outer")
    assert sum(arm.requests for arm in (await read(one)).arms) == 1


async def test_who_is_unknown(desk: MakeDesk) -> None:
    """A baseline that no arm has is named with the nearest."""
    one = desk()
    await one.ask("s")
    with pytest.raises(DecisionError, match="no arm 'odl' was dealt"):
        await read(one, baseline="odl")


def test_so_many_more_sessions_are_enough() -> None:
    """With the sessions that are told to be missing, the very same comparison shows the difference; with fewer not."""

    def sums(times: float) -> list[SumsRow]:
        return [
            SumsRow(
                arm=arm, measure="usd", units=round(200 * times), requests=200.0 * times, total=200.0 * times * mean,
                total_squared=200.0 * times * (mean * mean + 1.0), product=200.0 * times * mean,
                requests_squared=200.0 * times, largest=1, firsts=0.0,
            )
            for arm, mean in (("old", 1.0), ("new", 1.2))
        ]  # fmt: skip

    def told(times: float) -> Difference:
        return _differences(sums(times), ("usd",), Asked(Question("desk"), "usd"), "old", ["new"])[0]

    more = told(1.0).more_units
    assert more is not None
    assert told(1.0).shows == "open"
    assert told(0.98 * (400 + more) / 400).shows == "open"
    assert told(1.02 * (400 + more) / 400).shows == "worse"
