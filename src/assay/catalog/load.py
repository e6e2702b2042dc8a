"""Reads the catalogue: the shipped data files, and a team's own on top of them.

An entry of a team's file replaces the shipped one with the same id as a whole, so that no fact is a mixture of two
sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from assay.catalog.model import FACTS, HOST_FACTS, Day, Entry, Host, Licence, Model, Source
from assay.errors import CatalogError, did_you_mean

__all__ = ["Catalog", "builtin", "load", "read"]


class File(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One data file.

    Attributes:
        as_of: date of every source that names none.
        family: family of every model that names none.
        sources: what `evidence` keys stand for.
    """

    as_of: Day
    family: str = ""
    sources: dict[str, Source] = {}
    models: tuple[Model, ...] = ()
    hosts: dict[str, Host] = {}
    licences: dict[str, Licence] = {}


class Catalog:
    """The models, hosts and licences of some data files; later files win."""

    def __init__(self, files: Iterable[tuple[str, File]]) -> None:
        models: dict[str, Model] = {}
        self._hosts: dict[str, Host] = {}
        self._licences: dict[str, Licence] = {}
        for _, file in files:
            models.update({model.id: model for model in file.models})
            self._hosts.update(file.hosts)
            self._licences.update({key.lower(): licence for key, licence in file.licences.items()})
        self._models = dict(sorted(models.items()))
        self._names = _names(self._models)

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, sorted by id."""
        return tuple(self._models.values())

    @property
    def hosts(self) -> dict[str, Host]:
        """All hosts by their key."""
        return dict(self._hosts)

    def get(self, name: str) -> Model | None:
        """The model with this id or alias (in any case), or `None`."""
        found = self._names.get(name.strip().lower())
        return self._models[found] if found is not None else None

    def find(self, name: str) -> Model:
        """The model with this id or alias (in any case).

        Raises:
            CatalogError: there is none; names the nearest id.
        """
        model = self.get(name)
        if model is None:
            raise CatalogError(
                f"the catalogue has no model {name!r}; {did_you_mean(name.lower(), self._names)} "
                "(a file named in catalog_files can add one)"
            )
        return model

    def nearest(self, name: str) -> str | None:
        """The id that looks most like this name, which is no model's; `None` if none does."""
        import difflib

        near = difflib.get_close_matches(name.strip().lower(), self._names, n=1, cutoff=0.8)
        return self._names[near[0]] if near else None

    def host(self, key: str) -> Host:
        """The host with this key.

        Raises:
            CatalogError: there is none; names the nearest key.
        """
        if key not in self._hosts:
            raise CatalogError(f"the catalogue has no host {key!r}; {did_you_mean(key, self._hosts)}")
        return self._hosts[key]

    def licence(self, key: str) -> Licence | None:
        """What is known of the licence with this id (in any case); `None` = nothing: do not take it for an open one."""
        return self._licences.get(key.lower())


def load(files: Iterable[str | Path] = ()) -> Catalog:
    """The shipped catalogue with a team's own files (`catalog_files`) on top.

    Raises:
        CatalogError: a file cannot be read or has a mistake; names the file and the place.
    """
    own = [(str(path), _read_path(Path(path))) for path in files]
    return Catalog([*_shipped(), *own]) if own else builtin()


@cache
def builtin() -> Catalog:
    """The shipped catalogue, read once."""
    return Catalog(_shipped())


@cache
def _shipped() -> tuple[tuple[str, File], ...]:
    folder = Path(__file__).parent / "data"
    found = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple((item.name, read(item.read_bytes(), item.name)) for item in found)


def _read_path(path: Path) -> File:
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise CatalogError(f"cannot read the catalogue file {path}: {error.strerror}") from error
    return read(data, str(path))


def read(data: bytes, name: str) -> File:
    """The checked content of a data file; `name` is what messages call it.

    Raises:
        CatalogError: it is no TOML, has an unknown key, or a fact without a source.
    """
    try:
        file = msgspec.toml.decode(data, type=File)
    except msgspec.MsgspecError as error:
        raise CatalogError(f"{name}: {error}") from error
    sources = {key: _dated(source, file.as_of) for key, source in file.sources.items()}
    models = tuple(_complete(model, file, sources, name) for model in file.models)
    hosts = {key: _sourced(host, sources, f"{name}: host {key!r}") for key, host in file.hosts.items()}
    for key, licence in file.licences.items():
        _check_source(f"{name}: licence {key!r}", licence.evidence, sources)
    doubled = [model.id for at, model in enumerate(models) if any(model.id == other.id for other in models[:at])]
    if doubled:
        raise CatalogError(f"{name}: {doubled[0]!r} is there twice; remove one")
    return msgspec.structs.replace(file, models=models, hosts=hosts, sources=sources)


def _dated(source: Source, as_of: str) -> Source:
    return source if source.as_of is not None else msgspec.structs.replace(source, as_of=as_of)


def _sourced(host: Host, sources: dict[str, Source], where: str) -> Host:
    """The host with its sources, checked."""
    sources = {**sources, **host.sources}
    facts = (*HOST_FACTS, *(f"quirks.{name}" for name in host.quirks))
    _check_keys(where, host.evidence, host.evidence_for, facts, sources)
    return msgspec.structs.replace(host, sources=sources)


def _complete(model: Model, file: File, shared: dict[str, Source], name: str) -> Model:
    """The model with its family and sources filled in, checked."""
    where = f"{name}: {model.id}"
    own = {key: _dated(source, file.as_of) for key, source in model.sources.items()}
    sources = {**shared, **own}
    _check_keys(where, model.evidence, model.evidence_for, FACTS, sources)
    on_hub = [item.hub.evidence for item in model.weights if item.hub is not None]
    for key in [offer.evidence for offer in model.hosts] + [item.evidence for item in model.weights] + on_hub:
        _check_source(where, key, sources)
    for fact in model.notes:
        if fact not in FACTS:
            raise CatalogError(f"{where}: a note on {fact!r}, which is no fact; {did_you_mean(fact, FACTS)}")
    return msgspec.structs.replace(model, family=model.family or file.family, sources=sources)


def _check_keys(
    where: str, evidence: str, evidence_for: dict[str, str], facts: Iterable[str], sources: dict[str, Source]
) -> None:
    known = tuple(facts)
    _check_source(where, evidence, sources)
    for fact, key in evidence_for.items():
        if fact not in known:
            raise CatalogError(f"{where}: evidence for {fact!r}, which is no fact; {did_you_mean(fact, known)}")
        _check_source(where, key, sources)


def _check_source(where: str, key: str, sources: dict[str, Source]) -> None:
    if key not in sources:
        raise CatalogError(f"{where}: evidence {key!r} is not under [sources]; {did_you_mean(key, sources)}")


def _names(models: dict[str, Model]) -> dict[str, str]:
    """Every id and alias, lower case, with the id it stands for."""
    names = {model_id: model_id for model_id in models}
    for model in models.values():
        for alias in model.aliases:
            other = names.setdefault(alias.lower(), model.id)
            if other != model.id:
                raise CatalogError(f"alias {alias!r} stands for both {other!r} and {model.id!r}; rename one")
    return names
