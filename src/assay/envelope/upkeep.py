"""What running a model oneself asks of a team: how much support there is, and what happens when it fails."""

from __future__ import annotations

from typing import Literal

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.config.schema import Constraints
from assay.envelope.fit import Fit, Option, fit
from assay.envelope.hardware import GIB
from assay.types import Value

__all__ = ["Burden", "burden", "failures"]

ENGINES_ON = {
    "cpu": ("llama.cpp", "ollama"),
    "apple": ("mlx", "llama.cpp", "ollama"),
    "gpu": ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama", "tgi", "exllamav2", "transformers"),
}
"""Engines that serve on a kind of device."""


class Burden(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How much of the support a team must give itself. `None` = not known.

    Attributes:
        level: `light` where engines, patches and people are plenty, `heavy` where one of them is hardly there.
        engines: those that serve the model on this kind of device.
        reasons: what decides, in words.
    """

    level: Literal["light", "moderate", "heavy"] | None
    engines: tuple[str, ...] | None
    reasons: tuple[str, ...]


def burden(catalog: Catalog, model: Model, kind: str) -> Burden:
    """The support burden of a model on a kind of device, from the ledger of its family."""
    family = catalog.family(model)
    stated = model.engines if model.engines is not None else family.engines if family else None
    engines = None if stated is None else tuple(one for one in stated if one in ENGINES_ON[kind])
    talent, patches = (family.talent, family.patches) if family else (None, None)
    reasons = [
        "engines unknown" if engines is None else f"served by {', '.join(engines) or 'no usual engine on this device'}",
        f"people who know the stack: {talent or 'unknown'}",
        f"community patches: {patches or 'unknown'}",
    ]
    if family is not None and family.licence_stability in ("tightened", "mixed"):
        reasons.append(
            f"its licence {'was tightened' if family.licence_stability == 'tightened' else 'changed'} before"
        )
    return Burden(level=_level(engines, talent, patches), engines=engines, reasons=tuple(reasons))


def _level(
    engines: tuple[str, ...] | None, talent: str | None, patches: str | None
) -> Literal["light", "moderate", "heavy"] | None:
    if engines == () or talent == "rare" or patches == "few":
        return "heavy"
    if engines is None and talent is None and patches is None:
        return None
    return "light" if talent == "easy" and patches == "many" and engines else "moderate"


def failures(
    catalog: Catalog, one: Fit, found: tuple[Option, ...], *, context_tokens: int, sequences: int,
    constraints: Constraints | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """What can be done when it fails or falls short: a smaller form, less context, another model, another device.

    Of a model that does not fit only what fits in its place.
    """
    fallback = _fallback(catalog, one, context_tokens, sequences, constraints)
    if one.verdict not in ("fits", "tight"):
        return () if fallback is None else (fallback,)
    several = one.machine.count > 1
    lines = (
        _smaller_form(one, found),
        _less_context(one),
        fallback,
        f"{one.machine.count} devices as one: each of them must be up"
        if several
        else "one device: while it is down nothing answers, unless a route has another candidate",
    )
    return tuple(line for line in lines if line is not None)


def _smaller_form(one: Fit, found: tuple[Option, ...]) -> str | None:
    if one.memory is None:
        return None
    smaller = next(
        (option for option in found if option.total_bytes < one.memory.total and option.verdict != "no"), None
    )
    if smaller is None:
        return None
    saved = (one.memory.total - smaller.total_bytes) / GIB
    return f"degraded: {smaller.quantisation} frees {saved:.1f} GiB; what it costs in quality is for your evals to say"


def _less_context(one: Fit) -> str | None:
    if one.memory is None or not one.memory.cache:
        return None
    return f"degraded: half of the context, or of the sequences, frees up to {one.memory.cache / 2 / GIB:,.2f} GiB"


def _fallback(
    catalog: Catalog, one: Fit, context_tokens: int, sequences: int, constraints: Constraints | None
) -> str | None:
    """The largest smaller model of the same family and variant that fits too."""
    model = one.model
    if not model.family or model.parameters is None:
        return None
    size = model.parameters
    family = [
        other
        for other in catalog.models
        if other.family == model.family and other.variant == model.variant and 0 < (other.parameters or 0) < size
    ]
    for other in sorted(family, key=lambda other: -(other.parameters or 0)):
        judged = fit(
            catalog, other, one.machine, context_tokens=context_tokens, sequences=sequences, constraints=constraints
        )
        if judged.verdict == "fits" and judged.licence.verdict != "forbidden":
            return f"fallback: {other.id} fits here; put it into the route. A hosted one would see the data"
    return "fallback: no smaller model of its family fits here; a hosted one in the route would see the data"
