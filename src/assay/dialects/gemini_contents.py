"""The turns of a conversation for Gemini: `contents` and `systemInstruction`.

Turns alternate between `user` and `model`, so neighbours of one role become one turn; tools' answers are the user's.
Gemini wants a tool's answer under the name of the function, which is looked up by the id of the call, and as an object:
one that the tool wrote goes as it is, any other text as `{"result": ...}`, an error as `{"error": ...}`.

Signatures go back to where they stood (`opaque`): on the call, on the text or part before them, or on an empty part.
Where the model refuses a call without one, as that of another model is, the first call of a turn gets the word that
Google names for conversations from elsewhere, and the request is noted as emulated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from assay.dialects import opaque
from assay.dialects.capability import Fit
from assay.dialects.gemini_candidate import NAME
from assay.dialects.gemini_media import is_media, write_media
from assay.dialects.gemini_model import Facts
from assay.errors import RequestError
from assay.types import Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown

__all__ = ["UNSIGNED", "Contents", "write_contents"]

UNSIGNED = "skip_thought_signature_validator"
"""Google's documented stand-in for the signature of a call that Gemini did not make."""

_NO_ARGUMENTS = ("", "null", "[]")  # what models and clients write for none
_Wire = dict[str, Any]


class Contents:
    """The turns and system texts of one request, as they are written."""

    def __init__(self, fit: Fit, facts: Facts, *, ids: bool = True) -> None:
        self.system: list[_Wire] = []
        self.turns: list[_Wire] = []
        self._fit = fit
        self._facts = facts
        self._ids = ids
        self._names: dict[str, str] = {}  # id of a call -> name of its function

    def message(self, message: Message, path: str) -> None:
        """Write one message.

        Raises:
            RequestError: naming the part that cannot be sent.
        """
        if message.name is not None:
            self._fit.takes("message.name", f"{path}.name")
        if message.role in ("system", "developer"):
            self._instruct(message, path)
        elif message.role == "assistant":
            self._add("model", self._model_parts(message.parts, path))
        else:
            self._add("user", self._user_parts(message.parts, path))

    def sign(self) -> None:
        """See to calls without a signature, where the model refuses them."""
        if not self._facts.needs_signatures:
            return
        for turn in self.turns:
            first = next((part for part in turn["parts"] if "functionCall" in part), None)
            if first is not None and "thoughtSignature" not in first:
                first["thoughtSignature"] = UNSIGNED
                self._fit.note("reasoning")

    def _add(self, role: str, parts: list[_Wire]) -> None:
        if not parts:
            return
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["parts"] += parts
        else:
            self.turns.append({"role": role, "parts": parts})

    def _instruct(self, message: Message, path: str) -> None:
        if self.turns:
            self._fit.takes("system.later", path)
        for number, part in enumerate(message.parts):
            if not isinstance(part, Text):
                raise _misplaced(part, message.role, f"{path}.content[{number}]")
            if part.text:
                self.system.append({"text": part.text})

    # -------------------------------------------------------------------------------------- users

    def _user_parts(self, parts: Iterable[Part], path: str) -> list[_Wire]:
        wire: list[_Wire] = []
        for number, part in enumerate(parts):
            at = f"{path}.content[{number}]"
            if isinstance(part, ToolResult):
                wire += self._result(part, path)
            elif isinstance(part, (Reasoning, ToolCall)):
                raise _misplaced(part, "user", at)
            else:
                wire += self._plain(part, at)
        return wire

    def _plain(self, part: Part, path: str) -> list[_Wire]:
        """A part that may stand in a turn of either role."""
        match part:
            case Text():
                if part.annotations:
                    self._fit.takes("citations", f"{path}.annotations")
                return [{"text": part.text}] if part.text else []
            case Refusal():
                self._fit.takes("refusal", path)  # its words, as the text that they were
                return [{"text": part.text}] if part.text else []
            case Unknown(dialect=dialect) if dialect == NAME:
                return [dict(part.raw)]
            case Unknown():
                self._fit.takes("tools.native", path)
                return []
            case _ if is_media(part):
                return write_media(part, path, self._fit)  # type: ignore[arg-type] # `is_media` says so
        raise _misplaced(part, "user or assistant", path)

    def _result(self, result: ToolResult, path: str) -> list[_Wire]:
        called = self._names.get(result.call_id) if result.call_id else None  # an old-style call has no id
        name = called or result.name
        if not name:
            raise RequestError(
                f"{path}.tool_call_id: no earlier call has the id {result.call_id!r}, so the name of the function "
                "is not known",
                field=f"{path}.tool_call_id",
            )
        text = "".join(part.text for part in result.parts if isinstance(part, Text))
        wire: _Wire = {"name": name, "response": _response(text, is_error=result.is_error)}
        if self._ids and result.call_id:
            wire["id"] = result.call_id
        media = [
            inner
            for number, part in enumerate(result.parts)
            if not isinstance(part, Text)
            for inner in self._plain(part, f"{path}.content[{number}]")
        ]
        if media and self._facts.media_in_results:
            return [{"functionResponse": wire | {"parts": media}}]
        if media:
            self._fit.note("tool_result.media")
        return [{"functionResponse": wire}, *media]

    # -------------------------------------------------------------------------------------- models

    def _model_parts(self, parts: Iterable[Part], path: str) -> list[_Wire]:
        wire: list[_Wire] = []
        owed: list[str] = []  # signatures that stand on the next text
        for number, part in enumerate(parts):
            match part:
                case Reasoning():
                    self._reasoning(part, wire, owed)
                case Text() if owed and part.text:
                    wire += self._plain(part, f"{path}.content[{number}]")
                    _put_signature(wire, owed.pop(0))
                case ToolCall():
                    wire.append(self._call(part))
                case ToolResult():
                    raise _misplaced(part, "assistant", path)
                case _:
                    wire += self._plain(part, f"{path}.content[{number}]")
        for signature in owed:
            _put_signature(wire, signature)
        return wire

    def _reasoning(self, part: Reasoning, wire: list[_Wire], owed: list[str]) -> None:
        """What Gemini itself must get back; the thoughts of other models have no place here.

        A signature of a text that came to stand with the thoughts before it, as in a chat message, is owed to the text.
        """
        sent = 0
        left_out = bool(part.text)
        for entry in part.opaque:
            signature = opaque.secret(entry)
            if signature is None or not opaque.made_by(entry, opaque.GEMINI):
                continue
            sent += 1
            if "signature" in entry and left_out:
                wire.append({"text": part.text, "thought": True, "thoughtSignature": signature})
                left_out = False
            elif part.text:
                owed.append(signature)
            else:
                _put_signature(wire, signature)
        if left_out or sent < len(part.opaque):
            self._fit.takes("reasoning", "reasoning")

    def _call(self, call: ToolCall) -> _Wire:
        self._names[call.id] = call.name
        wire: _Wire = {"name": call.name, "args": self._arguments(call)}
        if self._ids and call.id:
            wire["id"] = call.id
        signature = opaque.call_signature(call.extra)
        return {"functionCall": wire} | ({"thoughtSignature": signature} if signature else {})

    def _arguments(self, call: ToolCall) -> Any:
        if call.arguments.strip() in _NO_ARGUMENTS:
            return {}
        written = _as_object(call.arguments)
        if written is None:
            self._fit.note("tools.arguments")  # a model wrote broken JSON; what came of it stands in the tool's answer
            return {"arguments": call.arguments}
        return written


