"""`assay advise`: which model, which lever and which evals, for someone who has no evals yet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.catalog.load import Catalog
    from assay.decision.advice.advice import Advice

HUGE = 1e12
_ABOVE = Finite(min=0, max=HUGE, min_open=True)
_LIMIT = Finite(min=0, max=HUGE)
_SHARE = Finite(min=0, max=1)
_COUNT = click.IntRange(1, 10**9)


class Word(click.Choice[str]):
    """One of some words; for another that people use, the one that was probably meant is named."""

    def __init__(self, choices: Sequence[str], *, meant: Mapping[str, str]) -> None:
        super().__init__(choices)
        self._meant = meant

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word, or a usage error."""
        if value in self._meant:
            self.fail(
                f"{value!r} is none of {', '.join(self.choices)}; did you mean {self._meant[value]!r}?", param, ctx
            )
        return super().convert(value, param, ctx)


PROMPTS = (
    ("privacy", "Data: public, sensitive (a part may not leave), regulated (none may)"),
    ("requests_per_day", "Requests a day"),
    ("input_tokens", "Input tokens of one request"),
    ("output_tokens", "Output tokens of one answer"),
    ("latency_s", "Longest wait for the first token in seconds (0 = nobody waits)"),
    ("answer_s", "Longest time for a whole answer on your own machine in seconds (0 = as long as it takes)"),
    ("modalities", "Taken besides text: image, audio, video, document (with commas)"),
    ("languages", "Languages as ISO codes (with commas)"),
    ("usd_per_month", "Budget in USD a month (Enter = no limit; --budget 0 = nothing may be billed)"),
    ("team", "Team: none, app (developers), ml (who train), infra (who run servers)"),
    ("device", "A machine that is there, as `assay fit` names it"),
    ("examples", "Good examples at hand"),
    ("knowledge", "What right answers rest on: stable or changing"),
)
"""Field -> what is asked on a terminal where no flag gave it."""


@click.command("advise")
@click.option(
    "--task",
    help="The work: reasoning, long-documents, chat, multimodal, bulk, edge, bilingual, code, sql, "
    "extraction, classification, agents.",
)
@click.option(
    "--privacy",
    type=Word(["public", "sensitive", "regulated"], meant={"private": "sensitive", "confidential": "sensitive"}),
    help="sensitive: a part may not leave the house; regulated: none may [default: public].",
)
@click.option("--sensitive-share", type=_SHARE, help="Of sensitive work, the share that may not leave [default: 0.3].")
@click.option("--requests-per-day", type=_ABOVE, help="Volume [default: the task's usual one].")
@click.option("--input-tokens", type=_COUNT, help="Of one request [default: the task's].")
@click.option("--output-tokens", type=_COUNT, help="Of one answer, thinking included [default: the task's].")
@click.option(
    "--latency-s",
    type=_LIMIT,
    help="Longest wait for the first token; 0 = nobody waits [default: the task's, or none].",
)
@click.option(
    "--answer-s",
    type=_LIMIT,
    help="Longest time for a whole answer on a machine of your own; 0 = as long as it takes [default: the task's].",
)
@click.option("--context", "context_tokens", type=_COUNT, help="Longest request and answer [default: one of each].")
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["image", "audio", "video", "document"]),
    help="Taken besides text; may be repeated.",
)
@click.option("--language", "languages", multiple=True, help="ISO 639-1 code (de); may be repeated.")
@click.option(
    "--budget",
    "usd_per_month",
    type=_LIMIT,
    help="Most that may be billed, USD a month; 0 = nothing: what is free, and a --device that is there, whose power "
    "does not count then [default: none].",
)
@click.option(
    "--team",
    type=click.Choice(["none", "app", "ml", "infra"]),
    help="Who would run it: nobody, developers, people who train, people who run servers [default: app].",
)
@click.option("--device", help="A machine that is there, as `assay fit` names it [default: the cheapest to rent, or "
              "to buy where data may not leave].")  # fmt: skip
