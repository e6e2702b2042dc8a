"""The turns of a request to Anthropic, written from messages.

A client of this format gets back the turns it wrote. What others say, and what a deployment's prompt puts between,
become turns by their roles, neighbours of one role together: all answers of tools stand in the user's turn directly
behind their calls, before anything else that the user says.

System messages in front become the top-level `system`. Later ones become turns of the role `system` where the model
takes them: behind the user's turn, at most one, and before the assistant's (the maker's rules of placement). Elsewhere
they join the top-level `system` in their order, which is noted as `system.later`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from assay.dialects.anthropic_blocks import CONTENT
from assay.dialects.anthropic_messages import PLACE, TURN
from assay.dialects.anthropic_parts import Writer
from assay.dialects.capability import Fit
from assay.dialects.fields import merge
from assay.errors import RequestError
from assay.types import Message, Text

__all__ = ["Conversation", "write_conversation"]

_ROLES = {"tool": "user", "developer": "system"}
Block = dict[str, Any]


class Conversation(NamedTuple):
    """The two fields that a conversation is told in; `system` is None where there is none."""

    system: str | list[Block] | None
    turns: list[dict[str, Any]]


class _Turn:
    """One turn, as far as it has come."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.blocks: list[Block] = []
        self.listed = False  # whether the client wrote a list where a string would do
        self.extra: dict[str, Any] = {}

    def add(self, blocks: list[Block], message: Message) -> None:
        self.blocks += blocks
        self.listed = self.listed or message.extra.get(CONTENT) == "parts"
        self.extra = {**self.extra, **message.extra}

    def wire(self) -> dict[str, Any]:
        return merge({"role": self.role, "content": _content(self.blocks, listed=self.listed)}, self.extra)


def write_conversation(messages: Iterable[Message], fit: Fit, *, foreign: bool) -> Conversation:
    """The system text and the turns.

    Args:
        messages: without what only another format knows: `foreign.translated`.
        fit: what the host can be told; takes the notes.
        foreign: whether the client spoke another format.

    Raises:
        RequestError: naming the message with a part that the host cannot be told, or nothing is left to say.
    """
    writer = _ForeignTurns(fit) if foreign else _OwnTurns(fit)
    for number, message in enumerate(messages):
        writer.take(message, f"messages[{number}]")
    return writer.conversation()


class _OwnTurns:
    """Writes the turns as the client had them."""

    foreign = False

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._writer = Writer(fit, foreign=self.foreign)
        self._system = _Turn("system")
        self._turns: list[_Turn] = []

    def take(self, message: Message, path: str) -> None:
        """Take the next message."""
        role = _ROLES.get(message.role, message.role)
        if message.name is not None:
            self._fit.takes("message.name", f"{path}.name")
        if role == "system":
            self._take_system(message, path)
            return
        blocks = self._blocks(message, path)
        if blocks:
            self._turn_for(role, message).add(blocks, message)

    def conversation(self) -> Conversation:
        """What has been taken."""
        turns = [turn.wire() for turn in self._turns]
        if not turns:
            raise RequestError("messages: nothing is left to send; every message is empty", field="messages")
        blocks = self._system.blocks
        return Conversation(_content(blocks, listed=self._system.listed) if blocks else None, turns)

    def _blocks(self, message: Message, path: str) -> list[Block]:
        parts = enumerate(message.parts)
        return [block for number, part in parts for block in self._writer.blocks(part, f"{path}.content[{number}]")]

    def _take_system(self, message: Message, path: str) -> None:
        for number, part in enumerate(message.parts):
            if not isinstance(part, Text):
                place = f"{path}.content[{number}]"
                raise RequestError(f"{place}: a system message holds only text for Anthropic", field=place)
        blocks = self._blocks(message, path)
        if not blocks:
            return
        later = bool(self._turns) or PLACE in message.extra
        if later and self._fit.takes("system.later", path):
            self._put_later(blocks, message)
        else:
            self._system.add(blocks, message)

    def _put_later(self, blocks: list[Block], message: Message) -> None:
        turn = _Turn("system")
        turn.add(blocks, message)
        self._turns.append(turn)

    def _turn_for(self, role: str, message: Message) -> _Turn:
        last = self._turns[-1] if self._turns else None
        if last is None or last.role != role or message.extra.get(TURN) == "new":
            self._turns.append(_Turn(role))
        return self._turns[-1]


class _ForeignTurns(_OwnTurns):
    """Writes the turns as Anthropic wants them: by turns, answers of tools first, no white space at the end."""

    foreign = True

    def __init__(self, fit: Fit) -> None:
        super().__init__(fit)
        self._waiting: _Turn | None = None  # a system turn, until the user has ended

    def conversation(self) -> Conversation:
        """What has been taken."""
        if self._turns and self._turns[-1].role == "user":
            self._place_waiting()
        elif self._waiting is not None:
            self._fit.note("system.later")
            self._system.blocks += self._waiting.blocks
        for turn in self._turns:
            if turn.role == "user":
                turn.blocks.sort(key=lambda block: block["type"] != "tool_result")
        self._trim()
        return super().conversation()

    def _put_later(self, blocks: list[Block], message: Message) -> None:
        self._waiting = self._waiting or _Turn("system")
        self._waiting.add(blocks, message)

    def _turn_for(self, role: str, message: Message) -> _Turn:
        last = self._turns[-1] if self._turns else None
        if last is not None and last.role == role:
            return last
        if role == "assistant" and last is not None and last.role == "user":
            self._place_waiting()
        self._turns.append(_Turn(role))
        return self._turns[-1]

    def _place_waiting(self) -> None:
        if self._waiting is not None:
            self._turns.append(self._waiting)
            self._waiting = None

    def _trim(self) -> None:
        """White space at the end of an answer begun by the client is refused."""
        last = self._turns[-1] if self._turns else None
        block = last.blocks[-1] if last is not None and last.role == "assistant" else None
        if block is not None and block["type"] == "text" and block["text"] != block["text"].rstrip():
            block["text"] = block["text"].rstrip()
            self._fit.note("prefill")


def _content(blocks: list[Block], *, listed: bool) -> str | list[Block]:
    """A string for a single plain text, else the list of blocks."""
    only = blocks[0] if len(blocks) == 1 and not listed else {}
    return only["text"] if only.keys() == {"type", "text"} else blocks
