"""The ecosystem ledger: what stands around a family of models, apart from the models themselves."""

from __future__ import annotations

from typing import ClassVar, Literal

from assay.catalog.entry import Evidenced, NonNegative

__all__ = ["Engine", "Family", "Form", "Recipe"]

Engine = Literal["vllm", "sglang", "tgi", "llama.cpp", "ollama", "transformers", "mlx", "tensorrt-llm", "exllamav2"]
"""Programs that serve weights."""
Form = Literal["gguf", "awq", "gptq", "fp8", "int4", "int8", "mxfp4", "nvfp4", "bnb-4bit", "mlx", "exl2"]
"""Quantised forms in which weights are published."""
Recipe = Literal[
    "trl", "axolotl", "unsloth", "llama-factory", "torchtune", "peft", "ms-swift", "nemo", "mlx-lm", "host"
]
"""Libraries with a tuning recipe for a family; `host` = its maker's own tuning API."""


class Family(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one gets with a model besides its weights. `None` = not known.

    Attributes:
        name: as its maker calls the family.
        maker: who makes it.
        engines: which engines serve it.
        forms: which quantised forms are published.
        recipes: which libraries have a tuning recipe for it.
        derivatives: repositories of others on the Hugging Face hub that are made from one of it, quantised copies
            included; a lower bound.
        patches: how much the community mends and extends it: many, some, or hardly any.
        safety_filters: guard models and filters made for it, by name; empty = none.
        licence_stability: whether the terms stayed the same from release to release; a note says what changed.
        talent: how easily people are found who know the stack.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "engines", "forms", "recipes", "derivatives", "patches", "safety_filters", "licence_stability", "talent",
    )  # fmt: skip

    name: str
    maker: str
    engines: tuple[Engine, ...] | None = None
    forms: tuple[Form, ...] | None = None
    recipes: tuple[Recipe, ...] | None = None
    derivatives: NonNegative | None = None
    patches: Literal["many", "some", "few"] | None = None
    safety_filters: tuple[str, ...] | None = None
    licence_stability: Literal["stable", "loosened", "tightened", "mixed"] | None = None
    talent: Literal["easy", "some", "rare"] | None = None
