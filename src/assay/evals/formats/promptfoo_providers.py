"""Providers of promptfoo as deployments to choose from: comments for an `assay.toml`, since a suite names no model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assay.catalog.load import builtin
from assay.config.importers.draft import shown

__all__ = ["provider_names", "suggested"]

_HOSTS = {"google": "gemini", "togetherai": "together", "mistralai": "mistral", "palm": "gemini"}
_FORMS = ("chat", "completion", "messages", "responses", "text", "embedding", "embeddings")


def provider_names(config: Mapping[str, Any]) -> list[str]:
    """What a configuration calls its providers; what they are set to (keys might be there) is not told."""
    found = config.get("providers", config.get("targets")) or []
    listed = found if isinstance(found, list) else [found]
    names = [str(one.get("id") or next(iter(one), "?")) if isinstance(one, Mapping) else str(one) for one in listed]
    return [shown("provider", name).strip('"') for name in names]


def suggested(names: list[str], file: str) -> str:
    """Deployments in comments, for a person to take from."""
    head = (
        f"# Candidates that {file} names. Take what you want into assay.toml, and try it with `assay config check`.\n"
    )
    return head + "".join(f"\n{_deployment(name)}" for name in names)


def _deployment(name: str) -> str:
    prefix, _, rest = name.partition(":")
    form, _, model = rest.partition(":")
    model = model if form in _FORMS else rest
    host = _HOSTS.get(prefix, prefix)
    if not model or host not in builtin().hosts:
        return f"# {name}: name its model, dialect and base_url yourself\n"
    table = re.sub(r"[^\w-]+", "-", model.rpartition("/")[2]).strip("-") or "model"
    maker = model.lower() if "/" in model else f"{host}/{model.lower()}"
    return f'# [deployments.{table}]   # {name}\n# model = "{maker}"\n# host = "{host}"\n'
