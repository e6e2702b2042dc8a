"""Plans: who is best, who comes next, what two models together cost, and what is said beside them."""

from __future__ import annotations

import pytest
from tests.unit.decision.advice.conftest import USUAL, Advised, catalog_of, hosted, weights

from assay.decision.advice.explained import explained
from assay.decision.advice.plan import Plan


def test_the_cheapest_of_the_able_is_best(advised: Advised) -> None:
    """Two frontier models that figures cannot tell apart: the cheaper one; a cheap weak one stays outside."""
    twin = hosted("twin", (2.0, 8.0), 89.5)
    found = advised("reasoning", models=(*USUAL, twin))
    assert found.best is not None
    assert found.best.lead.model == "acme/twin"
    assert found.runner_up is not None
    assert found.runner_up.lead.model in ("acme/frontier", "acme/rival")
    assert found.best.able


def test_costs_within_a_tenth_decide_nothing(advised: Advised) -> None:
    """Of two that bill nearly the same the one with the better figures is best."""
    near, better = hosted("near", (1.0, 4.0), 89.7), hosted("better", (1.04, 4.16), 89.9)
    found = advised("chat", models=(*USUAL, near, better))
    assert found.best is not None
    assert found.best.lead.model == "acme/better"
    dearer = advised("chat", models=(*USUAL, near, hosted("better", (1.3, 5.2), 89.9))).best
    assert dearer is not None
    assert dearer.lead.model == "acme/near"


def test_a_floor_decides_where_price_comes_first(advised: Advised) -> None:
    """Extraction needs no frontier model: the cheapest above the floor does it."""
    found = advised("extraction")
    assert found.best is not None
    assert found.best.lead.model in ("acme/cheap", "acme/small")
    assert (found.best.rank.share if found.best.rank else 0) >= 0.3


def test_no_figure_is_never_best_but_may_be_cheapest(advised: Advised) -> None:
    """A model that nobody measured is named beside, with its price, and warned of."""
    found = advised("extraction", models=(*USUAL, hosted("unknown", (0.0001, 0.0001), None)))
    assert found.best is not None
    assert "acme/unknown" not in found.best.models
    assert found.cheapest is not None
    assert found.cheapest.model == "acme/unknown"
    assert found.cheapest.rank is None
    assert "no published figure speaks of extraction; only an eval can tell" in found.cheapest.warnings


def test_hardly_cheaper_is_not_told(advised: Advised) -> None:
    """Who costs nearly what the best does, and is not able, is no alternative."""
    near = hosted("good", (0.01, 0.04), 60), hosted("worse", (0.0095, 0.038), None)
    found = advised("extraction", models=(*USUAL, *near))
    assert found.best is not None
    assert found.best.lead.model == "acme/good"
    assert found.cheapest is None


def test_figures_with_thinking_are_doubted(advised: Advised) -> None:
    """Where thinking is a switch, what it costs is not in the price: that is told, unless the task counts it."""
    models = (*USUAL, hosted("switch", (0.001, 0.004), 95, more='reasoning = "switch"'))
    told, counted = advised("extraction", models=models).best, advised("reasoning", models=models).best
    assert told is not None
    assert counted is not None
    assert any("of answers with thinking" in one for one in told.warnings)
    assert not any("of answers with thinking" in one for one in counted.warnings)


def test_popularity_alone_is_warned_of(advised: Advised) -> None:
    """90,000 derivatives are no evidence: where nothing else speaks for a model, that is said."""
    found = advised("extraction", models=(*USUAL, weights("dusty", 1e9, None, family="dusty", price=(0.0001, 0.0001))))
    assert found.cheapest is not None
    assert any("only its popularity speaks for" in one for one in found.cheapest.warnings)


def test_nobody_measured_is_told(advised: Advised) -> None:
    """Without any figure there is no bar: the cheapest is a place to begin, and says that it is no more."""
    found = advised("chat", models=(hosted("a", (1, 1), None), hosted("b", (2, 2), None)))
    assert found.best is not None
    assert found.best.lead.model == "acme/a"
    assert not found.best.able


