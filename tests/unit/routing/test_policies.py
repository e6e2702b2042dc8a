"""Policies and the retry around them, with plain values: State in, Step out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from scipy.stats import chisquare

from assay.errors import ConfigError, PluginError
from assay.routing.best_of import BestOf
from assay.routing.by_kind import ByKind
from assay.routing.cascade import Cascade
from assay.routing.fallback import Fallback, Fixed
from assay.routing.hedge import Hedge
from assay.routing.options import make_policy
from assay.routing.protocol import (
    FIRST_EVENT,
    Answer,
    Attempt,
    Call,
    Check,
    CheckOutcome,
    Failure,
    Policy,
    Refuse,
    Send,
    Snapshot,
    State,
)
from assay.routing.retry import FIRST_DELAY_S, LONGEST_ASKED_S, LONGEST_DELAY_S, Retrying
from assay.routing.split import Split
from assay.routing.vote import Vote
from assay.types import Finish, Request, Response, Text, ToolCall


def said(text: str) -> Response:
    """An answer."""
    return Response(parts=(Text(text=text),), finish=Finish(kind="stop"))


def ok(index: int, target: str, text: str = "yes", send: int | None = None, **more: Any) -> Attempt:
    """An attempt that answered."""
    return Attempt(
        index=index, send=index if send is None else send, call=Call(target=target), response=said(text), **more
    )


def bad(index: int, target: str, *, send: int | None = None, retryable: bool = True, **more: Any) -> Attempt:
    """An attempt that failed."""
    call = Call(target=target, retry_of=more.pop("retry_of", None))
    failure = Failure("Overloaded", f"{target} is busy", retryable, more.pop("retry_after_s", None))
    return Attempt(index=index, send=index if send is None else send, call=call, failure=failure, **more)


def state(
    *attempts: Attempt,
    candidates: tuple[str, ...] = ("a", "b"),
    deadline: float | None = None,
    now: float = 100.0,
    seed: int = 7,
    **request: Any,
) -> State:
    """What a policy looks at."""
    return State(
        request=Request(model="route", **request),
        candidates=candidates,
        attempts=attempts,
        deadline=deadline,
        snapshot=Snapshot(now=now, seed=seed),
    )


def decided(policy: Policy, of: State) -> Any:
    """The step without its reasons, after making sure that deciding is pure: the same step thrice, nothing changed."""
    before = msgspec.json.encode(of)
    steps = [policy.decide(of) for _ in range(3)]
    assert steps[0] == steps[1] == steps[2]
    assert msgspec.json.encode(of) == before
    return unreasoned(steps[0])


def unreasoned(step: Any) -> Any:
    """A step without the reasons that it gives to a person."""
    if isinstance(step, Answer):
        return msgspec.structs.replace(step, why="")
    if isinstance(step, Send):
        return msgspec.structs.replace(step, calls=tuple(msgspec.structs.replace(one, why="") for one in step.calls))
    return step


POLICIES: list[Policy] = [
    Fixed(),
    Fallback(),
    Cascade(check={"check": "regex", "pattern": "y"}),
    Cascade(check={"check": "regex", "pattern": "y"}, last="check"),
    Vote(n=3),
    BestOf(check={"check": "regex", "pattern": "y"}),
    Hedge(),
    Split(weights={"a": 1, "b": 1}),
    ByKind(kinds={"sql": "a"}),
]

HISTORIES: list[tuple[Attempt, ...]] = [
    (),
    (ok(0, "a"),),
    (bad(0, "a"),),
    (bad(0, "a", retryable=False), ok(1, "b")),
    (bad(0, "a", retryable=False), bad(1, "b", retryable=False)),
    (bad(0, "a"), ok(1, "b", send=0), ok(2, "a", send=0)),
]


class TestPurity:
    """A policy has no I/O, no clock and no memory."""

    @pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
    @pytest.mark.parametrize("history", HISTORIES, ids=range(len(HISTORIES)))
    @pytest.mark.parametrize("retrying", [False, True])
    def test_same_state_same_step(self, policy: Policy, history: tuple[Attempt, ...], retrying: bool) -> None:
        """Equal states give equal steps, whatever was decided between, and a step survives JSON."""
        tried = Retrying(policy, {"a": 2, "b": 2}) if retrying else policy
        first = decided(tried, state(*history, kind="sql", session="s"))
        tried.decide(state(kind="other", session="t", seed=99))
        again = decided(tried, state(*history, kind="sql", session="s"))
        assert first == again
        assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first

    @pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
    def test_every_send_names_candidates_only(self, policy: Policy) -> None:
        """A policy calls what the constraints left, never what they removed."""
        step = decided(policy, state(candidates=("b",), kind="sql", session="s"))
        if isinstance(step, Send):
            assert {call.target for call in step.calls} <= {"b"}
        else:
            assert isinstance(step, Refuse)


class TestFixedAndFallback:
    """The plain ones."""

    def test_fixed_never_leaves_the_first(self) -> None:
        """Fixed sends to the first candidate, answers with it, or refuses with its error."""
        assert decided(Fixed(), state()) == Send(calls=(Call(target="a"),))
        assert decided(Fixed(), state(ok(0, "a"))) == Answer(attempt=0)
        refused = decided(Fixed(), state(bad(0, "a")))
        assert isinstance(refused, Refuse)
        assert refused.reason == "a: a is busy"

    def test_fallback_walks_the_candidates_in_order(self) -> None:
        """Fallback tries the next after each failure, answers with the first success, and names all at the end."""
        assert decided(Fallback(), state()).calls[0].target == "a"
        assert decided(Fallback(), state(bad(0, "a"))).calls[0].target == "b"
        assert decided(Fallback(), state(bad(0, "a"), ok(1, "b"))) == Answer(attempt=1)
        refused = decided(Fallback(), state(bad(0, "a"), bad(1, "b")))
        assert refused == Refuse(reason="a: a is busy; b: b is busy")

    def test_cancelled_attempt_is_named_so(self) -> None:
        """A refusal after a cancelled attempt says so instead of inventing an error."""
        cut = Attempt(index=0, send=0, call=Call(target="a"), cancelled=True)
        assert decided(Fixed(), state(cut)) == Refuse(reason="a: was cancelled")


class TestCascade:
    """Small first, checked, then larger."""

    CHECK: dict[str, Any] = {"check": "regex", "pattern": "y"}

    def checked(self, attempt: Attempt, passed: bool) -> Attempt:
        """The attempt after its check."""
        return msgspec.structs.replace(attempt, checks={"regex": CheckOutcome(passed, "because")})

    def test_first_is_held_and_checked(self) -> None:
        """All but the last answer are kept back until the check has passed."""
        policy = Cascade(check=self.CHECK)
        assert decided(policy, state()) == Send(calls=(Call(target="a"),), hold=True)
        assert decided(policy, state(ok(0, "a"))) == Check(name="regex", attempt=0)
        assert decided(policy, state(self.checked(ok(0, "a"), True))) == Answer(attempt=0)

    def test_failed_check_and_error_both_escalate(self) -> None:
        """What fails the check, and what fails altogether, goes to the next candidate; the last one streams."""
        policy = Cascade(check=self.CHECK)
        for before in (self.checked(ok(0, "a"), False), bad(0, "a", retryable=False)):
            assert decided(policy, state(before)) == Send(calls=(Call(target="b"),), hold=False)
            assert decided(policy, state(before, ok(1, "b"))) == Answer(attempt=1)

    def test_last_check_holds_and_may_refuse(self) -> None:
        """With `last = check` the last answer is held and checked too; the refusal names every reason."""
        policy = Cascade(check=self.CHECK, last="check")
        failed = self.checked(ok(0, "a"), False)
        assert decided(policy, state(failed)) == Send(calls=(Call(target="b"),), hold=True)
        assert decided(policy, state(failed, ok(1, "b"))) == Check(name="regex", attempt=1)
        both = decided(policy, state(failed, self.checked(ok(1, "b"), False)))
        assert both == Refuse(reason="check 'regex' failed: because; check 'regex' failed: because")
        mixed = decided(policy, state(failed, bad(1, "b")))
        assert mixed == Refuse(reason="check 'regex' failed: because; b: b is busy")

    def test_one_candidate_needs_no_check_when_the_last_is_answered(self) -> None:
        """A cascade that the constraints left one candidate streams it unchecked, as it would its last one."""
        policy = Cascade(check=self.CHECK)
        assert decided(policy, state(candidates=("a",))) == Send(calls=(Call(target="a"),))
        assert decided(policy, state(ok(0, "a"), candidates=("a",))) == Answer(attempt=0)

    def test_check_as_a_bare_name(self) -> None:
        """A check without options may be given by name; the policy tells the composition root its specification."""
        assert Cascade(check="sql").checks == {"sql": {"check": "sql"}}
        assert Cascade(check=self.CHECK).checks == {"regex": self.CHECK}


class TestVote:
    """Several answers, one of them wins."""

    def test_asks_n_times_with_seeds_of_their_own(self) -> None:
        """The calls are spread over the candidates, held, and differ in their seed only."""
        step = decided(Vote(n=5, temperature=0.5, at_once=True), state(seed=2**31 - 2))
        assert [call.target for call in step.calls] == ["a", "b", "a", "b", "a"]
        samplings = [call.overrides.sampling for call in step.calls]
        assert len({sampling.seed for sampling in samplings}) == 5
        assert all(0 <= sampling.seed < 2**31 and sampling.temperature == 0.5 for sampling in samplings)
        assert (step.until, step.hold) == (5, True)

    def test_quorum_is_never_more_than_n(self) -> None:
        """A quorum ends the wait early; one above n means all."""
        assert decided(Vote(n=5, quorum=3), state()).until == 3
        assert decided(Vote(n=2, quorum=9), state()).until == 2

    def test_majority_wins_but_for_case_space_and_full_stop(self) -> None:
        """Answers that say the same count together; the winner's first answer is given."""
        history = (ok(0, "a", "No.", send=0), ok(1, "b", " PARIS ", send=0), ok(2, "a", "Paris.", send=0))
        assert decided(Vote(), state(*history)) == Answer(attempt=1)

    def test_tie_goes_to_the_first(self) -> None:
        """Without a majority the earliest call's answer is given."""
        history = (ok(0, "a", "x", send=0), ok(1, "b", "y", send=0))
        assert decided(Vote(n=2, at_once=True), state(*history)) == Answer(attempt=0)

    def test_failed_and_cancelled_do_not_vote(self) -> None:
        """Only answers count; without any the vote is refused."""
        cut = Attempt(index=1, send=0, call=Call(target="b"), cancelled=True)
        assert decided(Vote(), state(bad(0, "a"), cut, ok(2, "a", send=0))) == Answer(attempt=2)
        assert isinstance(decided(Vote(n=2), state(bad(0, "a"), cut)), Refuse)

    def test_tool_calls_are_part_of_the_ballot(self) -> None:
        """Equal texts with different tool calls do not agree."""

        def calling(index: int, city: str) -> Attempt:
            call = ToolCall(id=str(index), name="weather", arguments=f'{{"city":"{city}"}}')
            return Attempt(index=index, send=0, call=Call(target="a"), response=Response(parts=(call,)))

        history = (calling(0, "Oslo"), calling(1, "Rome"), calling(2, "Rome"))
        assert decided(Vote(), state(*history)) == Answer(attempt=1)


