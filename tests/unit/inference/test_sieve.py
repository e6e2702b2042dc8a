"""Answers that are looked at on their way, where their parts come by turns."""

from __future__ import annotations

from itertools import chain, zip_longest

import pytest

from assay.config.guard import Guard
from assay.inference.guards import make_guard
from assay.inference.sieve import Sieve
from assay.types import (
    Begin,
    Event,
    Finish,
    Finished,
    Message,
    ReasoningDelta,
    Request,
    Response,
    TextDelta,
    ToolCallDelta,
    fold,
)

PRIVATE = "You may write to ada@example.com now."
HARMLESS = "Something quite different is said here, of roughly that length."
END = Finished(finish=Finish(kind="stop"))


async def sieved(*events: Event) -> tuple[Response, str | None]:
    """What is handed on of an answer, and why it was ended, if it was."""
    sieve = Sieve([make_guard("mail", Guard(check="personal"))], Request(messages=(Message.of("user", "hi"),)))
    ready: list[Event] = []
    for event in events:
        ready += await sieve.take(event)
        if sieve.refused is not None:
            break
    return fold([*ready, *await sieve.close()]), sieve.refused


def pieces(text: str) -> list[str]:
    """A text in pieces of a few characters."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


@pytest.mark.parametrize("second", ["choice", "reasoning"])
@pytest.mark.parametrize("turned", [False, True])
async def test_what_comes_by_turns_is_looked_at_as_it_is_read(second: str, turned: bool) -> None:
    """An address in pieces, between which those of another choice, or of the reasoning, come, does not pass."""
    words, others = (HARMLESS, PRIVATE) if turned else (PRIVATE, HARMLESS)
    one = [TextDelta(text=piece) for piece in pieces(words)]
    other = [TextDelta(text=piece, choice=1) if second == "choice" else ReasoningDelta(text=piece)
             for piece in pieces(others)]  # fmt: skip
    mixed = [event for event in chain.from_iterable(zip_longest(one, other)) if event is not None]
    answer, refused = await sieved(Begin(), *mixed, END)
    assert refused == "guard 'mail': holds email"
    assert "example.com" not in "".join(part.text for part in answer.parts if hasattr(part, "text"))


async def test_choices_that_may_pass_stay_whole() -> None:
    """Each has its own words, in order, and its own end; calls of tools come before the end of their choice."""
    one, other = "First. Second one. Third", "Another. And more."
    mixed = [
        TextDelta(text=piece, choice=choice)
        for pair in zip_longest(pieces(one), pieces(other))
        for choice, piece in enumerate(pair)
        if piece is not None
    ]
    calls = [
        ToolCallDelta(index=0, id="c", name="look", arguments='{"at":', choice=1),
        Finished(finish=Finish(kind="stop")),
        ToolCallDelta(index=0, arguments="1}", choice=1),
        Finished(finish=Finish(kind="tool_calls"), choice=1),
    ]
    answer, refused = await sieved(Begin(), *mixed, *calls)
    assert refused is None
    assert (answer.text, answer.alternatives[0].text) == (one, other)
    assert [call.arguments for call in answer.alternatives[0].tool_calls] == ['{"at":1}']


@pytest.mark.parametrize("late", [False, True])
async def test_what_a_host_says_beside_the_answer_is_looked_at(late: bool) -> None:
    """Its sources may hold the words that they are for; without them the head of the answer goes on."""
    beside = {"grounding": [{"segment": PRIVATE}]}
    end = Finished(finish=END.finish, extra=beside) if late else END
    answer, refused = await sieved(Begin(id="1", extra={} if late else beside), TextDelta(text="Yes. So."), end)
    assert refused == "guard 'mail': holds email"
    assert (answer.id, answer.extra) == ("1", {})
    assert answer.text == ("Yes. So." if late else "")


async def test_a_call_of_one_choice_is_whole_when_it_is_looked_at() -> None:
    """The end of another choice does not let its beginning pass."""
    answer, refused = await sieved(
        Begin(),
        ToolCallDelta(index=0, id="c", name="write", arguments='{"to": "ada@exam', choice=1),
        END,
        ToolCallDelta(index=0, arguments='ple.com"}', choice=1),
        Finished(finish=Finish(kind="tool_calls"), choice=1),
    )
    assert refused == "guard 'mail': holds email"
    assert not any(one.tool_calls for one in answer.alternatives)
