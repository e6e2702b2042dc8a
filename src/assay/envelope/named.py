"""What a name stands for when its cost is asked: a deployment of the configuration, or a model of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from assay.catalog.listed import CatalogPrice
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import price_of, prices_for_length, prices_of
from assay.catalog.reach import reached
from assay.config.schema import Config, Deployment, Price
from assay.envelope.renting import batch_price
from assay.errors import CatalogError, ConfigError, did_you_mean

__all__ = ["Named", "named", "own_price"]


class Named(NamedTuple):
    """A candidate.

    Attributes:
        name: as it was asked for.
        model: what the catalogue knows of it.
        price: what its tokens cost: by the team's own word, or on a list; `None` = it has no host.
        discount: share of it that batches save, where the list names no rates of theirs.
    """

    name: str
    model: Model | None
    price: CatalogPrice | Price | None
    discount: float | None = None

    @property
    def rate(self) -> Price | None:
        """USD per million tokens; `None` = nobody knows."""
        return self.price.price if isinstance(self.price, CatalogPrice) else self.price

    @property
    def batch(self) -> Price | None:
        """The same with a batch: as listed, else less the discount; `None` = nobody knows."""
        listed = self.price.batch if isinstance(self.price, CatalogPrice) else None
        return listed or (batch_price(self.rate, self.discount) if self.rate is not None else None)

    @property
    def basis(self) -> str:
        """Who says so, as of when."""
        if not isinstance(self.price, CatalogPrice):
            return "your price"
        return self.price.source + (f", {self.price.as_of}" if self.price.as_of else "")

    @property
    def is_open(self) -> bool:
        """Whether its weights can be had; who is unknown to the catalogue and has a price is somebody's service."""
        return self.model.ecosystem == "open-weight" if self.model is not None else self.price is None

    @property
    def note(self) -> str | None:
        """What must be said beside the price, or why it is not known."""
        return self.price.note if isinstance(self.price, CatalogPrice) else None


def named(
    names: Sequence[str], catalog: Catalog, config: Config | None, when: date, *, input_tokens: float,
    own: Mapping[str, Price] | None = None,
) -> list[Named]:  # fmt: skip
    """What the names stand for; without one, the deployments, or every hosted model that has a price.

    Args:
        names: deployments, or ids and aliases of models.
        catalog: knows the models.
        config: knows the deployments.
        when: the day of the prices.
        input_tokens: of a mean request, for prices that rise with its length.
        own: prices that were given, by name; the names are candidates too.

    Raises:
        CatalogError: there is no such deployment or model; names the nearest.
    """
    deployments = config.deployments if config is not None else {}
    given = dict(own or {})
    wanted = [*dict.fromkeys((*names, *given))]
    if not wanted and config is not None:
        wanted = list(config.decide.candidates or deployments)
    if not wanted:
        return _priced_models(catalog, when, input_tokens)
    models = {name: _model(name, deployments, catalog, name in given) for name in wanted}
    listed = _listed([model for model in models.values() if model is not None], when, input_tokens)
    return [
        _named(name, models[name], deployments.get(name), given.get(name), listed, catalog, when) for name in wanted
    ]


def _priced_models(catalog: Catalog, when: date, input_tokens: float) -> list[Named]:
    """Every model in use that somebody hosts for a known price."""
    models = [model for model in catalog.models if model.hosts and model.status != "retired"]
    prices = _listed(models, when, input_tokens)
    return [
        _hosted(model.id, model, prices[model.id], catalog) for model in models if prices[model.id].price is not None
    ]


def _listed(models: Sequence[Model], when: date, input_tokens: float) -> dict[str, CatalogPrice]:
    """List prices for requests of about this length: where long ones are dearer, up to twice the mean counts."""
    return prices_for_length(prices_of(models, when), models, when, 2 * input_tokens)


def own_price(text: str) -> tuple[str, Price]:
    """A price from the command line: `NAME=IN/OUT` or `NAME=IN/CACHED/OUT`, USD per million tokens.

    Raises:
        ConfigError: it is not of this form.
    """
    name, _, rates = text.rpartition("=")
    try:
        numbers = [float(rate) for rate in rates.split("/")]
        if not name or len(numbers) not in (2, 3) or not all(0 <= number <= 1e12 for number in numbers):
            raise ValueError
    except ValueError:
        raise ConfigError(f"price {text!r}: expected NAME=IN/OUT or NAME=IN/CACHED/OUT, like small=0.15/0.6") from None
    cached = numbers[1] if len(numbers) == 3 else None
    return name, Price(input=numbers[0], output=numbers[-1], cached_input=cached)


def _model(name: str, deployments: Mapping[str, Deployment], catalog: Catalog, has_price: bool) -> Model | None:
    """Its catalogue entry; who is only named and has no price must have one."""
    model = catalog.get(deployments[name].model if name in deployments else name)
    if model is None and name not in deployments and not has_price:
        known = {*deployments, *(known for one in catalog.models for known in (one.id, *one.aliases))}
        raise CatalogError(f"there is no deployment and no model {name!r}; {did_you_mean(name, known)}")
    return model


def _named(
    name: str, model: Model | None, deployment: Deployment | None, own: Price | None,
    listed: Mapping[str, CatalogPrice], catalog: Catalog, when: date,
) -> Named:  # fmt: skip
    if own is not None:
        return Named(name, model, own, _discount(model, deployment, catalog))
    if deployment is None:
        assert model is not None  # noqa: S101 - it was found by its name
        return _hosted(name, model, listed[model.id], catalog)
    price: CatalogPrice | Price | None = deployment.price_usd_per_mtok
    if price is None and model is not None and deployment.has_host:
        elsewhere = deployment.host is not None and model.hosted_at(deployment.host) is not None
        noon = datetime.combine(when, time(12), UTC)
        price = price_of(model, noon, host=deployment.host) if elsewhere else listed[model.id]
    return Named(name, model, price, _discount(model, deployment, catalog))


def _hosted(name: str, model: Model, price: CatalogPrice, catalog: Catalog) -> Named:
    known = price if model.hosts or price.price is not None else None
    return Named(name, model, known, _discount(model, None, catalog))


def _discount(model: Model | None, deployment: Deployment | None, catalog: Catalog) -> float | None:
    """What batches save, by the deployment or its host."""
    if deployment is not None:
        if deployment.batch_discount is not None or not deployment.has_host:
            return deployment.batch_discount
        try:
            return reached(deployment, model, catalog).deployment.batch_discount
        except ConfigError:  # whoever calls it is told; what it would cost can be said all the same
            return None
    priced = (offer for offer in (model.hosts if model is not None else ()) if offer.price is not None)
    offer = next(priced, None)
    return catalog.host(offer.host).batch_discount if offer is not None else None