class TestHedge:
    """A second call when the first is slow to begin."""

    def test_starts_are_staggered(self) -> None:
        """Each candidate starts `after_s` later than the one before, and the first to begin is streamed."""
        step = decided(Hedge(after_s=0.5), state(candidates=("a", "b", "c")))
        assert [(call.target, call.start_after_s) for call in step.calls] == [("a", 0.0), ("b", 0.5), ("c", 1.0)]
        assert (step.until, step.hold) == (FIRST_EVENT, False)

    def test_answers_with_the_one_that_completed(self) -> None:
        """Losers are cancelled attempts; the complete one is the answer, none is a refusal."""
        cut = Attempt(index=0, send=0, call=Call(target="a"), cancelled=True)
        assert decided(Hedge(), state(cut, ok(1, "b", send=0))) == Answer(attempt=1)
        assert isinstance(decided(Hedge(), state(bad(0, "a"), bad(1, "b", send=0))), Refuse)


class TestSplit:
    """A/B and canary."""

    def chosen(self, policy: Split, session: str | None, **more: Any) -> str:
        """Whom a session meets."""
        return policy.decide(state(session=session, **more)).calls[0].target

    def test_follows_the_weights(self) -> None:
        """20,000 sessions are dealt as the weights say (chi-square), also by seed where there is no session."""
        policy = Split(weights={"a": 7, "b": 2, "c": 1, "never": 0})
        names = ("never", "a", "b", "c", "unnamed")
        by_session = Counter(self.chosen(policy, f"session-{n}", candidates=names) for n in range(20_000))
        by_seed = Counter(self.chosen(policy, None, seed=n, candidates=names) for n in range(20_000))
        for counts in (by_session, by_seed):
            assert set(counts) == {"a", "b", "c"}
            observed = [counts[name] for name in ("a", "b", "c")]
            assert chisquare(observed, [14_000, 4_000, 2_000]).pvalue > 1e-3

    def test_sticky_and_dealt_anew_by_version(self) -> None:
        """A session always meets the same candidate; another version deals independently of the first."""
        one, two = (Split(weights={"a": 1, "b": 1}, version=version) for version in ("1", "2"))
        sessions = [f"s{n}" for n in range(2_000)]
        first = [self.chosen(one, session, seed=n) for n, session in enumerate(sessions)]
        assert first == [self.chosen(one, session, seed=n + 5) for n, session in enumerate(sessions)]
        moved = sum(before != self.chosen(two, session) for before, session in zip(first, sessions, strict=True))
        assert 880 < moved < 1_120

    def test_removed_candidate_hands_its_share_over(self) -> None:
        """What the constraints left is dealt by its own weights; without a weight there is a refusal."""
        policy = Split(weights={"a": 1, "b": 3})
        assert self.chosen(policy, "s", candidates=("b",)) == "b"
        assert isinstance(decided(policy, state(candidates=("c",))), Refuse)

    def test_no_fallback_inside(self) -> None:
        """A split answers with its one call or refuses: falling back would spoil the comparison."""
        policy = Split(weights={"a": 1, "b": 1})
        assert decided(policy, state(ok(0, "b"))) == Answer(attempt=0)
        assert decided(policy, state(bad(0, "b"))) == Refuse(reason="b: b is busy")

    @pytest.mark.parametrize(
        "weights", [{"a": -1.0, "b": 2.0}, {"a": 0.0}, {}, {"a": float("inf")}, {"a": float("nan")}]
    )
    def test_unusable_weights(self, weights: dict[str, float]) -> None:
        """Weights that are negative, infinite, not a number or all zero are a mistake in the file."""
        with pytest.raises(ConfigError, match="weights"):
            make_policy({"kind": "split", "weights": weights})


