"""The hard limits: who is removed, by which limit, with which reason; and that nobody else is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.decision.advice.conftest import TODAY, USUAL, Advised, catalog_of, hosted, weights

from assay.config.schema import Constraints
from assay.decision.advice.advice import Advice, advise
from assay.decision.advice.explained import explained
from assay.decision.advice.situation import situation
from assay.errors import CatalogError


def reason(found: Advice, model: str, place: str) -> str | None:
    """`limit: reason` of a model that was removed."""
    return next(
        (f"{one.limit}: {one.reason}" for one in found.removed if (one.model, one.place) == (model, place)), None
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('status = "retired"\nretires = "2026-10-01"', "retirement: its maker calls it retired"),
        ('status = "deprecated"\nsuccessor = "frontier"', "use frontier"),
        ('retires = "2027-02-25"', "retirement: its maker switches it off on 2027-02-25, within 90 days"),
        ('retires = "2027-02"', "retirement: its maker switches it off on 2027-02, within 90 days"),
        ('domain = "law"', "domain: it was made for law, not for chat"),
        ('reasoning = "always"', "latency: it always thinks before it answers"),
    ],
)
def test_a_model_that_ends_or_is_made_for_something_else_is_not_advised(
    advised: Advised, more: str, expected: str
) -> None:
    """Retired, deprecated, ending within 90 days, of another field, or always thinking where somebody waits."""
    found = advised("chat", models=(*USUAL, hosted("gone", (0.001, 0.001), 95.0, more=more)))
    assert expected in (reason(found, "acme/gone", "host") or "")
    assert all("acme/gone" not in plan.models for plan in found.shortlist)


def test_a_model_that_ends_after_90_days_stays(advised: Advised) -> None:
    """The limit is 90 days, not any date."""
    found = advised("chat", models=(*USUAL, hosted("later", (0.001, 0.001), 95.0, more='retires = "2027-02-26"')))
    assert found.best is not None
    assert found.best.lead.model == "acme/later"


def test_regulated_data_leaves_no_host(advised: Advised) -> None:
    """Every host is removed by privacy, and every plan runs on machines of one's own."""
    found = advised("chat", privacy="regulated")
    assert reason(found, "acme/frontier", "host") == "privacy: regulated data stays on machines of your own"
    assert found.shortlist
    assert all(part.candidate.place == "own" for plan in found.shortlist for part in plan.parts)


def test_a_host_that_may_train_on_inputs_gets_nothing_of_sensitive_work(advised: Advised) -> None:
    """Unless one objects is not never; what nobody knows is no promise either."""
    found = advised("chat", privacy="sensitive", models=(*USUAL, hosted("mute", (1, 1), 80.0, host="openrouter")))
    assert "nosy may train on inputs (opt-out)" in (reason(found, "acme/cheap", "host") or "")
    assert "what openrouter does with inputs is not known" in (reason(found, "acme/mute", "host") or "")


def test_nobody_to_run_a_server_means_hosts(advised: Advised) -> None:
    """Without a team no machine is rented; a device that is there, or data that may not leave, overrules that."""
    assert "nobody is there to run a server" in (reason(advised("chat", team="none"), "acme/small", "own") or "")
    assert reason(advised("chat", team="none", device="laptop"), "acme/small", "own") is None
    kept = advised("chat", team="none", privacy="regulated")
    assert kept.best is not None
    assert "nobody is there to run it (team none)" in kept.best.warnings


def test_licences_are_a_permission(advised: Advised) -> None:
    """Forbidden, unknown or not named: such weights are not run; a host that serves them answers for itself."""
    models = (*USUAL, weights("study", 8e9, 99.0, licence="study", price=(0.1, 0.1)))
    found = advised("chat", models=models)
    assert "commercial use under Study is forbidden" in (reason(found, "acme/study", "own") or "")
    assert reason(found, "acme/study", "host") is None
    named = advised("chat", licences=("mit",))
    assert reason(named, "acme/small", "own") == "licence: licence 'free' is not one of mit"


@pytest.mark.parametrize(
    ("given", "model", "expected"),
    [
        ({"modalities": ("image",)}, "acme/cheap", "modality: it takes no image"),
        (
            {"context_tokens": 300_000, "latency_s": 60.0},
            "acme/cheap",
            "context: its context is 200,000 tokens; 300,000 are needed",
        ),
    ],
)
def test_what_a_model_cannot_take_removes_it(
    advised: Advised, given: dict[str, Any], model: str, expected: str
) -> None:
    """Modalities and length are hard limits, told with both values."""
    assert reason(advised("chat", **given), model, "host") == expected


