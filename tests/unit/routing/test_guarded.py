"""Guards around a policy: the order of looks, and what comes of them, without any model."""

from __future__ import annotations

import msgspec

from assay.routing.fallback import Fallback
from assay.routing.guarded import Guarded
from assay.routing.protocol import Answer, Attempt, Call, Look, Looked, Refuse, Send, Snapshot, State, Step
from assay.types import Request, Response

ALLOW, REVISE = Looked("allow", "fine"), Looked("revise", "changed")
POLICY = Guarded(Fallback(), ("a", "b"), ("c", "d"), {"d": "Not for us."})
BLANK = State(request=Request(), candidates=("m",), attempts=(), deadline=None, snapshot=Snapshot(now=0.0, seed=1))


def decided(before: dict[str, Looked], after: dict[str, Looked] | None = None, policy: Guarded = POLICY) -> Step:
    """What it says after these looks; with `after`, the model has answered."""
    answered = Attempt(index=0, send=0, call=Call(target="m"), response=Response(), looks=after or {})
    return policy.decide(
        msgspec.structs.replace(BLANK, looks=before, attempts=(answered,) if after is not None else ())
    )


def test_looks_come_in_order_before_anything_is_sent() -> None:
    """One after another; what was revised is allowed so."""
    assert decided({}) == Look(guard="a")
    assert decided({"a": REVISE}) == Look(guard="b")
    step = decided({"a": REVISE, "b": ALLOW})
    assert isinstance(step, Send)
    assert step.hold


def test_answers_are_looked_at_when_they_are_chosen() -> None:
    """Each guard once; then the inner policy's answer stands."""
    both = {"a": ALLOW, "b": ALLOW}
    assert decided(both, {}) == Look(guard="c", attempt=0)
    assert decided(both, {"c": ALLOW}) == Look(guard="d", attempt=0)
    assert decided(both, {"c": ALLOW, "d": REVISE}) == Answer(attempt=0)


def test_refusals_are_told_as_answers_and_failures_as_errors() -> None:
    """In the guard's own words where it has some; the reason names it."""
    both = {"a": ALLOW, "b": ALLOW}
    step = decided(both, {"c": ALLOW, "d": Looked("refuse", "holds a word")})
    assert step == Refuse(reason="guard 'd': holds a word", said="Not for us.")
    step = decided({"a": Looked("refuse", "bad")})
    assert step == Refuse(reason="guard 'a': bad", said="This was stopped by guard 'a': bad.")
    step = decided({"a": Looked("refuse", "host is down", broken=True)})
    assert step == Refuse(reason="guard 'a': host is down")


def test_without_guards_after_a_stream_may_stream() -> None:
    """What nobody looks at is not held."""
    step = decided({"a": ALLOW}, policy=Guarded(Fallback(), ("a",), (), {}))
    assert isinstance(step, Send)
    assert not step.hold