class TestByKind:
    """What a pinned route is made of."""

    POLICY = ByKind(kinds={"sql": "a", "chat": "b"}, unproven={"triage": "0.61 is below the bar 0.8"})

    def test_each_kind_meets_its_candidate(self) -> None:
        """The kind decides, and nothing else."""
        assert decided(self.POLICY, state(kind="sql")) == Send(calls=(Call(target="a"),))
        assert decided(self.POLICY, state(kind="chat")).calls[0].target == "b"
        assert decided(self.POLICY, state(ok(0, "a"), kind="sql")) == Answer(attempt=0)
        assert decided(self.POLICY, state(bad(0, "a"), kind="sql")) == Refuse(reason="a: a is busy")

    def test_unproven_unknown_and_missing_kinds_are_refused(self) -> None:
        """The refusal says which of the three it is, and what is proven."""
        assert "0.61 is below the bar" in decided(self.POLICY, state(kind="triage")).reason
        assert "no candidate was proven" in decided(self.POLICY, state(kind="what")).reason
        missing = decided(self.POLICY, state()).reason
        assert "x-assay-kind" in missing
        assert "chat, sql" in missing

    def test_default_kind(self) -> None:
        """With a default, what is not proven is served as the default kind, by its candidate and with its prompt."""
        policy = msgspec.structs.replace(self.POLICY, default_kind="chat")
        for kind in (None, "triage", "what"):
            [call] = decided(policy, state(kind=kind)).calls
            assert call.target == "b"
            assert call.overrides.kind == "chat"
        assert decided(policy, state(kind="sql")).calls[0].target == "a"

    def test_removed_candidate_is_no_reason_to_take_another(self) -> None:
        """Proof does not carry over: a kind whose candidate may not serve is refused."""
        refused = decided(self.POLICY, state(kind="sql", candidates=("b",)))
        assert isinstance(refused, Refuse)
        assert "'a'" in refused.reason


