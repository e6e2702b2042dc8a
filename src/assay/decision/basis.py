"""What a decision rests on: what each candidate is and on what conditions it is had, the samples, the limits.

Kept with the decision, so that later somebody can say what has changed since (`assay choose --again`).
"""

from __future__ import annotations

from typing import Any, Literal

from assay.types import Value

__all__ = ["Basis", "Conditions", "Ground", "KindGround", "Side"]

Side = Literal["own", "rent"]


class Conditions(Value, frozen=True, kw_only=True):
    """On what conditions a deployment is had. `None` = not known, or there is none.

    Attributes:
        side: `own` where what is sent to it stays in the team's hands, else `rent`.
        host: where it is rented or served, by its key or address; None = an engine here.
        keyless: the variable that should hold its host's key is empty.
        input_usd_per_mtok, output_usd_per_mtok, cached_input_usd_per_mtok, cache_write_usd_per_mtok: of its dearest
            hour.
        price_from: who says so.
        usd_per_hour: what the device of an engine here costs.
        licence: of its weights.
        policy: what its host does with data.
        status, retires: what its maker has announced.
        barred: the constraint that forbids it, whatever is asked.
    """

    side: Side
    host: str | None = None
    keyless: bool = False
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | None = None
    price_from: str | None = None
    usd_per_hour: float | None = None
    licence: str | None = None
    policy: dict[str, Any] = {}
    status: str | None = None
    retires: str | None = None
    barred: str | None = None


class Basis(Value, frozen=True, kw_only=True):
    """One candidate.

    Attributes:
        deployments: everything that it may call, by name; a deployment itself alone.
        facts: what decides its answers to every kind (`assay.inference.identity.target_facts`).
        by_kind: kind -> the facts that are another kind's not: the prompt, mostly.
        problem: why it could not be identified (its weights are missing, say); there are no facts then.
    """

    deployments: dict[str, Conditions]
    facts: dict[str, str] = {}
    by_kind: dict[str, dict[str, str]] = {}
    problem: str | None = None

    def facts_of(self, kind: str) -> dict[str, str]:
        """What decides its answers to a kind."""
        return {**self.facts, **self.by_kind.get(kind, {})}

    @property
    def side(self) -> Side:
        """`own` only where nothing that it may call is rented."""
        return "own" if all(one.side == "own" for one in self.deployments.values()) else "rent"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where it is rented: everything that its requests may be sent to outside the team."""
        rented = (one.host or name for name, one in self.deployments.items() if one.side == "rent")
        return tuple(dict.fromkeys(rented))


class KindGround(Value, frozen=True, kw_only=True):
    """The samples of a kind, and what is asked of them.

    Attributes:
        digest: sha256 (hex) of the samples with their graders, whatever their order.
        stays: some of them may not leave: it can never be rented.
    """

    samples: int
    digest: str
    gate: bool = False
    bar: float | None = None
    p95_latency_s: float | None = None
    repeats: int = 1
    stays: bool = False


class Ground(Value, frozen=True, kw_only=True):
    """What all candidates have in common.

    Attributes:
        suite_digest: of all that decides scores, kinds that are not decided too.
        kinds: those that were decided, of the `split` that decides; their `bar` is the suite's own.
        bar: of kinds whose suite names none.
        tolerance, error: of the tests that stop early, as shares.
        constraints: those that were set, as `assay.toml` has them.
        judges: model that grades -> its facts.
    """

    suite_digest: str
    kinds: dict[str, KindGround]
    split: str | None
    bar: float
    tolerance: float = 0.0
    error: float = 0.0
    constraints: dict[str, Any] = {}
    judges: dict[str, dict[str, str]] = {}
