"""`[routes.NAME.cache]`: identical requests are answered from what was answered before."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from assay.config.table import Section

__all__ = ["Cached"]


class Cached(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a route answers from its cache. What errs, breaks off or is refused is never kept.

    Attributes:
        ttl_s: how long an answer may be given again.
        max_mib: what the answers of this route may take; the oldest make room.
        share: who may get an answer that somebody else has paid for: `key` = the same virtual key only, `team` = the
            keys of one team, `all` = whoever asks the same. Requests without a key share one space among themselves.
        any_temperature: keep answers that are drawn by chance, too; without it only requests at temperature 0, or with
            a seed, are answered from the cache.
        private: keep answers to private-only requests, too; they are given to private-only requests alone.
    """

    ttl_s: Annotated[float, Meta(gt=0, le=31_536_000)] = 3600.0
    max_mib: Annotated[float, Meta(gt=0, le=1_000_000)] = 64.0
    share: Literal["key", "team", "all"] = "key"
    any_temperature: bool = False
    private: bool = False
