"""Routes at run time: a name, candidates, a policy and the checks it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.checks.check import Check
from assay.config.cached import Cached
from assay.config.comparing import Audit
from assay.inference.guards import NO_GUARDS, LiveGuards
from assay.privacy.label import effective_label
from assay.routing.protocol import Policy
from assay.routing.sampled import is_drawn
from assay.types import Label, Request

_BEGINS_WITH_FIRST = {"fixed": "the only choice", "fallback": "first choice"}
"""Policies that begin with the first candidate whatever is asked, and what they say of it."""
_READS_NO_ANSWER = frozenset({"fixed", "fallback", "split", "by-kind", "rules"})
"""Policies that go by whether there is an answer, and never by what it says."""


@dataclass(frozen=True, slots=True)
class LiveRoute:
    """A route that can be called.

    Attributes:
        candidates: names of deployments or routes.
        checks: the checks that the policy names.
        label: the label of its requests that carry none; never lowers one.
        kind: the kind of requests that name none.
        deadline_s: deadline of requests that name none.
        continue_cut: an answer that breaks off is continued where that is known to work.
        max_tokens: longest answer of requests that name no limit, where no deployment's settings do either.
        audit: a share of its requests is answered by another one too, to compare.
        cache: identical requests are answered from what was answered before.
        guards: who looks at what is asked and answered.
        is_plain: nobody looks at the words of its answers, audits apart: they may be handed on as bytes, unread.
        labels: the effective label of its requests, by the label that they carry.
        first_why: why its first candidate is called, where it is plain and always begins with that one; else None.
    """

    name: str
    candidates: tuple[str, ...]
    policy: Policy
    checks: Mapping[str, Check] = field(default_factory=dict)
    label: Label | None = None
    kind: str | None = None
    deadline_s: float | None = None
    continue_cut: bool = True
    max_tokens: int | None = None
    audit: Audit | None = None
    cache: Cached | None = None
    guards: LiveGuards = NO_GUARDS
    is_plain: bool = field(init=False)
    labels: Mapping[Label, Label] = field(init=False)
    first_why: str | None = field(init=False)

    def __post_init__(self) -> None:
        looked_at = self.cache is not None or self.checks or self.guards
        object.__setattr__(self, "is_plain", not looked_at and self.policy.kind in _READS_NO_ANSWER)
        labels = {own: effective_label(Request(label=own), self.label) for own in Label}
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "first_why", _BEGINS_WITH_FIRST.get(self.policy.kind) if self.is_plain else None)

    def passes_unread(self, request_id: str) -> bool:
        """Whether nobody at all looks at the words of the answer to this request."""
        return self.is_plain and not self.audits(request_id)

    def audits(self, request_id: str) -> bool:
        """Whether a request is among those that are answered by another one too."""
        return self.audit is not None and is_drawn(f"audit/{self.name}", request_id, self.audit.share)
