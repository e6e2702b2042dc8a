"""What a model wrote in the form of `tool_prompt`, back as text and tool calls.

The text of an answer is handed on as it comes; calls are held until they are complete. An answer that the limit of
tokens cut stays what it is: text so far, or calls of which the last one's arguments are incomplete, with the finish
`length`. That is how hosts tell it, and an eval must count it as the model's fault. What breaks the form otherwise (a
stop sequence inside a call) is a `MalformedReply`, for nobody could tell what was meant.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from assay.errors import MalformedReply
from assay.types import Event, Finish, Finished, TextDelta, ToolCallDelta

_BEGINS_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*')
_BEGINS_TEXT = re.compile(_BEGINS_ANSWER.pattern + '"')
_CALL_HEAD = re.compile(r'\s*\{\s*"tool"\s*:\s*(?P<name>"(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_BETWEEN = re.compile(r"\s*\}\s*,?")
_PIECE = re.compile(r'[^"\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]')
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")


class _Call(NamedTuple):
    name: str
    arguments: str


class _Reply(msgspec.Struct):
    answer: msgspec.Raw


class ToolAnswer:
    """Turns the events of one answer; make a new one for each.

    Args:
        request: bytes that name the request: equal requests get equal ids of their calls.
        streams: whether an answer without a call is text, which can be handed on piece by piece.
    """

    def __init__(self, request: bytes, *, streams: bool = True) -> None:
        self._request = request
        self._streams = streams
        self._written = ""
        self._text: JsonText | None = None

    def read(self, event: Event) -> Iterator[Event]:
        """The events that one event of the engine stands for.

        Raises:
            MalformedReply: at the end: it is neither a call nor an answer.
        """
        if isinstance(event, TextDelta):
            yield from self._more(event.text)
        elif isinstance(event, Finished):
            yield from self._end(event)
        else:
            yield event

    def _more(self, written: str) -> Iterator[Event]:
        if self._text is None:
            self._written += written
            begun = _BEGINS_TEXT.match(self._written) if self._streams else None
            if begun is None:
                return
            self._text, written = JsonText(), self._written[begun.end() :]
        if text := self._text.feed(written):
            yield TextDelta(text=text)

    def _end(self, event: Finished) -> Iterator[Event]:
        finish = event.finish
        if self._text is None:
            if (answer := _answer(self._written)) is not None:
                yield TextDelta(text=answer)
            else:
                calls, is_whole = _calls(self._written)
                if not is_whole and finish.kind != "length":
                    raise MalformedReply(
                        f"the answer is neither a tool call nor an answer: {self._written[:200]!r}; "
                        f"does one of the request's stop sequences occur in JSON?"
                    )
                yield from (self._call(number, call) for number, call in enumerate(calls))
                if is_whole:
                    finish = Finish(kind="tool_calls", native=finish.native)
        yield msgspec.structs.replace(event, finish=finish)

    def _call(self, number: int, call: _Call) -> ToolCallDelta:
        digest = hashlib.sha256(b"%d:%s" % (number, self._request)).hexdigest()
        return ToolCallDelta(index=number, id=f"call_{digest[:24]}", name=call.name, arguments=call.arguments)


class JsonText:
    """Reads the inside of a JSON string piece by piece; what a piece leaves open waits for the next one."""

    def __init__(self) -> None:
        self._open = ""
        self._ended = False

    def feed(self, written: str) -> str:
        """The text that is certain by now; nothing after the closing quote."""
        if self._ended:
            return ""
        self._open += written
        found: list[str] = []
        at = 0
        while (piece := _PIECE.match(self._open, at)) and not _HALF_PAIR.match(self._open, at):
            found.append(_unescaped(piece[0]))
            at = piece.end()
        self._ended = self._open[at : at + 1] == '"'
        self._open = self._open[at:]
        return "".join(found)


def _unescaped(piece: str) -> str:
    """One piece of a JSON string; half of a surrogate pair alone becomes the replacement character."""
    text = str(json.loads(f'"{piece}"', strict=False)) if piece.startswith("\\") else piece
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _answer(written: str) -> str | None:
    """The text of `{"answer": ...}`; a value that is no string as its JSON, as far as it goes. None: it is a call."""
    begun = _BEGINS_ANSWER.match(written)
    if begun is None:
        return None
    try:
        answer = bytes(msgspec.json.decode(written, type=_Reply).answer)
        return msgspec.json.decode(answer, type=str) if answer.startswith(b'"') else answer.decode()
    except (msgspec.DecodeError, UnicodeError):
        return written[begun.end() :]


def _calls(written: str) -> tuple[list[_Call], bool]:
    """The calls, arguments as the model wrote them, and whether the last one is complete and nothing is missing."""
    calls: list[_Call] = []
    begun = written.lstrip()
    is_list = begun.startswith("[")
    at = len(written) - len(begun) + is_list
    while head := _CALL_HEAD.match(written, at):
        try:
            _, end = json.JSONDecoder(strict=False).raw_decode(written, head.end())
        except (ValueError, RecursionError):
            end = len(written)
        calls.append(_Call(json.loads(head["name"]), written[head.end() : end]))
        after = _BETWEEN.match(written, end)
        if after is None:
            return calls, False
        at = after.end()
    return calls, bool(calls) and written[at:].strip() == ("]" if is_list else "")
