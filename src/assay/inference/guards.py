"""Guards at run time: each looks at a request or an answer, with a check or through a model, and says what may pass.

A guard that cannot do its work does what its `on_error` says. What it revises is looked at once more: where something
is found that cannot be taken out, it refuses.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from assay.checks.check import Check
from assay.checks.registry import make_check
from assay.checks.said import as_answer, rewritten, rewritten_answer
from assay.config.guard import Classifier, Guard, Guards, Principles
from assay.errors import AssayError, BatchWaiting, ConfigError, EvalError, PluginError
from assay.inference.guard_questions import Verdict, classified, classifying, judged, judging
from assay.routing.guarded import SAYING, Guarded
from assay.routing.protocol import Looked, Policy
from assay.types import Begin, Event, Finish, Finished, RefusalDelta, Request, Response, Text

__all__ = [
    "NO_GUARDS", "SAYING", "Ask", "Found", "LiveGuard", "LiveGuards", "make_guard", "make_guards", "refused_events",
]  # fmt: skip

_QUICK_CHARS, _QUICK_PARTS = 2_000, 20
Ask = Callable[[str, Request], Awaitable[Response]]
"""Asks a deployment or route, by its name.

Raises:
    AssayError: there is no answer.
"""


class Found(NamedTuple):
    """What a guard says, and what it has revised: the request, or the answer."""

    looked: Looked
    request: Request | None = None
    answer: Response | None = None


@dataclass(frozen=True, slots=True)
class LiveGuard:
    """One guard, with the check that it looks with, or with how it asks a model."""

    name: str
    config: Guard
    check: Check | None = None
    asking: Classifier | Principles | None = None

    async def look(self, request: Request, answer: Response | None, ask: Ask) -> Found:
        """Look at a request, or at the answer to it.

        Raises:
            BatchWaiting: the model's verdict comes with a batch.
        """
        try:
            if self.asking is not None:
                return await self._asked(self.asking, request, answer, ask)
            if self._is_quick(request, answer):
                return self.checked(request, answer)
            return await asyncio.to_thread(self.checked, request, answer)
        except BatchWaiting:
            raise
        except AssayError as error:
            return Found(Looked(self.config.on_error, f"could not do its work ({error})", broken=True))

    def _is_quick(self, request: Request, answer: Response | None) -> bool:
        """Whether a look takes less than to hand it to a thread: little to look at, by a check that says so."""
        if (
            not getattr(self.check, "is_quick", False)
            or request.tools
            or request.extra
            or request.prompt
            or request.inputs
        ):
            return False
        said = (answer,) if answer is not None else request.messages
        parts = [part for one in said for part in one.parts]
        plain = len(parts) <= _QUICK_PARTS and all(isinstance(part, Text) for part in parts)
        return plain and sum(len(one.text) for one in said) <= _QUICK_CHARS

    def checked(self, request: Request, answer: Response | None, *, revise: bool = True) -> Found:
        """What its check says; without `revise`, nothing is taken out.

        Raises:
            AssayError: it can say nothing.
        """
        check = self.check
        assert check is not None  # noqa: S101 - who asks no model has one
        result = check.check(as_answer(request) if answer is None else answer, None, request if answer else None)
        if result.passed:
            return Found(Looked("allow", result.explanation))
        redact = getattr(check, "redact", None)
        if self.config.found == "refuse" or redact is None or not revise:
            return Found(Looked("refuse", result.explanation))
        looked = Looked("revise", result.explanation)
        if answer is None:
            revised = rewritten(request, redact)
            left, found = check.check(as_answer(revised), None, None), Found(looked, request=revised)
        else:
            changed = rewritten_answer(answer, redact)
            left, found = check.check(changed, None, request), Found(looked, answer=changed)
        return found if left.passed else Found(Looked("refuse", f"{left.explanation}, where it cannot be taken out"))

    async def _asked(
        self, asking: Classifier | Principles, request: Request, answer: Response | None, ask: Ask
    ) -> Found:
        if isinstance(asking, Classifier):
            verdict = classified(asking, await ask(asking.model, classifying(asking, request, answer)))
            return Found(_told(verdict))
        if answer is None:
            raise ConfigError("principles judge answers; name the guard in `after`")
        revise = self.config.found == "revise"
        said = await ask(asking.model, judging(asking, request, answer, revise=revise))
        return _revised(judged(said), answer, revise)


def _revised(verdict: Verdict, answer: Response, revise: bool) -> Found:
    """What a verdict on an answer comes to; only words can be written anew."""
    if verdict.verdict == "revise" and (not revise or answer.tool_calls or answer.alternatives):
        verdict = msgspec.structs.replace(verdict, verdict="refuse")
    if verdict.verdict != "revise":
        return Found(_told(verdict))
    parts = (Text(text=verdict.revision or ""),)
    return Found(_told(verdict), answer=msgspec.structs.replace(answer, parts=parts, logprobs=None))


def _told(verdict: Verdict) -> Looked:
    """A model's reasons may repeat what must not be told: they stay out of records and answers."""
    return Looked(verdict.verdict, f"its model says {verdict.verdict}", words=verdict.reasons)