def test_a_cascade_pays_for_both_calls(advised: Advised) -> None:
    """Its cost is the small model on everything and the strong one on the assumed share; only then is it best."""
    found = advised("sql", requests_per_day=50_000, hard_share=0.2)
    assert found.best is not None
    assert found.best.kind == "hybrid"
    first, second = found.best.parts
    assert (first.share, second.share) == (1.0, 0.2)
    assert found.best.bill_usd_per_month == pytest.approx(
        sum(part.candidate.bill_usd_per_month or 0 for part in found.best.parts)
    )
    assert found.levers[0].rule == "cascade-saves"
    assert any("passes less" in one or "less than 80% pass" in one for one in found.best.refuted_by)
    assert "assay eval -m best " in " ".join(one.command for one in found.proof.commands)


def test_a_cascade_without_a_check_is_not_advised(advised: Advised) -> None:
    """What cannot tell a wrong answer cannot hand it on: the saving is told, and the lever is for later."""
    found = advised("code", requests_per_day=50_000, hard_share=0.2)
    assert found.best is not None
    assert found.best.kind != "hybrid"
    assert {one.name: one.rule for one in found.levers}["route"] in ("no-check", "no-saving")


def test_sensitive_work_is_split_or_stays(advised: Advised) -> None:
    """No plan gives all of it to a host; the hybrid sends the sensitive share to a machine of one's own."""
    found = advised("code", privacy="sensitive", sensitive_share=0.25)
    assert all(plan.kind != "hosted" for plan in found.shortlist)
    hybrid = next(plan for plan in found.shortlist if plan.kind == "hybrid")
    own, host = hybrid.parts
    assert (own.candidate.place, own.share) == ("own", 0.25)
    assert (host.candidate.place, host.share) == ("host", 0.75)
    assert found.best == hybrid
    assert found.levers[0].rule == "split-by-label"


def test_own_machines_come_whole_and_hosts_by_the_token(advised: Advised) -> None:
    """Half the work costs half at a host, and on a machine that is paid for anyway the same but for some power."""
    found = advised("code", privacy="sensitive", sensitive_share=0.5)
    alone = next(plan for plan in found.shortlist if plan.kind == "open")
    hybrid = next(plan for plan in found.shortlist if plan.kind == "hybrid")
    assert hybrid.parts[0].candidate.bill_usd_per_month == pytest.approx(alone.bill_usd_per_month, rel=0.2)
    full = advised("code").best
    assert full is not None
    assert hybrid.parts[1].candidate.bill_usd_per_month == pytest.approx((full.bill_usd_per_month or 0) / 2)


def test_cost_is_that_of_the_tokens(advised: Advised) -> None:
    """4,000 tokens at 5 and 1,200 at 20 USD a million are 0.044 USD; a month has 30.4 days."""
    best = advised("code").best
    assert best is not None
    assert best.usd_per_query == pytest.approx(0.044)
    assert best.bill_usd_per_month == pytest.approx(0.044 * 1000 * 30.4)
    assert (best.usd_per_month or 0) > (best.bill_usd_per_month or 0)


def test_hosted_cost_equals_the_bill_of_assay_cost(advised: Advised) -> None:
    """The short reckoning for thousands of candidates comes to what the full bill comes to."""
    from assay.config.schema import Price
    from assay.envelope.overheads import defaults
    from assay.envelope.renting import hosted_tariff
    from assay.envelope.workload import Workload

    load = Workload(requests_per_day=1000, input_tokens=4000, output_tokens=1200)
    tariff = hosted_tariff(Price(input=5.0, output=20.0), load, defaults())
    best = advised("code").best
    assert tariff is not None
    assert best is not None
    assert best.usd_per_month == pytest.approx(tariff.monthly(1000).total.value)


def test_thinking_is_paid_for(advised: Advised) -> None:
    """A model that cannot be told not to think writes more than the answer; it is told as an assumption."""
    found = advised("extraction", models=(hosted("thinker", (0.1, 0.1), 95.0, more='reasoning = "always"'),))
    assert found.best is not None
    assert found.best.usd_per_query == pytest.approx((1500 + 200 + 1500) * 0.1e-6)
    assert any("1,500 tokens an answer are added, an assumption" in one for one in found.best.warnings)


