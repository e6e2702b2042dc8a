"""The `messages` of a chat request, written for a host; read in `chat_messages`.

What this format has no place for is emulated and noted (`capability`): a tool's images follow in a user message, a file
of plain text becomes text, the mark of a tool's error is left out, reasoning of other makers too, unless the host
passes it on to them (`openai_chat` has the quirks).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assay.dialects.call_ids import CallIds
from assay.dialects.capability import Fit
from assay.dialects.chat_messages import CONTENT, FUNCTION_CALL, ROLE, is_plain
from assay.dialects.chat_parts import FORM, feature, write_part
from assay.dialects.chat_reasoning import REASONING, entries, is_makers
from assay.dialects.fields import merge
from assay.dialects.opaque import call_signature
from assay.errors import RequestError
from assay.types import Document, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

__all__ = ["History", "call_wire"]

_SEEN_BELOW = "The result is in the user message below."


class History:
    """Writes the messages of one request.

    Args:
        quirks: of the host: see `openai_chat`.
        fit: what the host can be told; takes the notes.
        own: whether the client spoke this format; its words are the host's then.
    """

    def __init__(self, quirks: Mapping[str, Any], fit: Fit, *, own: bool) -> None:
        self._quirks = quirks
        self._fit = fit
        self._own = own
        self._ids = CallIds(quirks.get("longest_call_id"), quirks.get("call_id_length"))
        self._shown: list[Part] = []  # of tools' answers, until their turn is over

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The messages; one with several tools' answers becomes several.

        Raises:
            RequestError: naming the message with a part that the host cannot be told.
        """
        wire: list[dict[str, Any]] = []
        begun = False
        for number, message in enumerate(messages):
            path = f"messages[{number}]"
            if message.role == "tool":
                wire += [self._result(part, message, path) for part in message.parts]
                continue
            wire += self._show()
            if message.role == "assistant":
                wire.append(self._assistant(message, path))
            else:
                wire.append(self._plain(message, self._role(message, path, begun=begun), path))
            begun = begun or message.role in ("user", "assistant")
        wire += self._show()
        self._prefill(messages, wire)
        return wire

    # ----------------------------------------------------------------------------------- one message

    def _role(self, message: Message, path: str, *, begun: bool) -> str:
        if message.role not in ("system", "developer"):
            return message.role
        if begun and not self._fit.takes("system.later", path):
            return "user"
        if message.role == "developer" and not self._quirks.get("developer_role", True):
            return "system"
        return message.role

    def _plain(self, message: Message, role: str, path: str) -> dict[str, Any]:
        for part in message.parts:
            if isinstance(part, (Reasoning, ToolCall, ToolResult)):
                raise RequestError(
                    f"{path}: a message of role {message.role} cannot hold a {type(part).__name__}", field=path
                )
            if isinstance(part, Text) and part.annotations:
                raise RequestError(f"{path}: a message of role {message.role} cannot hold annotations", field=path)
        content = self._content(message.parts, message.extra, path)
        return self._named({"role": role, "content": "" if content is None else content}, message, path)

    def _named(self, wire: dict[str, Any], message: Message, path: str) -> dict[str, Any]:
        if message.name is not None and self._fit.takes("message.name", f"{path}.name"):
            wire["name"] = message.name
        return merge(wire, message.extra)

    def _content(self, parts: Sequence[Part], extra: Mapping[str, Any], path: str) -> Any:
        """A string for a single plain text, null for nothing, else the list of parts."""
        places = ((self._plainer(part), f"{path}.content[{number}]") for number, part in enumerate(parts))
        kept = [(part, place) for part, place in places if self._takes(part, place)]
        if extra.get(CONTENT) == "parts" or (kept and not is_plain([part for part, _ in kept])):
            return [write_part(part, place) for part, place in kept]
        first = kept[0][0] if kept else None
        return first.text if isinstance(first, Text) else None

    def _plainer(self, part: Part) -> Part:
        """A file of plain text as text, which every host reads; a client of this format chose the file."""
        text = None if self._own else _file_text(part)
        if text is None:
            return part
        self._fit.note("document.data")
        return text

    def _takes(self, part: Part, path: str) -> bool:
        name = feature(part)
        return name is None or self._fit.takes(name, path)

    def _assistant(self, message: Message, path: str) -> dict[str, Any]:
        content: list[Part] = []
        reasoning: list[Reasoning] = []
        fields: dict[str, Any] = {}
        calls: list[dict[str, Any]] = []
        for part in message.parts:
            match part:
                case ToolCall() if part.extra.get(FUNCTION_CALL):
                    fields["function_call"] = call_wire(part)["function"]
                case ToolCall():
                    calls.append(self._call(part))
                case Refusal() if part.extra.get(FORM) != "part":
                    fields["refusal"] = fields.get("refusal", "") + part.text
                case Reasoning() if part.extra.get(FORM) != "thinking":
                    reasoning.append(part)
                case ToolResult():
                    raise RequestError(f"{path}: a tool's answer cannot stand in an assistant message", field=path)
                case _:
                    content.append(part)
        if "refusal" in fields and not self._fit.takes("refusal", f"{path}.refusal"):
            content.append(Text(text=fields.pop("refusal")))
        fields |= self._reasoning(reasoning, message, path)
        if calls:
            fields["tool_calls"] = calls
        notes = [note for part in content if isinstance(part, Text) for note in part.annotations]
        if notes and self._fit.takes("citations", f"{path}.annotations"):
            fields["annotations"] = notes
        wire: dict[str, Any] = {"role": "assistant", "content": self._content(content, message.extra, path)}
        if message.extra.get(CONTENT) == "absent" and wire["content"] is None:
            del wire["content"]
        return self._named({**wire, **fields}, message, path)

    def _call(self, call: ToolCall) -> dict[str, Any]:
        wire = call_wire(call)
        wire["id"] = self._ids.of(call.id)
        if call_signature(call.extra) and not self._passes_on:
            del wire["extra_content"]
            self._fit.note("reasoning")
        if not self._own and call.extra.get("type") != "custom" and not call.arguments.strip():
            wire["function"]["arguments"] = "{}"  # some hosts parse it
        return wire

    # ------------------------------------------------------------------------------------- reasoning

    @property
    def _passes_on(self) -> bool:
        """Whether the host gives signatures back to the provider that made them."""
        return self._quirks.get("reasoning_details") is True

    def _reasoning(self, parts: Iterable[Reasoning], message: Message, path: str) -> dict[str, Any]:
        kept = [part for part in parts if self._takes_reasoning(part, path)]
        wire: dict[str, Any] = {}
        text = "".join(part.text for part in kept)
        noted = message.extra.get(REASONING)
        if text and noted != "details":
            own = self._quirks.get("reasoning_field", "reasoning_content")
            wire["reasoning" if noted == "reasoning" else own] = text
        details = [entry for part in kept for entry in entries(part.text, part.opaque)]
        if details:
            wire["reasoning_details"] = details
        return wire

    def _takes_reasoning(self, part: Reasoning, path: str) -> bool:
        if not self._fit.takes("reasoning", path):
            return False
        makers = any(is_makers(entry) for entry in part.opaque)
        known = self._own or "reasoning_field" in self._quirks
        if self._passes_on or (known and not makers):
            return True
        self._fit.note("reasoning")
        return False

    # --------------------------------------------------------------------------------- tools' answers

    def _result(self, part: Part, message: Message, path: str) -> dict[str, Any]:
        if not isinstance(part, ToolResult):
            raise RequestError(f"{path}: a message of role tool holds only tools' answers", field=path)
        if part.is_error:
            self._fit.takes("tool_result.error", f"{path}.is_error")
        content = self._content(self._told(part, path), part.extra, path)
        old = part.extra.get(ROLE) == "function"
        wire: dict[str, Any] = {"role": "function" if old else "tool", "content": content}
        if content is None:
            wire["content"] = None if old else ""
        if not old:
            wire["tool_call_id"] = self._ids.of(part.call_id)
        name = part.name if part.name is not None else message.name
        if name is not None and (old or self._own):  # one that another format looked up says nothing new
            wire["name"] = name
        return merge(merge(wire, part.extra), message.extra)

    def _told(self, result: ToolResult, path: str) -> Sequence[Part]:
        """The parts that a tool's message can hold; the others wait for the end of the turn."""
        media = [part for part in result.parts if not isinstance(part, Text)]
        if not media or self._own or self._fit.takes("tool_result.media", f"{path}.content"):
            return result.parts
        self._shown += media
        return [part for part in result.parts if isinstance(part, Text)] or [Text(text=_SEEN_BELOW)]

    def _show(self) -> list[dict[str, Any]]:
        """A user message with what tools answered beside text; their turn is over."""
        shown, self._shown = self._shown, []
        content = self._content(shown, {CONTENT: "parts"}, "tool_result") if shown else []
        return [{"role": "user", "content": content}] if content else []

    # ---------------------------------------------------------------------------------------- prefill

    def _prefill(self, messages: Sequence[Message], wire: list[dict[str, Any]]) -> None:
        """Say that the last message is the answer's beginning, in the host's way."""
        last = messages[-1] if messages else None
        if last is None or last.role != "assistant" or not last.text:
            return
        field = self._quirks.get("prefill_field")
        if field is not None:
            wire[-1].setdefault(field, True)
        elif not self._own:
            self._fit.takes("prefill", f"messages[{len(messages) - 1}]")


def _file_text(part: Part) -> Text | None:
    """What a file of plain text says, under its name; `None` for anything else."""
    if not isinstance(part, Document) or part.data is None or not (part.media_type or "").startswith("text/"):
        return None
    try:
        text = base64.b64decode(part.data, validate=True).decode()
    except ValueError:  # a data URL, or not UTF-8: the host may know what it is
        return None
    return Text(text=f"{part.name}\n\n{text}" if part.name else text)


def call_wire(call: ToolCall) -> dict[str, Any]:
    """A tool call as chat messages carry it."""
    if call.extra.get("type") == "custom":
        inner: dict[str, Any] = {"name": call.name, "input": call.arguments}
        key = "custom"
    else:
        inner = {"name": call.name, "arguments": call.arguments}
        key = "function"
    more = call.extra.get("function")
    if isinstance(more, dict):
        merge(inner, more)
    outer = {name: value for name, value in call.extra.items() if name not in ("type", "function")}
    return merge({"id": call.id, "type": call.extra.get("type", "function"), key: inner}, outer)
