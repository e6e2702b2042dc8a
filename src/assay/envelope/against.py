"""What the same traffic would have cost on one model, beside what it did cost: with all that is assumed.

Nobody has asked that model. Its price is put on the tokens that were counted; where runs have asked it the same samples
as those who did the work, their ratio of tokens corrects that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from assay.config.schema import Price
from assay.envelope.cost import cost_usd
from assay.ledger.budgets import usd_of
from assay.ledger.spend_against import AnsweredRow, CountRow, Served
from assay.types import Usage, Value

__all__ = ["Against", "Ratio", "compared", "ratios"]

RateOf = Callable[[int | None], Price | None]
"""USD per million tokens of requests with at most so many; `None` = longer than all that prices are known for."""


class Ratio(NamedTuple):
    """Tokens of one model by those of another, on the same samples.

    Attributes:
        input, output: the ratio of the sums.
        samples: that both have answered.
    """

    input: float
    output: float
    samples: int


class Against(Value, frozen=True, kw_only=True):
    """Two bills for the same answered requests.

    Attributes:
        name: whom it is compared with.
        requests: answered ones whose tokens were counted.
        uncounted: answered ones whose tokens were not; they are in neither bill.
        paid_usd: what they did cost, other attempts, judges, routing, guards and comparisons included.
        paid_by: the same by purpose; `answer` is what was answered, `attempt` what was tried before.
        unknown: attempts whose cost nobody knows: the real bill is higher.
        bounds: attempts that are charged at their bound: the real bill may be lower.
        low_usd, high_usd: on the one model, by the tokens as counted: with what was cached at its rate for cached
            tokens, and at that for new ones.
        measured_usd: the same by ratios of tokens that were measured; `None` = on nobody's work.
        samples: how many samples these rest on.
        covered: share of the requests by deployments whose ratio is known, or that are the one itself.
    """

    name: str
    requests: int
    uncounted: int
    paid_usd: float
    paid_by: dict[str, float]
    unknown: int
    bounds: int
    low_usd: float
    high_usd: float
    measured_usd: float | None = None
    samples: int = 0
    covered: float = 0.0

    @property
    def saved_usd(self) -> tuple[float, float]:
        """What the traffic saved by not going there: least and most; below 0, it cost more."""
        best = self.measured_usd
        return (self.low_usd if best is None else min(best, self.low_usd)) - self.paid_usd, (
            self.high_usd if best is None else max(best, self.high_usd)
        ) - self.paid_usd


def compared(name: str, found: Served, rate_of: RateOf, known: Mapping[str, Ratio]) -> Against | None:
    """The two bills.

    Args:
        name: whom it is compared with.
        found: the traffic.
        rate_of: what that one's tokens cost.
        known: its tokens by those of each deployment that did the work.

    Returns:
        `None` where nobody knows what its tokens cost.
    """
    low = high = scaled = 0.0
    covered = 0
    for row in found.answers:
        price = rate_of(row.length)
        bills = (_usd(price, row, cached=True), _usd(price, row, cached=False)) if price is not None else (None, None)
        if price is None or bills[0] is None or bills[1] is None:
            return None
        low, high = low + bills[0], high + bills[1]
        ratio = Ratio(1.0, 1.0, 0) if row.deployment == name else known.get(row.deployment)
        covered += row.requests if ratio is not None else 0
        scaled += _usd(price, row, cached=False, ratio=ratio) or 0.0
    requests = sum(row.requests for row in found.answers)
    used = [known[row.deployment] for row in found.answers if row.deployment in known and row.deployment != name]
    return Against(
        name=name,
        requests=requests,
        uncounted=found.uncounted,
        paid_usd=usd_of(sum(row.pico for row in found.costs)),
        paid_by={row.purpose: usd_of(row.pico) for row in found.costs},
        unknown=sum(row.unknown for row in found.costs),
        bounds=sum(row.bounds for row in found.costs),
        low_usd=min(low, high),
        high_usd=max(low, high),
        measured_usd=scaled if used else None,
        samples=max((ratio.samples for ratio in used), default=0),
        covered=covered / requests if requests else 0.0,
    )


def ratios(rows: Iterable[CountRow], name: str) -> dict[str, Ratio]:
    """Tokens of one deployment by those of each other that has answered the same samples."""
    by_deployment: dict[str, dict[tuple[str, str], CountRow]] = defaultdict(dict)
    for row in rows:
        by_deployment[row.deployment][row.suite, row.sample] = row
    own = by_deployment.pop(name, {})
    found = {other: _ratio(own, theirs) for other, theirs in by_deployment.items()}
    return {other: ratio for other, ratio in found.items() if ratio is not None}


def _ratio(own: Mapping[tuple[str, str], CountRow], theirs: Mapping[tuple[str, str], CountRow]) -> Ratio | None:
    pairs: Sequence[tuple[CountRow, CountRow]] = [(own[key], theirs[key]) for key in own.keys() & theirs.keys()]
    asked, answered = sum(one.input for _, one in pairs), sum(one.output for _, one in pairs)
    if not asked or not answered:
        return None
    return Ratio(sum(one.input for one, _ in pairs) / asked, sum(one.output for one, _ in pairs) / answered, len(pairs))


def _usd(price: Price, row: AnsweredRow, *, cached: bool, ratio: Ratio | None = None) -> float | None:
    by_input, by_output = (ratio.input, ratio.output) if ratio is not None else (1.0, 1.0)
    kept = row.cached if cached and price.cached_input is not None else 0
    return cost_usd(price, Usage(input=round(row.input * by_input), output=round(row.output * by_output), cached=kept))
