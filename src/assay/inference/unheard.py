"""Thinking that a deployment names and its host is never told: candidates that differ in nothing but that are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from assay.errors import AssayError
from assay.inference.deployment import LiveDeployment
from assay.providers.http import HttpProvider
from assay.providers.provider import Attempted, Wire
from assay.types import Message, Request, Sampling

__all__ = ["unheard_thinking"]

_WHY = "a host may take no such number, or only a budget from 1,024 to below max_tokens (docs/test-time.md)"
_ASKED = Request(messages=(Message.of("user", "?"),))


def unheard_thinking(live: Iterable[LiveDeployment]) -> Iterator[str]:
    """A sentence on each deployment that is sent what it would be without its thinking, or with that of another one.

    Only hosts that are reached over HTTP are looked at, and what holds for no kind in particular.
    """
    sent: dict[Wire, tuple[str, str]] = {}
    for one in live:
        asked = _asked(one)
        said = _said(asked.sampling) if asked is not None else None
        if asked is None or said is None:
            continue
        plain = structs.replace(asked.sampling, reasoning_effort=None, reasoning_tokens=None)
        wire, without = (_wire(one, each) for each in (asked, structs.replace(asked, sampling=plain)))
        if wire is None:
            continue
        other, others = sent.setdefault(wire, (one.name, said))
        if wire == without:
            yield f"deployments.{one.name}: {said} changes nothing of what is sent: {_WHY}"
        elif others != said:
            yield f"deployments.{one.name}: with {said} it is sent the same as {other} with {others}: {_WHY}"


def _asked(one: LiveDeployment) -> Request | None:
    """What a short question becomes; None where nobody is reached over HTTP, or its prompt cannot be applied."""
    if not isinstance(one.provider, HttpProvider):
        return None
    try:
        return one.prompt(None).apply(_ASKED)
    except AssayError:
        return None


def _said(sampling: Sampling) -> str | None:
    """How long it is to think, as a setting; None = not said, or not at all."""
    if sampling.reasoning_tokens:
        return f"reasoning_tokens = {sampling.reasoning_tokens}"
    if sampling.reasoning_effort not in (None, "none"):
        return f'reasoning_effort = "{sampling.reasoning_effort}"'
    return None


def _wire(one: LiveDeployment, request: Request) -> Wire | None:
    try:
        return one.provider.preview(Attempted(request))
    except AssayError:  # which whoever calls it is told
        return None
