"""Texts of which people say whether a guard should stop them: one case a line."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from assay.errors import SuiteError
from assay.types import Message, Request, Response, Text

__all__ = ["Case", "read_cases"]


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case: `{"text": "...", "catch": true}`.

    Attributes:
        catch: a guard should stop or revise it.
        text: what a user asks; or `messages`, turns as `{"role": "user", "content": "..."}`.
        answer: what was answered: the guard looks at it, and at what was asked as its context.
        note: for people: where it is from, what is hard about it.
    """

    catch: bool
    text: str | None = None
    messages: tuple[_Turn, ...] = ()
    answer: str | None = None
    note: str = ""

    @property
    def request(self) -> Request:
        """What was asked."""
        turns = tuple(Message.of(turn.role, turn.content) for turn in self.messages)
        return Request(messages=turns if self.text is None else (*turns, Message.of("user", self.text)))

    @property
    def response(self) -> Response | None:
        """What was answered."""
        return Response(parts=(Text(text=self.answer),)) if self.answer is not None else None


def read_cases(file: str | Path) -> list[Case]:
    """The cases in a file of JSON lines, in order.

    Raises:
        SuiteError: it cannot be read, or holds none; or a line is no case: the message names file and line.
    """
    try:
        lines = Path(file).read_bytes().splitlines()
    except OSError as error:
        raise SuiteError(f"cannot read {file}: {error.strerror}") from error
    cases = [_case(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise SuiteError(f'{file} holds no case; a line is {{"text": "...", "catch": true}}')
    return cases


def _case(line: bytes, where: str) -> Case:
    try:
        case = msgspec.json.decode(line, type=Case)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{where}: {error}") from error
    if case.text is None and not case.messages and case.answer is None:
        raise SuiteError(f"{where}: a case needs a `text`, `messages` or an `answer`")
    return case
