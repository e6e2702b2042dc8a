"""What one token leaves in the cache of a model, by the formula that `assay fit` reckons with."""

from __future__ import annotations

from pathlib import Path

from assay.catalog.entry import Source
from assay.catalog.model import Model
from assay.envelope.file import facts_of
from assay.envelope.shape import shape_of
from assay.weights.anatomy import Anatomy

__all__ = ["token_values"]


def token_values(found: Anatomy) -> int | None:
    """Numbers in all layers together, before a window lets go of any; None = the file does not say.

    Of a folder of the hub nothing is told where some layers are recurrent: its configuration does not say which.
    """
    if found.shape.layers is None:
        return None
    if found.format == "gguf":
        return facts_of(Path(found.path)).shape.token_values
    if any(group.kind == "recurrent" for group in found.groups):
        return None
    shape = shape_of(_described(found))
    return shape.token_values if not shape.missing else None


def _described(found: Anatomy) -> Model:
    """As much of a model as its cache depends on."""
    one = found.shape
    return Model(
        id="file/folder", name=found.path, maker="unknown", ecosystem="open-weight", layers=one.layers,
        hidden=one.hidden, heads=one.heads, kv_heads=one.kv_heads, head_dim=one.head_dim, kv_rank=one.kv_rank,
        rope_dim=one.rope_dim, evidence="folder", sources={"folder": Source(title="config.json")},
    )  # fmt: skip
