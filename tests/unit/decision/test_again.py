"""A decision made again, in words."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.decision.again import Again, again_json, again_text, effects
from assay.decision.changed import Change
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status

World = Any  # of this folder's conftest
CHEAPER = Change(about="price", subject="big", fact="USD per hour", before=2.0, after=1.0, concerns=("big",))
LIMIT = Change(about="limit", subject="constraints.licences", fact="", after=["mit"])
OF_B = Change(about="suite", subject="b", fact="samples", before=3, after=4, kinds=("b",))


def decision(*kinds: KindDecision, **more: Any) -> Decision:
    """A decision with these kinds."""
    plain = {
        "id": "1" * 32, "created_at": 1.8e9, "suite": "world", "suite_version": "1", "suite_digest": "d" * 64,
        "config_digest": "", "seed": 0, "split": None, "asked": 9, "asked_now": 4, "replayed_now": 1, "grid": 20,
        "spent_usd": None, "spent_engine_s": None, "runs": {}, "guarantee": "exact", "population": "some samples",
    }  # fmt: skip
    return Decision(kinds=kinds, **(plain | more))


def kind(name: str, chosen: str | None, **statuses: Status) -> KindDecision:
    """A kind on which candidates came to this."""
    candidates = tuple(
        CandidateResult(name=one, status=status, reason=f"{one} is {status}") for one, status in statuses.items()
    )
    return KindDecision(
        name=name, kinds=(name,), gate=False, bar=0.8, total=4, needed=4, chosen=chosen, reason="none passes",
        candidates=candidates,
    )  # fmt: skip


def test_an_effect_says_what_became_of_both_and_what_changed_of_them() -> None:
    """The old one's and the new one's verdict, then the changes that concern them or all; not those of other kinds."""
    before = decision(kind("a", "small"), kind("b", "small"))
    after = decision(
        kind("a", "big", big=Status.CHOSEN, small=Status.NOT_NEEDED, other=Status.FAILED), kind("b", "small")
    )
    (effect,) = effects(before, after, (CHEAPER, LIMIT, OF_B))
    assert (effect.kind, effect.before, effect.after, effect.new) == ("a", "small", "big", False)
    assert effect.because == (
        "big: chosen: big is chosen",
        "small: not-needed: small is not-needed",
        "big: USD per hour: 2 -> 1 (-50%)",
        "constraints.licences: none -> mit",
    )


def test_somebody_and_nobody() -> None:
    """A kind that nobody does any more, one that was nobody's, and one that was not decided before."""
    before = decision(kind("a", "small"), kind("b", None))
    after = decision(kind("a", None, small=Status.FAILED), kind("b", "big", big=Status.CHOSEN), kind("c", None))
    found = effects(before, after, ())
    assert [(one.kind, one.before, one.after, one.new) for one in found] == [
        ("a", "small", None, False),
        ("b", None, "big", False),
        ("c", None, None, True),
    ]
    assert found[0].because == ("small: failed: small is failed", "none passes")
    text = again_text(Again(of=before, changes=(LIMIT,), decision=after, effects=found))
    for line in ("  a: small -> (nobody)", "  b: (nobody) -> big", "  c: (not decided) -> (nobody)"):
        assert line in text
    assert "Of 9 answers 6 were known; 3 were asked for now." in text


def test_what_stays_is_counted() -> None:
    """Changes that change nothing are told as such, with what was known."""
    same = decision(kind("a", "small"))
    text = again_text(Again(of=same, changes=(LIMIT,), decision=same))
    assert "constraints.licences  limit  none -> mit" in text
    assert "That changes nothing: each kind is done by who did it." in text
    again = msgspec.structs.replace(same, again_of="2" * 32)
    assert "made again of 222222222222." in again_text(Again(of=same, changes=(LIMIT,), decision=again))


def test_where_nothing_changed_unsure_kinds_are_named() -> None:
    """Nobody is asked, though answers are missing: it says what asks for them."""
    same = decision(kind("a", "small"), kind("b", None, small=Status.OPEN))
    text = again_text(Again(of=same, changes=(), decision=None, pinned="2" * 32))
    assert "b cannot be told: `assay choose` asks again what has no score." in text
    assert "assay.lock rests on another decision, 222222222222;" in text


def test_the_json_holds_the_decision_that_stands() -> None:
    """Whole and with its line; of the old one the id; `null` where changes cannot be told."""
    same = decision(kind("a", "small"))
    told = again_json(Again(of=same, changes=None, decision=None))
    assert (told["of"], told["changes"], told["effects"], told["decision"]["line"]) == (same.id, None, (), ())
    assert msgspec.convert(told["decision"], Decision) == same


async def test_renting_is_no_move_for_what_may_not_leave(world: World) -> None:
    """Where nobody passes, the moves that are left keep private work at home."""
    spine = world.spine({"small": {"a": "-" * 5, "b": "-" * 5}})
    suite = world.suite({"a": 5, "b": 5}, a='label = "private-only"')
    kinds = {one.name: one for one in (await world.choosing(spine, suite).choose()).kinds}
    assert not any(move.startswith("a hosted model") for move in kinds["a"].moves)
    assert any("on a server of your own (private = true)" in move for move in kinds["a"].moves)
    assert any(move.startswith("a hosted model") for move in kinds["b"].moves)


def test_a_mended_prompt_is_not_judged_by_what_it_was_mended_by() -> None:
    """The same seed asks the same samples first; where only what is certain counts, that does no harm."""
    prompt = Change(about="prompt", subject="small", fact="prompt", before="p", after="q", concerns=("small",))
    old, exact = decision(kind("a", "small")), decision(kind("a", "small"))
    early = msgspec.structs.replace(exact, error=0.05)
    assert "small: where its prompt was mended" in again_text(Again(of=old, changes=(prompt,), decision=early))
    assert "another --seed" in again_text(Again(of=old, changes=(prompt,), decision=early))
    assert "mended" not in again_text(Again(of=old, changes=(prompt,), decision=exact))
    assert "mended" not in again_text(Again(of=old, changes=(CHEAPER,), decision=early))