def write_contents(messages: tuple[Message, ...], fit: Fit, facts: Facts, *, ids: bool = True) -> _Wire:
    """The members `contents` and `systemInstruction`; a conversation of instructions alone gets an empty user's turn.

    Args:
        messages: of the request.
        fit: notes what is emulated.
        facts: of the model.
        ids: whether calls and tools' answers carry ids.

    Raises:
        RequestError: naming the message or part that cannot be sent.
    """
    contents = Contents(fit, facts, ids=ids)
    for number, message in enumerate(messages):
        contents.message(message, f"messages[{number}]")
    contents.sign()
    begun = bool(contents.turns) and contents.turns[-1]["role"] == "model"
    if begun and not fit.takes("prefill", f"messages[{len(messages) - 1}]"):
        contents.turns.pop()
    if not contents.turns:
        fit.note("system.only")
        contents.turns.append({"role": "user", "parts": [{"text": " "}]})
    wire: _Wire = {"contents": contents.turns}
    if contents.system:
        wire["systemInstruction"] = {"parts": contents.system}
    return wire


def _put_signature(wire: list[_Wire], signature: str) -> None:
    """Put a signature on the part before it, or on an empty one of its own."""
    last = wire[-1] if wire else {}
    if last and "thoughtSignature" not in last and "functionCall" not in last and not last.get("thought"):
        last["thoughtSignature"] = signature
    else:
        wire.append({"text": "", "thoughtSignature": signature})


def _response(text: str, *, is_error: bool) -> Any:
    written = _as_object(text)
    if is_error:
        return {"error": text if written is None else written}
    return {"result": text} if written is None else written


def _as_object(text: str) -> msgspec.Raw | None:
    """The text as JSON, if it is an object: byte for byte, so that no number changes."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return msgspec.Raw(text.encode())


def _misplaced(part: Part, role: str, path: str) -> RequestError:
    return RequestError(f"{path}: a {type(part).__name__} cannot stand in a message of role {role}", field=path)
