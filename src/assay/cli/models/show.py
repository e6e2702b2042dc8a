"""`assay models show`: everything that is known of one model."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, json_option

if TYPE_CHECKING:
    from assay.catalog.sheet import Offer, Sheet

_WIDTH = 110


@click.command()
@click.argument("name")
@config_option
@json_option
def command(name: str, config: str | None, as_json: bool) -> None:
    """Every fact of one model, with its source and date; unknown is said, never guessed.

    With it: the terms of its licence and what they mean for commercial use, who offers it at what price since when and
    what they do with data, what stands around its family, and published figures, which prove nothing about your work.

    \b
    Examples:
      assay models show huggingfacetb/smollm2-135m-instruct
      assay models show gpt-4o --json
    """
    from datetime import UTC, datetime

    from assay.catalog.sheet import sheet
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any

    catalog = catalog_of(load_if_any(config))
    found = sheet(catalog.find(name), catalog, datetime.now(UTC).date())
    emit(found, as_json, "\n".join(_text(found)))


def _text(found: Sheet) -> Iterable[str]:
    row = found["model"]
    yield f"{row['id']}: {row['name']}, by {row['maker']}"
    if found["warning"]:
        yield from _wrapped(f"Note: {found['warning']}")
    yield from ("", *_facts(found))
    yield from ("", *_terms(found))
    for offer in found["hosts"]:
        yield from ("", *_offered(offer))
    if found["family"] is not None:
        yield from ("", *_around(found["family"]))
    if found["benchmarks"]:
        yield from ("", *_figures(found))


def _facts(found: Sheet) -> list[str]:
    """Known facts with the number of their source, then the sources, then what is unknown."""
    from assay.decision.table import table

    sources: dict[str, int] = {}
    cells: list[tuple[str, ...]] = []
    for fact in found["facts"]:
        if fact["value"] is None:
            continue
        said = f"{fact['source']}{'' if fact['verified'] else ' - UNVERIFIED'}"
        number = sources.setdefault(said, len(sources) + 1)
        cells.append((fact["fact"], _value(fact["value"]), fact["as_of"] or "-", f"[{number}]"))
    notes = [f"{fact['fact']}: {fact['note']}" for fact in found["facts"] if fact["note"]]
    unknown = ", ".join(fact["fact"] for fact in found["facts"] if fact["value"] is None)
    lines = table(("fact", "value", "as of", "source"), cells)
    lines += [part for note in notes for part in _wrapped(f"note on {note}")]
    lines += [part for said, number in sources.items() for part in _wrapped(f"[{number}] {said}")]
    return [*lines, *_wrapped(f"unknown: {unknown}")] if unknown else lines


def _terms(found: Sheet) -> Iterable[str]:
    verdict, licence = found["commercial"], found["licence"]
    yield from _wrapped(f"Commercial use: {verdict['verdict']} ({verdict['term']}): {verdict['reason']}")
    if licence is not None and licence["summary"]:
        yield from _wrapped(f"Licence: {licence['summary']}")
    for duty in verdict["duties"]:
        yield from _wrapped(f"duty: {duty}")


def _offered(offer: Offer) -> Iterable[str]:
    moving = ", a moving alias: pin a snapshot" if offer["moving"] else ""
    yield f"At {offer['host']} as {offer['name']}{moving}"
    if offer["snapshots"]:
        yield from _wrapped(f"snapshots: {', '.join(offer['snapshots'])}")
    price = f"USD per million tokens: {_rates(offer['price'])}"
    yield from _wrapped(f"{price} ({offer['price_source']}, as of {offer['price_as_of'] or 'unknown'})")
    if offer["short_price"] is not None:
        yield from _wrapped(f"short requests: {_rates(offer['short_price'])}")
    if offer["batch"] is not None:
        yield from _wrapped(f"with a batch: {_rates(offer['batch'])}")
    for step in offer["history"] if len(offer["history"]) > 1 else ():
        yield from _wrapped(f"since {step['since'] or 'before'}: {_rates(step['price'])}")
    for said in (offer["price_note"], offer["note"]):
        if said:
            yield from _wrapped(f"note: {said}")
    yield from _wrapped(f"data: {_policy(offer['data_policy'])}")


def _policy(policy: Mapping[str, Any] | None) -> str:
    if policy is None:
        return "what it does with data is unknown"
    facts = ("trains_on_inputs", "retention_days", "zero_retention", "regions", "distillation")
    said = "; ".join(f"{fact.replace('_', ' ')}: {_value(policy[fact])}" for fact in facts)
    weak = f" (unverified: {', '.join(policy['unverified'])})" if policy["unverified"] else ""
    return f"{said}{weak}; as of {policy['as_of'] or 'unknown'}"


def _around(family: Mapping[str, Any]) -> Iterable[str]:
    yield f"Family {family['key']}: {family['name']}"
    facts = ("engines", "forms", "recipes", "derivatives", "patches", "safety_filters", "licence_stability", "talent")
    for fact in facts:
        weak = " (unverified)" if fact in family["unverified"] else ""
        note = f"; {family['notes'][fact]}" if fact in family["notes"] else ""
        yield from _wrapped(f"{fact.replace('_', ' ')}: {_value(family[fact])}{weak}{note}")


def _figures(found: Sheet) -> Iterable[str]:
    from assay.decision.table import table

    yield "Published figures (the weather: a range, no proof for your work)"
    cells = [
        (
            one["name"],
            f"{one['score']:g}{' %' if one['unit'] == 'percent' else ' Elo'}",
            one["setting"] or "-",
            f"by {'its maker' if one['by'] == 'maker' else 'others'}",
            (one["as_of"] or "-") + ("" if one["verified"] else " UNVERIFIED"),
        )
        for one in found["benchmarks"]
    ]
    yield from table(("benchmark", "figure", "setting", "said", "as of"), cells, indent="  ")


def _rates(price: Mapping[str, float] | None) -> str:
    if price is None:
        return "unknown"
    return ", ".join(f"{name.replace('_', ' ')} {rate:g}" for name, rate in price.items())


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one:g}" for name, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
