"""No held-out sample in a prompt: the check of `assay suite lint`, on every variant before it is asked anything."""

from __future__ import annotations

from collections.abc import Sequence

from assay.decision.adapting.variant import Variant
from assay.evals.lint.leaks import find_samples_in_prompts
from assay.evals.lint.material import Glance, Material, ShownPrompt, glance
from assay.evals.lint.trials import Trials
from assay.evals.suites.suite import Kind, Samples, Suite

__all__ = ["Unseen"]


class Unseen:
    """The held-out samples of a kind.

    Args:
        suite: that they are of.
        kind: of work.
        heldout: its held-out samples.
    """

    def __init__(self, suite: Suite, kind: Kind, heldout: Samples) -> None:
        self._kind = kind.name
        self._suite = suite
        self._glances: Sequence[Glance] = [glance(sample) for sample in heldout]

    def shown_by(self, variant: Variant) -> tuple[str, ...]:
        """Ids of the held-out samples that a prompt holds: as an example, nearly so, or anywhere in its words."""
        prompt = variant.prompt
        text = "\n".join(part for part in (prompt.system, prompt.template) if part)
        shown = ShownPrompt(variant.name, self._kind, tuple(one.user for one in prompt.examples), text)
        material = Material(self._suite, self._glances, Trials({}, (), 0), prompts=(shown,))
        return tuple(one for finding in find_samples_in_prompts(material) for one in finding.samples)
