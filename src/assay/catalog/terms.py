"""What may be done: licences of weights with their terms, and what hosts do with the data that they are sent."""

from __future__ import annotations

from typing import ClassVar, Literal

from assay.catalog.entry import Evidenced, NonNegative

__all__ = ["DataPolicy", "Licence", "Permission"]

Permission = Literal["yes", "conditional", "no"]
"""Allowed, allowed under a condition that the entry states, or forbidden."""


class Licence(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A licence of weights and its terms as flags. `None` = not known, which is not "allowed".

    Attributes:
        osi_approved: whether the Open Source Initiative approved it.
        url: where its text stands.
        summary: what a user must know of it, in a sentence.
        commercial_use: whether a company may use the weights in its work.
        user_cap: monthly users from which a further licence must be asked for; 0 = there is no cap.
        attribution: whether who passes the weights on, or serves them, must name the maker.
        naming: the name or notice that products or derived models must carry; empty = none.
        output_training: whether answers may train other models.
        use_policy: whether a policy of forbidden uses is part of it.
        regions_excluded: where the licence grants nothing (`eu`: no one there); empty = nowhere.
        share_alike: whether derived weights must stay under the same terms.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "osi_approved", "commercial_use", "user_cap", "attribution", "naming", "output_training", "use_policy",
        "regions_excluded", "share_alike",
    )  # fmt: skip

    name: str
    osi_approved: bool
    url: str | None = None
    summary: str | None = None
    commercial_use: Permission | None = None
    user_cap: NonNegative | None = None
    attribution: bool | None = None
    naming: str | None = None
    output_training: Permission | None = None
    use_policy: bool | None = None
    regions_excluded: tuple[str, ...] | None = None
    share_alike: bool | None = None


class DataPolicy(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a host does with what it is sent on its ordinary paid API. `None` = not known.

    Attributes:
        trains_on_inputs: whether its models learn from inputs: never, only where the customer asked for it
            (`opt-in`), unless the customer objected (`opt-out`), or always.
        retention_days: how long inputs and answers are kept at most; 0 = not at all.
        zero_retention: whether nothing is kept: always, where an agreement says so, or not to be had.
        regions: where data can be made to stay (`us`, `eu`, `uk`, `ca`, `in`, `jp`, `cn`).
        distillation: whether answers may train other models.
        url: the page that says so.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "trains_on_inputs", "retention_days", "zero_retention", "regions", "distillation",
    )  # fmt: skip

    trains_on_inputs: Literal["no", "opt-in", "opt-out", "yes"] | None = None
    retention_days: NonNegative | None = None
    zero_retention: Literal["always", "on-request", "no"] | None = None
    regions: tuple[str, ...] | None = None
    distillation: Permission | None = None
    url: str | None = None