def test_languages_that_a_maker_does_not_name_remove_it_and_unknown_ones_are_told(advised: Advised) -> None:
    """A list without the language is a no; no list at all is a warning."""
    models = (
        *USUAL,
        hosted("latin", (0.01, 0.01), 95.0, more='languages = ["la"]'),
        hosted("dear", (900.0, 900.0), 1.0, more='languages = ["de", "fr"]'),
    )
    found = advised("bilingual", languages=("de", "fr"), models=models)
    assert "does not name de, fr" in (reason(found, "acme/latin", "host") or "")
    assert found.best is not None
    assert "whether it was made for de, fr is not known" in found.best.warnings


def test_a_budget_limits_the_bill_and_an_unknown_price_passes_none(advised: Advised) -> None:
    """Who bills more, or nobody knows what, is removed with both figures."""
    models = (*USUAL, hosted("secret", None, 99.0))
    found = advised("code", usd_per_month=600, models=models)
    assert "it bills 1,338 USD a month; the budget is 600 USD" in (reason(found, "acme/frontier", "host") or "")
    assert "what it bills a month is not known" in (reason(found, "acme/secret", "host") or "")
    assert found.best is not None
    assert (found.best.bill_usd_per_month or 0) <= 600


def test_a_budget_of_nothing_leaves_what_is_free_and_ones_own_machine(advised: Advised) -> None:
    """A machine that is there bills nothing for this work; one that must be rented does."""
    models = (*USUAL, hosted("gratis", (0.0, 0.0), 99.0))
    found = advised("chat", usd_per_month=0.0, models=models)
    assert {part.candidate.model for plan in found.shortlist for part in plan.parts} == {"acme/gratis"}
    assert "the budget is 0 USD" in (reason(found, "acme/frontier", "host") or "")
    here = advised("chat", usd_per_month=0.0, device="laptop", requests_per_day=10)
    assert here.shortlist
    assert {part.candidate.place for plan in here.shortlist for part in plan.parts} == {"own"}
    assert "--budget 0" in here.proof.commands[0].command


def test_a_language_that_nobody_names_is_refused(advised: Advised) -> None:
    """It is a mistake sooner than a language; case is none."""
    models = (*USUAL, hosted("latin", (0.01, 0.01), 95.0, more='languages = ["la"]'))
    assert advised("bilingual", languages=("LA",), models=models).situation.languages == ("la",)
    with pytest.raises(CatalogError, match=r"language: no model of the catalogue names 'lat', .*did you mean 'la'"):
        advised("bilingual", languages=("lat",), models=models)


def test_a_named_machine_that_is_too_small_or_too_slow_is_told(advised: Advised) -> None:
    """What does not fit, and a volume that one machine does not carry even at its fastest, are limits."""
    found = advised("chat", device="laptop", privacy="regulated", models=(*USUAL, weights("huge", 400e9, 95.0)))
    assert (reason(found, "acme/huge", "own") or "").startswith("memory: it needs more than 186 GiB")
    busy = advised("chat", device="laptop", privacy="regulated", requests_per_day=10_000_000)
    assert busy.best is None
    assert "laptop does not carry 10,000,000 requests a day" in (reason(busy, "acme/small", "own") or "")


def test_constraints_of_a_configuration_hold(advised: Advised) -> None:
    """The limits of `[constraints]` remove what they would remove from live requests."""
    limits = Constraints(hosts=("nosy",), commercial=True)
    found = advise(catalog_of(*USUAL), situation("chat", {}, limits), TODAY)
    assert (reason(found, "acme/frontier", "host") or "").startswith(
        "constraints: the host 'rental' is not one of nosy"
    )


def test_nothing_left_says_so(advised: Advised) -> None:
    """No plan, no command to run, and every removal is there."""
    found = advised("chat", usd_per_month=0.0001)
    assert found.best is None
    assert found.shortlist == ()
    assert found.proof.commands == ()
    assert {one.limit for one in found.removed} >= {"budget"}


def test_a_machine_that_must_be_bought_is_told_with_its_price(advised: Advised) -> None:
    """Data that may not leave, and no machine named: it is priced as bought; one that is there is not."""
    bought, there = (
        advised("chat", privacy="regulated").best,
        advised("chat", privacy="regulated", device="laptop").best,
    )
    assert bought is not None
    assert there is not None
    assert any(one.startswith("priced as bought, ") for one in bought.warnings)
    assert any("nothing leaves your machines" in one for one in bought.reasons)
    assert not any(one.startswith("priced as bought") for one in there.warnings)
    assert any("nothing leaves your machines" in one for one in there.reasons)


def test_a_wait_that_nobody_named_is_told_where_it_leaves_nobody_able(advised: Advised) -> None:
    """The task's usual wait took the able ones out: the flag that lifts it is named."""
    slow = weights("slow", 30e9, 89.0)
    found = advised("chat", models=(slow, weights("tiny", 1e8, None)), device="laptop", privacy="regulated")
    assert "which nobody asked for, took out 1 model: --latency-s 0 lets them wait" in explained(found)
    named = advised(
        "chat", models=(slow, weights("tiny", 1e8, None)), device="laptop", privacy="regulated", latency_s=2
    )
    assert "--latency-s 0" not in explained(named)