def refused_events(said: str) -> list[Event]:
    """A refusal as an answer, in the form that every client knows from models."""
    return [Begin(), RefusalDelta(text=said), Finished(finish=Finish(kind="content_filter"))]


@dataclass(frozen=True, slots=True)
class LiveGuards:
    """The guards of one route.

    Attributes:
        place: who looks before and after, and whether streams are held.
        by_name: each of them.
    """

    place: Guards
    by_name: Mapping[str, LiveGuard]

    def __bool__(self) -> bool:
        return bool(self.place)

    @property
    def in_stream(self) -> tuple[LiveGuard, ...]:
        """Those that look at an answer while it is on its way."""
        return () if self.place.hold else tuple(self.by_name[name] for name in self.place.after)

    @property
    def models(self) -> tuple[str, ...]:
        """The deployments and routes that are asked, each once."""
        return tuple(dict.fromkeys(one.asking.model for one in self.by_name.values() if one.asking is not None))

    @property
    def digest(self) -> str:
        """sha256 (hex) of all that decides what they let pass, but for the models."""
        guards = {name: one.config for name, one in self.by_name.items()}
        return hashlib.sha256(msgspec.json.encode([self.place, guards], order="sorted")).hexdigest()

    def around(self, policy: Policy) -> Policy:
        """A policy with these guards around it; without guards, the policy."""
        if not self:
            return policy
        messages = {name: one.config.message for name, one in self.by_name.items() if one.config.message is not None}
        return Guarded(policy, self.place.before, self.place.after if self.place.hold else (), messages)


NO_GUARDS = LiveGuards(Guards(), {})


def make_guard(name: str, guard: Guard) -> LiveGuard:
    """One guard.

    Raises:
        ConfigError: its check has a wrong option, or needs a target, which nobody would give it.
        PluginError: there is no such check.
    """
    where = f"guards.{name}.check"
    asking = guard.asking(where)
    if asking is not None:
        return LiveGuard(name, guard, asking=asking)
    try:
        check = make_check(guard.spec)
        check.check(Response(), None, None)
    except PluginError as error:
        raise PluginError(f"{where}: {error}, classifier, principles") from error
    except (ConfigError, EvalError) as error:
        raise ConfigError(f"{where}: {error}") from error
    if guard.found == "revise" and not hasattr(check, "redact"):
        raise ConfigError(f'guards.{name}.found: {check.name!r} can find, and take nothing out; say "refuse"')
    return LiveGuard(name, guard, check=check)


def make_guards(place: Guards, guards: Mapping[str, Guard]) -> LiveGuards:
    """The guards of a route.

    Raises:
        ConfigError, PluginError: see `make_guard`.
    """
    names: dict[str, Any] = dict.fromkeys((*place.before, *place.after))
    return LiveGuards(place, {name: make_guard(name, guards[name]) for name in names}) if place else NO_GUARDS
