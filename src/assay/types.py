"""The values that every part shares: a request, its answer as events, and what it used.

One event-based form serves streaming and not streaming: a `Response` is `fold(events)`. Parts keep their
order; what a dialect says and this form has no field for stays in `extra`, so that nothing is dropped
silently. All values are immutable.

Units: tokens are counts, times are seconds, money is USD. `None` means *not known* and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec

__all__ = [
    "Annotation", "Audio", "Begin", "ContentDelta", "Document", "Embedded", "Event", "Failed", "Finish", "FinishKind",
    "Finished", "Folder", "Form", "Image", "Label", "Logprobs", "Message", "Native", "OpaqueDelta", "OutputFormat",
    "Part", "Raw", "Reasoning", "ReasoningDelta", "Refusal", "RefusalDelta", "Request", "Response", "Role",
    "Sampling", "Text", "TextDelta", "Tool", "ToolCall", "ToolCallDelta", "ToolChoice", "ToolResult", "Unknown",
    "Usage", "UsageReport", "Video", "fold", "text_of",
]  # fmt: skip

Role = Literal["system", "developer", "user", "assistant", "tool"]
Form = Literal["chat", "completion", "embedding", "count"]
JsonObject = dict[str, Any]


class Label(StrEnum):
    """Where the data of a request may go. Labels follow provenance; a detector may raise one, never lower it."""

    PUBLIC = "public"
    UNLABELLED = "unlabelled"
    PRIVATE_ONLY = "private-only"


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An immutable value; equal when all fields are equal."""


