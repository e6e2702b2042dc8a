"""`assay models`: what exists, with dated facts."""

from __future__ import annotations

from typing import Any

import click

from assay.cli.door import config_option, json_option
from assay.cli.group import Commands
from assay.cli.models.flags import flags

COMMANDS = {"lint": "models.lint", "show": "models.show", "verify": "models.verify"}
"""Command -> module under `assay.cli`."""


@click.group(cls=Commands, modules=COMMANDS, invoke_without_command=True)
@config_option
@json_option
@click.option("--where", "-w", multiple=True, metavar="COND", help="Keep rows that meet it; repeat it for more.")
@click.option("--search", "-q", multiple=True, metavar="WORD", help="Keep rows with it in id, name, family or maker.")
@flags
@click.option("--fits", metavar="DEVICE", help="Keep weights that fit there (assay fit): rtx4090, auto ...")
@click.option("--sort", metavar="COLUMN", help="Sort by it; -COLUMN the other way round [default: id].")
@click.option("--columns", metavar="A,B,C", help="Show these columns; `all` prints one fact a line.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many rows.")
@click.option("--export", type=click.Path(), metavar="FILE", help="Write all columns to a .csv, .jsonl or .parquet.")
@click.option("--families", "table", flag_value="families", help="List families: engines, forms, recipes, people.")
@click.option("--licences", "table", flag_value="licences", help="List licences with their terms.")
@click.option("--hosts", "table", flag_value="hosts", help="List what a deployment's `host` may name.")
@click.option("--devices", "table", flag_value="devices", help="List devices: memory, bandwidth, speed, price.")
@click.pass_context
def command(ctx: click.Context, /, config: str | None, as_json: bool, table: str | None, **given: Any) -> None:
    """List the models of the catalogue: what can be rented and what can be owned, with dated facts.

    A condition is NAME OP VALUE with >= <= > < = != or ~ (contains). NAME is a column of --json, or a benchmark; VALUE
    a number (128k, 8B, 0.6), yes or no, a day (2026-03, today, 90d), a word, or words with | between them. Lists are
    met by what they contain. An unknown fact meets nothing but NAME=unknown, unless the condition ends in ?.

    \b
    Examples:
      assay models --open --max-parameters 10B --commercial
      assay models --hosted --modality image --max-usd-out 5 --sort output_usd_per_mtok
      assay models -w 'context_tokens>=200k' -w 'gpqa-diamond>=60' --unretired
      assay models -w 'retires<=180d' --columns id,retires,successor
      assay models show gpt-4o
      assay models --export models.parquet
    """
    if ctx.invoked_subcommand is not None:
        return
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any

    loaded = load_if_any(config)
    catalog = catalog_of(loaded)
    if table is not None:
        from assay.cli.models.tables import show_table

        show_table(table, catalog, as_json)
        return
    from assay.cli.models.listing import show_models

    show_models(catalog, loaded, given, as_json)
