"""One data file of the catalogue: read strictly, with a source for every fact."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from assay.catalog.days import last_day
from assay.catalog.device import Device
from assay.catalog.entry import Day, Entry, Evidenced, Source
from assay.catalog.family import Family
from assay.catalog.host import HOST_FACTS, Host
from assay.catalog.model import Model
from assay.catalog.terms import DataPolicy, Licence
from assay.errors import CatalogError, did_you_mean

__all__ = ["INHERITED", "File", "complete", "finished", "framed", "parse", "read"]

Key = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
E = TypeVar("E", bound=Evidenced)
INHERITED = ("engines", "forms", "recipes")
"""Facts that a model has from its family where it says nothing itself."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class File(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One data file.

    Attributes:
        as_of: date of every source that names none.
        family: family of every model that names none.
        sources: what `evidence` keys stand for.
        families, hosts, licences, data_policies, devices: by key; a data policy has its host's.
    """

    as_of: Day
    family: str = ""
    sources: dict[str, Source] = {}
    models: tuple[Model, ...] = ()
    families: dict[Key, Family] = {}
    hosts: dict[str, Host] = {}
    licences: dict[str, Licence] = {}
    data_policies: dict[str, DataPolicy] = {}
    devices: dict[Key, Device] = {}


def read(data: bytes, name: str) -> File:
    """The checked content of a data file; `name` is what messages call it.

    Raises:
        CatalogError: it is no TOML, has an unknown key, a day that no calendar has, a control character, or a fact
            without a source.
    """
    file = parse(data, name)
    for day in _days(file):
        _check_day(day, name)
    for text in _texts(msgspec.to_builtins(file)):
        _check_text(text, name)
    return complete(file, name)


def parse(data: bytes, name: str) -> File:
    """What the file says, before its sources are looked at.

    Raises:
        CatalogError: it is no TOML, or has an unknown key.
    """
    try:
        return msgspec.toml.decode(data, type=File)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # no UTF-8, endless numbers, too deep
        raise CatalogError(f"{name}: {error}") from error


def complete(file: File, name: str) -> File:
    """The file with every source, family and inherited fact filled in, checked.

    Raises:
        CatalogError: a fact has no source, or an entry is there twice.
    """
    frame = framed(file, name)
    return msgspec.structs.replace(frame, models=tuple(finished(model, frame, name) for model in frame.models))


def framed(file: File, name: str) -> File:
    """As `complete`, but its models are as they stand in it: most of the work, and commands ask for a few of them."""
    sources = {key: _dated(source, file.as_of) for key, source in file.sources.items()}
    families = {key: _evidenced(one, file, sources, f"{name}: family {key!r}") for key, one in file.families.items()}
    doubled = _doubled(model.id for model in file.models)
    if doubled is not None:
        raise CatalogError(f"{name}: {doubled!r} is there twice; remove one")
    return msgspec.structs.replace(
        file,
        sources=sources,
        families=families,
        hosts={key: _host(one, sources, f"{name}: host {key!r}") for key, one in file.hosts.items()},
        licences={
            key: _evidenced(one, file, sources, f"{name}: licence {key!r}") for key, one in file.licences.items()
        },
        data_policies={
            key: _evidenced(one, file, sources, f"{name}: data policy {key!r}")
            for key, one in file.data_policies.items()
        },
        devices={key: _evidenced(one, file, sources, f"{name}: device {key!r}") for key, one in file.devices.items()},
    )


def finished(model: Model, frame: File, name: str) -> Model:
    """One of the models of a file that is `framed`, with what `complete` fills in.

    Raises:
        CatalogError: a fact has no source.
    """
    where = f"{name}: {model.id}"
    family = model.family or frame.family
    whole = _evidenced(model, frame, frame.sources, where, family=family)
    on_hub = [item.hub.evidence for item in model.weights if item.hub is not None]
    parts = [
        *(offer.evidence for offer in model.hosts),
        *(weights.evidence for weights in model.weights),
        *(figure.evidence for figure in model.benchmarks),
    ]
    for key in parts + on_hub:
        _check_source(where, key, whole.sources)
    around = frame.families.get(family)
    return _inherited(whole, around) if around is not None and model.ecosystem == "open-weight" else whole


def _days(file: File) -> Iterator[str]:
    """Every day that the file names; what was shipped has been looked at, and starts in no time to lose."""
    yield file.as_of
    evidenced = (file.models, file.families.values(), file.licences.values(), file.data_policies.values(),
                 file.devices.values())  # fmt: skip
    sources = [file.sources, *(entry.sources for entries in evidenced for entry in entries)]
    sources += [host.sources for host in file.hosts.values()]
    days = [source.as_of for several in sources for source in several.values()]
    for model in file.models:
        days += [model.knowledge_cutoff, model.released, model.deprecated, model.retires]
        days += [figure.as_of for figure in model.benchmarks]
    days += [device.released for device in file.devices.values()]
    yield from (day for day in days if day is not None)


def _check_day(day: str, name: str) -> None:
    try:
        last_day(day)
    except ValueError as error:
        raise CatalogError(f"{name}: {day!r} is no day of the calendar: {error}") from error


def _check_text(text: str, name: str) -> None:
    """Names and notes stand in tables on a terminal, which control characters could rewrite."""
    if _CONTROL.search(text) is not None:
        raise CatalogError(f"{name}: a control character in {text!r}; remove it")


def _texts(value: Any) -> Iterator[str]:
    """Every text in what JSON could hold, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for one in pair for text in _texts(one))
    elif isinstance(value, list | tuple):
        yield from (text for one in value for text in _texts(one))


