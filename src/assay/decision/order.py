"""Cheapest first: what one answer of each candidate is expected to cost, before anything is measured.

The order rests on prompts, limits and prices alone, so that the same configuration always gives the same
order; measured costs are shown beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.envelope.answer_cost import expected_cost
from assay.envelope.estimate import Estimate
from assay.evals.suites.suite import Sample
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine


def expected(spine: Spine, name: str, samples: Sequence[Sample]) -> Estimate | None:
    """Mean expected cost of one answer to these samples; None where nothing is known to estimate from.

    A route counts as the sum of everything below it: an upper bound for cascades. Where its policy draws
    several answers, as vote and best-of do, each of its candidates counts as often as it may be asked.
    """
    target = spine.targets[name]
    if not isinstance(target, LiveDeployment):
        parts = [expected(spine, candidate, samples) for candidate in spine.route(name).candidates]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or len({part.unit for part in known}) != 1:
            return None
        draws = getattr(spine.route(name).policy, "draws", None)  # of a plug-in it may be unknown
        times = draws / len(known) if draws is not None else 1.0
        return Estimate(
            value=times * sum(part.value for part in known),
            low=min(part.low for part in known),
            high=draws * max(part.high for part in known) if draws else sum(part.high for part in known),
            method=f"sum of {', '.join(spine.route(name).candidates)}" + (f", {draws} calls" if draws else ""),
            unit=known[0].unit,
        )
    sizes, limits = [], []
    for sample in samples:
        prepared = target.prompt(sample.kind).apply(sample.request())
        texts = [message.text for message in prepared.messages] + [prepared.prompt or ""]
        sizes.append(sum(len(text.encode()) for text in texts))
        limits.append(prepared.sampling.max_tokens)
    known_limits = [limit for limit in limits if limit is not None]
    limit = round(sum(known_limits) / len(known_limits)) if len(known_limits) == len(limits) and limits else None
    size = round(sum(sizes) / len(sizes)) if sizes else 0
    return expected_cost(target.config, target.model, target.price.price, size, limit)
