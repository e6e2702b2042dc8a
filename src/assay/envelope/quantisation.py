"""Number formats of weights: how many bits each takes, and which are made of a published form.

Bits per weight of llama.cpp's mixtures are those of its `quantize` tool on a 7B model with a small vocabulary (weights
of blocks, hardly any embeddings): Q4_K_M 4.84, Q5_K_M 5.68, Q6_K 6.56, Q8_0 8.5 (docs/LOG.md has the same within 1 %).
Embeddings and the output matrix take more: `quantize` keeps them at 6 bits or above. Its K-types need rows of 256
numbers; where a model's rows are no multiple of that, the next larger type is taken instead (`src/llama-quant.cpp`), so
small models are heavier than their label says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from assay.catalog.family import Form
from assay.catalog.model import Model
from assay.errors import CatalogError, did_you_mean

__all__ = ["QUANTISATIONS", "Quantisation", "choices", "quantisation_of"]

K_ROW = 256
ABOUT = 1.1
"""8.5 bits of Q8_0 keep what 8 bits of FP8 have."""


class Quantisation(NamedTuple):
    """One number format.

    Attributes:
        name: as llama.cpp or the hub calls it.
        bits: per weight of the blocks.
        embedding_bits: per weight of embeddings and the output matrix.
        odd_bits, odd_embedding_bits: the same where rows are no multiple of 256.
        form: in which it is published.
        repacked: share of the blocks' bytes that the local engine holds a second time (see `assay.envelope.sizes`).
    """

    name: str
    bits: float
    embedding_bits: float
    odd_bits: float
    odd_embedding_bits: float
    form: Form | None
    repacked: float = 0.0

    def bytes_of(self, parameters: int, embedding: int, hidden: int) -> int:
        """Bytes of weights; `embedding` parameters of them are embeddings, in rows of `hidden`."""
        odd = hidden % K_ROW != 0
        blocks = (parameters - embedding) * (self.odd_bits if odd else self.bits)
        return int((blocks + embedding * (self.odd_embedding_bits if odd else self.embedding_bits)) / 8)

    def second_bytes(self, parameters: int, embedding: int, hidden: int) -> int:
        """Bytes of them that the local engine holds a second time."""
        if hidden % K_ROW != 0 and "_K" in self.name:
            return 0  # the types that are taken instead are not repacked
        return int((parameters - embedding) * self.bits / 8 * self.repacked)


def _gguf(
    name: str, bits: float, embedding: float, odd: float, odd_embedding: float, repacked: float = 0.0
) -> Quantisation:
    return Quantisation(name, bits, embedding, odd, odd_embedding, "gguf", repacked)


def _even(name: str, bits: float, embedding: float, form: Form | None) -> Quantisation:
    return Quantisation(name, bits, embedding, bits, embedding, form)


QUANTISATIONS: dict[str, Quantisation] = {
    one.name.lower(): one
    for one in (
        _even("FP32", 32, 32, None),
        _even("F32", 32, 32, "gguf"),
        _even("BF16", 16, 16, None),
        _even("FP16", 16, 16, None),
        _even("F16", 16, 16, "gguf"),
        _even("FP8", 8, 16, "fp8"),
        _even("INT8", 8, 16, "int8"),
        _even("AWQ", 4.25, 16, "awq"),
        _even("GPTQ", 4.25, 16, "gptq"),
        _even("INT4", 4.25, 16, "int4"),
        _even("BNB-4BIT", 4.25, 16, "bnb-4bit"),
        _even("NVFP4", 4.5, 16, "nvfp4"),
        Quantisation("MXFP4", 4.25, 16, 4.25, 16, "mxfp4", repacked=1.0),
        _even("MLX-8BIT", 8.5, 8.5, "mlx"),
        _even("MLX-4BIT", 4.5, 4.5, "mlx"),
        _gguf("Q8_0", 8.5, 8.5, 8.5, 8.5),
        _gguf("Q6_K", 6.56, 6.56, 8.5, 8.5),
        _gguf("Q5_K_M", 5.65, 6.56, 6.2, 8.5),
        _gguf("Q5_K_S", 5.5, 6.56, 6.0, 8.5),
        _gguf("Q5_0", 5.5, 6.56, 5.5, 8.5),
        _gguf("Q5_1", 6.0, 6.56, 6.0, 8.5),
        _gguf("Q4_K_M", 4.8, 6.56, 5.6, 8.5, 0.8),
        _gguf("Q4_K_S", 4.55, 6.56, 5.5, 8.5, 0.95),
        _gguf("Q4_0", 4.5, 6.56, 4.5, 8.5, 1.0),
        _gguf("Q4_1", 5.0, 6.56, 5.0, 8.5),
        _gguf("IQ4_NL", 4.5, 6.56, 4.5, 8.5, 1.0),
        _gguf("IQ4_XS", 4.28, 6.56, 4.5, 8.5),
        _gguf("Q3_K_M", 3.9, 6.56, 4.6, 8.5),
        _gguf("Q2_K", 3.0, 6.56, 4.6, 8.5),
    )
}
"""By name in lower case."""

MADE_OF: dict[Form, tuple[str, ...]] = {
    "gguf": ("q8_0", "q6_k", "q5_k_m", "q4_k_m"),
    "mlx": ("mlx-8bit", "mlx-4bit"),
    "fp8": ("fp8",),
    "int8": ("int8",),
    "awq": ("awq",),
    "gptq": ("gptq",),
    "int4": ("int4",),
    "bnb-4bit": ("bnb-4bit",),
    "nvfp4": ("nvfp4",),
    "mxfp4": ("mxfp4",),
}
"""What is usually published where the catalogue says that a form is; less than 4 bits is offered by nobody unasked."""

SERVED_ON: dict[str, tuple[Form, ...]] = {
    "cpu": ("gguf",),
    "apple": ("gguf", "mlx"),
    "gpu": ("fp8", "int8", "awq", "gptq", "int4", "nvfp4", "mxfp4", "bnb-4bit", "gguf"),
}
"""Forms that the usual engines of a kind of device read."""


def quantisation_of(name: str) -> Quantisation:
    """The number format of this name, in any case.

    Raises:
        CatalogError: it is not known; names the nearest.
    """
    found = QUANTISATIONS.get(name.lower())
    if found is None:
        near = did_you_mean(name.lower(), QUANTISATIONS)
        raise CatalogError(f"no quantisation {name!r} is known; {near}")
    return found


def choices(model: Model, kind: str) -> tuple[Quantisation, ...]:
    """Formats that a model can be had in for a kind of device, the most exact first.

    Files that the catalogue knows, what is made of the forms that it says exist, and the published weights as they are
    where an engine reads them. What has more bits than those is left out: it is larger and no more exact. Empty = not
    known.
    """
    files = tuple(one.quantisation.lower() for one in model.weights if one.quantisation is not None)
    return _choices(files, model.forms or (), model.precision, kind)


@lru_cache(maxsize=1024)  # models of one family are had in the same formats
def _choices(
    files: tuple[str, ...], forms: tuple[Form, ...], precision: str | None, kind: str
) -> tuple[Quantisation, ...]:
    names = list(files)
    for form in forms:
        if form in SERVED_ON[kind]:
            names += MADE_OF.get(form, ())
    if precision is not None and (kind != "cpu" or (precision == "mxfp4" and "gguf" in forms)):
        names.append(precision)  # llama.cpp has MXFP4 as it is
    known = {name: QUANTISATIONS[name] for name in names if name in QUANTISATIONS}
    found = sorted(known.values(), key=lambda one: -one.bits)
    return tuple(_no_finer(found, QUANTISATIONS[precision], files) if precision is not None else found)


def _no_finer(found: list[Quantisation], published: Quantisation, files: tuple[str, ...]) -> list[Quantisation]:
    """Those that are no finer than the published weights, if these can be had, else than about as fine."""
    most = published.bits if published in found else published.bits * ABOUT
    kept = [one for one in found if one.bits <= most or one.name.lower() in files]
    return kept or found[-1:]
