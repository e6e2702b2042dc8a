"""Facts about one model, and where each comes from.

A fact that is absent is *unknown* (`None`), never "no" and never 0. `model.parameters` is the value,
`model.provenance("parameters")` says who says so, as of when, and whether it was looked up at all.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from assay.catalog.entry import Day, Entry, Evidenced, Positive, Share, Source
from assay.catalog.family import Engine, Form, Recipe
from assay.catalog.offers import HostedAt, HubFile, Weights
from assay.config.schema import Price

__all__ = ["Benchmark", "Modality", "Model", "Opened", "Openness"]

Modality = Literal["text", "image", "audio", "video", "document"]
Opened = Literal["weights", "code", "data", "recipe"]
"""What the maker published: weights, the training code, the training data, the recipe of the training."""
Openness = Literal["hosted", "open-weight", "open-recipe", "open-source"]


class Benchmark(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A published figure: the weather, which tells the range that a model is in and proves nothing about your work.

    Attributes:
        name: of the benchmark, lower case (`mmlu-pro`, `gpqa-diamond`, `swe-bench-verified`).
        score: in percent, or Elo points where `unit` says so.
        setting: how it was asked (`5-shot`, `thinking, high effort`).
        by: whether the maker says so, or somebody else measured it.
        as_of: when it was published; default: the date of its source.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    score: float
    evidence: str
    unit: Literal["percent", "elo"] = "percent"
    setting: str | None = None
    by: Literal["maker", "other"] = "maker"
    as_of: Day | None = None


class Model(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Facts about one model. `None` = unknown.

    Attributes:
        id: `maker/name`, lower case.
        aliases: other names that `find` accepts; unique in the catalogue.
        family: key of its family.
        ecosystem: whether the weights can be had (`open-weight`) or only rented (`hosted`).
        variant: what it was trained to do; `domain` names a special field (`code`).
        licence: id of the weights' licence (SPDX where there is one); hosted models have none.
        gated: the weights are given out only to who accepts the terms at the hub.
        opens: what the maker published; see `openness`.
        languages: that the maker says it was made for, as ISO 639-1 codes.
        architecture: `transformer`, the recurrent `mamba` and `rwkv`, or `hybrid` of attention and recurrent layers.
        mixture_of_experts: whether each token uses some of the feed-forward parts only.
        parameters, active_parameters: all, and those used per token by a mixture of experts; embeddings included.
        experts, experts_used: routed experts of a layer, and how many a token goes to; shared ones not counted.
        layers, hidden, heads, kv_heads, head_dim, vocabulary: the shape, as its config file has it.
        sliding_window: tokens that a windowed layer looks back; `windowed_layers`: how many layers do. With a window
            and no number, all layers do.
        full_kv_heads, full_head_dim: the shape of the layers without a window, where it is not the windowed ones'; one
            without the other says that the other is not known.
        shared_kv_layers: layers that read the cache of another layer and keep none.
        kv_rank, rope_dim: multi-head latent attention caches one latent of `kv_rank` and a key of `rope_dim` a token
            and layer, instead of keys and values for each head.
        cache_share: the part of the cache that attention keeps where it compresses it, over all layers at a long
            context (DeepSeek V4 keeps one entry for every 4 or 128 tokens of a layer).
        recurrent_layers: layers that hold a state of constant size instead of a cache.
        state_bytes: that state for one sequence, all layers together, as kept in 16-bit floats.
        precision: number format in which the maker publishes the weights.
        context_tokens: longest context that the maker supports; `context_trained_tokens` before it was stretched
            (YaRN and other scaling), where that differs.
        max_output_tokens: longest answer, where a host cuts earlier.
        input, output: modalities taken and given.
        tools, structured_output: whether calls of functions and answers by JSON schema are supported.
        prefill: whether a begun answer can be continued (a fallback in mid-stream needs it).
        reasoning: whether it thinks before it answers: never, always, by a switch, or with an effort or a budget of
            tokens that can be set.
        knowledge_cutoff: end of the training data.
        released, status, deprecated, retires, successor: the maker's word on its past and future.
        engines, forms, recipes: as of its family, unless the model says otherwise.
        price_usd_per_mtok: for a user's own file; models of hosts look their price up by `HostedAt.price`.
        benchmarks: published figures.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "maker", "ecosystem", "variant", "domain", "licence", "gated", "opens", "languages",
        "architecture", "mixture_of_experts", "parameters", "active_parameters", "experts", "experts_used",
        "layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary", "sliding_window", "windowed_layers",
        "full_kv_heads", "full_head_dim", "shared_kv_layers",
        "kv_rank", "rope_dim", "cache_share", "recurrent_layers", "state_bytes", "precision",
        "context_tokens", "context_trained_tokens", "max_output_tokens", "input", "output", "tools",
        "structured_output", "prefill", "reasoning",
        "knowledge_cutoff", "released", "status", "deprecated", "retires", "successor",
        "engines", "forms", "recipes", "price_usd_per_mtok",
    )  # fmt: skip

    id: Annotated[str, Meta(pattern=r"^[a-z0-9._-]+/[a-z0-9._-]+$")]
    name: str
    maker: str
    ecosystem: Literal["hosted", "open-weight"]
    family: str = ""
    aliases: tuple[str, ...] = ()
    variant: Literal["base", "instruct", "reasoning"] | None = None
    domain: str | None = None
    licence: str | None = None
    gated: bool | None = None
    opens: tuple[Opened, ...] | None = None
    languages: tuple[str, ...] | None = None
    architecture: Literal["transformer", "mamba", "rwkv", "hybrid"] | None = None
    mixture_of_experts: bool | None = None
    parameters: Positive | None = None
    active_parameters: Positive | None = None
    experts: Positive | None = None
    experts_used: Positive | None = None
    layers: Positive | None = None
    hidden: Positive | None = None
    heads: Positive | None = None
    kv_heads: Positive | None = None
    head_dim: Positive | None = None
    vocabulary: Positive | None = None
    sliding_window: Positive | None = None
    windowed_layers: Positive | None = None
    full_kv_heads: Positive | None = None
    full_head_dim: Positive | None = None
    shared_kv_layers: Positive | None = None
    kv_rank: Positive | None = None
    rope_dim: Positive | None = None
    cache_share: Share | None = None
    recurrent_layers: Positive | None = None
    state_bytes: Positive | None = None
    precision: Literal["fp32", "bf16", "fp16", "fp8", "mxfp4", "int4"] | None = None
    context_tokens: Positive | None = None
    context_trained_tokens: Positive | None = None
    max_output_tokens: Positive | None = None
    input: tuple[Modality, ...] | None = None
    output: tuple[Modality, ...] | None = None
    tools: bool | None = None
    structured_output: bool | None = None
    prefill: bool | None = None
    reasoning: Literal["none", "always", "switch", "effort", "budget"] | None = None
    knowledge_cutoff: Day | None = None
    released: Day | None = None
    status: Literal["active", "legacy", "deprecated", "retired"] | None = None
    deprecated: Day | None = None
    retires: Day | None = None
    successor: str | None = None
    engines: tuple[Engine, ...] | None = None
    forms: tuple[Form, ...] | None = None
    recipes: tuple[Recipe, ...] | None = None
    price_usd_per_mtok: Price | None = None
    hosts: tuple[HostedAt, ...] = ()
    weights: tuple[Weights, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()

    def source_of(self, part: HostedAt | Weights | HubFile | Benchmark) -> Source:
        """Who says so, of one of this model's hosts, weights or figures."""
        return self.sources[part.evidence]

    def hosted_at(self, host: str | None = None) -> HostedAt | None:
        """The entry of `host`, or the first one; `None` if the model is not offered there."""
        for offer in self.hosts:
            if host is None or offer.host == host:
                return offer
        return None

    @property
    def openness(self) -> Openness | None:
        """How open it is: open weights are not open source, for which code, data and recipe are needed too."""
        if self.ecosystem == "hosted":
            return "hosted"
        if self.opens is None:
            return None
        if {"weights", "code", "data", "recipe"} <= set(self.opens):
            return "open-source"
        return "open-recipe" if {"code", "recipe"} & set(self.opens) else "open-weight"
