"""`assay cost`: what candidates cost a month, at a host or on machines, for described or observed work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, json_option, note
from assay.cli.since import moment

if TYPE_CHECKING:
    from datetime import date

    from assay.catalog.load import Catalog
    from assay.config.schema import Config, Price
    from assay.envelope.hardware import Machine
    from assay.envelope.owning import Tenure
    from assay.envelope.scenario import Fallback, Scenario
    from assay.envelope.ways import Serving, Situation
    from assay.ledger.rows import MeasurementRow

DETAILED = 8
"""More candidates than this are listed with their totals only."""
AUTO = "auto"
SHARE, AMOUNT, RATE = Finite(0.0, 1.0), Finite(0.0), Finite(0.001)


class Asked(NamedTuple):
    """What the command line says of machines and of who answers what a candidate cannot."""

    devices: tuple[str, ...]
    tenures: tuple[Tenure, ...]
    quantisation: str | None
    context: int | None
    sequences: int
    prefill_tok_s: float | None
    output_tok_s: float | None
    usd_per_hour: float | None
    usd: float | None
    watts: float | None
    fallback_share: float
    fallback_model: str | None


class Known(NamedTuple):
    """Where names are looked up, and what was measured on this machine, by model."""

    config: Config | None
    catalog: Catalog
    measured: dict[str, MeasurementRow]


@click.command("cost")
@click.argument("names", nargs=-1)
@click.option("--requests-per-day", type=AMOUNT, help="Mean over all days, quiet ones included.")
@click.option("--input-tokens", type=AMOUNT, help="Of a mean request, cached ones included.")
@click.option("--output-tokens", type=AMOUNT, help="Of a mean answer, reasoning included.")
@click.option("--cached-share", type=SHARE, help="Share of the input that is read from a prompt cache.")
@click.option("--batch-share", type=SHARE, help="Share of the requests that may wait for a day.")
@click.option("--peak-factor", type=Finite(1.0, 24.0), help="Busiest hour by a mean one [default: 3].")
@click.option("--instruction-tokens", type=AMOUNT, help="Of the input, what is the same in every request.")
@click.option("--days", "days_per_month", type=Finite(1.0, 31.0), help="Days of a month [default: 30.4].")
@click.option("--from-ledger", is_flag=True, help="The requests that were really made, instead of a description.")
@click.option(
    "--since", metavar="7d", callback=moment, help="Of the ledger: the last so many days (7d) or hours (12h)."
)
@click.option("-k", "--kind", "kinds", multiple=True, help="Of the ledger: only this kind; repeat for several.")
@click.option("-d", "--device", "devices", multiple=True, help="Serve open weights on it: l4, h100x2, auto, x.toml.")
@click.option("--rent-gpu", "tenures", flag_value="rent", multiple=True, help="It is rented by the hour.")
@click.option("--own", "tenures", flag_value="buy", multiple=True, help="It is bought.")
@click.option("--have", "tenures", flag_value="have", multiple=True, help="It is there already: power only.")
@click.option("--quantisation", help="Number format of the weights [default: the best with room for 8 answers].")
@click.option("--context", type=click.IntRange(1), help="Tokens of prompt and answer [default: twice the mean].")
@click.option("--concurrency", "sequences", type=click.IntRange(1, 1024), default=64, show_default=True,
              help="Answers at a time at most.")  # fmt: skip
@click.option("--prefill-tok-s", type=RATE, help="Measured rate of reading, instead of an estimate.")
@click.option("--output-tok-s", type=RATE, help="Measured rate of all answers together, likewise.")
@click.option("--usd-per-hour", type=AMOUNT, help="Rent of the device, instead of the catalogue's.")
@click.option("--device-usd", "usd", type=AMOUNT, help="Price of the device, instead of the catalogue's.")
@click.option("--watts", type=AMOUNT, help="Its full draw, instead of the catalogue's.")
@click.option("--price", "prices", multiple=True, metavar="NAME=IN/OUT",
              help="Your price, USD per million tokens; IN/CACHED/OUT too.")  # fmt: skip
@click.option("--fallback-share", type=SHARE, default=0.0, help="Share that a stronger model answers again.")
@click.option("--fallback-model", help="That model.")
@click.option("--tuning-usd", type=AMOUNT, default=0.0, help="What tuning costs once: when does it pay back?")
@click.option("--assume", multiple=True, metavar="NAME=VALUE", help="Replace one: usd_per_kwh=0.3, hours=0 ...")
@click.option("--assumptions", "only_assumptions", is_flag=True, help="Print the assumptions with their sources.")
@click.option(
    "--vary", multiple=True, metavar="NAME=LOW:HIGH", help="Range of an input, instead of half less and more."
)
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw cost over volume into FILE.svg or FILE.png.")
@config_option
@json_option
def command(
    names: tuple[str, ...], from_ledger: bool, since: float, kinds: tuple[str, ...], prices: tuple[str, ...],
    tuning_usd: float, assume: tuple[str, ...], only_assumptions: bool, vary: tuple[str, ...], plot: str | None,
    config: str | None, as_json: bool, **others: Any,
) -> None:  # fmt: skip
    """What the work costs a month: by the token at a host, or on machines that are rented, bought or there already.

    NAMES are models of the catalogue or deployments of assay.toml; without one, the deployments, or all hosted models
    with a price. Machines come whole and are paid for when idle; people, evaluation, power and what falls back to a
    stronger model are lines of their own, and every assumption can be replaced. What nobody knows is said, never 0.

    \b
    Examples:
      assay cost gpt-4o-mini claude-haiku-4-5 --requests-per-day 20000 --input-tokens 900 --output-tokens 150
      assay cost gpt-4o-mini qwen2.5-7b-instruct -d l4 --requests-per-day 2e5 --input-tokens 900 --output-tokens 150
      assay cost qwen2.5-7b-instruct -d rtx4090 --own --from-ledger --since 30d --plot cost.svg
      assay cost qwen2.5-7b-instruct -d l4 --from-ledger --fallback-share 0.1 --fallback-model gpt-4o
      assay cost --assumptions
    """
    from assay.cli.bills import render, render_assumptions
    from assay.cli.places import catalog_of, measured_here
    from assay.cli.work import traffic_of, workload_of
    from assay.config.load import load_if_any
    from assay.envelope.bills import assumptions_of, bills_of
    from assay.envelope.named import own_price
    from assay.envelope.overheads import assumed
    from assay.envelope.sensitivity import ranges_of
    from assay.envelope.ways import Situation

    overheads, ranges = assumed(assume), ranges_of(vary)
    if only_assumptions:
        rows = assumptions_of(overheads)
        emit(rows, as_json, render_assumptions(rows))
        return
    asked = Asked(**{name: others.pop(name) for name in Asked._fields})
    traffic = traffic_of(config, since, kinds) if from_ledger else ()
    situation = Situation(workload=workload_of(others, traffic), overheads=overheads, tuning_usd=tuning_usd)
    loaded = load_if_any(config)
    known = Known(loaded and loaded.config, catalog_of(loaded), measured_here(loaded) if AUTO in asked.devices else {})
    scenarios = _scenarios(names, known, situation, asked, dict(map(own_price, prices)))
    bills = bills_of(scenarios, traffic, details=len(scenarios) <= DETAILED, ranges=ranges)
    if plot is not None:
        _draw(plot, scenarios, ranges)
    emit(bills, as_json, "" if as_json else render(bills, DETAILED))


def _scenarios(
    names: tuple[str, ...], known: Known, situation: Situation, asked: Asked, prices: dict[str, Price]
) -> list[Scenario]:
    """Every way in which every candidate can be had."""
    from datetime import UTC, datetime

    from msgspec import structs

    from assay.envelope.named import named
    from assay.envelope.ways import hosted_way, served_ways

    today = datetime.now(UTC).date()
    tokens = situation.workload.input_tokens
    situation = structs.replace(situation, fallback=_fallback(asked, known, today, tokens, prices))
    servings = _servings(asked, known)
    own = {name: price for name, price in prices.items() if name in names or name != asked.fallback_model}
    found: list[Scenario] = []
    for one in named(names, known.catalog, known.config, today, input_tokens=tokens, own=own):
        can_be_served = bool(servings) and one.is_open
        if one.price is not None or not can_be_served:
            found.append(hosted_way(one, situation))
        if can_be_served:
            found += [way for serving in servings for way in served_ways(one, serving, situation)]
    if not found:
        raise click.UsageError("there is nobody to reckon with; name models or deployments")
    return found


def _fallback(asked: Asked, known: Known, today: date, tokens: float, prices: dict[str, Price]) -> Fallback | None:
    """Who answers what a candidate cannot."""
    from assay.envelope.named import named
    from assay.envelope.scenario import Fallback
    from assay.errors import CatalogError

    name, share = asked.fallback_model, asked.fallback_share
    if not share:
        return None
    if name is None:
        raise click.UsageError("--fallback-share needs --fallback-model: who answers what a candidate cannot")
    given = {name: prices[name]} if name in prices else None
    [found] = named((name,), known.catalog, known.config, today, input_tokens=tokens, own=given)
    if found.rate is None:
        raise CatalogError(f"nobody knows the price of the fallback {name!r}; give one: --price {name}=IN/OUT")
    return Fallback(name=name, share=share, price=found.rate, batch=found.batch)


def _servings(asked: Asked, known: Known) -> list[Serving]:
    """The machines, with what was said of them instead of the catalogue's word."""
    from assay.envelope.device import machine
    from assay.envelope.hardware import Machine
    from assay.envelope.ways import Serving

    said = {name: getattr(asked, name) for name in ("usd_per_hour", "usd", "watts") if getattr(asked, name) is not None}
    machines = [Machine(**{**machine(known.catalog, spec)._asdict(), **said}) for spec in asked.devices]
    return [
        Serving(
            catalog=known.catalog,
            machine=one,
            tenures=_tenures(asked, one),
            quantisation=asked.quantisation,
            context_tokens=asked.context,
            sequences=asked.sequences,
            prefill_tok_s=asked.prefill_tok_s,
            output_tok_s=asked.output_tok_s,
            measured=known.measured,
        )
        for one in machines
    ]


def _tenures(asked: Asked, one: Machine) -> tuple[Tenure, ...]:
    """How it is had: as it was said, else both ways that have a price; this very machine is there already."""
    if asked.tenures or one.is_here:
        return asked.tenures or ("have",)
    known: dict[Tenure, float | None] = {"rent": one.usd_per_hour, "buy": one.usd}
    return tuple(tenure for tenure, usd in known.items() if usd is not None) or ("buy",)


def _draw(plot: str, scenarios: list[Scenario], ranges: dict[str, tuple[float, float]]) -> None:
    from assay.report.costs import draw

    draw(plot, scenarios, ranges)
    note(f"written: {plot}")
