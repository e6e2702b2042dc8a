"""`assay fit`: does a model fit onto a device, how fast is it there, and what else to know before it is pulled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from assay.cli.door import config_option, emit, finish, json_option, run

if TYPE_CHECKING:
    from assay.catalog.load import Catalog
    from assay.catalog.model import Model
    from assay.config.load import Loaded
    from assay.envelope.file import FileFacts
    from assay.envelope.fit import Fit
    from assay.envelope.fit_row import FitRow
    from assay.envelope.hardware import Machine
    from assay.ledger.rows import MeasurementRow

DEFAULT_CONTEXT_TOKENS = 8192
MEASURED_CONTEXT_TOKENS = 2048


class Asked(NamedTuple):
    """What the command line says of the work; no context = `DEFAULT_CONTEXT_TOKENS`, or what the model has."""

    context_tokens: int | None
    sequences: int
    prompt_tokens: int
    quantisation: str | None


class Subject(NamedTuple):
    """A model, and its file where there is one on this machine."""

    model: Model
    facts: FileFacts | None


class Place(NamedTuple):
    """Where it is looked: configuration, catalogue and device, and what was measured here."""

    loaded: Loaded | None
    catalog: Catalog
    machine: Machine
    measured: dict[str, MeasurementRow]


def _one(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> str:
    if len(given) > 1:
        raise click.UsageError(f"--device: one at a time, not {', '.join(given)}; run it once for each")
    return given[0]


@click.command("fit")
@click.argument("names", nargs=-1)
@click.option("-d", "--device", default=("auto",), multiple=True, callback=_one, show_default=True,
              help="rtx4090, h100x2, m3-max-36gb, a TOML file.")  # fmt: skip
@click.option("--context", type=click.IntRange(1), help="Tokens of each sequence [default: 8192, or the model's].")
@click.option("--concurrency", default=1, show_default=True, type=click.IntRange(1, 100_000), help="Sequences at once.")
@click.option("--prompt", default=512, show_default=True, type=click.IntRange(1), help="Tokens before the first token.")
@click.option("--quantisation", help="Number format of the weights [default: the most exact that fits].")
@click.option("--measure", is_flag=True, help="Run it here for ten to thirty seconds; the figures are kept.")
@config_option
@json_option
def command(
    names: tuple[str, ...], device: str, context: int | None, concurrency: int, prompt: int, quantisation: str | None,
    measure: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say which open weights fit onto a device: memory, speed, licence, limits.

    NAME is a model of the catalogue, a local deployment, or a GGUF file, whose header gives the exact size. Without
    names every open-weight model is listed: what fits, may be used and is fast enough to be read comes first, the
    largest first; size is no proof of quality. Estimates are ranges with their basis. `--measure` runs the model on
    this machine, through the same path that serves; from then on the measured figures stand in the estimates' place.

    \b
    Examples:
      assay fit --device rtx4090
      assay fit llama-3.1-8b-instruct --device m3-max-36gb --context 32768
      assay fit qwen3-32b -d h100x2 --concurrency 32 --json
      assay fit smollm2-135m-instruct --measure
      assay fit ./model.gguf

    Exit code of named models: 0 all fit, also tightly; 1 one does not; 4 of one it cannot be told.
    """
    asked = Asked(context, concurrency, prompt, quantisation)
    if measure and not names:
        raise click.UsageError("--measure needs a NAME: it runs that model")
    if measure and device.strip().lower() != "auto":
        raise click.UsageError(f"--measure runs the model on this machine, not on {device!r}; leave --device out")
    place = _place(config, device)
    if not names:
        from assay.cli.fit_page import listing
        from assay.envelope.fit_row import device_row

        rows = _list(place, asked)
        emit({"device": device_row(place.machine), "models": rows}, as_json, listing(place.machine, rows))
        return
    if measure:
        from assay.cli.fit_measuring import measured
        from assay.cli.places import measured_here
        from assay.config.schema import Engine

        engine = Engine(context_tokens=context or MEASURED_CONTEXT_TOKENS, slots=concurrency)
        for name in names:
            deployment = place.loaded.config.deployments.get(name) if place.loaded else None
            run(measured(*_subject(name, place), place.loaded, deployment.engine if deployment else engine))
        place = place._replace(measured=measured_here(place.loaded))
    _show([_subject(name, place) for name in names], place, asked, as_json)


def _show(subjects: list[Subject], place: Place, asked: Asked, as_json: bool) -> None:
    from assay.cli.fit_page import page
    from assay.envelope.fit_row import device_row

    rows = [_whole(subject, place, asked) for subject in subjects]
    text = "\n\n".join(page(place.machine, row) for row in rows)
    emit({"device": device_row(place.machine), "models": rows}, as_json, text)
    verdicts = {row.verdict for row in rows}
    finish(1 if "no" in verdicts else 4 if "unknown" in verdicts else 0)


