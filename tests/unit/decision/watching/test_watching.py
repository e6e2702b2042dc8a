"""Rounds of `assay watch` before a host whose model is swapped, goes down, or stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.unit.decision.watching.conftest import Site, right

from assay.decision.watching import borders as searching
from assay.decision.watching.borders import bound_usd
from assay.decision.watching.panel import panels_path, read_panels, write_panels
from assay.decision.watching.prompts import pool
from assay.decision.watching.told import exit_code, told, told_borders
from assay.errors import BudgetExceeded, ConfigError, DecisionError
from assay.evals.suites.suite import Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.ledger.observations import alarms, observations


async def test_all_is_quiet_after_a_week(site: Site) -> None:
    """Until each item was answered on seven days it is too early to say; then it is quiet, and stays so."""
    site.set(borders=0)
    early = await site.days(6)
    assert (early.state, exit_code([early])) == ("baseline", 4)
    late = await site.days(10)
    assert (late.state, exit_code([late])) == ("quiet", 0)
    assert late.asked is not None
    assert late.asked.answered == 10
    assert len(site.host.asked) == 160


async def test_a_model_that_knows_less_is_found_by_its_scores(site: Site) -> None:
    """Three of ten samples that never failed do so now: an alarm on that day, with the counts."""
    site.set(borders=0)
    await site.days(14)
    site.host.model = lambda prompt: "no" if prompt in ("words 0.", "words 1.", "words 2.") else right(prompt)
    found = await site.days(1)
    assert found.state == "changed"
    assert exit_code([found]) == 1
    scores = next(one.reading for one in found.alarms if one.reading.channel == "scores")
    assert scores.before == (140, 140)
    assert scores.after == (7, 10)
    assert scores.since == "2027-01-30"


async def test_an_alarm_is_told_once_and_stands(site: Site) -> None:
    """Later rounds raise it no second time, and still end with 1."""
    site.set(borders=0)
    await site.days(14)
    site.host.model = lambda prompt: "no"
    first, second = await site.days(1), await site.days(1)
    assert first.new > 0
    assert second.new == 0
    assert len(await alarms(site.spine.ledger, "frontier")) == len(second.alarms)
    assert exit_code([second]) == 1
    assert "what to do" in told([first])
    assert "what to do" not in told([second])


async def test_border_inputs_that_are_not_wanted_are_neither_sought_nor_asked(site: Site) -> None:
    """Those that were found before stay where they are, for the day on which they are wanted again."""
    site.set(borders=5)
    await site.watching().find_borders("frontier")
    site.set(borders=0)
    before = len(site.host.asked)
    with pytest.raises(ConfigError, match="borders is 0"):
        await site.watching().find_borders("frontier")
    found = await site.days(1)
    assert (len(site.host.asked) - before, found.borders) == (10, 0)
    assert len(read_panels(site.folder / "watch.json")["frontier"].borders) == 5


async def test_a_search_takes_nothing_back_that_came_meanwhile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset in another process while border inputs are sought stands, and so do panels of others."""
    site.set(borders=5)
    await site.days(1)
    other = msgspec.structs.replace(read_panels(site.folder / "watch.json")["frontier"], target="other")
    find = searching.Searching.find

    async def slow(self: searching.Searching) -> object:
        found = await find(self)
        write_panels(site.folder / "watch.json", {**read_panels(site.folder / "watch.json"), "other": other})
        await site.watching().reset("frontier")
        return found

    site.now += 60
    before = read_panels(site.folder / "watch.json")["frontier"]
    monkeypatch.setattr(searching.Searching, "find", slow)
    await site.watching().find_borders("frontier")
    after = read_panels(site.folder / "watch.json")
    assert (after["frontier"].began_at > before.began_at, len(after["frontier"].borders)) == (True, 5)
    assert after["other"] == other


async def test_a_change_that_is_accepted_begins_anew(site: Site) -> None:
    """After a reset what is answered now is the usual, and no alarm stands."""
    site.set(borders=0)
    await site.days(14)
    site.host.model = lambda prompt: "no"
    await site.days(2)
    await site.watching().reset("frontier")
    later = await site.days(9)
    assert (later.state, later.alarms) == ("quiet", ())


async def test_a_host_that_is_down_is_no_change(site: Site) -> None:
    """Answers that did not come count nowhere, and the state says so."""
    site.set(borders=0)
    await site.days(10)
    site.host.down = True
    found = await site.days(5)
    assert (found.state, exit_code([found])) == ("down", 3)
    assert found.alarms == ()
    assert "the host is down" in told([found])
    assert found.asked is not None
    assert found.asked.usd == 0
    site.host.down = False
    assert (await site.days(1)).state == "quiet"


async def test_a_second_round_of_a_day_asks_nothing_twice(site: Site) -> None:
    """What was answered today is not asked again; what was not, is."""
    site.set(borders=0)
    site.host.down = True
    await site.round()
    site.host.down = False
    assert len(site.host.asked) == 10
    await site.round()
    again = await site.round()
    assert len(site.host.asked) == 20
    assert again.asked is not None
    assert again.asked.answered == 0
    assert again.state == "baseline"


