"""Where an attempt stands in its request, and what it shares with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import field

from assay.inference.cache import CACHING, Caching, Space
from assay.inference.purse import Purse
from assay.inference.recall import Recall
from assay.inference.shadows import Shadows
from assay.inference.trace import Record, Trace
from assay.ledger.budgets import NOBODY, Account, Budget
from assay.ledger.rows import Purpose
from assay.types import Label

if TYPE_CHECKING:
    from assay.inference.batch_desk import BatchDesk

__all__ = ["Place"]


class Place(msgspec.Struct, frozen=True):
    """Where an attempt stands.

    Attributes:
        path: place inside the request: `0`, `1`, `1.0` for the first attempt of a nested route.
        label: effective privacy label of the request.
        deadline: on the event loop's clock; None = never.
        use_cache: whether an identical call may be answered from the ledger.
        cache: that of a route, as this request may use it; None = it may not.
        caching: what its client allows of that.
        seed: part of the cache key.
        why: the reasons for this call, the outermost route's first.
        shadow: it is for comparison only.
        shadows: where calls for comparison are performed.
        continues: the attempt that broke off, whose answer this one goes on with.
        untouched: the request is still the client's own, so raw bytes may pass.
        recall: what clients could not keep of earlier answers.
        purse: what the work that this belongs to may still spend, apart from the month's budget.
        desk: where requests are left whose answers may come with a batch; None = they are sent.
        account: for whom the request is made.
        purpose: what its attempts are for, where not to answer.
        budgets: that its attempts count for.
        max_tokens: longest answer where nobody has named one.
        bytes_only: whoever asked wants no more of an answer whose bytes pass than these.
    """

    trace: Trace
    path: str
    route: str
    label: Label
    deadline: float | None
    use_cache: bool
    seed: int
    untouched: bool
    recall: Recall = field(default_factory=Recall)
    why: tuple[str, ...] = ()
    shadow: bool = False
    continues: Record | None = None
    shadows: Shadows = field(default_factory=Shadows)
    purse: Purse | None = None
    desk: BatchDesk | None = None
    account: Account = NOBODY
    purpose: Purpose | None = None
    cache: Space | None = None
    caching: Caching = CACHING
    budgets: tuple[Budget, ...] = ()
    max_tokens: int | None = None
    bytes_only: bool = False
