"""A decision that was made again, as a report tells it: what has changed since, and what that changes."""

from __future__ import annotations

from assay.decision.again import effects, standing_of
from assay.decision.changed import changes
from assay.decision.decision import Decision
from assay.report.view import AgainView

__all__ = ["again_view"]


def again_view(before: Decision, after: Decision) -> AgainView:
    """What differs between a decision and the one that was made of it again."""
    then, now = standing_of(before), standing_of(after)
    changed = changes(then, now) if then is not None and now is not None else None
    return AgainView(
        of=before.id, created_at=before.created_at, changes=changed, effects=effects(before, after, changed or ())
    )