async def test_missed_days_do_no_harm(site: Site) -> None:
    """Ten rounds over a month are ten days of answers."""
    site.set(borders=0)
    for _ in range(10):
        site.now += 3 * 86_400
        last = await site.round()
    assert last.state == "quiet"
    assert last.readings[0].days == 10


async def test_a_swapped_model_is_seen_in_one_round_by_its_border_inputs(site: Site) -> None:
    """Scores stay as they were, near-ties do not: the next round raises the alarm."""
    site.set(borders=20)
    await site.watching().find_borders("frontier")
    await site.days(3)
    site.host.model = lambda prompt: right(prompt) if prompt.startswith("words") or len(prompt) % 2 else "blue"
    found = await site.days(1)
    assert [one.reading.channel for one in found.alarms] == ["answers"]
    assert "answers are other ones" in told([found])


async def test_border_inputs_are_those_with_the_narrowest_gap(site: Site) -> None:
    """Where the host tells probabilities, one answer to each prompt shows which are nearest to a tie."""
    site.host.gap = lambda prompt: len(prompt) / 10
    borders = await site.watching().find_borders("frontier")
    assert len(borders) == 5
    assert len(site.host.asked) == searching.POOL + 1
    asked = site.host.asked
    assert {one.prompt for one in borders} <= set(sorted(asked, key=len)[:8])
    assert borders[0].gap == pytest.approx(min(map(len, asked)) / 10)
    assert "nats apart" in told_borders("frontier", borders)


async def test_without_probabilities_they_are_those_that_say_several_things(site: Site) -> None:
    """A prompt that is answered in two ways, or otherwise when it is said otherwise, is nearer to a tie."""
    turns, undecided = iter(range(10_000)), pool(searching.POOL)[7]
    site.host.model = lambda prompt: str(next(turns)) if prompt == undecided else right(prompt)
    borders = await site.watching().find_borders("frontier")
    assert (borders[0].prompt, borders[0].ways) == (undecided, 3)
    assert told_borders("frontier", borders) == "frontier: 5 border inputs; 1 were answered in more than one way"
    assert len(site.host.asked) == 4 * searching.POOL + 1 == len(site.watching().search_requests("frontier"))


async def test_probabilities_that_cannot_be_read_are_none(site: Site) -> None:
    """Then it is asked several times, as one that tells none."""
    site.host.gap, site.host.garbled = len, True
    borders = await site.watching().find_borders("frontier")
    assert [one.gap for one in borders] == [None] * 5


async def test_a_model_that_thinks_first_has_no_border_inputs(site: Site) -> None:
    """Its answers of four tokens are empty: they would be the usual ones for ever."""
    site.host.model = lambda prompt: ""
    with pytest.raises(DecisionError, match=r"empty.*watch\.borders = 0"):
        await site.watching().find_borders("frontier")


async def test_nobody_answers_while_border_inputs_are_looked_for(site: Site) -> None:
    """The reason is told, and what there was is kept."""
    await site.watching().find_borders("frontier")
    site.host.down = True
    with pytest.raises(Exception, match="the host is down"):
        await site.watching().find_borders("frontier")
    assert len(read_panels(site.folder / "watch.json")["frontier"].borders) == 5


async def test_canaries_follow_where_they_may_be_sent(site: Site, make_suite: Callable[..., Suite]) -> None:
    """A target that is private no more is asked none of them, and is not taken for a host that is down; and back."""
    site.set(borders=0)
    site.suite = make_suite(10, 'label = "private-only"')
    live, seen = site.spine.targets["frontier"], []
    assert isinstance(live, LiveDeployment)
    for private in (True, False, True):
        config = msgspec.structs.replace(live.config, private=private)
        site.spine.targets["frontier"] = dataclasses.replace(live, config=config)
        found = await site.days(1)
        seen.append((found.state, found.canaries, len(site.host.asked)))
    assert seen == [("baseline", 10, 10), ("baseline", 0, 10), ("baseline", 10, 20)]
    assert found.begins_anew == "there are samples that may be sent there now"


async def test_private_samples_are_not_sent_out(site: Site, make_suite: Callable[..., Suite]) -> None:
    """They are left out of the canaries, and told."""
    site.suite = make_suite(10, 'label = "private-only"')
    site.set(borders=0)
    found = await site.round()
    assert (found.canaries, found.left_out) == (0, 10)
    assert site.host.asked == []
    assert "10 samples may not be sent there" in told([found])


async def test_canaries_keep_the_shares_of_the_kinds(site: Site, make_suite: Callable[..., Suite]) -> None:
    """Eight of forty samples: three in four of the kind that has three in four."""
    site.suite = make_suite(40)
    site.set(canaries_per_day=8, borders=0)
    await site.round()
    rows = await observations(site.spine.ledger, read_panels(site.folder / "watch.json")["frontier"].digest)
    assert sorted(row.kind for row in rows) == ["names"] * 2 + ["words"] * 6


async def test_only_the_kinds_that_it_does_are_asked(site: Site) -> None:
    """A pin says which work is a deployment's."""
    site.work = {"names": "frontier", "words": "own"}
    site.set(borders=0)
    found = await site.round()
    assert found.canaries == 3


