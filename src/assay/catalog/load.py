"""Reads the catalogue: the shipped data files, and a team's own on top of them.

An entry of a team's file replaces the shipped one with the same id as a whole, so that no fact is a mixture of two
sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from assay.catalog.device import Device
from assay.catalog.family import Family
from assay.catalog.file import File, finished, read
from assay.catalog.host import Host
from assay.catalog.model import Model
from assay.catalog.shipped import shipped
from assay.catalog.terms import DataPolicy, Licence
from assay.errors import CatalogError, did_you_mean

__all__ = ["Catalog", "builtin", "load", "read"]


class Catalog:
    """The models, families, hosts, licences and devices of some data files; later files win.

    Args:
        files: complete.
        beneath: files before those, `framed`: each of their models is finished when it is asked for.
    """

    def __init__(self, files: Iterable[tuple[str, File]], beneath: Iterable[tuple[str, File]] = ()) -> None:
        models: dict[str, Model] = {}
        self._hosts: dict[str, Host] = {}
        self._licences: dict[str, Licence] = {}
        self._families: dict[str, Family] = {}
        self._policies: dict[str, DataPolicy] = {}
        self._devices: dict[str, Device] = {}
        frames, own = tuple(beneath), tuple(files)
        for _, file in (*frames, *own):
            models.update({model.id: model for model in file.models})
            self._hosts.update(file.hosts)
            self._licences.update({key.lower(): licence for key, licence in file.licences.items()})
            self._families.update(file.families)
            self._policies.update(file.data_policies)
            self._devices.update(file.devices)
        replaced = {model.id for _, file in own for model in file.models}
        self._unfinished = {
            model.id: (frame, name) for name, frame in frames for model in frame.models if model.id not in replaced
        }
        self._models = dict(sorted(models.items()))
        self._names = _names(self._models)

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, sorted by id."""
        for model_id in tuple(self._unfinished):
            self._finished(model_id)
        return tuple(self._models.values())

    def _finished(self, model_id: str) -> Model:
        place = self._unfinished.get(model_id)
        if place is not None:
            self._models[model_id] = finished(self._models[model_id], *place)
            self._unfinished.pop(model_id, None)  # last, for other threads
        return self._models[model_id]

    @property
    def hosts(self) -> dict[str, Host]:
        """All hosts by their key."""
        return dict(self._hosts)

    def get(self, name: str) -> Model | None:
        """The model with this id or alias (in any case), or `None`."""
        found = self._names.get(name.strip().lower())
        return self._finished(found) if found is not None else None

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

    @property
    def licences(self) -> dict[str, Licence]:
        """All licences by their id in lower case."""
        return dict(self._licences)

    def policy(self, host: str) -> DataPolicy | None:
        """What the host with this key does with data; `None` = nothing is known: do not take it for a good one."""
        return self._policies.get(host)

    def family(self, model: Model) -> Family | None:
        """The ecosystem ledger of the model's family; `None` = nothing is known."""
        return self._families.get(model.family)

    @property
    def families(self) -> dict[str, Family]:
        """All families by their key."""
        return dict(self._families)

    @property
    def devices(self) -> dict[str, Device]:
        """All devices by their key; `assay.envelope.device` reads names like `h100x2` and `m3-max-36gb`."""
        return dict(self._devices)


def load(files: Iterable[str | Path] = ()) -> Catalog:
    """The shipped catalogue with a team's own files (`catalog_files`) on top.

    Raises:
        CatalogError: a file cannot be read or has a mistake; names the file and the place.
    """
    own = [(str(path), _read_path(Path(path))) for path in files]
    return Catalog(own, beneath=shipped()) if own else builtin()


@cache
def builtin() -> Catalog:
    """The shipped catalogue, read once."""
    return Catalog((), beneath=shipped())


def _read_path(path: Path) -> File:
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise CatalogError(f"cannot read the catalogue file {path}: {error.strerror}") from error
    return read(data, str(path))


def _names(models: dict[str, Model]) -> dict[str, str]:
    """Every id and alias, lower case, with the id it stands for."""
    names = {model_id: model_id for model_id in models}
    for model in models.values():
        for alias in model.aliases:
            other = names.setdefault(alias.lower(), model.id)
            if other != model.id:
                raise CatalogError(f"alias {alias!r} stands for both {other!r} and {model.id!r}; rename one")
    return names
