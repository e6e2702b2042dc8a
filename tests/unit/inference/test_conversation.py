"""Conversations: what is sent with each turn, what stays after a fault or a stop, and what it all cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest
from upstreams import settled

from assay.errors import AuthFailed, ConstraintError, NoCandidate, ProviderFault
from assay.inference.asking import Asking
from assay.inference.conversation import Conversation
from assay.inference.spine import Spine, failure_of
from assay.inference.trace import Record, Trace
from assay.ledger.store import SqliteLedger
from assay.types import Event, Failed, Label, Message, Request, TextDelta

MakeSpine = Callable[..., Spine]

CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
retries = 0
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 20 }

[deployments.unpriced]
model = "x/unpriced"
dialect = "scripted"
script = "m.json"
"""
SCRIPT = {
    "rules": [
        {"match": "long", "answer": "one two three four", "chunk_delay_s": 0.05},
        {"match": "torn", "answer": "a b", "error": "ProviderFault", "fail_after": 1},
        {"match": "tool", "tool_calls": [{"name": "get", "arguments": {"a": 1}}]},
        {"match": "no", "refusal": "I will not."},
    ],
    "default": "fine",
}


@pytest.fixture
def spine(make_spine: MakeSpine) -> Spine:
    """A priced and an unpriced model with one script."""
    return make_spine(CONFIG, {"m.json": SCRIPT})


async def say(conversation: Conversation, text: str) -> list[Event]:
    """All events of a turn."""
    async with aclosing(conversation.ask(text)) as events:
        return [event async for event in events]


def told(conversation: Conversation) -> list[tuple[str, str]]:
    """What the conversation holds."""
    return [(message.role, message.text) for message in conversation.messages]


async def test_every_turn_sends_what_was_said_before(spine: Spine) -> None:
    """The system message first, then all turns; a reset forgets the turns only, and the label goes with each."""
    talk = Conversation(spine, "m", system="Be brief.", kind="sql", label=Label.PRIVATE_ONLY)
    events = await say(talk, "hello")
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["fine"]
    await say(talk, "again")
    request = talk.request(Message.of("user", "third"))
    assert [message.role for message in request.messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert (request.kind, request.label, request.stream) == ("sql", Label.PRIVATE_ONLY, True)
    assert request.session == talk.request().session
    talk.reset()
    assert [message.text for message in talk.request().messages] == ["Be brief."]
    assert len(talk.calls) == 2


async def test_a_turn_that_failed_is_not_part_of_it(spine: Spine) -> None:
    """The error is raised, also when it came inside the answer; the turn is counted and can be said again."""
    talk = Conversation(spine, "m")
    with pytest.raises(ProviderFault, match="scripted ProviderFault"):
        await say(talk, "torn")
    assert (told(talk), len(talk.calls)) == ([], 1)
    assert (talk.calls[0].error or "").startswith("ProviderFault")
    await say(talk, "hello")
    assert told(talk) == [("user", "hello"), ("assistant", "fine")]


@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_a_stopped_answer_stays_as_far_as_it_came(spine: Spine, ledger: SqliteLedger, how: str) -> None:
    """Given up half-way: the text so far stays, the attempt is settled as cancelled."""
    talk = Conversation(spine, "m")
    came = asyncio.Event()

    async def read() -> None:
        async with aclosing(talk.ask("long")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    came.set()
                    if how == "close":
                        return

    task = asyncio.create_task(read())
    await came.wait()
    if how == "cancel":
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told(talk)[0] == ("user", "long")
    assert told(talk)[1][1].startswith("one")
    assert "four" not in told(talk)[1][1]
    assert [row["outcome"] for row in await settled(ledger.path, 1)] == ["cancelled"]


async def test_a_tool_call_is_kept_as_text(spine: Spine) -> None:
    """Nobody carries it out, and hosts refuse a history with a call that was never answered."""
    talk = Conversation(spine, "m")
    await say(talk, "tool")
    await say(talk, "no")
    assert told(talk)[1] == ("assistant", 'get({"a":1})')
    assert talk.calls[1].text == "I will not."


async def test_spending_is_the_sum_and_unknown_as_soon_as_one_is(spine: Spine) -> None:
    """Tokens and money of all turns; a turn without a price makes the sum unknown, never smaller."""
    talk = Conversation(spine, "m")
    assert talk.spending == (0, 0, 0, 0.0, "none", None)
    await say(talk, "hello")
    await say(talk, "hello")
    assert (talk.spending.turns, talk.spending.input_tokens, talk.spending.output_tokens) == (2, 4, 2)
    assert talk.spending.usd == pytest.approx(6e-6)
    talk.target = "unpriced"
    await say(talk, "hello")
    assert (talk.spending.usd, talk.spending.cost_basis) == (None, "unknown")


async def test_asking_tells_an_error_before_anything_was_sent(spine: Spine, ledger: SqliteLedger) -> None:
    """An unknown target is the error of the call; no attempt was made, so nobody was asked."""
    asking = Asking(spine, Request(messages=(Message.of("user", "x"),), kind="k"), "gone")
    await asking.finish()
    assert (asking.call.error or "").startswith("ConfigError: unknown model 'gone'")
    assert (asking.call.deployment, asking.call.tries, asking.call.first_token_s) == (None, 0, None)
    assert await ledger.attempts() == []


def test_the_error_of_a_stream_that_ended_badly() -> None:
    """The attempt's own error where there is one, else of the class named, or one with its exit code."""
    own = AuthFailed("no key", status=401)
    trace = Trace(records=[Record(id="1", path="0", deployment="d", error=own)])
    assert failure_of(Failed(error="AuthFailed", message="x"), trace) is own
    made = failure_of(Failed(error="NoCandidate", message="all gone"), Trace())
    assert type(made) is ConstraintError
    assert (made.exit_code, str(made)) == (NoCandidate.exit_code, "all gone")
    assert isinstance(failure_of(Failed(error="SomethingElse", message="x"), Trace()), ProviderFault)
