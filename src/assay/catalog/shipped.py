"""The data files that come with assay, decoded once per machine: TOML is slow to read, and commands must not be."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from assay.catalog.file import File, framed, parse
from assay.catalog.kept import keep, recall

__all__ = ["shipped"]

FOLDER = Path(__file__).parent / "data"


@cache
def shipped() -> tuple[tuple[str, File], ...]:
    """Every data file by name, `framed`; in the order of their names."""
    return tuple((name, framed(file, name)) for name, file in _files())


def _files() -> list[tuple[str, File]]:
    """From the user's cache if it was made of exactly these files, else from the files themselves."""
    paths = sorted(FOLDER.rglob("*.toml"))
    texts = [(path.relative_to(FOLDER).as_posix(), path.read_bytes()) for path in paths]
    key = _digest(texts)
    files = recall("catalog", key, list[tuple[str, File]])
    if files is None:
        files = [(name, parse(data, name)) for name, data in texts]
        keep("catalog", key, files)
    return files


def _digest(texts: list[tuple[str, bytes]]) -> str:
    """Of the files, and of the code that reads them: an older assay's cache may lack what this one knows."""
    digest = hashlib.sha256(repr(sorted(_shape())).encode())
    for name, data in texts:
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:32]


def _shape() -> set[str]:
    """The fields that a file may have, at all depths."""
    from assay.catalog.device import Device
    from assay.catalog.family import Family
    from assay.catalog.host import Host
    from assay.catalog.model import Benchmark, Model
    from assay.catalog.offers import HostedAt, HubFile, Weights
    from assay.catalog.terms import DataPolicy, Licence

    structs = (File, Model, Benchmark, HostedAt, HubFile, Weights, Family, Host, Licence, DataPolicy, Device)
    return {f"{struct.__name__}.{field}" for struct in structs for field in struct.__struct_fields__}
