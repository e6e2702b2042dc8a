"""Rules, shadows, sessions and reasons: plain values in, steps out."""

from __future__ import annotations

from typing import Any

import pytest

from assay.errors import ConfigError
from assay.routing.cascade import Cascade
from assay.routing.fallback import Fallback
from assay.routing.hedge import Hedge
from assay.routing.options import make_policy
from assay.routing.protocol import (
    Answer,
    Attempt,
    Call,
    CheckOutcome,
    Failure,
    Health,
    Policy,
    Refuse,
    Send,
    Snapshot,
    State,
)
from assay.routing.retry import Retrying
from assay.routing.session import session_of
from assay.routing.shadow import Shadow
from assay.routing.split import Split
from assay.routing.vote import Vote
from assay.types import (
    Audio,
    Document,
    Image,
    Label,
    Message,
    OutputFormat,
    Request,
    Response,
    Text,
    Tool,
    ToolResult,
    Video,
)

OVER = Failure("Overloaded", "busy", True, status=529)


def state(
    *attempts: Attempt, candidates: tuple[str, ...] = ("a", "b"), seed: int = 7, left: int = 9, id: str = "",
    **request: Any,
) -> State:  # fmt: skip
    """A state at the time 100."""
    return State(
        request=Request(**request),
        candidates=candidates,
        attempts=attempts,
        deadline=None,
        snapshot=Snapshot(now=100.0, seed=seed, request_id=id, retries_left=left),
    )


def failed(index: int, target: str, failure: Failure = OVER, **call: Any) -> Attempt:
    """An attempt that failed."""
    return Attempt(index=index, send=index, call=Call(target=target, **call), failure=failure)


def done(index: int, target: str, text: str = "yes", **more: Any) -> Attempt:
    """An attempt that answered."""
    response = Response(parts=(Text(text=text),))
    return Attempt(index=index, send=index, call=Call(target=target), response=response, **more)


def call_of(policy: Policy, of: State) -> Call:
    """The first call of the step, which must be a Send."""
    step = policy.decide(of)
    assert isinstance(step, Send), step
    return step.calls[0]


def user(*parts: Any) -> tuple[Message, ...]:
    """A user's message."""
    return (Message(role="user", parts=parts),)


def rules(*when: dict[str, Any], otherwise: str | None = "b") -> Policy:
    """A rule for each condition, all to `a`."""
    return make_policy({"kind": "rules", "rules": [{"when": one, "use": "a"} for one in when], "otherwise": otherwise})