class TestRetrying:
    """Retries as a policy around a policy."""

    def test_a_fault_that_may_heal_is_tried_again(self) -> None:
        """The same call again, marked as a retry of the failed one, up to the limit; then the inner policy goes on."""
        policy = Retrying(Fallback(), {"a": 2})
        first = decided(policy, state(bad(0, "a")))
        assert [(call.target, call.retry_of) for call in first.calls] == [("a", 0)]
        second = decided(policy, state(bad(0, "a"), bad(1, "a", retry_of=0)))
        assert second.calls[0].retry_of == 1
        third = decided(policy, state(bad(0, "a"), bad(1, "a", retry_of=0), bad(2, "a", retry_of=1)))
        assert third == Send(calls=(Call(target="b"),))

    def test_what_will_not_heal_and_unnamed_targets_are_not(self) -> None:
        """An error that is not retryable, and a target without a limit, go straight to the inner policy."""
        assert decided(Retrying(Fallback(), {"a": 2}), state(bad(0, "a", retryable=False))).calls[0].target == "b"
        assert decided(Retrying(Fallback(), {}), state(bad(0, "a"))).calls[0].target == "b"

    def test_delays_double_with_a_jitter_of_half(self) -> None:
        """The n-th delay lies between half and all of 0.25 x 2^n seconds, never above the longest; seeds spread it."""
        for tries in range(1, 12):
            history = tuple(bad(n, "a", retry_of=n - 1 if n else None) for n in range(tries))
            full = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (tries - 1))
            delays = [
                decided(Retrying(Fixed(), {"a": 99}), state(*history, seed=seed)).calls[0].start_after_s
                for seed in range(40)
            ]
            assert all(full / 2 <= delay <= full for delay in delays)
            assert max(delays) - min(delays) > full / 5

    def test_retry_after_is_honoured(self) -> None:
        """Never sooner than the provider asked; a shorter wish does not shorten the delay."""
        policy = Retrying(Fixed(), {"a": 1})
        asked = [bad(0, "a", retry_after_s=9.5)]
        delays = {decided(policy, state(*asked, seed=seed)).calls[0].start_after_s for seed in range(20)}
        assert all(9.5 <= delay <= 10.45 for delay in delays)
        assert len(delays) == 20
        assert decided(policy, state(bad(0, "a", retry_after_s=0.0))).calls[0].start_after_s >= FIRST_DELAY_S / 2

    def test_a_provider_that_asks_for_very_long_is_not_waited_for(self) -> None:
        """A wish beyond a minute goes to the inner policy, which may know another candidate."""
        policy = Retrying(Fallback(), {"a": 1})
        assert decided(policy, state(bad(0, "a", retry_after_s=LONGEST_ASKED_S + 1))).calls[0].target == "b"

    @pytest.mark.parametrize("asked", [None, 0.2, 30.0])
    def test_a_pause_is_waited_for_only_where_there_is_nobody_else(self, asked: float | None) -> None:
        """A free candidate does not stand idle while another one's host wants rest; the last one is waited for."""
        policy = Retrying(Fallback(), {"a": 1, "b": 1})
        first = decided(policy, state(bad(0, "a", retry_after_s=asked))).calls[0]
        assert (first.target, first.retry_of) == (("b", None) if asked == 30.0 else ("a", 0))
        if asked == 30.0:
            last = decided(policy, state(bad(0, "a", retry_after_s=asked), bad(1, "b", send=1, retry_after_s=asked)))
            assert (last.calls[0].target, last.calls[0].retry_of) == ("b", 1)

    @pytest.mark.parametrize("asked", [None, 3.0])
    def test_never_past_the_deadline(self, asked: float | None) -> None:
        """A retry that would begin at or after the deadline is not made."""
        policy = Retrying(Fixed(), {"a": 1})
        delay = decided(policy, state(bad(0, "a", retry_after_s=asked))).calls[0].start_after_s
        late = decided(policy, state(bad(0, "a", retry_after_s=asked), deadline=100.0 + delay))
        assert isinstance(late, Refuse)
        soon = decided(policy, state(bad(0, "a", retry_after_s=asked), deadline=100.001 + delay))
        assert soon.calls[0].retry_of == 0

    def test_inner_policy_sees_last_tries_only(self) -> None:
        """Three tries of one call are one attempt for the inner policy, with the last one's outcome."""
        seen: list[State] = []

        class Spy(Fallback):
            def decide(self, state: State) -> Any:
                seen.append(state)
                return super().decide(state)

        history = (bad(0, "a"), bad(1, "a", retry_of=0), ok(2, "a"))
        history = (*history[:2], msgspec.structs.replace(history[2], call=Call(target="a", retry_of=1)))
        assert Retrying(Spy(), {"a": 5}).decide(state(*history)) == Answer(attempt=2)
        assert [attempt.index for attempt in seen[0].attempts] == [2]

    def test_a_retry_keeps_back_what_was_held(self) -> None:
        """A held call is held again when it is repeated: its answer waits for the check."""
        held = decided(Retrying(Cascade(check="sql"), {"a": 1}), state(bad(0, "a", hold=True)))
        assert held.hold
        assert not decided(Retrying(Fallback(), {"a": 1}), state(bad(0, "a"))).hold

    def test_a_retried_vote_still_waits_for_all_of_its_answers(self) -> None:
        """When every call of a vote failed, all are repeated, held, and as many answers are waited for as before."""
        history = [bad(n, "a", send=0, hold=True, until=3) for n in range(3)]
        step = decided(Retrying(Vote(at_once=True), {"a": 1}), state(*history))
        assert (len(step.calls), step.until, step.hold) == (3, 3, True)
        history[2] = bad(2, "a", send=0, hold=True, until=3, retryable=False)
        step = decided(Retrying(Vote(at_once=True), {"a": 1}), state(*history))
        assert (len(step.calls), step.until, step.hold) == (2, 2, True)

    def test_one_answer_of_several_is_enough(self) -> None:
        """Nothing is repeated where a call of the same Send has answered."""
        history = (bad(0, "a", send=0), ok(1, "b", send=0))
        assert decided(Retrying(Hedge(), {"a": 3, "b": 3}), state(*history)) == Answer(attempt=1)

    def test_a_hedge_repeats_as_a_hedge(self) -> None:
        """Both calls of a hedge that failed are repeated; the first to begin is streamed."""
        history = tuple(bad(n, name, send=0, until=FIRST_EVENT) for n, name in enumerate("ab"))
        step = decided(Retrying(Hedge(), {"a": 1, "b": 1}), state(*history))
        assert ([call.target for call in step.calls], step.until, step.hold) == (["a", "b"], FIRST_EVENT, False)

    def test_checks_are_the_inner_ones(self) -> None:
        """The retry needs no check of its own."""
        assert Retrying(Cascade(check="sql"), {}).checks == {"sql": {"check": "sql"}}