# ------------------------------------------------------------------------------------------- looking


def _place(config: str | None, device: str) -> Place:
    from assay.cli.places import catalog_of, measured_here
    from assay.config.load import load_if_any
    from assay.envelope.device import machine

    loaded = load_if_any(config)
    catalog = catalog_of(loaded)
    on = machine(catalog, device)
    return Place(loaded, catalog, on, measured_here(loaded) if on.is_here else {})


def _subject(name: str, place: Place) -> Subject:
    """What a name means: a file, a local deployment, or a model with the file of it that is here."""
    from assay.envelope.file import facts_of, model_of
    from assay.errors import ConfigError

    if name.lower().endswith(".gguf"):
        facts = facts_of(Path(name).expanduser())
        return Subject(model_of(facts), facts)
    deployment = place.loaded.config.deployments.get(name) if place.loaded else None
    if deployment is None:
        model = place.catalog.find(name)
        return Subject(model, _held(model) if place.machine.is_here else None)
    if deployment.dialect != "local":
        raise ConfigError(f"deployment {name!r} is no local engine: its host decides what it runs on")
    known = place.catalog.get(deployment.model)
    if deployment.weights is not None:
        from assay.weights.locate import locate

        facts = facts_of(locate(deployment.weights))
        return Subject(known or model_of(facts), facts)
    model = known or place.catalog.find(deployment.model)
    return Subject(model, _held(model))


def _held(model: Model) -> FileFacts | None:
    """The model's file on this machine, if there is one that is sound."""
    from assay.catalog.located import find_weights
    from assay.envelope.file import facts_of
    from assay.errors import WeightsError
    from assay.weights.store import Store

    if not model.weights:
        return None
    try:
        path = find_weights(model, Store())
        facts = facts_of(path)
    except WeightsError:
        return None
    size = path.stat().st_size
    label = next((one.quantisation for one in model.weights if one.bytes == size), None)
    return facts._replace(quantisation=label or facts.quantisation)


def _fit(subject: Subject, place: Place, asked: Asked) -> tuple[Fit, int]:
    """The verdict, and the context that it is for."""
    from assay.envelope.fit import fit

    model, facts = subject
    facts = facts if asked.quantisation is None else None
    supported = facts.shape.context_tokens if facts else model.context_tokens
    context = asked.context_tokens or min(DEFAULT_CONTEXT_TOKENS, supported or DEFAULT_CONTEXT_TOKENS)
    found = fit(
        place.catalog,
        model,
        place.machine,
        context_tokens=context,
        sequences=asked.sequences,
        constraints=place.loaded.config.constraints if place.loaded else None,
        quantisation=asked.quantisation,
        prompt_tokens=asked.prompt_tokens,
        file=facts,
        measured=_measurement(place.measured.get(model.id), facts),
    )
    return found, context


def _measurement(row: MeasurementRow | None, facts: FileFacts | None) -> MeasurementRow | None:
    """What was measured of this very file; of another one it says nothing."""
    from assay.weights.digest import sha256_of

    if row is None or facts is None:
        return None
    return row if sha256_of(Path(facts.path)) == row.weights_sha256 else None


def _list(place: Place, asked: Asked) -> list[FitRow]:
    """Every open-weight model, the best first."""
    from assay.envelope.fit import rank
    from assay.envelope.fit_row import fit_row

    here = place.machine.is_here
    models = [model for model in place.catalog.models if model.ecosystem == "open-weight"]
    found = [_fit(Subject(model, _held(model) if here and model.weights else None), place, asked) for model in models]
    return [
        fit_row(one, context_tokens=context, sequences=asked.sequences, prompt_tokens=asked.prompt_tokens)
        for one, context in sorted(found, key=lambda pair: rank(pair[0]))
    ]


def _whole(subject: Subject, place: Place, asked: Asked) -> FitRow:
    """The row of one model with all that is known of it."""
    from msgspec import structs

    from assay.envelope.fit import options
    from assay.envelope.fit_row import OptionRow, fit_row
    from assay.envelope.upkeep import burden, failures

    one, context = _fit(subject, place, asked)
    catalog, machine, model = place.catalog, place.machine, subject.model
    formats = options(model, machine, context_tokens=context, sequences=asked.sequences)
    file = subject.facts.path if subject.facts is not None and asked.quantisation is None else None
    row = fit_row(one, context_tokens=context, sequences=asked.sequences, prompt_tokens=asked.prompt_tokens, file=file)
    lines = failures(
        catalog,
        one,
        formats,
        context_tokens=context,
        sequences=asked.sequences,
        constraints=place.loaded.config.constraints if place.loaded else None,
    )
    return structs.replace(
        row,
        options=tuple(OptionRow(**format_._asdict()) for format_ in formats),
        burden=burden(catalog, model, machine.kind),
        failures=lines,
    )
