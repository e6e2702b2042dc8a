"""The guide shows an alarm as it is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.unit.decision.watching.conftest import Site, right

from assay.decision.watching.told import told
from assay.evals.suites.suite import Suite

PAGE = Path(__file__).parents[4] / "docs" / "watch.md"


async def test_the_alarm_of_the_guide_is_one(site: Site, make_suite: Callable[..., Suite]) -> None:
    """Twenty canaries, ten days, then two of them fail; the page shows what the command says."""
    site.suite = make_suite(20)
    site.set(canaries_per_day=20, borders=5)
    await site.watching().find_borders("frontier")
    await site.days(10)
    site.host.model = lambda prompt: "no" if prompt in ("words 3.", "words 7.") else right(prompt)
    found = await site.days(2)
    shown = re.search(r"```text alarm\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1].splitlines() == told([found]).splitlines(), told([found])
