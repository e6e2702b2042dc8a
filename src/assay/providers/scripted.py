r"""A deterministic model without weights: it answers by rules. Shipped, so that users test offline too.

A script is a JSON file:

    {
      "rules": [
        {"match": "capital of (\\w+)", "answer": "You asked for {1}."},
        {"match": "slow", "answer": "done", "delay_s": 0.5, "chunk_delay_s": 0.01},
        {"match": "busy", "error": "RateLimited", "retry_after_s": 0.1, "times": 2},
        {"match": "weather", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]}
      ],
      "default": "I do not know."
    }

The first rule whose `match` (a regular expression) is found in the last user text answers; `{0}`, `{1}` are
its groups. What is no text stands after it as `[image]`, `[audio]`, `[video]` or `[document]`. A rule with `times` is
spent after so many uses.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from assay import errors
from assay.errors import BadRequest, ConfigError, ProviderError, did_you_mean
from assay.providers.provider import Attempted, Meter, Wire
from assay.types import (
    Audio,
    Begin,
    Document,
    Event,
    Finish,
    Finished,
    FinishKind,
    Image,
    ReasoningDelta,
    RefusalDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    Video,
)

_PIECES = re.compile(r"\s*\S+\s*$|\s*\S+|\s+")
_SHOWN = (Image, Audio, Video, Document)
Delay = Annotated[float, Meta(ge=0)]

_ERRORS: dict[str, type[ProviderError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ProviderError)
}


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call of a scripted answer."""

    name: str
    arguments: dict[str, Any] = {}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to do when `match` is found in the last user text.

    Attributes:
        answer, refusal, tool_calls: the answer.
        reasoning: what a reasoning model thinks before it.
        error: name of a class in `assay.errors` to raise instead of answering, or, with `fail_after`, after so
            many chunks of the answer.
        delay_s, chunk_delay_s: before the first, and between two chunks.
        times: how often the rule applies; None = always.
    """

    match: str = ""
    answer: str = ""
    reasoning: str = ""
    refusal: str | None = None
    tool_calls: tuple[ScriptedCall, ...] = ()
    finish: FinishKind | None = None
    error: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    fail_after: int | None = None
    delay_s: Delay = 0.0
    chunk_delay_s: Delay = 0.0
    times: int | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rules in order, and what to say when none matches."""

    rules: tuple[Rule, ...] = ()
    default: str = ""

    @classmethod
    def read(cls, path: Path | str) -> Script:
        """The script in a JSON file.

        Raises:
            ConfigError: it cannot be read, or a rule is wrong.
        """
        try:
            script = msgspec.json.decode(Path(path).read_bytes(), type=cls)
            for rule in script.rules:
                re.compile(rule.match)
                if rule.error is not None and rule.error not in _ERRORS:
                    raise ConfigError(
                        f"script {path}: {rule.error!r} is not a provider error; {did_you_mean(rule.error, _ERRORS)}"
                    )
        except (OSError, msgspec.DecodeError, re.error) as error:
            raise ConfigError(f"script {path}: {error}") from error
        return script


class ScriptedProvider:
    """Answers by the rules of a script. Tokens are words; nothing is sent anywhere."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._used: dict[int, int] = {}

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`. `meter.sent_bytes` counts the prompt: it was handed over."""
        if attempt.request.form == "embedding":
            raise BadRequest("input: a scripted model makes no embeddings", code="unsupported", field="input")
        asked = _last_text(attempt.request)
        rule, answer = self._choose(asked)
        meter.sent_bytes = len(asked.encode())
        if meter.exchange is not None:
            meter.send(self.preview(attempt))
        if attempt.request.form == "count":
            yield UsageReport(usage=Usage(input=len(_all_text(attempt.request).split())))
            return
        await asyncio.sleep(rule.delay_s)
        if rule.error is not None and rule.fail_after is None:
            raise _error(rule)
        yield Begin(id=f"scripted-{sha256(asked.encode()).hexdigest()[:12]}", model="scripted")
        for number, event in enumerate(_answer_events(rule, answer)):
            if rule.error is not None and number == rule.fail_after:
                raise _error(rule)
            if rule.chunk_delay_s:
                await asyncio.sleep(rule.chunk_delay_s)
            yield event
        if rule.error is not None:
            raise _error(rule)
        finish: FinishKind = rule.finish or ("tool_calls" if rule.tool_calls else "stop")
        words_in, thought = len(_all_text(attempt.request).split()), len(rule.reasoning.split())
        words_out = len(answer.split()) + thought
        yield Finished(finish=Finish(kind=finish, native=finish))
        yield UsageReport(
            usage=Usage(input=words_in, output=words_out, cached=0, reasoning=thought, total=words_in + words_out)
        )

    def _choose(self, asked: str) -> tuple[Rule, str]:
        for number, rule in enumerate(self._script.rules):
            found = re.search(rule.match, asked)
            if found is None or (rule.times is not None and self._used.get(number, 0) >= rule.times):
                continue
            self._used[number] = self._used.get(number, 0) + 1
            answer = rule.answer
            for place, group in enumerate((found.group(0), *found.groups())):
                answer = answer.replace(f"{{{place}}}", group or "")
            return rule, answer
        return Rule(), self._script.default

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`: the normalised request, for there is no wire."""
        return Wire("scripted:", msgspec.json.encode(msgspec.structs.replace(attempt.request, native=None)))

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """The digest of the script stands for weights."""
        return {"script_sha256": sha256(msgspec.json.encode(self._script)).hexdigest()}

    async def close(self) -> None:
        """Nothing is open."""


def _answer_events(rule: Rule, answer: str) -> list[Event]:
    events: list[Event] = [ReasoningDelta(text=piece) for piece in _PIECES.findall(rule.reasoning)]
    events += [TextDelta(text=piece) for piece in _PIECES.findall(answer)]
    if rule.refusal is not None:
        events.append(RefusalDelta(text=rule.refusal))
    for index, call in enumerate(rule.tool_calls):
        arguments = msgspec.json.encode(call.arguments).decode()
        events.append(ToolCallDelta(index=index, id=f"call_{index}", name=call.name, arguments=arguments))
    return events


def _error(rule: Rule) -> ProviderError:
    return _ERRORS[rule.error or "ProviderFault"](
        f"scripted {rule.error}", status=rule.status, retry_after_s=rule.retry_after_s
    )


def _last_text(request: Request) -> str:
    if request.form == "completion":
        return request.prompt or ""
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if last is None:
        return ""
    shown = [f"[{type(part).__name__.lower()}]" for part in last.parts if isinstance(part, _SHOWN)]
    return " ".join((last.text, *shown)) if shown else last.text


def _all_text(request: Request) -> str:
    return " ".join(message.text for message in request.messages) + (request.prompt or "")
