"""`assay watch` on the command line."""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from assay.decision.watching.panel import read_panels
from assay.ledger.observations import add_observations
from assay.ledger.rows import ObservationRow, new_id
from assay.ledger.store import SqliteLedger

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Project

DAY_S = 86_400.0


def earlier(project: Project, days: int, value: float = 1.0) -> None:
    """Answers of days gone by, as rounds on them would have left them."""
    panel = read_panels(project.folder / "assay.db.watch.json")["good"]

    async def add() -> None:
        ledger = SqliteLedger(project.folder / "assay.db")
        now = time.time()
        await add_observations(ledger, [
            ObservationRow(
                id=new_id(), created_at=now - day * DAY_S, target="good", watch=panel.digest, item=item, kind="words",
                what="canary", value=value, answer_sha256=sha256(b"yes").hexdigest(),
            )
            for day in range(days, 0, -1)
            for item in panel.canaries
        ])  # fmt: skip
        await ledger.close()

    asyncio.run(add())


def settings(project: Project, text: str) -> None:
    """More of the configuration."""
    file = project.folder / "assay.toml"
    file.write_text(f"{file.read_text()}\n[watch]\n{text}\n")


def test_a_first_round_is_too_early_to_say(project: Project) -> None:
    """It asks every canary once and ends with 4; the same day it asks nothing more."""
    first = project.inside("watch", "-m", "good")
    assert first.code == 4
    assert "asked now: 20 answers" in first.out
    assert "20 items on 1 day;" in first.out
    assert "assay watch --find-borders -m good" in first.out
    assert "asked today already" in project.inside("watch", "-m", "good").out


def test_after_a_week_it_is_quiet(project: Project) -> None:
    """In JSON, with what each channel says."""
    project.inside("watch", "-m", "good")
    earlier(project, 8)
    ended = project.inside("watch", "-m", "good", "--json")
    assert ended.code == 0
    (found,) = ended.json
    assert (found["state"], found["canaries"], found["alarms"]) == ("quiet", 20, [])
    assert {one["channel"]: one["days"] for one in found["readings"]} == {"scores": 9, "answers": 9, "better": 9}


def test_a_change_ends_with_1_until_it_is_accepted(project: Project) -> None:
    """What failed before passes no more; the alarm says since when, and what to do."""
    project.script("good", default="no")
    project.inside("watch", "-m", "good")
    earlier(project, 8)
    found = project.inside("watch", "--status", "-m", "good")
    assert found.code == 1
    assert "ALARM: scores fell, probably on" in found.out
    assert "160 of 160 (100%) answers passed before, 0 of 20 (0%) since" in found.out
    assert "assay watch --reset good" in found.out
    again = project.inside("watch", "-m", "good")
    assert again.code == 1
    assert "ALARM (told on" in again.out
    assert project.inside("watch", "--reset", "good").code == 0
    assert project.inside("watch", "--status", "-m", "good").code == 4


def test_a_host_that_is_down_ends_with_3(project: Project) -> None:
    """Which is no alarm."""
    project.script("good", {"match": "", "error": "Overloaded"})
    settings(project, 'deployments = ["good"]')
    ended = project.inside("watch")
    assert ended.code == 3
    assert "nobody answers: Overloaded" in ended.out


def test_border_inputs_are_found_and_asked(project: Project) -> None:
    """What that costs at most is told before; the next round asks each."""
    settings(project, 'deployments = ["good"]\nborders = 3')
    told = project.inside("watch", "--find-borders", "--dry-run", "--json")
    assert told.json["good"]["requests"] == 641
    assert told.json["good"]["bound_usd"] > 0
    found = project.inside("watch", "--find-borders")
    assert (found.code, found.out) == (0, "good: 3 border inputs; 0 were answered in more than one way\n")
    assert "good: 641 requests at most, 0." in found.err
    assert "asked now: 23 answers" in project.inside("watch").out


def test_what_a_round_costs_is_told_without_asking(project: Project) -> None:
    """Nothing is asked, nothing begins."""
    ended = project.inside("watch", "-m", "good", "--dry-run")
    assert (ended.code, ended.out[:30]) == (0, "good: 20 requests at most, 0.0")
    assert not (project.folder / "assay.db.watch.json").exists()


