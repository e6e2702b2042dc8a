"""One candidate in one situation: everything that its bill depends on, so that any of it can be asked "what if"."""

from __future__ import annotations

from typing import Literal

from msgspec import structs

from assay.config.schema import Price
from assay.envelope.band import Band
from assay.envelope.hardware import Machine
from assay.envelope.monthly import Line, Monthly, Tariff
from assay.envelope.overheads import Overheads
from assay.envelope.owning import Tenure, missing, served_tariff
from assay.envelope.renting import hosted_tariff, per_request_usd
from assay.envelope.speed import Speed
from assay.envelope.workload import Workload
from assay.types import Value

__all__ = ["Fallback", "PromptTax", "Scenario", "prompt_tax"]


class Fallback(Value, frozen=True, kw_only=True):
    """The stronger model that answers again what the candidate cannot.

    Attributes:
        name: of the model.
        share: of all requests.
        price: USD per million tokens.
        batch: rates of what may come within a day.
    """

    name: str
    share: float
    price: Price
    batch: Price | None = None


class Scenario(Value, frozen=True, kw_only=True):
    """A way of doing the work.

    Attributes:
        name: of the candidate.
        tenure: `host` pays by the token; `rent`, `buy` and `have` say how one comes to the machine.
        price, batch, price_basis: of a host.
        machine, speed: of one's own; the speed of the model on it.
        fallback: who answers what this candidate cannot.
        tuning_usd: what tuning costs once. Where the work comes with an instruction, the model is not tuned yet: then
            this is not on the bill, and `prompt_tax` tells when it would pay.
        unknown: why nobody can say what it costs.
        notes: what must be said beside it.
    """

    name: str
    tenure: Literal["host"] | Tenure
    workload: Workload
    overheads: Overheads
    price: Price | None = None
    batch: Price | None = None
    price_basis: str = "list price"
    machine: Machine | None = None
    speed: Speed | None = None
    fallback: Fallback | None = None
    tuning_usd: float = 0.0
    unknown: str | None = None
    notes: tuple[str, ...] = ()

    def tariff(self) -> Tariff | None:
        """Its price list; `None` = something is not known, `reason` says what."""
        if self.unknown is not None:
            return None
        fallback, tuning = self._fallback_lines(), self._tuning_usd
        if self.tenure == "host":
            return hosted_tariff(
                self.price, self.workload, self.overheads, batch=self.batch, fallback=fallback,
                tuning_usd=tuning, basis=self.price_basis,
            )  # fmt: skip
        if self.machine is None:
            return None
        return served_tariff(
            self.machine, self.speed, self.workload, self.overheads, tenure=self.tenure, fallback=fallback,
            tuning_usd=tuning,
        )  # fmt: skip

    def monthly(self) -> Monthly | None:
        """The bill for its workload."""
        tariff = self.tariff()
        return tariff.monthly(self.workload.requests_per_day) if tariff is not None else None

    @property
    def reason(self) -> str | None:
        """Why there is no bill; `None` if there is one."""
        if self.unknown is not None:
            return self.unknown
        if self.tenure == "host":
            return "nobody knows its price" if self.price is None else None
        if self.machine is None:
            return "no machine is named; give one with --device"
        return missing(self.machine, self.speed, self.tenure)

    @property
    def _tuning_usd(self) -> float:
        return 0.0 if self.workload.instruction_tokens else self.tuning_usd

    def _fallback_lines(self) -> tuple[Line, ...]:
        backup = self.fallback
        if backup is None or not backup.share:
            return ()
        usd = backup.share * per_request_usd(backup.price, self.workload, backup.batch)
        return (Line("fallback", Band.exactly(usd), f"{backup.share:.0%} of requests answered again by {backup.name}"),)


class PromptTax(Value, frozen=True, kw_only=True):
    """What an instruction that comes with every request costs, and when it pays to tune it in.

    Attributes:
        usd_per_month: saved by a model that has learnt it.
        months_to_pay_back: until tuning has earned itself; `None` = never, or nobody said what tuning costs.
    """

    usd_per_month: float
    months_to_pay_back: float | None


def prompt_tax(scenario: Scenario) -> PromptTax | None:
    """The bill with the instruction less the bill without it; `None` = there is no bill, or no such instruction.

    What falls back is left out of both: the stronger model has learnt nothing, and is told the instruction anyway.
    """
    if not scenario.workload.instruction_tokens:
        return None
    alone = structs.replace(scenario, fallback=None)
    learnt = structs.replace(alone, workload=alone.workload.without_instruction(), tuning_usd=0.0)
    paid, left = alone.monthly(), learnt.monthly()
    if paid is None or left is None:
        return None
    saved = max(0.0, paid.total.value - left.total.value)
    cost = scenario.tuning_usd
    return PromptTax(usd_per_month=saved, months_to_pay_back=cost / saved if cost and saved else None)
