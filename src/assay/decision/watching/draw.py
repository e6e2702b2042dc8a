"""Which samples of a suite are the canaries of a target, and when they begin anew."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Collection, Sequence

import msgspec

from assay.decision.watching.panel import Panel
from assay.envelope.constraints import stays
from assay.evals.graders.identity import judges_digest
from assay.evals.suites.digest import samples_digest
from assay.evals.suites.suite import Suite
from assay.inference.identity import target_digest
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.privacy.label import effective_label
from assay.types import Request

__all__ = ["current", "drawn"]

_SEED = 0


async def current(
    spine: Spine, target: str, suite: Suite | None, wanted: int, kept: Panel | None, now: float
) -> tuple[Panel, str | None]:
    """The panel of a target, and why it is not the one that was kept, in words; None = it is, or there was none.

    Args:
        spine: what can be called.
        target: deployment or route.
        suite: cut to the kinds that count; None = no canaries.
        wanted: how many canaries.
        kept: the panel so far.
        now: seconds since 1970, when a new one begins.

    Raises:
        AssayError: the target cannot be identified, or a file of the suite cannot be read.
    """
    gone = _gone(spine, target, suite, kept.canaries, wanted) if kept is not None else None
    if kept is not None and kept.wanted == wanted and gone is None:
        if await _facts(spine, target, suite, kept.canaries) == kept.facts_sha256:
            return kept, None
        why = "its prompts or settings, or the samples, are others now"
    elif kept is not None:
        why = gone if gone is not None else f"{wanted} canaries are wanted now"
    canaries, left_out = drawn(spine, target, suite, wanted) if suite is not None else ((), 0)
    panel = Panel(
        target=target,
        began_at=now,
        facts_sha256=await _facts(spine, target, suite, canaries),
        canaries=canaries,
        wanted=wanted,
        left_out=left_out,
        borders=kept.borders if kept is not None else (),
    )
    return panel, why if kept is not None else None


def drawn(spine: Spine, target: str, suite: Suite, wanted: int) -> tuple[tuple[str, ...], int]:
    """Samples that stand for a suite, and how many of it may not be sent to a target.

    Each kind has its share of them. What only a private deployment may see, or the target cannot be asked, is left
    out.
    """
    allowed: list[tuple[str, str]] = []
    left_out = 0
    for sample in suite.samples.shuffled(_SEED):
        if _may_be_asked(spine, target, sample.request()):
            allowed.append((sample.kind, sample.id))
        else:
            left_out += 1
    return tuple(_spread(allowed, wanted)), left_out


def _may_be_asked(spine: Spine, target: str, request: Request) -> bool:
    """Whether privacy lets it go there: a key that is missing, say, may be there tomorrow."""
    label = effective_label(request, spine.route(target).label)
    sensitive = stays(label, spine.constraints)
    doing = [
        one for one in below(spine, target) if one.config.only_kinds is None or request.kind in one.config.only_kinds
    ]
    return any(one.config.is_private or not sensitive for one in doing)


def _spread(samples: Sequence[tuple[str, str]], most: int) -> list[str]:
    """The first ones of each kind, so many that a kind's share is that of the whole, within one."""
    waiting: dict[str, deque[str]] = {}
    for kind, one in samples:
        waiting.setdefault(kind, deque()).append(one)
    shares, taken = {kind: len(ids) / len(samples) for kind, ids in waiting.items()}, Counter[str]()
    found = []
    for number in range(1, min(most, len(samples)) + 1):
        kind = max(shares, key=lambda one: shares[one] * number - taken[one])
        taken[kind] += 1
        found.append(waiting[kind].popleft())
    return found


def _gone(spine: Spine, target: str, suite: Suite | None, canaries: Collection[str], wanted: int) -> str | None:
    """Why the canaries are not those that can be asked now; None = they are."""
    if not canaries:
        found = drawn(spine, target, suite, wanted)[0] if suite is not None else ()
        return "there are samples that may be sent there now" if found else None
    if suite is None or not all(map(suite.samples.has, canaries)):
        return "a canary is not in the suite any more"
    allowed = (_may_be_asked(spine, target, one.request()) for one in suite.samples.named(tuple(canaries)))
    return None if all(allowed) else "a canary may not be sent there any more: it is private now, or the target is not"


async def _facts(spine: Spine, target: str, suite: Suite | None, canaries: Sequence[str]) -> str:
    if suite is None or not canaries:
        facts = [await target_digest(spine, target, ("",))]
    else:
        part = suite.named(tuple(canaries))
        facts = [await target_digest(spine, target, part.kinds)]
        facts += [samples_digest(part.of(name), kind) for name, kind in sorted(part.kinds.items())]
        facts.append(await judges_digest(spine, part.samples, part.kinds))
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
