"""A pair of answers to one prompt, of which one is preferred: what preference tuning (DPO and its kin) learns from.

The form is the conversational one that trainers read: `prompt` is a list of messages, `chosen` and `rejected` are one
message of the assistant each. `origin` says where it is from and stays out of the training.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from assay.evals.suites.samples import Turn
from assay.evals.traffic.exchange import Exchange
from assay.evals.traffic.turns import Unfit, turns_of
from assay.privacy.redaction import Redaction
from assay.types import JsonObject, Message, Part, Request, Value

__all__ = ["Preferred", "Source", "made", "prompt_digest", "side_of"]

Source = Literal["edited", "preferred", "accepted-rejected", "comparison"]
_SCALE = 2**64


class Preferred(NamedTuple):
    """What somebody or something prefers.

    Attributes:
        exchange: whose request is the prompt.
        chosen: the better answer: parts, or a person's words.
        rejected: the other one.
        chosen_by: deployment or route; None = a person wrote it.
        rejected_by: deployment or route.
        source: why the one is better.
        decided_by: who says so: `feedback`, or the check or judge of a comparison.
        other_request_id: of the request that the other answer is from, where it is another one.
    """

    exchange: Exchange
    chosen: tuple[Part, ...] | str
    rejected: tuple[Part, ...] | str
    chosen_by: str | None
    rejected_by: str | None
    source: Source
    decided_by: str
    other_request_id: str | None = None


class Line(Value, frozen=True, kw_only=True):
    """One line of the file."""

    prompt: list[JsonObject]
    chosen: list[JsonObject]
    rejected: list[JsonObject]
    tools: list[JsonObject] = []
    origin: JsonObject


def prompt_digest(exchange: Exchange) -> str:
    """sha256 (hex) of what was asked: equal for equal conversations and tools, whoever asked."""
    said = msgspec.to_builtins((exchange.request.messages, exchange.request.tools))
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def side_of(digest: str, heldout: float) -> Literal["train", "heldout"]:
    """The side of a prompt: by its digest, so that all pairs of a prompt, and those of a later export, are on one."""
    return "heldout" if int(digest[:16], 16) / _SCALE < heldout else "train"


def made(preferred: Preferred, redaction: Redaction) -> Line:
    """The pair as a line, without what must not be in it: equal things have equal placeholders on both sides.

    Raises:
        Unfit: it cannot be one; the message says why, in a few words.
    """
    exchange = preferred.exchange
    asked = turns_of(exchange.request)
    turns = (Turn(role="user", content=asked),) if isinstance(asked, str) else asked
    plain = redaction.value({
        "prompt": [_message(turn) for turn in turns],
        "chosen": [_answer(preferred.chosen)],
        "rejected": [_answer(preferred.rejected)],
        "tools": [_tool(tool) for tool in msgspec.to_builtins(exchange.request.tools)],
    })  # fmt: skip
    if _same(plain["chosen"], plain["rejected"]):
        raise Unfit("both answers say the same")
    return msgspec.convert({**plain, "origin": _origin(preferred)}, Line)


def _answer(said: tuple[Part, ...] | str) -> JsonObject:
    if isinstance(said, str):
        turns: Any = (Turn(role="assistant", content=said),)
    else:
        turns = turns_of(Request(messages=(Message(role="assistant", parts=said),))) if said else ()
    if len(turns) != 1 or not (turns[0].content or turns[0].tool_calls):
        raise Unfit("an answer is empty")
    return _message(turns[0])


def _message(turn: Turn) -> JsonObject:
    """A turn as chat templates read it."""
    message: JsonObject = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        message["tool_calls"] = [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
            for one in turn.tool_calls
        ]
    if turn.call_id is not None:
        message["tool_call_id"] = turn.call_id
    return message


def _tool(tool: JsonObject) -> JsonObject:
    facts = {name: value for name, value in tool.items() if name in ("name", "description", "parameters")}
    return {"type": "function", "function": facts}


def _same(chosen: list[JsonObject], rejected: list[JsonObject]) -> bool:
    """Whether there is nothing to learn: calls alike, and words alike but for their white space."""
    (one,), (other,) = chosen, rejected
    calls = [[call["function"] for call in message.get("tool_calls", ())] for message in (one, other)]
    return calls[0] == calls[1] and str(one["content"]).split() == str(other["content"]).split()


def _origin(preferred: Preferred) -> JsonObject:
    row = preferred.exchange.row
    known = {
        "request_id": row.request_id,
        "other_request_id": preferred.other_request_id,
        "at": datetime.fromtimestamp(row.created_at, UTC).isoformat(timespec="seconds"),
        "route": row.target,
        "kind": preferred.exchange.kind,
        "label": row.label,
        "source": preferred.source,
        "decided_by": preferred.decided_by,
        "chosen_by": preferred.chosen_by or "a person",
        "rejected_by": preferred.rejected_by,
        "prompt_sha256": prompt_digest(preferred.exchange),
    }
    return {name: value for name, value in known.items() if value is not None}
