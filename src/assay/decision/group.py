"""What is decided together, and which of its samples decide."""

from __future__ import annotations

from typing import NamedTuple

from assay.errors import SuiteError
from assay.evals.suites.suite import Kind, Samples, Suite

__all__ = ["Bars", "Group", "groups_of"]


class Group(NamedTuple):
    """One kind, or all kinds that are no gates.

    Attributes:
        samples: those that decide: made up (`made_up`) only where there are no others; so many are `left_out`.
        guards: kinds that a gate stands before; None = all.
        p95_latency_s: whoever is slower is not chosen.
    """

    name: str
    kinds: tuple[str, ...]
    samples: Samples
    made_up: bool
    left_out: int
    bar: float
    gate: bool
    guards: tuple[str, ...] | None
    p95_latency_s: float | None = None


class Bars(NamedTuple):
    """Where the bars are.

    Attributes:
        usual: for kinds whose suite names none.
        forced: for all but gates, whatever the suite says. The default of gates is 1.
        p95_latency_s: of measured latency, for all kinds; a kind's own may be stricter.
    """

    usual: float
    forced: float | None = None
    p95_latency_s: float | None = None


def groups_of(suite: Suite, bars: Bars, *, overall: bool, split: str | None = None) -> list[Group]:
    """The groups of a suite; `overall`: one of all kinds that are no gates.

    Raises:
        SuiteError: a gate has no samples.
    """
    for kind in suite.kinds.values():
        if kind.gate and not suite.of(kind.name):
            raise SuiteError(f"the gate {kind.name!r} has no samples of the split {split!r}, so it cannot hold")
    found = [_of_kind(kind, samples, bars) for kind in suite.kinds.values() if (samples := suite.of(kind.name))]
    plain = [group for group in found if not group.gate]
    if not overall or not plain:
        return found
    kinds = tuple(kind for group in plain for kind in group.kinds)
    samples, made_up, left_out = _deciding(suite.samples.only(set(kinds)))
    together = Group(
        name="overall",
        kinds=kinds,
        samples=samples,
        made_up=made_up,
        left_out=left_out,
        bar=bars.forced or bars.usual,
        gate=False,
        guards=None,
        p95_latency_s=_strictest(bars, *(suite.kinds[kind] for kind in kinds)),
    )
    return [*(group for group in found if group.gate), together]


def _of_kind(kind: Kind, samples: Samples, bars: Bars) -> Group:
    samples, made_up, left_out = _deciding(samples)
    return Group(
        name=kind.name,
        kinds=(kind.name,),
        samples=samples,
        made_up=made_up,
        left_out=left_out,
        bar=(kind.bar or 1.0) if kind.gate else (bars.forced or kind.bar or bars.usual),
        gate=kind.gate,
        guards=kind.guards,
        p95_latency_s=_strictest(bars, kind),
    )


def _strictest(bars: Bars, *kinds: Kind) -> float | None:
    limits = [bars.p95_latency_s, *(kind.p95_latency_s for kind in kinds)]
    return min((limit for limit in limits if limit is not None), default=None)


def _deciding(samples: Samples) -> tuple[Samples, bool, int]:
    """Those that decide, whether they were made up, and how many are left out."""
    found = samples.deciding()
    return found, not found.made_up(False), len(samples) - len(found)
