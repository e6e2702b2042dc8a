"""Adapted candidates of an earlier call, made callable again from its record: nothing is searched anew."""

from __future__ import annotations

from collections.abc import Iterable

from assay.decision.adapting.adaptation import Adaptation
from assay.decision.adapting.variant import adapted_config, derived
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine

__all__ = ["restore"]


def restore(spine: Spine, adaptations: Iterable[Adaptation]) -> None:
    """Add what is not in the configuration; that of a candidate which is there no longer is left out."""
    for one in adaptations:
        live = spine.targets.get(one.candidate)
        if one.adapted is None or one.adapted in spine.targets or not isinstance(live, LiveDeployment):
            continue
        won = {kind.kind: kind.settings for kind in one.kinds if kind.settings is not None}
        config = adapted_config(live.config, won, one.only_kinds)
        spine.targets[one.adapted] = derived(live, one.adapted, config)