def test_plans_name_their_envelope_and_what_refutes_them(advised: Advised) -> None:
    """Each plan on a machine says how it fits; every plan says which eval would show it wrong."""
    found = advised("code", privacy="regulated")
    assert found.best is not None
    envelope = found.best.lead.envelope
    assert envelope is not None
    assert envelope.verdict in ("fits", "tight")
    assert (envelope.machine, envelope.quantisation is not None) == ("box", True)
    assert (envelope.memory_bytes or 0) > 0
    for plan in found.shortlist:
        assert "assay eval -m " in plan.refuted_by[0]
        assert "code.write" in plan.refuted_by[0]


def test_runner_up_is_of_another_family_where_there_is_one(advised: Advised) -> None:
    """One maker's mistake must not take both."""
    models = (*USUAL, hosted("frontier-b", (4.9, 20.0), 90.0, family="frontier"))
    found = advised("reasoning", models=models)
    plans: list[Plan] = [plan for plan in (found.best, found.runner_up) if plan is not None]
    assert len({plan.lead.family for plan in plans}) == 2


def test_the_catalogue_is_enough(advised: Advised) -> None:
    """The host that ships and one of a team's own are looked up alike."""
    assert catalog_of(*USUAL).policy("nosy") is not None


def test_a_machine_for_data_that_may_not_leave_is_bought(advised: Advised) -> None:
    """A rented one stands in somebody else's house; it is reckoned with its price, and told."""
    found = advised("code", privacy="regulated", team="none")
    rented = advised("code", models=(weights("large", 30e9, 80.0),))
    assert found.best is not None
    assert rented.best is not None
    assert (found.best.bill_usd_per_month or 0) < (rented.best.bill_usd_per_month or 0)
    assert any("priced as bought, 2,000 USD a machine" in one for one in found.best.warnings)
    assert "Somebody must run this, and nobody is there (team none)" in explained(found)
    assert "Somebody must run this" not in explained(advised("code", privacy="regulated"))


def test_an_answer_that_takes_many_minutes_is_none(advised: Advised) -> None:
    """Nobody waits for the first token, but a whole answer has an end; it is assumed, told, and can be lifted."""
    long = {
        "device": "laptop",
        "latency_s": 0.0,
        "output_tokens": 20_000,
        "privacy": "regulated",
        "requests_per_day": 5.0,
    }
    found = advised("code", **long)
    assert "small" in {one.model.partition("/")[2] for one in found.removed if one.limit == "answer"}
    assert "A whole answer within 120 s, which nobody asked for, took out" in explained(found)
    patient = advised("code", **long, answer_s=0.0)
    assert patient.best is not None
    envelope = patient.best.lead.envelope
    assert envelope is not None
    assert envelope.answer_s is not None
    assert envelope.answer_s[0] > 120
    assert not any(one.limit == "answer" for one in patient.removed)


def test_thinking_that_may_come_is_told_and_has_room(advised: Advised) -> None:
    """The price says that it is without; the printed limit of an eval holds with it."""
    plain, may = (
        advised("extraction", models=(hosted("one", (0.1, 0.1), 95.0, more=more),))
        for more in ("", 'reasoning = "effort"')
    )
    assert may.best is not None
    assert may.best.lead.thinking_usd_per_query == pytest.approx(1500 * 0.1e-6)
    assert " + thinking" in explained(may)
    assert " + thinking" not in explained(plain)
    assert (may.proof.max_usd or 0) >= 150 * 2 * (1700 + 1500) * 0.1e-6 > (plain.proof.max_usd or 0)


def test_answers_in_no_named_language_are_cautioned(advised: Advised) -> None:
    """Work in two languages, none of which was named, was not looked at for them."""
    german = hosted("german", (1, 1), 90.0, more='languages = ["de"]')
    assert "No language was named" in explained(advised("bilingual"))
    assert "No language was named" not in explained(advised("bilingual", models=(german,), languages=("de",)))
    assert "No language was named" not in explained(advised("chat"))
