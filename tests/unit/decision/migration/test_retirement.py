"""What is retired is a deadline, what is gone forces the move, and the maker's successor is proposed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.catalog.load import Catalog, load
from assay.decision.migration.differences import differences
from assay.decision.migration.finding import Footing, Verdict
from assay.decision.migration.migrating import Migrating
from assay.decision.migration.retirement import retirement_of, successor_of
from assay.errors import ConfigError
from assay.evals.runs.runner import Runner
from assay.inference.spine import Spine

World = Any  # of the folder above
MakeSpine = Callable[..., Spine]
CATALOG = """
as_of = "2026-11-01"
family = "example"

[sources.page]
title = "the maker's page"

[[models]]
id = "example/old-1"
name = "Old 1"
maker = "Example"
ecosystem = "hosted"
evidence = "page"
tools = true
input = ["text", "image"]
context_tokens = 200000
retires = "2026-12-11"
successor = "New 2"

[[models]]
id = "example/new-2"
name = "New 2"
maker = "Example"
ecosystem = "hosted"
evidence = "page"
tools = false
input = ["text"]
context_tokens = 128000
"""
HOSTED = """
[deployments.{name}]
model = "{model}"
dialect = "openai"
base_url = "http://127.0.0.1:1/v1"
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Two models of one maker, one of which will be taken away."""
    file = tmp_path / "mine.toml"
    file.write_text(CATALOG)
    return load((str(file),))


@pytest.fixture
async def spine(tmp_path: Path, catalog: Catalog, ledger: Any) -> Any:
    """Both deployed at a host."""
    from assay.config.load import parse
    from assay.inference.build import Builder

    text = HOSTED.format(name="old", model="example/old-1") + HOSTED.format(name="new", model="example/new-2")
    made = Builder(catalog).spine(parse(text.encode(), tmp_path / "assay.toml"), ledger)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("today", "days", "gone"),
    [(date(2026, 11, 27), 14, False), (date(2026, 12, 11), 0, False), (date(2026, 12, 12), -1, True)],
)
def test_the_end_of_the_old_one_is_a_deadline(spine: Spine, today: date, days: int, gone: bool) -> None:
    """Days are counted to the day; from the day after on it is gone."""
    end = retirement_of(spine, "old", today)
    assert end is not None
    assert (end.days_left, end.gone, end.successor) == (days, gone, "New 2")
    assert retirement_of(spine, "new", today) is None


def test_the_successor_is_found_by_the_name_that_its_maker_gives(spine: Spine, catalog: Catalog) -> None:
    """A name with a space and a capital is the deployment of the model of that name."""
    assert successor_of(spine, catalog, {"old": None, "new": None}, "old") == "new"  # type: ignore[dict-item]


def test_a_successor_that_nobody_deployed_is_named_with_what_to_add(spine: Spine, catalog: Catalog) -> None:
    """The message has the catalogue's id, ready to be written down."""
    del spine.targets["new"]
    with pytest.raises(ConfigError, match=r'New 2 \(example/new-2\).*model = "example/new-2"'):
        successor_of(spine, catalog, {"old": None}, "old")  # type: ignore[dict-item]


def test_without_a_successor_the_new_one_must_be_named(spine: Spine, catalog: Catalog) -> None:
    """The catalogue names none: the message says how to go on."""
    with pytest.raises(ConfigError, match="names no successor of example/new-2; name what to move to"):
        successor_of(spine, catalog, {}, "new")


def test_what_is_lost_comes_first(spine: Spine) -> None:
    """Tools, images and context that the new one lacks are losses; equal facts are not told."""
    found = differences(spine, "old", "new")
    lost = {one.fact: (one.old, one.new) for one in found if one.lost}
    assert lost == {
        "tools": ("yes", "no"), "takes image": ("yes", "no"), "context, tokens": ("200,000", "128,000")
    }  # fmt: skip
    assert [one.lost for one in found] == sorted((one.lost for one in found), reverse=True)
    assert "private" not in {one.fact for one in found}
    assert differences(spine, "old", "old") == ()


async def test_where_the_old_one_is_gone_the_bar_decides(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to compare with: forced by the calendar, the new one is held against the kind's bar, and that is said."""
    suite = world.suite({"a": 20}, a="bar = 0.8")
    spine = world.spine({"old": {"a": "?" * 20}, "new": {"a": "+" * 18 + "--"}})
    options: dict[str, Any] = {"margin": 0.1, "error": 0.05}

    def make(one: Any) -> Runner:
        return Runner(spine, one, concurrency=1)

    plain = await Migrating(spine, suite, "old", "new", make, **options).migrate()
    assert (plain.verdict, plain.findings[0].basis) == (Verdict.OPEN, Footing.NONE)
    from assay.decision.migration import migrating
    from assay.decision.migration.retirement import Retirement

    gone = Retirement(deployment="old", model="x/old", retires="2026-01-01", days_left=-300, successor=None, gone=True)
    monkeypatch.setattr(migrating, "retirement_of", lambda _, name, today: gone if name == "old" else None)
    forced = await Migrating(spine, suite, "old", "new", make, **options).migrate()
    (kind,) = forced.findings
    assert (forced.verdict, forced.forced, kind.basis) == (Verdict.GO, True, Footing.BAR)
    assert "18 of 20 passed, 16 needed for the bar of 80%" in kind.reason
    assert "is gone" in kind.reason
