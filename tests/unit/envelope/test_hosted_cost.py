"""Tokens at a host: cached, written and batched ones, and what is not known."""

import pytest
from costed import PRICE, WORK, bare, hosted, line, total
from msgspec import structs

from assay.config.schema import Price
from assay.envelope.overheads import assumed
from assay.envelope.renting import batch_price
from assay.envelope.scenario import Fallback, prompt_tax
from assay.envelope.workload import Workload

CACHED = structs.replace(WORK, cached_share=0.4)


def test_a_month_by_hand() -> None:
    """10,000 requests a day for 30 days: 600 plain, 400 cached and 200 output tokens at 1, 0.25 and 4 USD per Mtok."""
    assert line(hosted(CACHED), "input") == pytest.approx(300_000 * 600 * 1.0 / 1e6)
    assert line(hosted(CACHED), "cached input") == pytest.approx(300_000 * 400 * 0.25 / 1e6)
    assert line(hosted(CACHED), "output") == pytest.approx(300_000 * 200 * 4.0 / 1e6)
    assert total(hosted(CACHED)) == pytest.approx(180 + 30 + 240)


def test_an_unknown_price_has_no_bill() -> None:
    """Unknown is unknown with its reason, never 0."""
    unknown = hosted(price=None)
    assert unknown.monthly() is None
    assert unknown.reason == "nobody knows its price"


def test_an_unknown_cheaper_rate_counts_in_full_and_is_said() -> None:
    """Without a price of cached input, of cache writes or of batches, the full rate stands, with a note."""
    work = structs.replace(WORK, cached_share=0.4, written_share=0.1, batch_share=0.5)
    plain = hosted(work, price=Price(input=1.0, output=4.0))
    tariff = plain.tariff()
    assert total(plain) == pytest.approx(total(hosted(WORK)))
    assert tariff is not None
    assert [note.split(":")[0] for note in tariff.notes] == [
        "no price of cached input is known", "no price of cache writes is known", "no price of batches is known",
    ]  # fmt: skip


def test_batches_save_their_share() -> None:
    """Half of the work at half of the price is three quarters of the bill; no discount is known as None."""
    work = structs.replace(WORK, batch_share=0.5)
    assert total(hosted(work, batch=batch_price(PRICE, 0.5))) == pytest.approx(0.75 * total(hosted(WORK)))
    assert batch_price(PRICE, None) is None


def test_a_cached_token_is_not_cheaper_for_being_batched() -> None:
    """Both discounts together are given by some hosts only: the lower of the two rates counts, never less."""
    assert batch_price(PRICE, 0.5) == Price(input=0.5, output=2.0, cached_input=0.25)
    assert batch_price(PRICE, 0.9) == Price(
        input=pytest.approx(0.1), output=pytest.approx(0.4), cached_input=pytest.approx(0.1)
    )


def test_people_evaluation_and_tuning_have_lines_of_their_own() -> None:
    """Hours by what they are for, the samples asked each month, and tuning spread over its life."""
    overheads = assumed(
        ["usd_per_staff_hour=100", "hosted.red_teaming=3", "evaluation_requests=1000", "tuning_months=12"]
    )
    scenario = hosted(overheads=overheads, tuning_usd=1200.0)
    assert line(scenario, "red-teaming") == 300
    assert line(scenario, "evaluation runs") == pytest.approx(1000 * (1000 * 1.0 + 200 * 4.0) / 1e6)
    assert line(scenario, "tuning") == 100
    assert {"serving", "monitoring", "evaluation", "rollback"} <= {one.name for one in scenario.monthly().lines}  # type: ignore[union-attr]


def test_fallback_pays_the_stronger_model_too() -> None:
    """A tenth of the requests is paid twice: here, and at the stronger model's price."""
    fallback = Fallback(name="strong", share=0.1, price=Price(input=10.0, output=40.0))
    assert line(hosted(fallback=fallback), "fallback") == pytest.approx(0.1 * 10 * total(hosted()))


def test_the_prompt_tax_is_what_the_instruction_costs() -> None:
    """500 tokens a call at the plain rate; tuning for 300 USD is earned back in two months, and not on the bill yet."""
    work = structs.replace(WORK, instruction_tokens=500)
    tax = prompt_tax(hosted(work, tuning_usd=300.0))
    assert tax is not None
    assert tax.usd_per_month == pytest.approx(300_000 * 500 * 1.0 / 1e6)
    assert tax.months_to_pay_back == pytest.approx(2.0)
    assert total(hosted(work, tuning_usd=300.0)) == total(hosted(work))
    assert prompt_tax(hosted()) is None


def test_what_falls_back_is_told_the_instruction_all_the_same() -> None:
    """The stronger model has learnt nothing: its calls are no part of what tuning saves."""
    work = structs.replace(WORK, instruction_tokens=500)
    fallback = Fallback(name="strong", share=0.1, price=Price(input=10.0, output=40.0))
    assert prompt_tax(hosted(work, fallback=fallback)) == prompt_tax(hosted(work))


def test_a_cached_instruction_is_taxed_at_the_cached_rate() -> None:
    """Where the instruction comes out of the cache, learning it saves a quarter as much."""
    tax = prompt_tax(hosted(structs.replace(CACHED, instruction_tokens=400)))
    assert tax is not None
    assert tax.usd_per_month == pytest.approx(300_000 * 400 * 0.25 / 1e6)
    assert tax.months_to_pay_back is None


def test_no_work_costs_only_what_stands_still() -> None:
    """Without requests nothing is paid for tokens."""
    idle = Workload(requests_per_day=0, input_tokens=100, output_tokens=100)
    assert total(hosted(idle, overheads=bare())) == 0