async def test_hosted_deployments_that_do_work_are_watched(site: Site) -> None:
    """Engines on this machine are proved by digests; without a hosted one there is nothing to watch."""
    site.work = {"names": "own", "words": "frontier"}
    assert site.watching().targets() == ("frontier",)
    site.work = {"names": "own"}
    with pytest.raises(ConfigError, match="nothing to watch"):
        site.watching().targets()
    with pytest.raises(ConfigError, match="unknown model 'fronteer'"):
        site.watching().targets(("fronteer",))


async def test_other_samples_begin_anew(site: Site, make_suite: Callable[..., Suite]) -> None:
    """A sample that asks something else is another canary; samples that are only added change nothing."""
    site.set(borders=0)
    await site.days(8)
    site.suite = make_suite(10)
    assert (await site.days(1)).begins_anew is None
    file = site.folder / "suite" / "names.jsonl"
    file.write_text(file.read_text().replace("words 9.", "words 99."))
    from assay.evals.suites.suite import read_suite

    site.suite = read_suite(site.folder / "suite")
    found = await site.days(1)
    assert found.begins_anew is not None
    assert found.state == "baseline"


async def test_another_number_of_canaries_begins_anew(site: Site) -> None:
    """And says why."""
    site.set(borders=0)
    await site.days(2)
    site.set(canaries_per_day=4)
    found = await site.days(1)
    assert (found.canaries, found.begins_anew) == (4, "4 canaries are wanted now")


async def test_border_inputs_alone_can_be_watched(site: Site) -> None:
    """No suite is needed for them."""
    site.suite = None
    await site.watching().find_borders("frontier")
    found = await site.days(7)
    assert (found.state, found.canaries, found.borders) == ("quiet", 0, 5)


async def test_rounds_cost_no_more_than_they_may(site: Site) -> None:
    """What was asked is kept, and the next round goes on where the money ended."""
    site.set(borders=0)
    one = bound_usd(site.spine, "frontier", (await site.watching().requests("frontier"))[:1])
    assert one is not None
    purse = Purse(one + 5 * 12e-6, "--max-usd")
    with pytest.raises(BudgetExceeded):
        await site.round(purse=purse)
    had = len(site.host.asked)
    assert 0 < had < 10
    assert purse.spent_usd <= purse.limit_usd
    await site.round()
    assert len(site.host.asked) == 10


async def test_what_a_round_would_ask_is_told_before(site: Site) -> None:
    """Ten canaries and five border inputs; nothing is asked for that."""
    await site.watching().find_borders("frontier")
    had = len(site.host.asked)
    assert len(await site.watching().requests("frontier")) == 10 + 5
    assert len(site.host.asked) == had


async def test_a_cost_is_told(site: Site) -> None:
    """Ten answers of ten tokens in and two out at a dollar a million."""
    site.set(borders=0)
    found = await site.round()
    assert found.asked is not None
    assert found.asked.usd == pytest.approx(10 * 12e-6)


async def test_better_scores_are_a_notice_and_no_alarm(site: Site) -> None:
    """Somebody may want to know; nobody need do anything."""
    site.host.model = lambda prompt: "yes" if int(prompt.split()[1][:-1]) % 2 else f"no {len(site.host.asked)}"
    site.set(borders=0)
    await site.days(14)
    site.host.model = right
    found = await site.days(1)
    assert [one.reading.channel for one in found.alarms] == ["better"]
    assert found.state == "quiet"
    assert "notice: scores rose" in told([found])


async def test_what_was_never_watched_has_no_standing(site: Site) -> None:
    """Neither a state nor something to reset."""
    assert await site.watching().status("frontier") is None
    with pytest.raises(ConfigError, match="not watched"):
        await site.watching().reset("frontier")


async def test_the_status_asks_nothing(site: Site) -> None:
    """It says what the last round said."""
    site.set(borders=0)
    last = await site.days(9)
    had = len(site.host.asked)
    status = await site.watching().status("frontier")
    assert status is not None
    assert status == msgspec.structs.replace(last, asked=None)
    assert len(site.host.asked) == had


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"version": 1}'])
async def test_panels_that_cannot_be_read_are_named(tmp_path: Path, broken: bytes) -> None:
    """Half a file is no reason to begin anew in silence."""
    (tmp_path / "panels").write_bytes(broken)
    with pytest.raises(DecisionError, match=r"cannot be read .* delete it to begin anew"):
        read_panels(tmp_path / "panels")


async def test_panels_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    """As a lock is."""
    (tmp_path / "panels").write_bytes(b'{"version": 99, "panels": {}}')
    with pytest.raises(DecisionError, match="has version 99"):
        read_panels(tmp_path / "panels")


async def test_panels_stand_beside_the_ledger(tmp_path: Path) -> None:
    """A folder that is not there is told."""
    path = panels_path(tmp_path / "none" / "assay.db")
    assert path.name == "assay.db.watch.json"
    with pytest.raises(DecisionError, match="cannot be kept"):
        write_panels(path, {})
