"""What is advised from the shipped catalogue, on a fixed day, for the seven use cases and eight teams.

Names of models are computed, so what is asserted is what must hold whatever the data says; the whole text is in golden
files that a reviewer reads (`ASSAY_GOLDEN=1` rewrites them).
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.catalog.load import builtin
from assay.catalog.prices import prices_of
from assay.decision.advice.advice import Advice, advise
from assay.decision.advice.explained import explained, tabled
from assay.decision.advice.situation import situation
from assay.decision.advice.task import USE_CASES
from assay.decision.advice.use_cases import use_cases

GOLDEN = Path(__file__).parents[3] / "golden" / "advise"
TODAY = date(2026, 11, 27)
TEAMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "private-code-on-a-laptop": (
        "code", {"privacy": "regulated", "device": "m3-max-36gb", "requests_per_day": 200.0, "checkable": True},
        "prompt",
    ),
    "regulated-on-premises": (
        "long-documents", {"privacy": "regulated", "device": "h100", "team": "infra", "input_tokens": 12_000}, "prompt",
    ),
    "no-ml-team": ("chat", {"team": "none", "usd_per_month": 500.0}, "prompt"),
    "ten-million-calls-a-month": ("bulk", {"requests_per_day": 329_000.0, "team": "infra"}, "prompt"),
    "changing-documents": (
        "long-documents", {"knowledge": "changing", "examples": 800, "ceiling": True, "team": "ml"}, "retrieve",
    ),
    "stable-hot-2000-examples": (
        "extraction",
        {"examples": 2_000, "ceiling": True, "team": "ml", "requests_per_day": 20_000.0},
        "tune",
    ),
    "sensitive-part-in-the-house": (
        "sql", {"privacy": "sensitive", "sensitive_share": 0.2, "device": "h100", "team": "infra"}, "route",
    ),
    "simple-to-a-small-one": ("sql", {"requests_per_day": 1_000_000.0, "hard_share": 0.1, "team": "infra"}, "route"),
}  # fmt: skip
"""A team -> its task, what it says, and the lever that its rules lead to."""
CASES = [*((name, name, {}, "prompt") for name in USE_CASES), *((name, *case) for name, case in TEAMS.items())]


def advice(task: str, given: dict[str, Any]) -> Advice:
    """From the shipped catalogue."""
    return advise(builtin(), situation(task, given), TODAY)


def same(name: str, text: str) -> None:
    """The text is the golden one."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("ASSAY_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize(("name", "task", "given", "lever"), CASES, ids=[case[0] for case in CASES])
def test_advice_is_the_golden_one(name: str, task: str, given: dict[str, Any], lever: str) -> None:
    """The whole text: best, runner-up, cost, lever, envelope, proof."""
    same(name, explained(advice(task, given)))


@pytest.mark.parametrize(("name", "task", "given", "lever"), CASES, ids=[case[0] for case in CASES])
def test_each_case_names_best_runner_up_cost_lever_and_the_refuting_eval(
    name: str, task: str, given: dict[str, Any], lever: str
) -> None:
    """Two plans of different models with a known cost, the lever of the rules, and the eval that would refute it."""
    found = advice(task, given)
    assert found.best is not None
    assert found.runner_up is not None
    assert found.best.lead.model != found.runner_up.lead.model or found.best.kind != found.runner_up.kind
    for plan in (found.best, found.runner_up):
        assert (plan.bill_usd_per_month or 0) > 0
        assert plan.usd_per_query == pytest.approx((plan.bill_usd_per_month or 0) / found.situation.requests_per_month)
        assert plan.reasons
        assert f"-k {found.proof.kind}" in plan.refuted_by[0]
    assert found.best.able
    assert found.lever.name == lever
    assert found.proof.samples >= 100
    commands = " ".join(one.command for one in found.proof.commands)
    for word in ("assay advise", "suite lint", "suite power", "assay eval", "assay choose", "--write"):
        assert word in commands


@pytest.mark.parametrize(("name", "task", "given", "lever"), CASES, ids=[case[0] for case in CASES])
def test_no_plan_breaks_a_limit(name: str, task: str, given: dict[str, Any], lever: str) -> None:
    """Nobody who ends within 90 days, takes too little, leaves the house or costs too much is in any plan."""
    catalog, found = builtin(), advice(task, given)
    asked = found.situation
    for plan in found.shortlist:
        for one in plan.candidates:
            model = catalog.find(one.model)
            assert model.status not in ("retired", "deprecated")
            assert model.retires is None or one.place == "own" or model.retires >= "2027-02-25"
            assert model.variant != "base"
            assert (model.context_tokens or asked.context_tokens) >= asked.context_tokens
            assert set(asked.modalities) <= set(model.input or ())
            assert one.place == "own" or asked.privacy != "regulated"
            assert one.place == "own" or task != "edge"
        assert asked.usd_per_month is None or (plan.bill_usd_per_month or 0) <= asked.usd_per_month
    assert all(one.reason for one in found.removed)


def test_the_laptop_runs_what_fits_on_it() -> None:
    """Private code stays on the laptop, in a form that fits with room for the context."""
    found = advice(*TEAMS["private-code-on-a-laptop"][:2])
    for plan in found.shortlist:
        envelope = plan.lead.envelope
        assert envelope is not None
        assert envelope.machine == "m3-max-36gb"
        assert envelope.machines == 1
        assert (envelope.free_bytes or -1) >= 0


def test_the_tuned_model_is_open_and_has_a_recipe() -> None:
    """A stable hot task with 2,000 examples is tuned from weights that can be had, licensed and trained."""
    found = advice(*TEAMS["stable-hot-2000-examples"][:2])
    model = builtin().find(found.lever.on or "")
    assert model.ecosystem == "open-weight"
    assert model.recipes
    assert found.lever.rule == "stable-hot-proven"


def test_changing_documents_are_not_tuned_in() -> None:
    """However many examples there are: what changes is looked up."""
    found = advice(*TEAMS["changing-documents"][:2])
    assert {one.name: one.verdict for one in found.levers}["tune"] == "no"


def test_use_cases_are_the_golden_ones() -> None:
    """The table of all seven."""
    same("use-cases", tabled(use_cases(builtin(), TODAY)))


def test_use_cases_say_what_the_whole_advice_says() -> None:
    """The short way, which looks for no machine where hosts cost less than its people, comes to the same."""
    for row in use_cases(builtin(), TODAY):
        found = advice(row.task, {})
        assert found.best is not None
        assert row.best == found.best.title
        assert row.runner_up == (found.runner_up.title if found.runner_up is not None else None)


def test_hosted_prices_are_those_of_the_catalogue() -> None:
    """USD per query is the list price times the stated tokens."""
    row = next(row for row in use_cases(builtin(), TODAY) if row.task == "chat")
    best = advice("chat", {}).best
    assert best is not None
    model = builtin().find(best.lead.model)
    price = prices_of([model], TODAY)[model.id].price
    assert price is not None
    expected = (row.input_tokens * price.input + row.output_tokens * price.output) / 1e6
    assert row.usd_per_query == pytest.approx(expected)