@click.option("--licence", "licences", multiple=True, help="That open weights may have; may be repeated.")
@click.option("--examples", type=click.IntRange(0, 10**9), help="Good examples at hand [default: 0].")
@click.option(
    "--knowledge",
    type=click.Choice(["stable", "changing"]),
    help="Whether what a right answer rests on changes from week to week [default: stable].",
)
@click.option("--ceiling", is_flag=True, default=None, help="Prompting was measured, and more of it brings nothing.")
@click.option("--hard-share", type=_SHARE, help="Requests that a small model gets wrong [default: the task's].")
@click.option(
    "--checkable/--not-checkable",
    default=None,
    help="A check that knows no right answer tells most wrong ones: a query runs, tests pass [default: by task].",
)
@click.option("--use-cases", is_flag=True, help="The usual use cases, best and runner-up of each, with USD per query.")
@click.option("--explain", is_flag=True, help="Every step of the tree, and every model that a limit removed.")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write an assay.toml with the candidates and a suite to fill into this folder.",
)
@config_option
@json_option
def command(
    task: str | None, use_cases: bool, explain: bool, folder: Path | None, config: str | None, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Say which model to begin with, which lever to pull, and which evals would prove it wrong.

    Hard limits remove models first, each with its reason. The cheapest of those whose published figures are good
    enough is the best; hosted, open and hybrid plans stand beside it. What is not said is assumed and told; on a
    terminal it is asked. It is an advice from facts and estimates: no model is asked, nothing is sent.

    \b
    Examples:
      assay advise --task chat --requests-per-day 20000 --budget 500
      assay advise --task code --privacy regulated --device m3-max-36gb --explain
      assay advise --task extraction --examples 2000 --ceiling --write work
      assay advise --use-cases

    Exit code 0: a plan is advised; 1: no model of the catalogue is left within the limits.
    """
    if use_cases:
        if task or folder or explain or any(value not in (None, ()) for value in given.values()):
            raise click.UsageError("--use-cases shows all of them with their usual figures; leave other flags out")
        _use_cases(config, as_json)
        return
    asking = not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    found = advice_for(config, _task(task, asking), given, asking=asking)
    tell(found, as_json, explain=explain)
    if folder is not None:
        _write(found, _catalog(config), folder)
    finish(0 if found.best is not None else 1)


def advice_for(config: str | None, task: str, given: dict[str, Any], *, asking: bool = False) -> Advice:
    """The advice of today; on a terminal what no flag gave is asked first."""
    from assay.cli.places import catalog_of, measured_here
    from assay.config.load import load_if_any
    from assay.decision.advice.advice import advise
    from assay.decision.advice.situation import situation
    from assay.envelope.device import AUTO

    if asking:
        _ask(task, given)
    loaded, asked = load_if_any(config), situation(task, given)
    is_here = (asked.device or "").strip().lower() == AUTO
    return advise(catalog_of(loaded), asked, _today(), measured=measured_here(loaded) if is_here else {})


def tell(found: Advice, as_json: bool, *, explain: bool) -> None:
    """Print an advice."""
    from assay.decision.advice.explained import explained

    emit(found, as_json, "" if as_json else explained(found, whole=explain))


def _today() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def _catalog(config: str | None) -> Catalog:
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any

    return catalog_of(load_if_any(config))


def _task(task: str | None, asking: bool) -> str:
    """The task that was named, or asked for.

    Raises:
        ConfigError: none was named, and nobody can be asked.
    """
    from assay.decision.advice.task import TASKS
    from assay.errors import ConfigError

    if task is not None:
        return task
    if not asking:
        raise ConfigError(f"no task; name one with --task: {', '.join(TASKS)}; or see --use-cases")
    for one in TASKS.values():
        note(f"  {one.name:15} {one.says}")
    answer: str = click.prompt("Task", type=click.Choice(list(TASKS)), default="chat", err=True, show_choices=False)
    return answer


def _ask(task: str, given: dict[str, Any]) -> None:
    """Ask for what no flag gave; Enter takes what is usual, and then it counts as assumed."""
    from assay.decision.advice.situation import situation

    usual = situation(task, given)
    for field, question in PROMPTS:
        if given.get(field) not in (None, ()):
            continue
        shown = _shown(getattr(usual, field), field)
        answer = click.prompt(question, default=shown, type=type(shown), err=True)
        if answer != shown:
            given[field] = _told(answer, getattr(usual, field))


def _shown(usual: Any, field: str) -> Any:
    """What stands in brackets: of several the names with commas, of no limit 0."""
    if isinstance(usual, tuple):
        return ", ".join(usual)
    return usual if usual is not None else "" if field == "device" else 0.0


def _told(answer: Any, usual: Any) -> Any:
    if isinstance(usual, tuple):
        return tuple(part.strip() for part in answer.split(",") if part.strip())
    return answer


def advise_configured(config: str | None, folder: str | None, task: str | None, as_json: bool) -> NoReturn:
    """`assay choose --from-catalog`: the advice within the limits of a configuration.

    Raises:
        ConfigError: there is no configuration, or no such task.
    """
    from assay.catalog.load import load as load_catalog
    from assay.config.load import load
    from assay.decision.advice.advice import advise
    from assay.decision.advice.configured import situation_of
    from assay.evals.suites.suite import read_suite

    loaded = load(config)
    place = folder or loaded.config.decide.suite
    suite = read_suite(place) if place is not None and (folder or Path(place).is_dir()) else None
    found = advise(load_catalog(loaded.config.catalog_files), situation_of(loaded.config, suite, task), _today())
    tell(found, as_json, explain=False)
    finish(0 if found.best is not None else 1)


def _use_cases(config: str | None, as_json: bool) -> None:
    from assay.decision.advice.explained import tabled
    from assay.decision.advice.use_cases import use_cases

    rows = use_cases(_catalog(config), _today())
    emit(rows, as_json, "" if as_json else tabled(rows))


def _write(found: Advice, catalog: Catalog, folder: Path) -> None:
    from assay.decision.advice.start import start

    started = start(found, catalog, folder)
    note(f"Wrote {folder}: {', '.join(started.files)}")
    for line in started.notes:
        note(f"  {line}")