class TestOptions:
    """A policy from its table."""

    @pytest.mark.parametrize(
        ("table", "nearest"),
        [
            ({"kind": "hedge", "after": 1.0}, "after_s"),
            ({"kind": "vote", "temprature": 0.1}, "temperature"),
            ({"kind": "best-of", "non": "vote"}, "none"),
            ({"kind": "split", "weight": {}}, "weights"),
            ({"kind": "cascade", "chek": "sql"}, "check"),
            ({"kind": "by-kind", "kind_s": {}}, "kinds"),
        ],
    )
    def test_unknown_key_names_the_nearest(self, table: dict[str, Any], nearest: str) -> None:
        """The message names the key with its place, the policy, and the key that was probably meant."""
        with pytest.raises(ConfigError) as caught:
            make_policy(table, "routes.r.policy")
        wrong = next(key for key in table if key != "kind")
        assert f"'routes.r.policy.{wrong}'" in str(caught.value)
        assert f"did you mean {nearest!r}?" in str(caught.value)

    def test_unknown_kind_names_the_nearest(self) -> None:
        """A misspelt kind is an unknown plug-in, with the nearest one."""
        with pytest.raises(PluginError, match="did you mean 'cascade'"):
            make_policy({"kind": "cascad"})

    @pytest.mark.parametrize(
        "table",
        [
            {"kind": "hedge", "after_s": 0},
            {"kind": "hedge", "after_s": "1"},
            {"kind": "vote", "n": 0},
            {"kind": "vote", "n": 65},
            {"kind": "vote", "quorum": 0},
            {"kind": "best-of"},
            {"kind": "best-of", "check": "sql", "n": 0},
            {"kind": "best-of", "check": "sql", "none": "last"},
            {"kind": "cascade"},
            {"kind": "cascade", "check": "sql", "last": "maybe"},
            {"kind": "split"},
            {"kind": "by-kind"},
        ],
    )
    def test_wrong_values_are_config_errors(self, table: dict[str, Any]) -> None:
        """A missing key or a value out of range is a ConfigError that names the place."""
        with pytest.raises(ConfigError, match=r"routes\.r"):
            make_policy(table, "routes.r.policy")

    def test_default_is_fallback(self) -> None:
        """A table without a kind is a fallback."""
        assert make_policy({}) == Fallback()
