"""Vote and best-of: the answer is the one that all answers would give, and no more are asked for than it takes."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.routing.best_of import BestOf
from assay.routing.protocol import Answer, Attempt, Check, CheckOutcome, Failure, Policy, Refuse, Send, Snapshot, State
from assay.routing.vote import Vote, still_needed
from assay.types import Finish, Request, Response, Text

FAILED = None
ANSWERS = st.sampled_from(["x", "y", "z", FAILED])
RIGHT = {"check": "regex", "pattern": "x"}


def asked(policy: Policy, says: list[str | None]) -> tuple[Answer | Refuse, list[Attempt], int]:
    """The last step of a request whose calls say this in turn; its attempts; how many times it sent."""
    attempts: list[Attempt] = []
    for sends in range(200):
        step = policy.decide(State(
            request=Request(model="r"), candidates=("a", "b"), attempts=tuple(attempts), deadline=None,
            snapshot=Snapshot(now=0.0, seed=3),
        ))  # fmt: skip
        if isinstance(step, Answer | Refuse):
            return step, attempts, sends
        if isinstance(step, Check):
            text = _text(attempts[step.attempt])
            outcome = CheckOutcome("x" in text, f"it says {text}")
            attempts[step.attempt] = _with(attempts[step.attempt], step.name, outcome)
            continue
        assert isinstance(step, Send)
        assert step.hold
        assert step.until == len(step.calls)
        for call in step.calls:
            said = says[len(attempts)]
            response = Response(parts=(Text(text=said),), finish=Finish(kind="stop")) if said is not None else None
            failure = Failure("Overloaded", "busy", retryable=True) if said is None else None
            attempts.append(Attempt(index=len(attempts), send=sends, call=call, response=response, failure=failure))
    raise AssertionError("it does not end")


def _text(attempt: Attempt) -> str:
    assert attempt.response is not None
    return attempt.response.text


def _with(attempt: Attempt, name: str, outcome: CheckOutcome) -> Attempt:
    return Attempt(
        index=attempt.index, send=attempt.send, call=attempt.call, response=attempt.response, checks={name: outcome}
    )


@given(st.lists(ANSWERS, min_size=1, max_size=9))
def test_a_vote_in_rounds_answers_as_all_at_once(says: list[str | None]) -> None:
    """Whatever is said, and whoever fails: the very answer that all `n` would give, for no more calls."""
    n = len(says)
    whole, all_of_them, _ = asked(Vote(n=n, at_once=True), says)
    early, some, _ = asked(Vote(n=n), says)
    assert type(early) is type(whole)
    assert len(some) <= len(all_of_them) == n
    if isinstance(early, Answer) and isinstance(whole, Answer):
        assert early.attempt == whole.attempt


@pytest.mark.parametrize(("n", "least"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (7, 4), (64, 32)])
def test_an_unanimous_vote_asks_half(n: int, least: int) -> None:
    """With equal answers the first round settles it; a tie goes to whoever came first."""
    step, attempts, sends = asked(Vote(n=n), ["x"] * n)
    assert isinstance(step, Answer)
    assert (step.why, len(attempts), sends) == (f"{least} of {least} agree", least, 1)


def test_it_stops_only_when_nothing_can_change_the_result() -> None:
    """Over every vote of five with three answers: zero is said exactly when all ends of it have the same winner."""
    for length in range(6):
        for begun in product("xyz", repeat=length):
            left = 5 - length
            winners = {_first_of_most([*begun, *end]) for end in product("xyzw", repeat=left)}
            settled = len(winners) == 1
            assert (still_needed(begun, left) == 0) is settled, (begun, winners)


def _first_of_most(answers: list[str]) -> str:
    [(winner, _)] = Counter(answers).most_common(1)
    return winner


@given(st.lists(ANSWERS, min_size=1, max_size=9), st.booleans(), st.sampled_from(["vote", "first", "refuse"]))
def test_best_of_gives_a_verified_answer_wherever_there_is_one(
    says: list[str | None], at_once: bool, none: str
) -> None:
    """The first that passes, in the order of asking; one after another, nothing is asked after it."""
    policy = BestOf(check=RIGHT, n=len(says), at_once=at_once, none=none)  # type: ignore[arg-type]  # one of the three
    step, attempts, _ = asked(policy, says)
    if "x" in says:
        assert isinstance(step, Answer)
        assert step.attempt == says.index("x")
        assert len(attempts) == (len(says) if at_once else says.index("x") + 1)
        return
    answers = [text for text in says if text is not None]
    if none == "refuse" or not answers:
        assert isinstance(step, Refuse)
        return
    assert isinstance(step, Answer)
    assert says[step.attempt] == (answers[0] if none == "first" else _first_of_most(answers))
    assert step.why.startswith(f"check 'regex' failed on all {len(answers)}; ")


def test_best_of_says_why() -> None:
    """Each call tells what came of those before, the answer which check it passed, a refusal each explanation."""
    step, attempts, _ = asked(BestOf(check=RIGHT, temperature=0.7), ["y", "x"])
    assert [one.call.why for one in attempts] == ["best-of: 1 of 4", "best-of: 2 of 4; check 'regex' failed on 1"]
    assert [one.call.target for one in attempts] == ["a", "b"]
    samplings = [one.call.overrides.sampling for one in attempts if one.call.overrides]
    assert [(one.seed, one.temperature) for one in samplings if one is not None] == [(3, 0.7), (4, 0.7)]
    assert step == Answer(attempt=1, why="check 'regex' passed, answer 2 of 2")
    refused, _, _ = asked(BestOf(check=RIGHT, n=2, none="refuse"), ["y", None])
    assert refused == Refuse(reason="check 'regex' failed: it says y; b: busy")


def test_an_answer_that_passed_is_not_checked_again() -> None:
    """One check a step, and each answer once."""
    _, attempts, sends = asked(BestOf(check="sql", n=3), ["y", "y", "y"])
    assert sends == 3 + 3
    assert all(list(one.checks) == ["sql"] for one in attempts)
