"""The work that is to be paid for: how many requests, how large, how bunched together."""

from __future__ import annotations

import math

from msgspec import structs

from assay.errors import ConfigError
from assay.types import Value

__all__ = ["DAYS_PER_MONTH", "SECONDS_PER_DAY", "Workload"]

DAYS_PER_MONTH = 30.4
"""365 / 12, to the precision that people reckon with."""
SECONDS_PER_DAY = 86_400.0
_SHARES = ("cached_share", "written_share", "batch_share")
_AMOUNTS = ("requests_per_day", "input_tokens", "output_tokens", "instruction_tokens")


class Workload(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Requests of one sort, on an average day.

    Attributes:
        requests_per_day: mean over all days, quiet ones included.
        input_tokens: mean of one request, cached ones included.
        output_tokens: mean of one answer, reasoning included.
        cached_share: share of the input tokens that are read from a prompt cache.
        written_share: share of the input tokens that are written to one, where that costs extra.
        batch_share: share of the requests whose answers may come within a day.
        peak_factor: requests in the busiest hour by those in a mean one.
        instruction_tokens: of the input, those that are the same in every request: instruction, examples, schemas.
        days_per_month: what a month is reckoned with.
    """

    requests_per_day: float
    input_tokens: float
    output_tokens: float
    cached_share: float = 0.0
    written_share: float = 0.0
    batch_share: float = 0.0
    peak_factor: float = 3.0
    instruction_tokens: float = 0.0
    days_per_month: float = DAYS_PER_MONTH

    def __post_init__(self) -> None:
        """Raises a `ConfigError` that names the figure which cannot be."""
        for name in _AMOUNTS:
            _within(name, getattr(self, name), 0.0, 1e15)
        for name in _SHARES:
            _within(name, getattr(self, name), 0.0, 1.0)
        _within("peak_factor", self.peak_factor, 1.0, 24.0)
        _within("days_per_month", self.days_per_month, 1.0, 31.0)
        if self.cached_share + self.written_share > 1.0 + 1e-9:
            raise ConfigError(
                f"cached_share {self.cached_share:g} and written_share {self.written_share:g} are more than all input "
                "tokens; give shares whose sum is at most 1"
            )
        if self.instruction_tokens > self.input_tokens:
            raise ConfigError(
                f"instruction_tokens {self.instruction_tokens:g} are part of input_tokens, which are only "
                f"{self.input_tokens:g}; count the whole input"
            )

    @property
    def requests_per_month(self) -> float:
        """Requests of a month."""
        return self.requests_per_day * self.days_per_month

    @property
    def cached_tokens(self) -> float:
        """Input tokens of one request that are read from a cache."""
        return self.input_tokens * self.cached_share

    @property
    def written_tokens(self) -> float:
        """Input tokens of one request that are written to a cache."""
        return self.input_tokens * self.written_share

    @property
    def plain_tokens(self) -> float:
        """Input tokens of one request that no cache has to do with."""
        return self.input_tokens - self.cached_tokens - self.written_tokens

    @property
    def effective_peak(self) -> float:
        """What a machine must stand, by the mean load: batches wait for quiet hours, all else comes when it comes."""
        return max(1.0, self.peak_factor * (1.0 - self.batch_share))

    def at(self, requests_per_day: float) -> Workload:
        """The same work in another volume."""
        return structs.replace(self, requests_per_day=requests_per_day)

    def without_instruction(self) -> Workload:
        """The work of a model that has learnt its instruction: those tokens are gone, cached ones first."""
        left = self.input_tokens - self.instruction_tokens
        cached = max(0.0, self.cached_tokens - self.instruction_tokens)
        written = min(self.written_tokens, left - cached)
        shares = (cached / left, written / left) if left else (0.0, 0.0)
        return structs.replace(
            self, input_tokens=left, cached_share=shares[0], written_share=shares[1], instruction_tokens=0.0
        )


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"{name} is {value:g}; expected a number from {low:g} to {high:g}")
