"""How a deployment is reached: what it does not say itself, the table of hosts says.

The host is the one that it names. Where it names neither a host nor an address, it is the first that the catalogue
knows for its model and that speaks its format. An address of its own is nobody's in the table: then nothing is filled
in. A host that is named beside such an address gives its format and quirks, never its word on data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from assay.catalog.host import Host
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt
from assay.config.schema import Deployment
from assay.errors import CatalogError, ConfigError

__all__ = ["Reached", "reached", "rented_from"]

_ACCOUNTS_OWN = re.compile(r"\\\{.*?\\\}")
"""A part in braces of an address, as `re.escape` writes it."""
_PORTS = {"http": 80, "https": 443}


class Reached(NamedTuple):
    """A deployment as it is called.

    Attributes:
        deployment: with address, format, variable of the key and quirks of its host filled in.
        upstream_model: what the host calls the model.
    """

    deployment: Deployment
    base_url: str
    upstream_model: str


def reached(deployment: Deployment, model: Model | None, catalog: Catalog) -> Reached:
    """How a deployment at a host is reached.

    Raises:
        ConfigError: an unknown host, one that does not speak the format, or no address.
    """
    key = deployment.host if deployment.host is not None else _implied(deployment, model, catalog)
    offer = _offer(deployment, model, catalog, key)
    known = deployment.upstream_model or (offer.model if offer is not None else None)
    last = deployment.model.rpartition("/")[2]
    if key is None:
        if deployment.base_url is None:
            raise ConfigError("base_url is missing, and the catalogue knows none for its dialect; or name a host")
        return Reached(deployment, deployment.base_url, known or last)
    try:
        host = catalog.host(key)
    except CatalogError as error:
        raise ConfigError(f"host: {error} (assay models --hosts lists them)") from error
    base_url = _base_url(deployment, key, host)
    at_host = msgspec.structs.replace(
        deployment,
        host=key,
        dialect=_dialect(deployment, key, host),
        base_url=base_url,
        api_key_env=deployment.api_key_env or host.api_key_env,
        quirks=_merged(host.quirks, deployment.quirks),
        batch_discount=deployment.batch_discount if deployment.batch_discount is not None else host.batch_discount,
    )
    return Reached(at_host, base_url, known or (deployment.model if host.maker_in_names else last))


def rented_from(deployment: Deployment, catalog: Catalog) -> str | None:
    """The host that answers for what is sent there, by its key; `None` = the team itself, or nobody that is known.

    Whoever sits at another address than the host's own has promised nothing, whatever host is named for its format. An
    address is the host's own with its scheme, name and port; a part in braces of the table's stands for the account's
    own. Of a host without an address in the table the deployment's counts.

    Args:
        deployment: as it is written, or as `reached` completes it.
        catalog: the table of hosts.

    Raises:
        CatalogError: there is no such host.
    """
    if deployment.is_private or deployment.host is None:
        return None
    own = catalog.host(deployment.host).base_url
    if deployment.base_url is None or own is None or _is_at(deployment.base_url, own):
        return deployment.host
    return None


def _is_at(address: str, own: str) -> bool:
    """Whether an address is of the origin that the table's own has."""
    pattern = _ACCOUNTS_OWN.sub("[^/@:]+", re.escape(_origin(own)))
    return re.fullmatch(pattern, _origin(address)) is not None


def _origin(address: str) -> str:
    """Scheme, name and port in lower case; empty for what is no address, which is nobody's."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _implied(deployment: Deployment, model: Model | None, catalog: Catalog) -> str | None:
    if deployment.base_url is not None or model is None:
        return None
    return next((at.host for at in model.hosts if catalog.host(at.host).speaks(deployment.dialect)), None)


def _offer(deployment: Deployment, model: Model | None, catalog: Catalog, key: str | None) -> HostedAt | None:
    """The model's entry for this host; for an address of its own, the first for a host that speaks the same."""
    if model is None:
        return None
    if key is not None:
        return model.hosted_at(key)
    return next((at for at in model.hosts if catalog.host(at.host).speaks(deployment.dialect)), None)


def _dialect(deployment: Deployment, key: str, host: Host) -> str:
    dialect = deployment.dialect or host.dialect
    if deployment.base_url is None and not host.speaks(dialect):
        spoken = ", ".join((host.dialect, *host.dialects))
        raise ConfigError(f"dialect: the host {key!r} speaks {spoken}, not {dialect!r}, unless a base_url is given")
    return dialect


def _base_url(deployment: Deployment, key: str, host: Host) -> str:
    if deployment.base_url is not None:
        return deployment.base_url
    if host.base_url is None or host.is_personal:
        raise ConfigError(f"base_url is missing: the host {key!r} is at an address of one's own, {host.base_url}")
    return host.base_url


def _merged(host: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The host's quirks under the deployment's; capabilities one by one."""
    capabilities = own.get("capabilities", {})
    if not isinstance(capabilities, Mapping):
        raise ConfigError(f"quirks.capabilities: must be a table of features, not {capabilities!r}")
    merged = {**host, **own}
    if "capabilities" in host:
        merged["capabilities"] = {**host["capabilities"], **capabilities}
    return merged
