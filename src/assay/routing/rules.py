"""Rules: the first one that fits the request says who is asked."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from assay.config.schema import Positive
from assay.config.table import Section
from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Refuse, Send, State, Step
from assay.routing.session import session_of
from assay.types import Audio, Document, Image, Part, Reasoning, Request, Text, ToolCall, ToolResult, Video

__all__ = ["Rule", "Rules", "When"]


class When(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a request must be like; everything that is given must hold.

    Attributes:
        kind: its kind is one of these.
        label: its privacy label, after the route has raised it.
        model: the name that the client called, as a pattern (`*`, `?`, `[abc]`).
        session: the session that it belongs to, as a pattern; a request without one has none that fits.
        tags: what its client says of it in the header `x-assay-tags: name=value, ...`, as a pattern for each name.
        tools: it offers tools to the model; false: it does not.
        images: it holds an image, in a message or a tool's answer; false: it holds none.
        audio: it holds a sound.
        video: it holds a video.
        documents: it holds a file.
        json_schema: the answer must follow a JSON schema.
        stream: the client wants a stream.
        min_input_chars: all its texts together, tools' descriptions left out, have so many characters.
        max_input_chars: they have no more than so many.
    """

    kind: str | tuple[str, ...] | None = None
    label: Literal["public", "unlabelled", "private-only"] | None = None
    model: str | None = None
    session: str | None = None
    tags: dict[str, str] | None = None
    tools: bool | None = None
    images: bool | None = None
    audio: bool | None = None
    video: bool | None = None
    documents: bool | None = None
    json_schema: bool | None = None
    stream: bool | None = None
    min_input_chars: Positive | None = None
    max_input_chars: Positive | None = None

    def __post_init__(self) -> None:
        """A condition must be given.

        Raises:
            ValueError: there is none.
        """
        if not self.given:
            raise ValueError("a rule needs a condition in `when`; what fits no rule goes to `otherwise`")

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the conditions."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is not None)

    def fits(self, request: Request) -> bool:
        """Whether all conditions hold."""
        return all(self._holds(name, request) for name in self.given)

    def _holds(self, name: str, request: Request) -> bool:
        match name:
            case "kind":
                return request.kind in ((self.kind,) if isinstance(self.kind, str) else self.kind or ())
            case "label":
                return request.label.value == self.label
            case "model":
                return fnmatchcase(request.model, self.model or "")
            case "session":
                session = session_of(request)
                return session is not None and fnmatchcase(session, self.session or "")
            case "tags":
                said, wanted = request.tags, self.tags or {}
                return all(name in said and fnmatchcase(said[name], pattern) for name, pattern in wanted.items())
            case "min_input_chars":
                return _input_chars(request) >= (self.min_input_chars or 0)
            case "max_input_chars":
                return _input_chars(request) <= (self.max_input_chars or 0)
            case _:
                return bool(getattr(self, name)) == _has(name, request)


class Rule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule.

    Attributes:
        when: the conditions.
        use: the candidate for requests that meet them.
    """

    when: When
    use: str


class Rules(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first rule whose conditions hold, and whose candidate may serve the request, decides.

    Attributes:
        rules: `[{ when = { kind = "sql" }, use = "coder" }, ...]`.
        otherwise: the candidate for what fits no rule; default: the first one.
    """

    kind: ClassVar[str] = "rules"
    rules: tuple[Rule, ...]
    otherwise: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates that the rules name."""
        return (*(rule.use for rule in self.rules), *filter(None, [self.otherwise]))

    def decide(self, state: State) -> Step:
        """Send to the rule's candidate, then answer or refuse."""
        if state.attempts:
            last = state.attempts[-1]
            return Answer(attempt=last.index) if last.ok else Refuse(reason=why(state.attempts))
        for number, rule in enumerate(self.rules, start=1):
            if rule.use in state.candidates and rule.when.fits(state.request):
                return Send(calls=(Call(target=rule.use, why=f"rule {number} ({', '.join(rule.when.given)})"),))
        target = self.otherwise or (state.candidates[0] if state.candidates else "")
        if target not in state.candidates:
            return Refuse(reason=f"no rule fits, and {target!r} may not serve this request")
        return Send(calls=(Call(target=target, why="no rule fits"),))


_KINDS: dict[str, type[Part]] = {"images": Image, "audio": Audio, "video": Video, "documents": Document}


def _has(name: str, request: Request) -> bool:
    if name == "tools":
        return bool(request.tools)
    if name == "stream":
        return request.stream
    if name == "json_schema":
        return request.output is not None and request.output.kind == "json_schema"
    return any(isinstance(part, _KINDS[name]) for part in _parts(request))


def _parts(request: Request) -> Iterable[Part]:
    """All parts, those of tools' results too."""
    for message in request.messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.parts


def _input_chars(request: Request) -> int:
    """The length of everything that a model would read as text."""
    chars = len(request.prompt or "") + sum(len(text) for text in request.inputs if isinstance(text, str))
    for part in _parts(request):
        if isinstance(part, Text | Reasoning):
            chars += len(part.text)
        elif isinstance(part, ToolCall):
            chars += len(part.arguments)
    return chars
