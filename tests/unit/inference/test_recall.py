"""What clients cannot keep is put back: reasoning before its calls, signatures on them."""

import pytest

from assay.dialects.opaque import ANTHROPIC, call_signature, signed, with_call_signature
from assay.inference.recall import Recall
from assay.types import Message, Part, Reasoning, Request, Response, Text, ToolCall, ToolResult

THOUGHT = Reasoning(text="Oslo, then.", opaque=(signed("SIG", ANTHROPIC),))
CALL = ToolCall(id="call_1", name="look", arguments='{"city":"Oslo"}')


def turn(*parts: Part) -> Request:
    """A conversation whose second turn a client sends back."""
    answer = Message(role="tool", parts=(ToolResult(call_id="call_1", parts=(Text(text="rain"),)),))
    return Request(messages=(Message.of("user", "?"), Message(role="assistant", parts=parts), answer))


def knowing(*parts: Part, private: bool = False) -> Recall:
    """A memory of one answer."""
    recall = Recall()
    recall.remember(Response(parts=parts), "anthropic", private=private)
    return recall


def restored(recall: Recall, request: Request, dialect: str = "anthropic", private: bool = False) -> tuple[Part, ...]:
    """The parts of the second turn."""
    return recall.restore(request, dialect, private=private).messages[1].parts


def test_thinking_stands_before_its_call_again() -> None:
    """Trap 4: a chat client drops signed thinking; it is back where it stood, the client's text untouched."""
    recall = knowing(THOUGHT, Text(text="I look."), CALL)
    assert restored(recall, turn(Text(text="I look."), CALL)) == (THOUGHT, Text(text="I look."), CALL)


def test_what_a_client_kept_without_signature_is_replaced() -> None:
    """Reasoning as mere text, as chat clients send it back, gives way to the signed one."""
    recall = knowing(THOUGHT, CALL)
    assert restored(recall, turn(Reasoning(text="Oslo, then."), CALL)) == (THOUGHT, CALL)


def test_joined_texts_do_not_lose_the_thinking() -> None:
    """A client that joined the texts, or left them out, has the thinking in front."""
    recall = knowing(THOUGHT, Text(text="a"), Text(text="b"), CALL)
    assert restored(recall, turn(Text(text="ab"), CALL)) == (THOUGHT, Text(text="ab"), CALL)
    assert restored(recall, turn(CALL)) == (THOUGHT, CALL)


def test_signature_is_on_its_call_again() -> None:
    """Trap 3: Gemini's signature goes back on the very call it came with, and on no other."""
    second = ToolCall(id="call_2", name="look", arguments="{}")
    recall = Recall()
    signed_call = ToolCall(id="call_1", name="look", extra=with_call_signature("S"))
    recall.remember(Response(parts=(signed_call, second)), "gemini", private=False)
    first, other = restored(recall, turn(CALL, second), "gemini")
    assert isinstance(first, ToolCall)
    assert (call_signature(first.extra), first.arguments, other) == ("S", CALL.arguments, second)


def test_what_the_client_kept_wins() -> None:
    """A turn that comes with a signature is left as it is."""
    own = Reasoning(text="mine", opaque=(signed("OTHER", ANTHROPIC),))
    request = turn(own, CALL)
    assert knowing(THOUGHT, CALL).restore(request, "anthropic", private=False) is request


@pytest.mark.parametrize(
    ("dialect", "was_private"), [("gemini", False), ("anthropic", True)], ids=["another format", "not private"]
)
def test_nothing_goes_where_it_does_not_belong(dialect: str, was_private: bool) -> None:
    """A signature goes to its maker only, and what a private deployment said to private ones only."""
    request = turn(CALL)
    assert knowing(THOUGHT, CALL, private=was_private).restore(request, dialect, private=False) is request


def test_private_goes_back_to_private() -> None:
    """A private deployment gets its own reasoning back."""
    assert restored(knowing(THOUGHT, CALL, private=True), turn(CALL), private=True) == (THOUGHT, CALL)


def test_memory_is_bounded_and_forgets_the_longest_unused() -> None:
    """Under pressure the answer used longest ago goes; a turn that is forgotten stays as the client sent it."""
    recall = Recall(limit_bytes=700)
    for number in range(3):
        call = ToolCall(id=f"call_{number}", name="look")
        recall.remember(Response(parts=(Reasoning(opaque=(signed("S" * 180, ANTHROPIC),)), call)), "anthropic",
                        private=False)  # fmt: skip
        recall.restore(turn(ToolCall(id="call_0", name="look")), "anthropic", private=False)
    kept = [len(restored(recall, turn(ToolCall(id=f"call_{number}", name="look")))) for number in range(3)]
    assert kept == [2, 1, 2]
    recall.remember(
        Response(parts=(Reasoning(opaque=(signed("S" * 900, ANTHROPIC),)), CALL)), "anthropic", private=False
    )
    assert restored(recall, turn(CALL)) == (CALL,)


def test_answers_without_calls_or_signatures_are_not_kept() -> None:
    """Nothing must come back with them."""
    recall = knowing(THOUGHT)
    recall.remember(Response(parts=(Reasoning(text="plain"), CALL)), "openai", private=False)
    request = turn(CALL)
    assert recall.restore(request, "openai", private=False) is request
