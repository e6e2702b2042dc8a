"""Parameters of a model that hold where a request says nothing: the same words in OpenAI's format everywhere."""

from __future__ import annotations

from typing import Any

from assay.config.importers.source import Source

__all__ = ["settings_of"]


def settings_of(source: Source, stop: str = "stop") -> dict[str, Any]:
    """The keys of `settings`; they are taken.

    Args:
        source: where they stand.
        stop: what the peer calls the texts that end an answer.
    """
    settings: dict[str, Any] = {}
    for key in ("temperature", "top_p"):
        settings[key] = source.number(key)
    for key in ("max_tokens", "max_completion_tokens"):
        if source.has(key):
            settings["max_tokens"] = source.integer(key, 1)
    settings["seed"] = source.integer("seed")
    settings["reasoning_effort"] = source.text("reasoning_effort")
    if source.has(stop):
        settings["stop"] = list(source.texts(stop)) or None
    return {key: value for key, value in settings.items() if value is not None}
