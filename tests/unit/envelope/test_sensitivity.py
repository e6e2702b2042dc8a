"""Each input alone, half less and half more: what it does to the bill, the strongest first."""

import pytest
from costed import WORK, a_speed, bare, hosted, served, total
from msgspec import structs

from assay.config.schema import Price
from assay.envelope.overheads import assumed
from assay.envelope.scenario import Fallback
from assay.envelope.sensitivity import INPUTS, Swing, ranges_of, tornado
from assay.errors import ConfigError


def swing(swings: tuple[Swing, ...], name: str) -> Swing:
    """The one of this input."""
    return next(one for one in swings if one.name == name)


def test_volume_moves_a_bill_by_its_share() -> None:
    """With nothing fixed, half the requests is half the bill."""
    scenario = hosted()
    found = swing(tornado(scenario), "requests per day")
    assert (found.at_low, found.at_high) == (5000, 15_000)
    assert (found.usd_low, found.usd_high) == pytest.approx((total(scenario) * 0.5, total(scenario) * 1.5))


def test_the_strongest_comes_first_and_the_rest_is_left_out() -> None:
    """Sorted by width; inputs that move nothing, like the price of power at a host, are not there."""
    swings = tornado(hosted())
    assert [one.width for one in swings] == sorted((one.width for one in swings), reverse=True)
    assert "usd per kwh" not in {one.name for one in swings}
    assert "peak factor" not in {one.name for one in swings}


def test_shares_stay_shares() -> None:
    """A cached share of 0.8 is raised to 1 and no further; a peak of 1.5 is lowered to 1 and no further."""
    work = structs.replace(WORK, cached_share=0.8, batch_share=0.9, peak_factor=1.5)
    batch = Price(input=0.5, output=2.0)
    swings = tornado(hosted(work, batch=batch))
    assert swing(swings, "cached share").at_high == 1.0
    assert swing(swings, "batch share").at_high == 1.0
    busy = structs.replace(WORK.at(200_000), peak_factor=1.5)
    assert swing(tornado(served(busy)), "peak factor").at_low == 1.0


def test_speeds_move_over_their_own_band() -> None:
    """An estimated speed is not changed by half, but over the range that it is in."""
    found = swing(tornado(served(WORK.at(200_000), speed=a_speed(doubt=2.0))), "speed of writing")
    assert (found.at_low, found.at_high) == (500, 2000)
    assert found.usd_low > found.usd_high


def test_every_part_can_move_it() -> None:
    """Assumptions, the machine, prices and the fallback are inputs like the work."""
    fallback = Fallback(name="strong", share=0.1, price=Price(input=1.0, output=1.0))
    bought = tornado(served(WORK.at(200_000), tenure="buy", overheads=assumed(()), fallback=fallback))
    names = {one.name for one in bought}
    assert {"usd per staff hour", "device usd", "device watts", "amortise months", "fallback share", "pue"} <= names
    rented = {one.name for one in tornado(served(tenure="rent", overheads=bare()))}
    assert "device usd per hour" in rented
    assert {"price of input", "price of output"} <= {one.name for one in tornado(hosted())}


def test_an_instruction_never_exceeds_a_shortened_input() -> None:
    """Half the input of a request that is nearly all instruction can be reckoned with."""
    work = structs.replace(WORK, instruction_tokens=900)
    assert swing(tornado(hosted(work)), "input tokens").at_low == 500


def test_a_stated_range_is_taken() -> None:
    """Also of what is 0 now: a cache that answers up to 0.6 of the input saves up to 0.6 x 0.75 of what input costs."""
    ranges = ranges_of(["cached_share=0:0.6", "requests_per_day=1e3:1e5", "price_of_input=2:3"])
    swings = tornado(hosted(), ranges)
    assert "cached share" not in {one.name for one in tornado(hosted())}
    found = swing(swings, "cached share")
    assert found.usd_low == total(hosted())
    assert found.usd_low - found.usd_high == pytest.approx(0.6 * 0.75 * 300)
    assert swing(swings, "requests per day").at_high == 1e5
    assert swing(swings, "price of input").usd_low == pytest.approx(total(hosted()) + 300)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("request_per_day=1:2", "requests_per_day"), ("pue=1", "NAME=LOW:HIGH"), ("pue=0:2", "from 1 to 5"),
        ("cached_share=0.5:0.2", "lower one first"), ("cached_share=0:nan", "from 0 to 1"),
        ("usd_per_kwh=a:b", "NAME=LOW:HIGH"),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_is_refused(text: str, said: str) -> None:
    """An unknown input shows the nearest, an impossible range what can be."""
    with pytest.raises(ConfigError, match=said):
        ranges_of([text])


def test_every_input_of_a_scenario_can_be_named() -> None:
    """What is varied by default is what `--vary` can name."""
    fallback = Fallback(name="strong", share=0.1, price=Price(input=1.0, output=1.0))
    work = structs.replace(WORK.at(300_000), cached_share=0.5, batch_share=0.1)
    scenarios = [hosted(work, fallback=fallback, batch=Price(input=0.5, output=2.0), overheads=assumed(()))]
    scenarios += [served(work, tenure=way, speed=a_speed(doubt=2.0), overheads=assumed(())) for way in ("rent", "buy")]
    found = {one.name.replace(" ", "_") for scenario in scenarios for one in tornado(scenario)}
    assert found == set(INPUTS)