def test_a_round_that_cannot_be_paid_is_no_alarm(project: Project) -> None:
    """It ends with 3, not with 1."""
    ended = project.inside("watch", "-m", "good", "--max-usd", "0.0000001")
    assert ended.code == 3
    assert "the same command goes on" in ended.err


def test_without_hosted_work_there_is_nothing_to_watch(project: Project) -> None:
    """The message says how to name something."""
    ended = project.inside("watch")
    assert ended.code == 2
    assert "watch.deployments" in ended.err


def test_nothing_was_watched_yet(project: Project) -> None:
    """The status says how to begin."""
    ended = project.inside("watch", "--status", "-m", "good")
    assert (ended.code, ended.out) == (4, "nothing has been watched yet; `assay watch` makes a round\n")
    ended = project.inside("watch", "--reset", "nope")
    assert ended.code == 2
    assert "'nope' is not watched" in ended.err


@pytest.mark.parametrize("words", [("-m", "good"), ("--status", "-m", "good"), ("--reset", "good")])
def test_a_lock_that_cannot_be_read_is_not_too_early(project: Project, words: tuple[str, ...]) -> None:
    """It ends with 3 and what to do; the panel stays as it was."""
    project.inside("watch", "-m", "good")
    kept = (project.folder / "assay.db.watch.json").read_bytes()
    (project.folder / "assay.lock").write_text("garbage")
    ended = project.inside("watch", *words)
    assert ended.code == 3
    assert "assay.lock cannot be read" in ended.err
    assert "assay pin" in ended.err
    assert (project.folder / "assay.db.watch.json").read_bytes() == kept


@pytest.mark.parametrize("words", [
    ("--status", "--simulate"), ("--canaries", "5"), ("--every", "soon"), ("--every", "0h"), ("-m", "nobody"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(project: Project, words: tuple[str, ...]) -> None:
    """With a word on what does."""
    ended = project.inside("watch", *words)
    assert ended.code == 2
    assert ended.err


@pytest.mark.parametrize(("text", "said"), [
    ('deployments = ["goood"]', "watch.deployments: unknown 'goood'"),
    ("canaries_per_day = -1", "watch.canaries_per_day"),
    ("alarms_per_year = 0", "watch.alarms_per_year"),
    ("canaries = 1", "unknown key 'watch.canaries'"),
])  # fmt: skip
def test_a_mistake_in_the_configuration_is_named(project: Project, text: str, said: str) -> None:
    """As in all other tables."""
    settings(project, text)
    ended = project.inside("watch", "--status")
    assert ended.code == 2
    assert said in ended.err


def test_a_panel_can_be_simulated_before_it_is_paid_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays and false alarms by size of the drop; nothing is asked."""
    from assay.cli import watch_simulated

    for name, value in {"_RUNS": 3, "_YEARS": 1, "_QUIET_DAYS": 30, "_SHARES": (0.9,), "_DROPS": (0.2,)}.items():
        monkeypatch.setattr(watch_simulated, name, value)
    ended = project.inside("watch", "--simulate", "--canaries", "30", "--json")
    found = ended.json
    assert found["canaries"] == 30
    assert [one["items"] for one in found["rows"]] == ["wavering", "steady"]
    assert all(one["median_days"] <= 10 for one in found["rows"])


def test_rounds_follow_each_other_until_somebody_ends_them(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration is read anew each time; Ctrl-C ends as it does everywhere."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("assay.cli.watch.pause", wait)
    ended = project.inside("watch", "-m", "good", "--every", "12h")
    assert waits == [43_200.0, 43_200.0]
    assert ended.code == 130
    assert "the next round is in 12 h" in ended.err
    assert ended.out.count("good: too early to say") == 2


def test_without_a_suite_it_says_what_needs_none(project: Project) -> None:
    """Border inputs alone can be watched."""
    file = project.folder / "assay.toml"
    file.write_text(file.read_text().replace('suite = "suite"', ""))
    ended = project.inside("watch", "-m", "good")
    assert ended.code == 2
    assert "watch.canaries_per_day = 0" in ended.err


def test_what_a_round_would_take_is_said_once(project: Project) -> None:
    """With `--every` it would be said for ever, and nothing would ever be asked."""
    ended = project.inside("watch", "-m", "good", "--every", "24h", "--dry-run")
    assert ended.code == 2
    assert "leave --every out" in ended.err
