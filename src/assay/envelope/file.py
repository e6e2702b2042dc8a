"""A GGUF file as memory and speed see it: its shape and sizes, exactly, read from its header once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from assay.catalog.entry import Source
from assay.catalog.kept import keep, recall
from assay.catalog.model import Model
from assay.envelope.shape import Shape, shape_in
from assay.envelope.sizes import Sizes, sizes_in
from assay.errors import WeightsError
from assay.weights.gguf import Header, read_header

__all__ = ["FileFacts", "facts_in", "facts_of", "model_of"]

_VERSION = 3
"""Of what is kept; raised where this module reads more or otherwise."""


class FileFacts(NamedTuple):
    """What the header of one file comes to. `None` = it does not say."""

    path: str
    name: str | None
    licence: str | None
    architecture: str | None
    quantisation: str | None
    shape: Shape
    sizes: Sizes


def facts_of(path: Path) -> FileFacts:
    """The facts of a file, remembered while it stays as it is: reading a large vocabulary takes a third of a second.

    Raises:
        WeightsError: the file is missing, no GGUF, or damaged.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error
    folder = f"files/{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:24]}"
    key = f"{_VERSION}-{stat.st_size}-{stat.st_mtime_ns}"
    found = recall(folder, key, FileFacts)
    if found is None:
        found = facts_in(read_header(path))
        keep(folder, key, found)
    return found


def facts_in(header: Header) -> FileFacts:
    """The facts of a header."""
    return FileFacts(
        path=str(header.path),
        name=header.name,
        licence=header.licence,
        architecture=header.architecture,
        quantisation=header.quantisation,
        shape=shape_in(header),
        sizes=sizes_in(header),
    )


def model_of(facts: FileFacts) -> Model:
    """A model of which nothing is known but what its file says."""
    source = Source(title=f"header of {Path(facts.path).name}", as_of=None)
    stem = "".join(char if char.isalnum() or char in "._-" else "-" for char in Path(facts.path).stem.lower())
    return Model(
        id=f"file/{stem.encode('ascii', 'replace').decode().replace('?', '-')}",
        name=facts.name or Path(facts.path).name,
        maker="unknown",
        ecosystem="open-weight",
        licence=facts.licence,
        parameters=facts.shape.parameters or None,
        context_tokens=facts.shape.context_tokens,
        evidence="header",
        sources={"header": source},
    )