class TestRules:
    """The first rule that fits."""

    @pytest.mark.parametrize(
        ("when", "fits", "fits_not"),
        [
            ({"kind": "sql"}, {"kind": "sql"}, {"kind": "chat"}),
            ({"kind": ["sql", "code"]}, {"kind": "code"}, {}),
            ({"label": "private-only"}, {"label": Label.PRIVATE_ONLY}, {}),
            ({"model": "gpt-*"}, {"model": "gpt-4o"}, {"model": "claude"}),
            ({"session": "team-a/*"}, {"session": "team-a/7"}, {"session": "team-b/7"}),
            ({"session": "*"}, {"extra": {"user": "u1"}}, {}),
            ({"tags": {"tier": "gold*"}}, {"tags": {"tier": "gold-2", "team": "x"}}, {"tags": {"tier": "iron"}}),
            ({"tags": {"tier": "*", "team": "a"}}, {"tags": {"tier": "", "team": "a"}}, {"tags": {"team": "a"}}),
            ({"tools": True}, {"tools": (Tool(name="look"),)}, {}),
            ({"tools": False}, {}, {"tools": (Tool(name="look"),)}),
            ({"images": True}, {"messages": user(Image(url="x"))}, {"messages": user(Text(text="x"))}),
            (
                {"images": True},
                {"messages": (Message(role="tool", parts=(ToolResult(call_id="c", parts=(Image(url="x"),)),)),)},
                {},
            ),
            ({"audio": True}, {"messages": user(Audio(data="", format="wav"))}, {}),
            ({"video": True}, {"messages": user(Video(url="x"))}, {}),
            ({"documents": True}, {"messages": user(Document(url="x"))}, {}),
            ({"json_schema": True}, {"output": OutputFormat(kind="json_schema", schema={})}, {"output": None}),
            ({"stream": True}, {"stream": True}, {}),
            ({"min_input_chars": 4}, {"messages": user(Text(text="abc"), Text(text="d"))}, {"prompt": "abc"}),
            ({"max_input_chars": 4}, {"prompt": "abcd"}, {"prompt": "abcde"}),
            ({"kind": "sql", "tools": True}, {"kind": "sql", "tools": (Tool(name="x"),)}, {"kind": "sql"}),
        ],
    )
    def test_conditions(self, when: dict[str, Any], fits: dict[str, Any], fits_not: dict[str, Any]) -> None:
        """Each condition alone, and several together: what fits goes to the rule's candidate, the rest elsewhere."""
        policy = rules(when)
        assert call_of(policy, state(**fits)).target == "a"
        assert call_of(policy, state(**fits_not)).target == "b"

    def test_the_first_one_that_can_be_served_decides(self) -> None:
        """In order; a rule whose candidate the constraints removed is passed over. The reason names rule and fields."""
        policy = make_policy(
            {
                "kind": "rules",
                "rules": [
                    {"when": {"tools": False}, "use": "a"},
                    {"when": {"kind": "sql", "tools": False}, "use": "b"},
                ],
            }
        )
        assert call_of(policy, state(kind="sql")).why == "rule 1 (tools)"
        assert call_of(policy, state(kind="sql", candidates=("b", "c"))) == Call(target="b", why="rule 2 (kind, tools)")

    def test_otherwise(self) -> None:
        """What fits no rule goes to `otherwise`, by default the first candidate; refused when that one may not."""
        assert call_of(rules({"kind": "x"}), state()) == Call(target="b", why="no rule fits")
        assert call_of(rules({"kind": "x"}, otherwise=None), state()).target == "a"
        refused = rules({"kind": "x"}).decide(state(candidates=("a",)))
        assert isinstance(refused, Refuse)
        assert "'b' may not serve" in refused.reason

    def test_an_answer_or_its_error_is_the_end(self) -> None:
        """A rule's candidate answers or fails; who wants a fallback names a route."""
        policy = rules({"kind": "sql"})
        assert policy.decide(state(done(0, "a"))) == Answer(attempt=0)
        assert isinstance(policy.decide(state(failed(0, "a"))), Refuse)

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            ({"when": {"knd": "sql"}, "use": "a"}, "policy.rules[0].when.knd'; did you mean 'kind'"),
            ({"when": {"label": "secret"}, "use": "a"}, "policy.rules[0].when.label: unknown value 'secret'"),
            ({"when": {"tools": "yes"}, "use": "a"}, "tools"),
            ({"when": {}, "use": "a"}, "a rule needs a condition"),
            ({"when": {"kind": "sql"}}, "use"),
            ({"when": {"kind": "sql"}, "use": "a", "then": 1}, "unknown key 'policy.rules[0].then'"),
            ({"when": {"kind": "sql"}, "use": "aa"}, "'aa' is no candidate of this route"),
        ],
    )
    def test_mistakes_are_named(self, rule: dict[str, Any], words: str) -> None:
        """Unknown keys with their place and the nearest known one, wrong values, candidates that there are not."""
        with pytest.raises(ConfigError) as caught:
            make_policy({"kind": "rules", "rules": [rule]}, candidates=("a", "b"))
        assert words in str(caught.value)


class TestShadow:
    """A share of the traffic is asked twice."""

    def test_the_primary_answers(self) -> None:
        """Its call comes first and is no shadow; its answer or error is the end."""
        policy = Shadow(primary="a", shadow=("b",))
        step = policy.decide(state())
        assert isinstance(step, Send)
        assert [(call.target, call.shadow) for call in step.calls] == [("a", False), ("b", True)]
        assert step.until == 1
        assert not step.hold
        assert policy.decide(state(done(0, "a"))) == Answer(attempt=0)
        assert isinstance(policy.decide(state(failed(0, "a"))), Refuse)

    def test_share(self) -> None:
        """About so many requests have a shadow: by their ids, and not by a seed that a client always sends."""

        def shadowed(number: int, share: float = 0.25, seed: int = 7) -> bool:
            step = Shadow(primary="a", shadow=("b",), share=share).decide(state(seed=seed, id=f"{number:032x}"))
            assert isinstance(step, Send)
            return len(step.calls) == 2

        drawn = [shadowed(number) for number in range(4000)]
        assert drawn == [shadowed(number, seed=number) for number in range(4000)]
        assert 900 < sum(drawn) < 1100
        assert all(shadowed(number, share=0.5) for number in range(4000) if drawn[number])

    def test_who_may_not_serve_is_no_shadow(self) -> None:
        """Constraints hold for shadows; without the primary there is a refusal."""
        policy = Shadow(shadow=("b", "c"))
        step = policy.decide(state(candidates=("a", "c")))
        assert isinstance(step, Send)
        assert [call.target for call in step.calls] == ["a", "c"]
        assert isinstance(policy.decide(state(candidates=("b", "c"))), Refuse)

    @pytest.mark.parametrize(
        "options",
        [
            {"primary": "a", "shadow": ["a"]},
            {"shadow": []},
            {"shadow": ["b"], "share": 1.5},
            {"shadow": ["nobody"]},
            {"shadows": ["b"]},
        ],
    )
    def test_mistakes(self, options: dict[str, Any]) -> None:
        """Nobody is his own shadow, a share is no more than 1, and names are those of candidates."""
        with pytest.raises(ConfigError):
            make_policy({"kind": "shadow", **options}, candidates=("a", "b"))


