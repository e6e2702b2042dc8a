"""Which format has which batch endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from assay.dialects.batches.anthropic import AnthropicBatches
from assay.dialects.batches.form import BatchForm
from assay.dialects.batches.gemini import GeminiBatches
from assay.dialects.batches.openai import OpenAIBatches

__all__ = ["FORMS", "form_of"]

FORMS: Mapping[str, BatchForm] = {
    "openai": OpenAIBatches(),
    "openai-responses": OpenAIBatches(),
    "anthropic": AnthropicBatches(),
    "gemini": GeminiBatches(),
}
"""By the name of the format that the requests of a job are in."""


def form_of(dialect: str) -> BatchForm | None:
    """The batch endpoints that hosts of a format have; None = there is no such form."""
    return FORMS.get(dialect)