class _Tagged(Value, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """A member of a tagged union: its JSON form names its class under `type`."""


# ---------------------------------------------------------------------------------------------- parts


class Text(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """Plain text."""

    text: str
    annotations: tuple[JsonObject, ...] = ()
    extra: JsonObject = {}


class Reasoning(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="reasoning"):
    """A model's reasoning; `opaque` holds signatures or encrypted blobs that must be sent back: `dialects.opaque`."""

    text: str = ""
    opaque: tuple[JsonObject, ...] = ()
    extra: JsonObject = {}


class ToolCall(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call"):
    """A call the model asks for. `arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    extra: JsonObject = {}


class Image(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="image"):
    """An image: either `url`, or `data` (base64) with its `media_type`."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    detail: str | None = None
    extra: JsonObject = {}


class Audio(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="audio"):
    """A sound: base64 `data` in `format` (wav, mp3, ...)."""

    data: str
    format: str
    extra: JsonObject = {}


class Video(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="video"):
    """A video: either `url`, or `data` (base64) with its `media_type`."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    extra: JsonObject = {}


class Document(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="document"):
    """A file: `data` (base64 or data URL), `url`, or the provider's own `file_id`."""

    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    media_type: str | None = None
    extra: JsonObject = {}


class Refusal(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="refusal"):
    """The model's own words when it declines to answer."""

    text: str
    extra: JsonObject = {}


class Unknown(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="unknown"):
    """A part this version has no class for, kept verbatim with the dialect it came in."""

    dialect: str
    raw: JsonObject


class ToolResult(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result"):
    """What a tool returned for the call `call_id`."""

    call_id: str
    parts: tuple[Text | Image | Document | Unknown, ...] = ()
    name: str | None = None
    is_error: bool = False
    extra: JsonObject = {}


Part = Text | Reasoning | ToolCall | ToolResult | Image | Audio | Video | Document | Refusal | Unknown


class Message(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One turn. A tool's answer is a message of role `tool` with a `ToolResult` part."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    extra: JsonObject = {}

    @classmethod
    def of(cls, role: Role, text: str) -> Message:
        """A message of one text part."""
        return cls(role=role, parts=(Text(text=text),))

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return text_of(self.parts)


def text_of(parts: Iterable[Part]) -> str:
    """The text parts of `parts`, joined without a separator."""
    return "".join(part.text for part in parts if isinstance(part, Text))


# -------------------------------------------------------------------------------------------- request


class Tool(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A function the model may call; `parameters` is a JSON schema. A provider's own tool is in `native`."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    native: JsonObject | None = None
    extra: JsonObject = {}


class ToolChoice(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Whether and which tools may or must be called; `names` limits the choice."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()
    native: JsonObject | None = None


class OutputFormat(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What form the answer must have. `grammar` is GBNF and only local engines take it."""

    kind: Literal["text", "json", "json_schema", "grammar"]
    name: str | None = None
    schema: JsonObject | None = None
    strict: bool | None = None
    description: str | None = None
    grammar: str | None = None
    extra: JsonObject = {}


class Sampling(Value, frozen=True, kw_only=True, omit_defaults=True):
    """How tokens are drawn. `None` leaves the choice to the deployment, then to the provider.

    How long a model thinks is said in a word of its host, or in tokens (`reasoning_tokens`, 0 = not at all).
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    reasoning_tokens: int | None = None

    @property
    def limits_thinking(self) -> bool:
        """Whether it says how long to think."""
        return self.reasoning_effort is not None or self.reasoning_tokens is not None


class Native(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The request as a client sent it: raw bytes of a dialect, for pass-through.

    `headers` are those of the client that belong to the dialect and go with the bytes (`anthropic-beta`, say).
    """

    dialect: str
    raw: bytes
    headers: dict[str, str] = {}


class Request(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One call, normalised. `form` says what is wanted.

    Attributes:
        model: the name the client called: a route or a deployment.
        form: `chat`; a raw `completion` of `prompt`; an `embedding` of each of `inputs`; or `count`, the number of
            input tokens that the chat would have.
        inputs: texts, or lists of token numbers, to be embedded.
        dimensions: length of the vectors; None = the model's own.
        origin: name of the dialect that the client spoke, whose words `extra` holds; None = made here.
        kind: the workload it belongs to (`sql`, `support.triage`); `None` = not said.
        label: where its data may go.
        session: what stickiness of a weighted split hangs on.
        tags: what else its client says of it, by name, for a route's rules.
        deadline_s: seconds from arrival after which everything is cut.
        stream, stream_usage: what the client wants; the spine always streams inside.
        extra: wire fields that have no field here, verbatim, for an upstream of the same dialect.
    """

    model: str = ""
    form: Form = "chat"
    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    suffix: str | None = None
    inputs: tuple[str | tuple[int, ...], ...] = ()
    dimensions: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    sampling: Sampling = Sampling()
    stream: bool = False
    stream_usage: bool = False
    kind: str | None = None
    label: Label = Label.UNLABELLED
    session: str | None = None
    tags: dict[str, str] = {}
    deadline_s: float | None = None
    native: Native | None = None
    origin: str | None = None
    extra: JsonObject = {}


# --------------------------------------------------------------------------------------------- answer


class Usage(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one answer, in OpenAI's convention.

    `input` includes cached and cache-written tokens, `output` includes reasoning tokens. Converted at the
    edge only. `native` keeps what the provider said.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    total: int | None = None
    native: JsonObject | None = None


FinishKind = Literal["stop", "length", "tool_calls", "content_filter", "error"]


class Finish(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Why an answer ended; `native` is the provider's word for it, `stop_sequence` the one that was hit."""

    kind: FinishKind
    native: str | None = None
    stop_sequence: str | None = None


class Response(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One whole answer: the fold of its events. Further choices (`n` > 1) are in `alternatives`.

    `embeddings` are the vectors of an embedding, in the order of the request's `inputs`.
    """

    parts: tuple[Part, ...] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    created: int | None = None
    logprobs: JsonObject | None = None
    alternatives: tuple[Response, ...] = ()
    embeddings: tuple[tuple[float, ...], ...] = ()
    extra: JsonObject = {}

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return text_of(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


# --------------------------------------------------------------------------------------------- events


class Begin(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="begin"):
    """The provider's head of an answer. May repeat; later values fill what earlier ones left open."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    extra: JsonObject = {}


class TextDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="text_delta"):
    """More text of choice `choice`.

    `block`, here and below, numbers the upstream's parts where it has borders between them: another number begins
    another part. `None`: no borders are known, and what follows without a break is one part.
    """

    text: str
    choice: int = 0
    block: int | None = None


class ReasoningDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="reasoning_delta"):
    """More reasoning text."""

    text: str
    choice: int = 0
    block: int | None = None


class OpaqueDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="opaque_delta"):
    """A signature or encrypted block that belongs to the reasoning: `dialects.opaque`.

    `amends`: it takes the place of an earlier one with its `id`, since some providers encrypt anew in their last word.
    A client that cannot be told keeps the first, which is as good.
    """

    data: JsonObject
    choice: int = 0
    block: int | None = None
    amends: bool = False


class RefusalDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="refusal_delta"):
    """More of a refusal."""

    text: str
    choice: int = 0


class ToolCallDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call_delta"):
    """A piece of the tool call with running number `index`; the first piece has `id` and `name`."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0
    extra: JsonObject = {}


class Annotation(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="annotation"):
    """A citation or other note on the text, verbatim."""

    data: JsonObject
    choice: int = 0


class Logprobs(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="logprobs"):
    """Log-probabilities of tokens just sent, verbatim; lists under equal keys are concatenated by `fold`."""

    data: JsonObject
    choice: int = 0


class ContentDelta(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="content_delta"):
    """A whole part that is not text (an image or sound in an answer, an unknown part)."""

    part: Image | Audio | Video | Document | Unknown
    choice: int = 0


class Embedded(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="embedded"):
    """The vector of input number `index`."""

    index: int
    vector: tuple[float, ...]


class UsageReport(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="usage"):
    """What the provider says was used so far; the last report counts."""

    usage: Usage


class Finished(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="finished"):
    """Choice `choice` is complete."""

    finish: Finish
    choice: int = 0
    extra: JsonObject = {}


class Failed(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The stream ends with an error. `error` is the name of a class in `assay.errors`."""

    error: str
    message: str
    native: JsonObject | None = None


class Raw(_Tagged, frozen=True, kw_only=True, omit_defaults=True, tag="raw"):
    """Bytes of the provider's answer as they came; the events decoded from them follow. `fold` skips it.

    `alone`: whoever asked wants bytes only: nothing decoded follows, and they are a piece of the answer itself.
    `head`: they say no more than that an answer begins, and may go on before it is known whether one follows.
    """

    data: bytes
    alone: bool = False
    head: bool = False


Event = (
    Begin | TextDelta | ReasoningDelta | OpaqueDelta | RefusalDelta | ToolCallDelta | Annotation | Logprobs
    | ContentDelta | Embedded | UsageReport | Finished | Failed | Raw
)  # fmt: skip


_Kind = TypeVar("_Kind", bound=Text | Reasoning | Refusal | ToolCall)


class _Growing(Generic[_Kind]):
    """A part that more may come to. Its text is kept in pieces, so that an answer costs no more than its length.

    Attributes:
        part: with the text as far as it was last asked for.
    """

    def __init__(self, part: _Kind) -> None:
        self.part = part
        self._pieces: list[str] = []

    def add(self, more: str) -> None:
        if more:
            self._pieces.append(more)

    def change(self, **values: Any) -> None:
        self.part = msgspec.structs.replace(self.part, **values)

    def whole(self) -> _Kind:
        if self._pieces:
            field = "arguments" if isinstance(self.part, ToolCall) else "text"
            self.change(**{field: "".join((getattr(self.part, field), *self._pieces))})
            self._pieces.clear()
        return self.part


class _Choice:
    """What `fold` knows so far of one choice."""

    def __init__(self) -> None:
        self._parts: list[_Growing[Any] | Part] = []
        self.block: int | None = None  # of the last part
        self.calls: dict[int, _Growing[ToolCall]] = {}  # by running number of the tool call
        self.finish: Finish | None = None
        self.logprobs: JsonObject | None = None
        self.extra: JsonObject = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part.whole() if isinstance(part, _Growing) else part for part in self._parts)

    def _last(self, kind: type[_Kind]) -> _Growing[_Kind] | None:
        last = self._parts[-1] if self._parts else None
        return last if isinstance(last, _Growing) and isinstance(last.part, kind) else None

    def _begin(self, part: _Kind) -> _Growing[_Kind]:
        growing = _Growing(part)
        self._parts.append(growing)
        return growing

    def _continues(self, block: int | None) -> bool:
        """Whether what comes belongs to the upstream's part that came last; notes its number."""
        same, self.block = block == self.block, block
        return same

    def text(self, more: str, block: int | None) -> None:
        last = self._last(Text)
        # Where borders are not told, a note ends the text it speaks of.
        whole = block is None and last is not None and bool(last.part.annotations)
        if self._continues(block) and last is not None and not whole:
            last.add(more)
        else:
            self._begin(Text(text=more))

    def refusal(self, more: str) -> None:
        last = self._last(Refusal)
        if last is not None:
            last.add(more)
        else:
            self._begin(Refusal(text=more))

    def reasoning(self, block: int | None, more: str = "", opaque: JsonObject | None = None) -> None:
        last = self._last(Reasoning)
        if not self._continues(block) or last is None:
            last = self._begin(Reasoning())
        last.add(more)
        if opaque is not None:
            last.change(opaque=(*last.part.opaque, opaque))

    def amend(self, opaque: JsonObject) -> None:
        same = opaque.get("id")
        for growing in self._parts:
            if isinstance(growing, _Growing) and isinstance(growing.part, Reasoning):
                growing.change(opaque=tuple(opaque if old.get("id") == same else old for old in growing.part.opaque))

    def annotate(self, note: JsonObject) -> None:
        last = self._last(Text) or self._begin(Text(text=""))
        last.change(annotations=(*last.part.annotations, note))

    def call(self, delta: ToolCallDelta) -> None:
        growing = self.calls.get(delta.index)
        if growing is None:
            self.calls[delta.index] = self._begin(
                ToolCall(id=delta.id or "", name=delta.name or "", arguments=delta.arguments, extra=delta.extra)
            )
            return
        growing.add(delta.arguments)
        if delta.id or delta.name or delta.extra:
            call = growing.part
            growing.change(
                id=call.id or delta.id or "", name=call.name + (delta.name or ""), extra=call.extra | delta.extra
            )

    def content(self, part: Part) -> None:
        self._parts.append(part)

    def add_logprobs(self, data: JsonObject) -> None:
        known = self.logprobs = {} if self.logprobs is None else self.logprobs
        for key, value in data.items():
            before = known.get(key)
            if isinstance(before, list) and isinstance(value, list):
                before.extend(value)  # a list of our own: see below
            elif value is not None or before is None:  # a late null undoes nothing
                known[key] = list(value) if isinstance(value, list) else value

    def logprobs_so_far(self) -> JsonObject | None:
        """A copy that later events do not change."""
        if self.logprobs is None:
            return None
        return {key: list(value) if isinstance(value, list) else value for key, value in self.logprobs.items()}


class Folder:
    """Folds events into a `Response` one at a time; `fold` is the whole in one call."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._head = Begin()
        self._vectors: dict[int, tuple[float, ...]] = {}
        self._usage: Usage | None = None
        self.failed: Failed | None = None

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def add(self, event: Event) -> None:  # noqa: C901 - one flat branch per event class reads best
        """Take one event."""
        match event:
            case Raw():
                pass
            case TextDelta():
                self._choice(event.choice).text(event.text, event.block)
            case ReasoningDelta():
                self._choice(event.choice).reasoning(event.block, event.text)
            case OpaqueDelta(amends=True):
                self._choice(event.choice).amend(event.data)
            case OpaqueDelta():
                self._choice(event.choice).reasoning(event.block, opaque=event.data)
            case RefusalDelta():
                self._choice(event.choice).refusal(event.text)
            case ToolCallDelta():
                self._choice(event.choice).call(event)
            case Annotation():
                self._choice(event.choice).annotate(event.data)
            case Logprobs():
                self._choice(event.choice).add_logprobs(event.data)
            case ContentDelta():
                self._choice(event.choice).content(event.part)
            case Embedded():
                self._vectors[event.index] = event.vector
            case UsageReport():
                self._usage = event.usage
            case Finished():
                choice = self._choice(event.choice)
                choice.finish, choice.extra = event.finish, choice.extra | event.extra
            case Failed():
                self.failed = event
            case Begin():
                self._head = Begin(
                    id=self._head.id or event.id,
                    model=self._head.model or event.model,
                    created=self._head.created if self._head.created is not None else event.created,
                    extra=self._head.extra | event.extra,
                )

    def response(self) -> Response:
        """The answer as far as it has come."""
        choices = self._choices or {0: _Choice()}
        first, *rest = (choices[index] for index in sorted(choices))
        return Response(
            parts=first.parts,
            finish=first.finish,
            usage=self._usage,
            model=self._head.model,
            id=self._head.id,
            created=self._head.created,
            logprobs=first.logprobs_so_far(),
            alternatives=tuple(
                Response(parts=c.parts, finish=c.finish, logprobs=c.logprobs_so_far(), extra=c.extra) for c in rest
            ),
            embeddings=tuple(self._vectors[index] for index in sorted(self._vectors)),
            extra=self._head.extra | first.extra,
        )


def fold(events: Iterable[Event]) -> Response:
    """The whole answer of a sequence of events."""
    folder = Folder()
    for event in events:
        folder.add(event)
    return folder.response()
