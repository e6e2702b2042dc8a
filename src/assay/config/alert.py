"""The table `[alerts]` of an `assay.toml`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from assay.config.table import Section

__all__ = ["Alerts"]


class Alerts(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is told to a webhook: each thing once, with names and figures only.

    Attributes:
        url_env: name of the environment variable that holds the webhook's address; chat programs put a secret into it.
        url: the address itself, where it is no secret; `http` or `https`.
        budget_shares: shares of a budget; each is told when so much of it is spent.
        breakers: tell when the breaker of a deployment opens.
        drift: tell what `assay watch` raises an alarm about.
        retirement_days: tell when a model that is configured retires within so many days; 0 = not.
    """

    url_env: Annotated[str, Meta(min_length=1)] | None = None
    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]")] | None = None
    budget_shares: tuple[Annotated[float, Meta(gt=0, le=1)], ...] = (0.5, 0.9, 1.0)
    breakers: bool = True
    drift: bool = True
    retirement_days: Annotated[int, Meta(ge=0, le=3660)] = 30

    def __post_init__(self) -> None:
        if self.url is not None and self.url_env is not None:
            raise ValueError("`url` and `url_env` are both set; keep one")
