"""`assay models`: what exists, with dated facts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option

if TYPE_CHECKING:
    from assay.catalog.load import Catalog


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.option(
    "--hosts",
    is_flag=True,
    help="List the providers and servers that a deployment's `host` may name; --json has every quirk and source.",
)
@click.pass_context
def command(ctx: click.Context, config: str | None, as_json: bool, hosts: bool) -> None:
    """List the models of the catalogue, with licence, size, context and price.

    \b
    Examples:
      assay models
      assay models --hosts
      assay models show huggingfacetb/smollm2-135m-instruct
    """
    if ctx.invoked_subcommand is not None:
        return
    if hosts:
        _list_hosts(catalog_of(config), as_json)
        return
    from datetime import UTC, datetime

    from assay.catalog.overview import overview
    from assay.decision.explain import table

    rows = overview(catalog_of(config), datetime.now(UTC))
    head = ("model", "ecosystem", "variant", "parameters", "context", "licence", "in / out USD per Mtok", "as of")
    cells = [
        (
            row["id"],
            row["ecosystem"],
            row["variant"] or "unknown",
            f"{row['parameters'] / 1e6:,.0f} M" if row["parameters"] else "unknown",
            f"{row['context_tokens']:,}" if row["context_tokens"] else "unknown",
            row["licence"] or ("hosted" if row["ecosystem"] == "hosted" else "unknown"),
            _price(row["input_usd_per_mtok"], row["output_usd_per_mtok"]),
            row["price_as_of"] or "-",
        )
        for row in rows
    ]
    emit(rows, as_json, "\n".join(table(head, cells)))


def _list_hosts(catalog: Catalog, as_json: bool) -> None:
    import os

    from assay.catalog.host_rows import host_rows
    from assay.decision.explain import table

    rows = host_rows(catalog, os.environ)
    head = ("host", "speaks", "key", "whose", "differs in", "as of", "not looked up", "address")
    cells = [
        (
            row["host"],
            ", ".join((row["dialect"], *row["dialects"])),
            f"{row['api_key_env']} ({'set' if row['key_set'] else 'not set'})" if row["api_key_env"] else "-",
            "own" if row["self_hosted"] else "rented",
            _few([*(set(row["quirks"]) - {"capabilities"}), *row["quirks"].get("capabilities", ())]),
            row["as_of"] or "-",
            _few(row["unverified"]),
            row["base_url"] or "-",
        )
        for row in rows
    ]
    notes = [f"{row['host']}: {row['note']}" for row in rows if row["note"]]
    emit(rows, as_json, "\n".join((*table(head, cells), "", *notes)))


def _few(names: Collection[str]) -> str:
    """Two names and how many more there are; JSON has them all."""
    more = f" +{len(names) - 2}" if len(names) > 2 else ""
    return ", ".join(sorted(names)[:2]) + more or "-"


def _price(given: float | None, taken: float | None) -> str:
    return f"{given:g} / {taken:g}" if given is not None and taken is not None else "-"


@command.command()
@click.argument("name")
@config_option
@json_option
def show(name: str, config: str | None, as_json: bool) -> None:
    """Every fact of one model, with its source and date; unknown is said, never guessed.

    \b
    Example:
      assay models show huggingfacetb/smollm2-135m-instruct
    """
    from assay.catalog.overview import details
    from assay.decision.explain import table

    facts = details(catalog_of(config).find(name))
    cells = [
        (
            fact["fact"],
            "unknown" if fact["value"] is None else str(fact["value"]),
            (fact["source"] or "-") + ("" if fact["verified"] in (True, None) else " (unverified)"),
            fact["as_of"] or "-",
        )
        for fact in facts
    ]
    emit(facts, as_json, "\n".join(table(("fact", "value", "source", "as of"), cells)))


def catalog_of(config: str | None) -> Catalog:
    """The catalogue of the configuration; the shipped one where there is none."""
    from assay.catalog.load import builtin, load
    from assay.config.load import find
    from assay.config.load import load as load_config

    if config is None and find() is None:
        return builtin()
    return load(load_config(config).config.catalog_files)
