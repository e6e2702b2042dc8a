"""Asking a model for a verdict in a fixed form, and reading it strictly.

The form is a JSON schema where the deployment can be told one, and words where it cannot. Reasons come before the
verdict in both, so that the verdict follows from them. What cannot be read gets one chance of repair; after that there
is no verdict, and the answer stays unscored.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import msgspec

from assay.checks.check import shorten
from assay.checks.json_text import parse
from assay.errors import BadRequest, ContextTooLong, EvalError
from assay.evals.graders.judges import KIND, Judges
from assay.types import Label, Message, OutputFormat, Part, Request, Response, Sampling, Text

__all__ = ["Question", "Verdict", "ask_for"]

V = TypeVar("V", bound="Verdict")

_REPAIR = (
    "That cannot be read as a verdict: {problem}. Answer again with nothing but one JSON object of this form: {form}"
)
_THOUGHT = "</think>"
"""What ends the thinking of models that write it into their text; the verdict is what stands after it, alone. Reasons
that quote an answer may hold it, too."""
_TYPES = {str: "string", int: "integer"}


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every verdict begins with; a kind of verdict adds its own field."""

    reasons: str


class Question(NamedTuple):
    """What a judging model is asked.

    Attributes:
        system, user: the two messages.
        form: the wanted JSON in words, as in `{"reasons": "...", "verdict": "pass" or "fail"}`.
        label: privacy label of what is shown.
        deadline_s: cuts each request.
        media: images, sounds and files that belong to the task, shown after the words.
    """

    system: str
    user: str
    form: str
    label: Label
    temperature: float
    max_tokens: int
    deadline_s: float | None
    media: tuple[Part, ...] = ()


async def ask_for(kind: type[V], question: Question, judges: Judges, model: str, *, draw: int = 0) -> V:
    """The verdict of a model.

    Raises:
        EvalError: twice it gave none that can be read.
        AssayError: it cannot be asked.
    """
    request = _request(question)
    response = await _ask(request, kind, judges, model, draw)
    found = _read(response, kind)
    if isinstance(found, kind):
        return found
    repair = Message.of("user", _REPAIR.format(problem=found, form=question.form))
    again = (*request.messages, Message.of("assistant", response.text or "(nothing)"), repair)
    response = await _ask(msgspec.structs.replace(request, messages=again), kind, judges, model, draw)
    found = _read(response, kind)
    if isinstance(found, kind):
        return found
    raise EvalError(f"{model} gives no verdict that can be read: {found}; it says {shorten(response.text)!r}")


def _request(question: Question) -> Request:
    asked = Message(role="user", parts=(Text(text=question.user), *question.media))
    return Request(
        messages=(Message.of("system", question.system), asked),
        sampling=Sampling(temperature=question.temperature, max_tokens=question.max_tokens),
        kind=KIND,
        label=question.label,
        deadline_s=question.deadline_s,
    )


async def _ask(request: Request, kind: type[Verdict], judges: Judges, model: str, draw: int) -> Response:
    if not judges.takes_schema(model):
        return await judges.ask(request, model, draw=draw)
    output = OutputFormat(kind="json_schema", name="verdict", schema=schema_of(kind), strict=True)
    try:
        return await judges.ask(msgspec.structs.replace(request, output=output), model, draw=draw)
    except ContextTooLong:
        raise
    except BadRequest:
        response = await judges.ask(request, model, draw=draw)
        judges.refuses_schema(model)
        return response


def schema_of(kind: type[Verdict]) -> dict[str, Any]:
    """The JSON schema of a verdict, its keys in the order in which they are to be written."""
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]
    for rule in schema["properties"].values():
        if "enum" in rule:
            rule["type"] = _TYPES[type(rule["enum"][0])]  # some hosts want it said
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _read(response: Response, kind: type[V]) -> V | str:
    """The verdict, or why there is none."""
    if response.finish is not None and response.finish.kind == "length":
        return "it was cut at its limit of tokens"
    parsed = parse(response.text)
    if parsed.error is not None:
        parsed = parse(response.text.rpartition(_THOUGHT)[2], fenced=True)
    if parsed.error is not None:
        return f"not JSON ({shorten(parsed.error)})"
    try:
        return msgspec.convert(parsed.value, kind)
    except msgspec.ValidationError as error:
        return shorten(str(error))
