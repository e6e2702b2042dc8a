"""A decision made again on its old evidence: what has changed since, and what that changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from assay.decision.changed import Change, Standing
from assay.decision.decision import Decision, KindDecision
from assay.decision.explain import explain, summary
from assay.decision.line import told, with_line
from assay.decision.question import Question
from assay.decision.table import table
from assay.numerals import plural, verb
from assay.types import Value

__all__ = ["Again", "Effect", "again_json", "again_text", "effects", "question_of", "standing_of", "told_effect"]


class Effect(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A kind of work that somebody else does now.

    Attributes:
        before, after: the candidates; None = nobody.
        new: the kind was not decided before.
        because: what became of both, and what has changed of them, in words.
    """

    kind: str
    before: str | None
    after: str | None
    because: tuple[str, ...]
    new: bool = False


class Again(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What came of making a decision again.

    Attributes:
        of: the old decision.
        changes: what has changed since; None = the old one does not say what it rested on.
        decision: the new one; None = nothing has changed, so the old one stands and nobody was asked.
        effects: kinds that somebody else does now.
        pinned: the decision that `assay.lock` rests on, where it is not the one that stands now.
    """

    of: Decision
    changes: tuple[Change, ...] | None
    decision: Decision | None
    effects: tuple[Effect, ...] = ()
    pinned: str | None = None

    @property
    def stands(self) -> Decision:
        """The decision that holds now."""
        return self.decision if self.decision is not None else self.of


def question_of(decision: Decision) -> Question:
    """What was asked; of a decision that does not tell, as far as its outcome shows it."""
    if decision.question is not None:
        return decision.question
    first = decision.kinds[0] if decision.kinds else None
    return Question(
        targets=tuple(one.name for one in first.candidates) if first is not None else (),
        kinds=tuple(kind for one in decision.kinds for kind in one.kinds),
        split="all" if decision.split is None else decision.split,  # type: ignore[arg-type]  # of a suite's splits
        overall=any(len(one.kinds) > 1 for one in decision.kinds),
        seed=decision.seed,
        tolerance=decision.tolerance,
        error=decision.error,
    )


def standing_of(decision: Decision) -> Standing | None:
    """What a decision rested on; None where it does not tell."""
    if decision.ground is None:
        return None
    return Standing(question=question_of(decision), basis=decision.basis, ground=decision.ground)


def effects(before: Decision, after: Decision, changes: Iterable[Change]) -> tuple[Effect, ...]:
    """The kinds that somebody else does now, and why."""
    old = {one.name: one for one in before.kinds}
    found = []
    for kind in after.kinds:
        was = old.get(kind.name)
        chosen = was.chosen if was is not None else None
        if was is None or chosen != kind.chosen:
            because = tuple(_because(kind, chosen, changes))
            found.append(Effect(kind=kind.name, before=chosen, after=kind.chosen, because=because, new=was is None))
    return tuple(found)


def _because(kind: KindDecision, before: str | None, changes: Iterable[Change]) -> Iterator[str]:
    """What became of the one that did it and of the one that does it, then what has changed of them or of the kind."""
    names = {name for name in (before, kind.chosen) if name is not None}
    for one in kind.candidates:
        if one.name in names:
            yield f"{one.name}: {one.status.value}: {one.reason}"
    if kind.chosen is None:
        yield kind.reason
    for change in changes:
        ours = change.kinds == () or set(change.kinds) & set(kind.kinds)
        if ours and (not change.concerns or set(change.concerns) & names):
            yield f"{change.subject}: {change.said}"


# ------------------------------------------------------------------------------------------------ told


def again_json(again: Again) -> dict[str, Any]:
    """For JSON: the decision that stands, whole; of the old one its id."""
    return {
        "of": again.of.id,
        "changes": msgspec.to_builtins(again.changes),
        "effects": msgspec.to_builtins(again.effects),
        "pinned": again.pinned,
        "decision": with_line(again.stands),
    }


def again_text(again: Again) -> str:
    """What has changed, what that changes, and the decision that stands."""
    of = f"Decision {again.of.id[:12]} of {datetime.fromtimestamp(again.of.created_at, UTC):%Y-%m-%d}"
    if again.decision is None:
        blocks = [_unchanged(of, again.of), summary(again.of), told(again.of)]
    else:
        changed = "\n".join([_changed(of, again.changes), *_same_draw(again.changes or (), again.decision)])
        blocks = [changed, _effects(again, again.decision), explain(again.decision).rstrip("\n")]
    if again.pinned is not None:
        blocks.append(f"assay.lock rests on another decision, {again.pinned[:12]}; `assay pin` freezes this one.")
    return "\n\n".join(block for block in blocks if block) + "\n"


def _unchanged(of: str, decision: Decision) -> str:
    unsure = [one.name for one in decision.kinds if one.open]
    lines = [
        f"{of} stands: nothing that it rests on has changed.",
        "The same are models, prompts, prices, licences, data policies, announced ends, keys, samples and limits.",
        "Nobody was asked.",
    ]
    if unsure:
        lines.append(f"{', '.join(unsure)} cannot be told: `assay choose` asks again what has no score.")
    return "\n".join(lines)


def _changed(of: str, changes: tuple[Change, ...] | None) -> str:
    if changes is None:
        return (
            f"{of} does not say what it rested on, so that it cannot be told what has changed since; only outcomes "
            "are compared."
        )
    rows = [(one.subject, one.about, one.said) for one in changes]
    return "\n".join([f"{of}, made again. What has changed since:", *table(("", "", ""), rows, indent="  ")[1:]])


def _same_draw(changes: Iterable[Change], decision: Decision) -> Iterator[str]:
    """What an early verdict is worth on a prompt that may have been written by the samples that are asked first."""
    mended = ", ".join(dict.fromkeys(one.subject for one in changes if one.about == "prompt"))
    if mended and decision.error:
        yield f"{mended}: where its prompt was mended by answers that were asked, they come first again, and an early"
        yield "verdict tells too much: judge it with another --seed, or on the held-out split."


def _effects(again: Again, decision: Decision) -> str:
    lines = ["What that changes:"] if again.effects else []
    for one in again.effects:
        lines.append(f"  {told_effect(one)}")
        lines += [f"    - {why}" for why in one.because]
    left = len(decision.kinds) - len(again.effects)
    if again.effects and left:
        stay = verb(left, "stays as it was", "stay as they were")
        lines.append(f"  {left} of {plural(len(decision.kinds), 'kind')} {stay}.")
    if not again.effects:
        lines.append("That changes nothing: each kind is done by who did it.")
    sent = decision.asked_now - decision.replayed_now
    known, answers = decision.asked - sent, plural(decision.asked, "answer")
    lines.append(
        f"Of {answers} {known} {verb(known, 'was', 'were')} known; {sent} {verb(sent, 'was', 'were')} asked for now."
    )
    return "\n".join(lines)


def told_effect(one: Effect) -> str:
    """Who did a kind and who does it: `sql: small -> frontier`."""
    return f"{one.kind}: {_who(one.before, new=one.new)} -> {_who(one.after)}"


def _who(name: str | None, *, new: bool = False) -> str:
    return name if name is not None else "(not decided)" if new else "(nobody)"
