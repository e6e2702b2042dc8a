"""A split under a rollout: its weights count, a session that has moved stays, and the deal says how it came about."""

from __future__ import annotations

import pytest

from assay.routing.protocol import Deal, Rolled, Snapshot, State
from assay.routing.split import Split
from assay.types import Request

SPLIT = Split(weights={"old": 1, "new": 0}, version="file")


def deal(session: str | None, rolled: Rolled | None, candidates: tuple[str, ...] = ("new", "old")) -> Deal:
    """What the split deals to a session."""
    snapshot = Snapshot(now=0.0, seed=7, rolled=rolled)
    request = Request(model="desk", session=session)
    state = State(request=request, candidates=candidates, attempts=(), deadline=None, snapshot=snapshot)
    step = SPLIT.decide(state)
    (call,) = step.calls  # type: ignore[union-attr]
    assert call.deal is not None
    return call.deal


def test_its_weights_and_version_count_and_are_told() -> None:
    """A rollout's shares stand in the deal, whatever the file says, with its version and a digest of the session."""
    found = deal("s1", Rolled("r1", {"old": 0.75, "new": 0.25}))
    assert (found.version, found.shares) == ("r1", {"old": 0.75, "new": 0.25})
    assert found.unit is not None
    assert "s1" not in found.unit
    assert deal(None, None) == Deal(version="file", arm="old", shares={"old": 1.0})


def test_sessions_that_have_moved_stay_as_stages_grow() -> None:
    """Whoever met the new arm at 1 % meets it at 5, 25 and 100 %."""
    stages = [
        {n for n in range(5000) if deal(f"s{n}", Rolled("r", {"old": 1 - share, "new": share})).arm == "new"}
        for share in (0.01, 0.05, 0.25, 1.0)
    ]
    assert stages[0] <= stages[1] <= stages[2] <= stages[3]
    assert 25 <= len(stages[0]) <= 80
    assert len(stages[3]) == 5000


@pytest.mark.parametrize("weights", [{"old": 0.5, "stranger": 0.5}, {"stranger": 1.0}])
def test_a_rollout_of_other_arms_is_not_followed(weights: dict[str, float]) -> None:
    """A rollout that names what is no candidate of the split, as after a change of the file, counts for nothing."""
    assert deal("s1", Rolled("r", weights)).version == "file"


def test_an_arm_that_may_not_serve_hands_its_share_over_and_that_is_told() -> None:
    """Where one arm is left nothing was dealt: the share in the deal is 1, so that experiments leave it out."""
    assert deal("s1", Rolled("r", {"old": 0.5, "new": 0.5}), ("old",)).shares == {"old": 1.0}
