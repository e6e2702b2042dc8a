"""`assay config`: is the file right, and what does it come to."""

from __future__ import annotations

import click

from assay.cli.door import config_option, emit, json_option


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
    from assay.evals.grading import check_graders
    from assay.evals.suite import read_suite
    from assay.inference.build import Builder, make_route

    loaded = load(config)
    builder = Builder(load_catalog(loaded.config.catalog_files))
    for name, deployment in loaded.config.deployments.items():
        builder.deployment(name, deployment)
    for name, route in loaded.config.routes.items():
        make_route(name, route)
    if loaded.config.decide.suite is not None:
        check_graders(read_suite(loaded.config.decide.suite).samples)
    deployments, routes = len(loaded.config.deployments), len(loaded.config.routes)
    value = {"path": str(loaded.path), "digest": loaded.digest, "deployments": deployments, "routes": routes}
    emit(value, as_json, f"{loaded.path} is right: {deployments} deployments, {routes} routes")


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
