"""A model in a place: at a host, or on a machine of one's own; with what is known of it there."""

from __future__ import annotations

from typing import Literal

from assay.types import Value

__all__ = ["Candidate", "Envelope", "Rank", "Removed"]


class Rank(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What published figures say, as a range: the weather, not proof.

    Attributes:
        share: of the models that have such figures, those that this one is above.
        low, high: the range of that share.
        models: how many have such figures.
        figures: `benchmark score`, nearest to the need first.
        by_others: how many of the figures were not published by the model's maker.
        oldest, newest: days as of which the figures are.
    """

    share: float
    low: float
    high: float
    models: int
    figures: tuple[str, ...]
    by_others: int
    oldest: str
    newest: str


class Envelope(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A model on a machine. `None` = not known.

    Attributes:
        machine: spec of the device, as `assay fit --device` takes it.
        machines: how many of them the volume needs.
        verdict: `fits`, or `tight`: an estimate may be wrong by what is left.
        quantisation: that it is run in.
        memory_bytes: weights, cache for all sequences, compute and overhead.
        free_bytes: what is left of the memory that models may have.
        decode_tok_s, first_token_s: of one stream, as low and high.
        answer_s: until a whole answer, likewise.
        measured: that it was measured on this machine, and when; `None` = memory and speed are estimates.
    """

    machine: str
    machines: int | None
    verdict: str
    quantisation: str | None
    memory_bytes: int | None
    free_bytes: int | None
    decode_tok_s: tuple[float, float] | None
    first_token_s: tuple[float, float] | None
    answer_s: tuple[float, float] | None = None
    measured: str | None = None


class Candidate(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A model in a place. `None` = not known.

    Attributes:
        model: id in the catalogue.
        place: at a `host`, or on machines of one's `own`, bought or rented by the hour.
        at: the host's key, or the machine's spec.
        usd_per_month: all that it costs in a month, hours of staff included, for the whole volume or for the part of
            it that a plan gives it; what plans are ranked by.
        usd_per_month_range: the same at both ends of what the speed is estimated at.
        bill_usd_per_month: of that, what is billed: tokens, or machines and power; what a budget limits.
        usd_per_query: the bill over the number of requests.
        thinking_usd_per_query: what thinking adds to it where nothing tells the model not to, an assumption; 0 on a
            machine of one's own, where it takes time. `None` = it does not think, or that is counted already.
        price_as_of: the list price is at least as new as this.
        rank: what published figures say; `None` = nothing.
        envelope: where it is run by oneself.
        warnings: what speaks against it, and is no limit.
    """

    model: str
    name: str
    maker: str
    family: str
    ecosystem: Literal["hosted", "open-weight"]
    place: Literal["host", "own"]
    at: str
    usd_per_month: float | None
    usd_per_month_range: tuple[float, float] | None = None
    bill_usd_per_month: float | None = None
    usd_per_query: float | None = None
    thinking_usd_per_query: float | None = None
    price_as_of: str | None = None
    rank: Rank | None = None
    envelope: Envelope | None = None
    warnings: tuple[str, ...] = ()

    @property
    def staff_usd_per_month(self) -> float:
        """What hours of people come to; 0 where the cost is not known."""
        return (self.usd_per_month or 0.0) - (self.bill_usd_per_month or 0.0)

    @property
    def title(self) -> str:
        """`Name at host`, `Name on device`."""
        return f"{self.name} {'at' if self.place == 'host' else 'on'} {self.at}"


class Removed(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A model in a place that a limit took out.

    Attributes:
        limit: name of the limit.
        reason: with the values.
    """

    model: str
    place: str
    at: str | None
    limit: str
    reason: str
