"""No held-out sample in a prompt: the check of `assay suite lint`, on every variant before it is asked anything."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evals.lint.leaks import find_samples_in_prompts
from assay.evals.lint.material import NEAR, Glance, Material, ShownPrompt, glance
from assay.evals.lint.trials import Trials
from assay.evals.suites.duplicates import clusters, duplicates
from assay.evals.suites.suite import Suite
from assay.inference.prompt import Prompt

__all__ = ["Unseen"]


class Unseen:
    """The held-out samples of a kind, as far as they are compared with others.

    Args:
        suite: that they are of.
        kind: of work.
    """

    def __init__(self, suite: Suite, kind: str) -> None:
        self._kind = kind
        self._suite = suite
        heldout = suite.of(kind, "heldout")
        self._glances = [glance(sample) for sample in heldout]
        self._said = {(one.plain, one.documents) for one in self._glances}
        self._groups = {group for one in heldout.ids if (group := heldout.group_of(one)) is not None}

    def has(self, one: Glance, group: str | None) -> bool:
        """Whether a sample is held out too, but for case and punctuation, or another of its group is."""
        return (one.plain, one.documents) in self._said or (group is not None and group in self._groups)

    def resembled_by(self, samples: Sequence[Glance]) -> set[int]:
        """Places of those that are nearly the same as a held-out sample, or as one that is."""
        texts = [one.text for one in (*samples, *self._glances)]
        together = clusters(duplicates(texts, at_least=NEAR))
        return {place for group in together if group[-1] >= len(samples) for place in group if place < len(samples)}

    def shown_by(self, prompt: Prompt) -> tuple[str, ...]:
        """Ids of the held-out samples that a prompt holds: as an example, nearly so, or anywhere in its words."""
        text = "\n".join(part for part in (prompt.system, prompt.template) if part)
        shown = ShownPrompt("", self._kind, tuple(one.user for one in prompt.examples), text)
        material = Material(self._suite, self._glances, Trials({}, (), 0), prompts=(shown,))
        return tuple(one for finding in find_samples_in_prompts(material) for one in finding.samples)
