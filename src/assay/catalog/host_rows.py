"""The table of hosts as rows: what `assay models --hosts` prints and its JSON says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from assay.catalog.host import Host
from assay.catalog.load import Catalog

__all__ = ["HostRow", "host_rows"]


class HostRow(TypedDict):
    """One host, JSON-able; every key is always there, and `None` is unknown or none.

    `key_set` is whether the variable holds something; the key itself is never shown. `sources` says of each field that
    is filled in, and of quirks with a source of their own, who says so; `as_of` is the date of the address.
    """

    host: str
    name: str
    dialect: str
    dialects: list[str]
    base_url: str | None
    api_key_env: str | None
    key_set: bool | None
    self_hosted: bool
    maker_in_names: bool
    quirks: dict[str, Any]
    batch_discount: float | None
    docs: str | None
    note: str | None
    as_of: str | None
    sources: dict[str, str]
    unverified: list[str]


def host_rows(catalog: Catalog, environ: Mapping[str, str]) -> list[HostRow]:
    """A row per host: the rented ones first, each group by name."""
    ordered = sorted(catalog.hosts.items(), key=lambda item: (item[1].self_hosted, item[0]))
    return [_row(key, host, environ) for key, host in ordered]


def _row(key: str, host: Host, environ: Mapping[str, str]) -> HostRow:
    return HostRow(
        host=key,
        name=host.name,
        dialect=host.dialect,
        dialects=list(host.dialects),
        base_url=host.base_url,
        api_key_env=host.api_key_env,
        key_set=bool(environ.get(host.api_key_env, "").strip()) if host.api_key_env else None,
        self_hosted=host.self_hosted,
        maker_in_names=host.maker_in_names,
        quirks=host.quirks,
        batch_discount=host.batch_discount,
        docs=host.docs,
        note=host.note,
        as_of=host.provenance("base_url").as_of,
        sources={fact: host.provenance(fact).title for fact in host.facts},
        unverified=list(host.unverified),
    )
