"""Makes what can be called out of a configuration: deployments with their providers, routes with their policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from assay import plugins
from assay.catalog.load import Catalog
from assay.catalog.located import weights_of
from assay.catalog.model import Model
from assay.catalog.reach import reached, rented_from
from assay.catalog.use import terms_of
from assay.checks.check import Check
from assay.checks.registry import make_check
from assay.config.comparing import Comparing
from assay.config.guard import Guard
from assay.config.schema import WITHOUT_HOST, Config, Deployment, Local, Route
from assay.dialects.capability import check_quirks
from assay.dialects.dialect import Outbound
from assay.errors import CatalogError, ConfigError, PluginError, WeightsError, did_you_mean
from assay.inference.deployment import LiveDeployment
from assay.inference.guards import make_guards
from assay.inference.route import LiveRoute
from assay.inference.spine import Spine
from assay.providers.http import HttpProvider
from assay.providers.http1.client import Http1Transport
from assay.providers.provider import Provider
from assay.providers.scripted import Script, ScriptedProvider
from assay.providers.transport import Transport
from assay.providers.unavailable import Unavailable
from assay.routing.options import check_spec, make_policy
from assay.types import Label
from assay.weights.store import Store

if TYPE_CHECKING:
    from assay.ledger.store import Ledger
    from assay.providers.aiohttp_transport import AiohttpTransport
    from assay.providers.local.places import EngineState
    from assay.providers.local.pool import EnginePool


class Builder:
    """Builds targets that share one pool of connections and one of local engines.

    Args:
        catalog: facts about models and hosts.
        local: what the local engines may hold together.
    """

    def __init__(self, catalog: Catalog, local: Local | None = None) -> None:
        self._catalog = catalog
        self._local_limits = local or Local()
        self._transports: dict[tuple[str, str | None], Transport] = {}
        self._engines: EnginePool | None = None

    def spine(self, config: Config, ledger: Ledger) -> Spine:
        """Everything in a configuration, ready to be called.

        Raises:
            ConfigError: a deployment or route cannot be made as written.
            PluginError: an unknown dialect, policy or check.
        """
        self.check_hosts(config.constraints.hosts or ())
        targets: dict[str, LiveDeployment | LiveRoute] = {}
        for name, deployment in config.deployments.items():
            targets[name] = self.deployment(name, deployment)
        for name, route in config.routes.items():
            targets[name] = make_route(name, route, config.guards)
        return Spine(targets, config.constraints, ledger, engines=self.engines, budgets=config.budgets)

    def engines(self, *, look: bool = False) -> list[EngineState]:
        """What the local engines are doing, in the order of the configuration.

        Args:
            look: read the weights' headers, so that the memory is known that each will need.

        Raises:
            WeightsError: a file of weights is damaged.
        """
        return self._engines.states(look=look) if self._engines is not None else []

    def deployment(self, name: str, deployment: Deployment) -> LiveDeployment:
        """One deployment.

        Raises:
            ConfigError: what it needs to be reached is missing.
        """
        model = self._model(deployment)
        dialect: Outbound | None = None
        if deployment.dialect == "local":
            provider = self._local(name, deployment, model)
        elif deployment.dialect == "scripted":
            provider = ScriptedProvider(Script.read(deployment.script or ""))
        elif deployment.dialect == "litellm":
            from assay.providers.litellm import litellm_provider

            provider = litellm_provider(deployment)
        else:
            deployment, dialect, provider = self._hosted(name, deployment, model)
        try:
            check_quirks(deployment.quirks, getattr(dialect, "quirks", ()))
            _check_variable(deployment.api_key_env)
        except ConfigError as error:
            raise ConfigError(f"deployments.{name}: {error}") from error
        live = LiveDeployment(
            name=name,
            config=deployment,
            provider=provider,
            model=model,
            dialect=dialect,
            missing=provider.reason if isinstance(provider, Unavailable) else None,
            terms=terms_of(model, self._catalog, rented_from(deployment, self._catalog)),
        )
        for kind in (None, *deployment.kinds):
            try:
                prompt = live.prompt(kind)
            except ConfigError as error:
                raise ConfigError(f"deployments.{name}{f'.kinds.{kind}' if kind else ''}: {error}") from error
            if prompt.output is not None and prompt.output.kind == "grammar" and not deployment.runs_here:
                raise ConfigError(
                    f"deployments.{name}: choices and grammars need the dialect 'local'; use a schema_file"
                )
        return live

    def check_hosts(self, hosts: Iterable[str]) -> None:
        """A misspelt host among those that are allowed would take every candidate out, and only when it is called.

        Raises:
            ConfigError: the catalogue has no such host.
        """
        for host in hosts:
            try:
                self._catalog.host(host)
            except CatalogError as error:
                raise ConfigError(f"constraints.hosts: {error} (assay models --hosts lists them)") from error

    def _model(self, deployment: Deployment) -> Model | None:
        """The catalogue entry. A model that it does not know can be used; its facts are then unknown."""
        return self._catalog.get(deployment.model)

    def _hosted(self, name: str, deployment: Deployment, model: Model | None) -> tuple[Deployment, Outbound, Provider]:
        """The deployment as its host completes it, the format spoken there, and what reaches it."""
        try:
            if deployment.dialect:
                _upstream(deployment.dialect)
            found = reached(deployment, model, self._catalog)
            dialect = _upstream(found.deployment.dialect)
        except ConfigError as error:
            raise ConfigError(f"deployments.{name}: {error}") from error
        at_host = _with_limit(found.deployment, model)
        provider = HttpProvider(at_host, dialect, self._transport(at_host), found.base_url, found.upstream_model)
        return at_host, dialect, provider

    def _transport(self, deployment: Deployment) -> Transport:
        """The connections that this deployment shares with others like it."""
        key = (deployment.transport, deployment.ca_file)
        if key not in self._transports:
            self._transports[key] = _transport_class(deployment.transport)(ca_file=deployment.ca_file)
        return self._transports[key]

    def _local(self, name: str, deployment: Deployment, model: Model | None) -> Provider:
        from assay.providers.local.pool import EnginePool
        from assay.providers.local.provider import LocalProvider

        if self._engines is None:
            self._engines = EnginePool(self._local_limits)
        try:
            path = weights_of(deployment, model, Store())
            if path is None:
                raise ConfigError(f"weights is missing, and the catalogue knows none of {deployment.model!r}")
            return LocalProvider(deployment, path, self._engines)
        except WeightsError as error:
            return Unavailable(error)
        except ConfigError as error:
            raise ConfigError(f"deployments.{name}: {error}") from error


def _check_variable(name: str | None) -> None:
    """A key that was written where its variable belongs would be shown in many places."""
    if name is not None and not name.replace("_", "a").isalnum():
        raise ConfigError("api_key_env: must be the name of a variable; what stands there, not shown here, is none")


def _upstream(name: str) -> Outbound:
    """The format of this name, as an upstream speaks it."""
    known = plugins.names("assay.dialects")
    if name not in known:
        raise ConfigError(f"unknown dialect {name!r}; {did_you_mean(name, (*known, *WITHOUT_HOST))}")
    dialect = plugins.load("assay.dialects", name)()
    if not hasattr(dialect, "write_request"):
        raise ConfigError(f"the dialect {name!r} is one that clients speak, and no upstream")
    return cast(Outbound, dialect)


def _transport_class(name: str) -> type[Http1Transport] | type[AiohttpTransport]:
    if name == "aiohttp":
        from assay.providers.aiohttp_transport import AiohttpTransport

        return AiohttpTransport
    return Http1Transport


def _with_limit(deployment: Deployment, model: Model | None) -> Deployment:
    """The deployment with the longest answer of its model, for the format that demands a limit."""
    if deployment.dialect != "anthropic" or model is None or model.max_output_tokens is None:
        return deployment
    quirks = {"default_max_tokens": model.max_output_tokens, **deployment.quirks}
    return msgspec.structs.replace(deployment, quirks=quirks)


def make_route(name: str, route: Route, guards: Mapping[str, Guard] | None = None) -> LiveRoute:
    """One route with its policy and checks, and with those of the guards that it names.

    Raises:
        ConfigError: an option of the policy or of a check is wrong.
        PluginError: an unknown policy or check.
    """
    where = f"routes.{name}.policy"
    try:
        policy = make_policy(route.policy, where, route.candidates)
        checks = make_checks(policy.checks)
        for how in (policy, route.audit):
            if isinstance(how, Comparing) and how.check is not None:  # a mistake is told now
                make_check(check_spec(how.check)[1])
    except PluginError as error:
        raise PluginError(f"{where}: {error}") from error
    return LiveRoute(
        name=name,
        candidates=route.candidates,
        policy=policy,
        checks=checks,
        label=Label(route.label) if route.label is not None else None,
        kind=route.kind,
        deadline_s=route.deadline_s,
        continue_cut=route.continue_cut,
        max_tokens=route.max_tokens,
        audit=route.audit,
        cache=route.cache,
        guards=make_guards(route.guards, guards or {}),
    )


def make_checks(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Check]:
    """The checks that a policy names."""
    return {name: make_check(spec) for name, spec in specs.items()}
