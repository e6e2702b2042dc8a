"""`assay config`: is the file right, and what does it come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.catalog.load import Catalog
    from assay.config.schema import Constraints, Deployment
    from assay.inference.deployment import LiveDeployment


@click.group()
def command() -> None:
    """Check or show the configuration."""


@command.command()
@config_option
@json_option
def check(config: str | None, as_json: bool) -> None:
    """Read assay.toml, every file it names, its suite and every part it uses; say what is wrong.

    \b
    Example:
      assay config check -c examples/workshop
    """
    from assay.catalog.load import load as load_catalog
    from assay.config.load import load
    from assay.errors import ConfigError, did_you_mean
    from assay.evals.graders.grading import check_graders, models_of
    from assay.evals.suites.suite import read_suite
    from assay.inference.build import Builder, make_route
    from assay.inference.guards import make_guard
    from assay.inference.unheard import unheard_thinking

    loaded = load(config)
    catalog = load_catalog(loaded.config.catalog_files)
    builder = Builder(catalog)
    builder.check_hosts(loaded.config.constraints.hosts or ())
    live = [builder.deployment(name, deployment) for name, deployment in loaded.config.deployments.items()]
    for name, route in loaded.config.routes.items():
        make_route(name, route, loaded.config.guards)
    for name, guard in loaded.config.guards.items():  # also one that no route names yet
        make_guard(name, guard)
    if loaded.config.decide.suite is not None:
        suite = read_suite(loaded.suite_path)
        check_graders(suite.samples)
        known = {*loaded.config.deployments, *loaded.config.routes}
        for name in models_of(suite.samples):
            if name not in known:
                raise ConfigError(f"graders of suite {suite.name!r} ask {name!r}; {did_you_mean(name, known)}")
    deployments, routes = len(loaded.config.deployments), len(loaded.config.routes)
    notes = [
        *_unknown_models(loaded.config.deployments, catalog),
        *_elsewhere(live),
        *unheard_thinking(live),
        *_unknown_words(loaded.config.constraints, catalog),
    ]
    value = {"path": str(loaded.path), "digest": loaded.digest, "deployments": deployments, "routes": routes}
    text = f"{loaded.path} is right: {plural(deployments, 'deployment')}, {plural(routes, 'route')}"
    emit(value | {"notes": notes}, as_json, "\n".join([text, *(f"note: {note}" for note in notes)]))


def _unknown_models(deployments: Mapping[str, Deployment], catalog: Catalog) -> list[str]:
    """A word on each model that the catalogue does not know. That is no fault: it may be a team's own."""
    unknown = {
        name: one.model
        for name, one in deployments.items()
        if one.dialect != "scripted" and catalog.get(one.model) is None
    }
    nearest = {model: catalog.nearest(model) for model in unknown.values()}
    return [
        f"deployments.{name}.model: the catalogue does not know {model!r}, nor so its price and limits"
        + (f"; did you mean {nearest[model]!r}?" if nearest[model] else "")
        for name, model in unknown.items()
    ]


def _elsewhere(deployments: Iterable[LiveDeployment]) -> Iterator[str]:
    """A word on each that names a host and is at another address: what the host promises does not hold there."""
    for one in deployments:
        if one.is_elsewhere:
            yield (
                f"deployments.{one.name}.base_url is not {one.config.host}'s own address: whoever is there has no "
                "known data policy and counts as none of constraints.hosts; say private = true if it is your own"
            )


def _unknown_words(limits: Constraints, catalog: Catalog) -> Iterator[str]:
    """A word on each that nothing in the catalogue has, so that a limit with it lets nothing more pass."""
    from assay.errors import did_you_mean

    policies = [policy for host in catalog.hosts if (policy := catalog.policy(host)) is not None]
    known = {
        "licences": {*catalog.licences, *(model.licence.lower() for model in catalog.models if model.licence)},
        "data_regions": {region for policy in policies for region in policy.regions or ()},
    }
    for key, words in known.items():
        for word in getattr(limits, key) or ():
            if word.lower() not in words:
                yield f"constraints.{key}: nothing in the catalogue has {word!r}; {did_you_mean(word.lower(), words)}"


@command.command()
@config_option
@json_option
def show(config: str | None, as_json: bool) -> None:
    """Print the resolved configuration: paths absolute, no defaults left out of what was set.

    Keys are never in it: the file names the variables that hold them.

    \b
    Example:
      assay config show --json
    """
    import msgspec
    import tomli_w

    from assay.config.load import load

    loaded = load(config)
    emit(loaded.config, as_json, tomli_w.dumps(msgspec.to_builtins(loaded.config)))
