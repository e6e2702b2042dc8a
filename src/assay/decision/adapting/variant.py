"""A variant: a deployment's settings for one kind with some of them changed, and the deployment that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from assay.config.schema import Deployment, Settings
from assay.decision.adapting.practice import MOST_SHOWN
from assay.inference.deployment import LiveDeployment
from assay.inference.prompt import Prompt, compile_prompt, merge

__all__ = ["CONFIGURED", "Variant", "adapted_config", "configured", "derived"]

CONFIGURED = "as configured"
"""The name of the variant that changes nothing."""


class Variant(NamedTuple):
    """A way to ask for one kind of work.

    Attributes:
        name: what is changed, in a few words.
        settings: of the kind, complete: nothing is left to the deployment's general ones. Texts stand in them, not
            names of files.
    """

    name: str
    settings: Settings

    @property
    def prompt(self) -> Prompt:
        """What is put around a request.

        Raises:
            ConfigError: a file of a schema or grammar cannot be read.
        """
        return compile_prompt(self.settings)

    @property
    def size_bytes(self) -> int:
        """What it adds to every request: of two that pass as many samples, the one that sends less is better."""
        prompt = self.prompt
        shots = (text for one in prompt.examples for text in (one.user, one.assistant or "", repr(one.calls)))
        return sum(len(text.encode()) for text in (prompt.system or "", prompt.template or "", *shots))


def configured(config: Deployment, kind: str) -> Variant:
    """What a deployment does for a kind as it is; the prompt has the same digest as the deployment's own.

    Raises:
        ConfigError: a file of the prompt cannot be read.
    """
    special = config.kinds.get(kind)
    settings = merge(config.settings, special) if special is not None else config.settings
    prompt = compile_prompt(settings)
    texts = {"system": prompt.system, "template": prompt.template, "examples": prompt.examples or None}
    files = dict.fromkeys(("system_file", "template_file", "examples_file"))
    room = {"max_examples": len(prompt.examples) + MOST_SHOWN} if settings.max_examples is not None else {}
    return Variant(CONFIGURED, structs.replace(settings, **texts, **files, **room))


def adapted_config(config: Deployment, kinds: Mapping[str, Settings], only: tuple[str, ...] | None) -> Deployment:
    """A deployment with the settings of some kinds exchanged; a candidate for the kinds in `only`."""
    return structs.replace(config, kinds={**config.kinds, **kinds}, only_kinds=only)


def derived(live: LiveDeployment, name: str, config: Deployment) -> LiveDeployment:
    """The same model at the same place under another name and with other prompts: one connection, one engine."""
    return LiveDeployment(
        name=name, config=config, provider=live.provider, model=live.model, dialect=live.dialect, missing=live.missing,
        terms=live.terms,
    )  # fmt: skip