def _dated(source: Source, as_of: str) -> Source:
    return source if source.as_of is not None else msgspec.structs.replace(source, as_of=as_of)


def _evidenced(entry: E, file: File, shared: Mapping[str, Source], where: str, **filled: Any) -> E:
    """The entry with its sources and what else is filled in, checked."""
    sources = shared  # hundreds of entries have those of their file, and no others
    if entry.sources:
        sources = {**shared, **{key: _dated(source, file.as_of) for key, source in entry.sources.items()}}
    _check_keys(where, entry.evidence, entry.evidence_for, entry.FACTS, sources)
    for fact in entry.notes:
        if fact not in entry.FACTS:
            raise CatalogError(f"{where}: a note on {fact!r}, which is no fact; {did_you_mean(fact, entry.FACTS)}")
    return msgspec.structs.replace(entry, sources=sources, **filled)


def _host(host: Host, sources: dict[str, Source], where: str) -> Host:
    sources = {**sources, **host.sources}
    facts = (*HOST_FACTS, *(f"quirks.{name}" for name in host.quirks))
    _check_keys(where, host.evidence, host.evidence_for, facts, sources)
    return msgspec.structs.replace(host, sources=sources)


def _inherited(model: Model, family: Family) -> Model:
    """The model with what it has from its family, and its family's sources for that."""
    taken = {
        fact: getattr(family, fact)
        for fact in INHERITED
        if getattr(model, fact) is None and getattr(family, fact) is not None
    }
    if not taken:
        return model
    evidence = {fact: family.evidence_for.get(fact, family.evidence) for fact in taken}
    same = family.sources is model.sources
    sources = model.sources if same else {**family.sources, **model.sources}
    return msgspec.structs.replace(model, **taken, sources=sources, evidence_for={**model.evidence_for, **evidence})


def _check_keys(
    where: str, evidence: str, evidence_for: Mapping[str, str], facts: Iterable[str], sources: Mapping[str, Source]
) -> None:
    known = tuple(facts)
    _check_source(where, evidence, sources)
    for fact, key in evidence_for.items():
        if fact not in known:
            raise CatalogError(f"{where}: evidence for {fact!r}, which is no fact; {did_you_mean(fact, known)}")
        _check_source(where, key, sources)


def _check_source(where: str, key: str, sources: Mapping[str, Source]) -> None:
    if key not in sources:
        raise CatalogError(f"{where}: evidence {key!r} is not under [sources]; {did_you_mean(key, sources)}")


def _doubled(ids: Iterable[str]) -> str | None:
    return next((one for one, times in Counter(ids).items() if times > 1), None)
