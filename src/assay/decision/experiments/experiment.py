"""What an A/B says: its arms, how they differ, and who has won."""

from __future__ import annotations

from typing import Literal

from assay.decision.experiments.measured import Better, Compared
from assay.types import Value

__all__ = ["Arm", "Difference", "Experiment", "Verdict"]

Verdict = Literal["winner", "loser", "open", "mismatch"]


class Arm(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One arm.

    Attributes:
        share: of the traffic that it was to have.
        requests: that it was dealt; `units`: the sessions that they came in, requests without one counted.
        cancelled: by the client; they count for no measure.
        beside: that another arm answered, for this one failed.
        unpriced: whose cost nobody knows; they are in no figure of cost.
        means: measure -> mean per request; None = there is none.
        p50_s, p95_s: until the whole answer, of answers it gave itself, not from the cache.
    """

    name: str
    share: float
    requests: int
    units: int
    cancelled: int
    beside: int
    unpriced: int
    means: dict[str, float | None]
    p50_s: float | None
    p95_s: float | None


class Difference(Value, frozen=True, kw_only=True, omit_defaults=False):
    """An arm beside the baseline.

    Attributes:
        better: whether more of the measure is better.
        shows: what the interval says of the arm.
        more_units: about how many more sessions, over both arms, would show a difference of the size that was seen.
    """

    arm: str
    compared: Compared
    better: Better
    shows: Literal["better", "worse", "open"]
    more_units: int | None


class Experiment(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What an A/B says.

    Attributes:
        version: of the split; `versions` all that there are, newest first.
        measure: what decides; `metric` its name where it is an outcome that clients report.
        unit: what was dealt: `session`, `request`, or `mixed` (a request without a session is one by itself).
        differences: of every measure and arm; those of `measure` have the error to themselves, the others each.
        mismatch_p: of the numbers of sessions, see `stats.mismatch`; where that is too small the verdict is `mismatch`.
        left_out: requests that are in no figure, by the reason.
    """

    route: str
    kind: str | None
    version: str
    versions: tuple[str, ...]
    first_at: float
    last_at: float
    baseline: str
    measure: str
    metric: str | None
    error: float
    unit: Literal["session", "request", "mixed"]
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    mismatch_p: float
    left_out: dict[str, int]
    verdict: Verdict
    reason: str
    guarantee: str

    @property
    def exit_code(self) -> int:
        """0 = some arm is better than the baseline; 1 = all are worse; 4 = it cannot be told."""
        return {"winner": 0, "loser": 1}.get(self.verdict, 4)

    @property
    def deciding(self) -> tuple[Difference, ...]:
        """The differences in what decides, arm by arm."""
        return tuple(one for one in self.differences if one.compared.measure == self.measure)
