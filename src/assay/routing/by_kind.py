"""Dispatch on the request's kind: what a pinned route is made of."""

from __future__ import annotations

from typing import ClassVar

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Overrides, Refuse, Send, State, Step


class ByKind(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each kind goes to the candidate that was proven for it; an unproven or missing kind is refused.

    Attributes:
        kinds: kind -> candidate.
        unproven: kind -> why nothing may serve it, for the refusal.
        default_kind: the kind of requests that name none or one that is not proven; None = refuse.
    """

    kind: ClassVar[str] = "by-kind"
    kinds: dict[str, str]
    unproven: dict[str, str] = {}
    default_kind: str | None = None

    def decide(self, state: State) -> Step:
        """Send to the kind's candidate, then answer or refuse."""
        if state.attempts:
            last = state.attempts[-1]
            return Answer(attempt=last.index) if last.ok else Refuse(reason=why(state.attempts))
        target = self.target(state.request.kind)
        if target is None:
            return Refuse(reason=self.refusal(state.request.kind))
        if target not in state.candidates:
            return Refuse(reason=f"{target!r}, proven for kind {state.request.kind!r}, may not serve this request")
        # The default kind is served as it was proven: with that kind's prompt.
        changes = Overrides(kind=self.default_kind) if state.request.kind not in self.kinds else None
        proven = f"proven for kind {state.request.kind!r}"
        reason = proven if changes is None else f"proven for the default kind {self.default_kind!r}"
        return Send(calls=(Call(target=target, overrides=changes, why=reason),))

    def target(self, kind: str | None) -> str | None:
        """The candidate of a kind, or None."""
        if kind is not None and kind in self.kinds:
            return self.kinds[kind]
        return self.kinds.get(self.default_kind) if self.default_kind is not None else None

    def refusal(self, kind: str | None) -> str:
        """Why a kind is refused, and what can be done."""
        proven = ", ".join(sorted(self.kinds)) or "none"
        if kind is None:
            return f"the request names no kind (header x-assay-kind); proven kinds: {proven}"
        reason = self.unproven.get(kind, "no candidate was proven for it")
        return f"kind {kind!r} is not served: {reason}; proven kinds: {proven}"