class TestSession:
    """What stickiness hangs on."""

    @pytest.mark.parametrize(
        ("request_", "session"),
        [
            (Request(session="s", extra={"user": "u"}), "s"),
            (Request(extra={"safety_identifier": "i", "user": "u", "prompt_cache_key": "k"}), "i"),
            (Request(extra={"user": "u", "prompt_cache_key": "k"}), "u"),
            (Request(extra={"metadata": {"user_id": "m"}}), "m"),
            (Request(extra={"conversation": {"id": "c"}}), "c"),
            (Request(extra={"conversation": "c"}), "c"),
            (Request(extra={"prompt_cache_key": "k"}), "k"),
            (Request(extra={"user": "", "metadata": {"topic": "x"}}), None),
            (Request(extra={"user": 7, "metadata": "text"}), None),
            (Request(), None),
        ],
    )
    def test_header_then_the_format_s_own_fields(self, request_: Request, session: str | None) -> None:
        """Who asks before what belongs together; fields of another shape say nothing."""
        assert session_of(request_) == session

    def test_a_split_is_sticky_by_it(self) -> None:
        """One user meets one arm whatever the seed."""
        policy = Split(weights={"a": 1, "b": 1})
        for user_ in ("u1", "u2", "u3"):
            arms = {call_of(policy, state(seed=seed, extra={"user": user_})).target for seed in range(20)}
            assert len(arms) == 1


class TestSplitOnFailure:
    """What becomes of a request whose arm failed."""

    def test_next_deals_among_the_others(self) -> None:
        """Each arm once, never one without a weight; then a refusal that names them all."""
        policy = Split(weights={"a": 1, "b": 1, "c": 0}, on_failure="next")
        names = ("a", "b", "c")
        first = call_of(policy, state(candidates=names)).target
        second = call_of(policy, state(failed(0, first), candidates=names))
        assert {first, second.target} == {"a", "b"}
        assert second.why == f"split 100 %, by chance; fallback: {first} failed with Overloaded (529)"
        both = policy.decide(state(failed(0, first), failed(1, second.target), candidates=names))
        assert both == Refuse(reason=f"{first}: busy; {second.target}: busy")
        assert policy.decide(state(failed(0, first), done(1, second.target))) == Answer(attempt=1)


class TestReasons:
    """Every call says why, for a person."""

    def test_of_each_policy(self) -> None:
        """First choices, fallbacks, cascades, splits, hedges, votes and retries."""
        checked = done(0, "a", checks={"regex": CheckOutcome(False, "no")})
        cascade = Cascade(check="regex")
        hedge = Hedge(after_s=0.5).decide(state())
        assert isinstance(hedge, Send)
        assert call_of(Fallback(), state()).why == "first choice"
        assert call_of(Fallback(), state(failed(0, "a"))).why == "fallback: a failed with Overloaded (529)"
        assert call_of(cascade, state(checked)).why == "cascade: check 'regex' failed on a"
        assert call_of(cascade, state(failed(0, "a"))).why == "cascade: a failed with Overloaded (529)"
        assert call_of(Split(weights={"a": 1, "b": 9}), state(session="s")).why in (
            "split 10 %, by session",
            "split 90 %, by session",
        )
        assert [call.why for call in hedge.calls] == [
            "hedge: first to begin",
            "hedge: first to begin, started 0.5 s later",
        ]
        assert call_of(Vote(n=3), state()).why == "vote: 1 of 3"
        votes = (done(0, "a"), done(1, "b", "no"), done(2, "a"))
        assert Vote(n=3).decide(state(*votes)) == Answer(attempt=0, why="2 of 3 agree")
        again = call_of(Retrying(Fallback(), {"a": 2}), state(failed(0, "a", why="first choice")))
        assert again.why == "first choice; retry 1 after Overloaded (529)"


class TestRetryBudget:
    """Retries of one request are bounded, whatever routes it passes."""

    def test_none_left(self) -> None:
        """Without retries left, the inner policy goes on at once."""
        policy = Retrying(Fallback(), {"a": 5})
        assert call_of(policy, state(failed(0, "a"))).target == "a"
        assert call_of(policy, state(failed(0, "a"), left=0)).target == "b"

    def test_a_resting_deployment_is_waited_for_only_where_nobody_else_is(self) -> None:
        """A pause is waited for by a route of one; others ask the next candidate."""
        resting = failed(0, "a", OVER._replace(resting=True))
        policy = Retrying(Fallback(), {"a": 5})
        assert call_of(policy, state(resting)).target == "b"
        assert call_of(policy, state(resting, candidates=("a",))).target == "a"


def test_health_is_what_a_policy_may_look_at() -> None:
    """The snapshot holds it by name; what is not there is well."""
    snapshot = Snapshot(now=0.0, seed=1, health={"a": Health("open", 5, "Timeout", 3.0)})
    assert snapshot.health["a"].state == "open"
    assert "b" not in snapshot.health
