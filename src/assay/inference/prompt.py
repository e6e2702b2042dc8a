"""A deployment's prompt and settings for one kind, and how they are applied to a raw request.

Suites and clients send raw input; what is put around it belongs to the deployment, so that serving prepends
exactly what was measured.
"""

from __future__ import annotations

import hashlib
import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from assay.config.schema import Example, Settings
from assay.errors import BadRequest, ConfigError
from assay.types import Message, OutputFormat, Reasoning, Request, Sampling, Text, ToolCall, ToolResult, Value

_THINKING = ("reasoning_effort", "reasoning_tokens")
_GROUPS = (
    ("system", "system_file"),
    ("template", "template_file"),
    ("examples", "examples_file"),
    ("schema_file", "grammar_file", "choices"),
    _THINKING,
)
_SAMPLING = ("temperature", "top_p", "max_tokens", "stop", "seed", *_THINKING)
INPUT = "{input}"


class Prompt(Value, frozen=True, kw_only=True):
    """What is put around a request. Its digest names it in caches and pins.

    Attributes:
        style: `chat` sends turns; `text` writes everything as one text for a base model.
    """

    system: str | None = None
    template: str | None = None
    examples: tuple[Example, ...] = ()
    style: str = "chat"
    output: OutputFormat | None = None
    sampling: Sampling = Sampling()

    @property
    def digest(self) -> str:
        """sha256 (hex) of everything that is applied."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def apply(self, request: Request) -> Request:
        """The request as it is sent: the client's own parameters win over the deployment's.

        Raises:
            BadRequest: the request cannot be written as one text (style `text`).
        """
        if self == NOTHING or request.form == "embedding":  # no prompt stands before what is only embedded
            return request
        changed: dict[str, Any] = {
            "native": None,
            "output": request.output or self.output,
            "sampling": over(self.sampling, request.sampling),
        }
        if self.style == "text":
            changed |= {"form": "completion", "messages": (), "prompt": self._as_text(request)}
        elif request.form != "completion" or self._wraps:
            changed |= {"form": "chat", "messages": self._as_turns(request), "prompt": None}
        if request.form == "count":
            changed["form"] = "count"
        return msgspec.structs.replace(request, **changed)

    @property
    def _wraps(self) -> bool:
        return bool(self.system or self.template or self.examples)

    def _fill(self, text: str) -> str:
        return self.template.replace(INPUT, text) if self.template is not None else text

    def _as_turns(self, request: Request) -> tuple[Message, ...]:
        turns = list(request.messages) if request.form != "completion" else [Message.of("user", request.prompt or "")]
        last = next((n for n in reversed(range(len(turns))) if turns[n].role == "user"), None)
        if self.template is not None and last is not None:
            turns[last] = _with_text(turns[last], self._fill(turns[last].text))
        shots: list[Message] = []
        for number, example in enumerate(self.examples):
            shots += [Message.of("user", self._fill(example.user)), *_wanted(example, number)]
        head = [Message.of("system", self.system)] if self.system else []
        # The client's own instructions stay first; one in the middle of a conversation stays where it is.
        own = list(takewhile(lambda turn: turn.role in ("system", "developer"), turns))
        return (*head, *own, *shots, *turns[len(own) :])

    def _as_text(self, request: Request) -> str:
        if request.form == "completion":
            given = request.prompt or ""
        else:
            given = "\n\n".join(_only_text(message) for message in request.messages)
        shots = [f"{self._fill(example.user)} {example.assistant or ''}" for example in self.examples]
        return "\n\n".join([*([self.system] if self.system else []), *shots, self._fill(given)])


NOTHING = Prompt()
"""Nothing is applied, so that a request may pass through untouched."""


def _wanted(example: Example, number: int) -> list[Message]:
    """The answer of an example. Hosts refuse a call that has no result, so that each gets one."""
    if not example.calls:
        return [Message.of("assistant", example.assistant or "")]
    calls = [
        ToolCall(id=f"example_{number}_{n}", name=call.name, arguments=msgspec.json.encode(call.arguments).decode())
        for n, call in enumerate(example.calls)
    ]
    said = (Text(text=example.assistant),) if example.assistant else ()
    results = (ToolResult(call_id=call.id, name=call.name, parts=(Text(text="done"),)) for call in calls)
    return [Message(role="assistant", parts=(*said, *calls)), *(Message(role="tool", parts=(one,)) for one in results)]


def _with_text(message: Message, text: str) -> Message:
    """The message with its text exchanged, at the place of its first text; other parts (images) stay."""
    first = next((n for n, part in enumerate(message.parts) if isinstance(part, Text)), 0)
    others = [part for part in message.parts if not isinstance(part, Text)]
    return msgspec.structs.replace(message, parts=(*others[:first], Text(text=text), *others[first:]))


def _only_text(message: Message) -> str:
    """The message as a base model can read it.

    Raises:
        BadRequest: it holds something that is not text; leaving it out would answer another question.
    """
    for part in message.parts:
        if not isinstance(part, (Text, Reasoning)):
            raise BadRequest(
                f"style 'text' writes one text, and the {message.role}'s message has a {type(part).__name__}"
            )
    return message.text


def over(base: Sampling, top: Sampling) -> Sampling:
    """`base` with every parameter that `top` sets; of the two ways to say how long to think, that of `top`."""
    given = {name: value for name in top.__struct_fields__ if (value := getattr(top, name)) not in (None, ())}
    if not given.keys().isdisjoint(_THINKING):
        given = dict.fromkeys(_THINKING) | given
    return msgspec.structs.replace(base, **given)


# ------------------------------------------------------------------------------------------- compiling


def merge(general: Settings, special: Settings) -> Settings:
    """Settings of a kind over those for every kind. A group (text or file of the same thing) goes as one."""
    values = {name: getattr(general, name) for name in general.__struct_fields__}
    grouped = {name for group in _GROUPS for name in group}
    for group in _GROUPS:
        if any(getattr(special, name) is not None for name in group):
            values |= {name: getattr(special, name) for name in group}
    values |= {
        name: value
        for name in special.__struct_fields__
        if name not in grouped and (value := getattr(special, name)) is not None
    }
    return Settings(**values)


def compile_prompt(settings: Settings) -> Prompt:
    """Read the files that settings name.

    Raises:
        ConfigError: a file cannot be read or does not hold what it should.
    """
    style = settings.style or "chat"
    given = {name: value for name in _SAMPLING if (value := getattr(settings, name)) is not None}
    examples = (settings.examples or _examples(settings.examples_file))[: settings.max_examples]
    if style == "text" and any(example.calls for example in examples):
        raise ConfigError("style 'text' writes no tool calls, and an example has some; use style 'chat'")
    return Prompt(
        system=settings.system if settings.system is not None else _read(settings.system_file),
        template=_template(settings),
        examples=examples,
        style=style,
        output=_output(settings, style),
        sampling=Sampling(**given),
    )


def _read(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text("utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def _template(settings: Settings) -> str | None:
    template = settings.template if settings.template is not None else _read(settings.template_file)
    if template is not None and INPUT not in template:
        where = settings.template_file if settings.template is None else repr(template)
        raise ConfigError(f"a template must hold {INPUT}, the place of the input: {where}")
    return template


def _examples(path: str | None) -> tuple[Example, ...]:
    lines = (_read(path) or "").split("\n")  # and at nothing else: JSON texts may hold other line separators
    examples: list[Example] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                examples.append(msgspec.json.decode(line, type=Example))
            except (msgspec.DecodeError, UnicodeError) as error:
                raise ConfigError(
                    f"{path}, line {number}: not an example (user, assistant or calls): {error}"
                ) from error
    return tuple(examples)


def _output(settings: Settings, style: str) -> OutputFormat | None:
    if settings.schema_file is not None:
        try:
            schema = json.loads(_read(settings.schema_file) or "")
        except (ValueError, RecursionError) as error:  # names line and column
            raise ConfigError(f"{settings.schema_file}: not JSON: {error}") from error
        if not isinstance(schema, dict):
            raise ConfigError(f"{settings.schema_file}: a JSON schema is an object, not a {type(schema).__name__}")
        return OutputFormat(kind="json_schema", name="answer", schema=schema, strict=True)
    if settings.grammar_file is not None:
        grammar = _read(settings.grammar_file) or ""
        if not grammar.strip():
            raise ConfigError(f"{settings.grammar_file}: the grammar is empty and would limit nothing")
        return OutputFormat(kind="grammar", grammar=grammar)
    if settings.choices is not None:
        space = '" "? ' if style == "text" else ""  # a continued text begins with a space
        options = " | ".join(_gbnf(choice) for choice in settings.choices)
        return OutputFormat(kind="grammar", grammar=f"root ::= {space}({options})")
    return None


def _gbnf(text: str) -> str:
    """A GBNF literal: C-like escapes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
