"""What could come next after a prompt, and what is made of it when a token is drawn."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from assay.app import open_for
from assay.cli.inspect.tokens_view import marked
from assay.decision.table import table
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.inference.tokens import next_tokens
from assay.numerals import plural
from assay.stats.sampling import drawn, entropy_bits

__all__ = ["Drawing", "next_text"]

BAR = 30
MOST_LOCAL = 2000
"""Asked of the engine, so that the shares are of nearly the whole; the answer is 200 kB."""
MOST_HOSTED = 20
"""What OpenAI's format allows."""


class Drawing(NamedTuple):
    """How a token is drawn, and how many are shown."""

    top: int
    temperature: float
    top_k: int | None
    top_p: float | None

    def __str__(self) -> str:
        cuts = [f"top-k {self.top_k}"] if self.top_k else []
        cuts += [f"top-p {self.top_p:g}"] if self.top_p is not None else []
        return ", ".join((f"temperature {self.temperature:g}", *cuts))


async def next_text(
    name: str, prompt: str, raw: bool, system: str | None, drawing: Drawing, config: str | None
) -> tuple[dict[str, Any], str]:
    """The distribution, JSON-able, and as text."""
    app, target = open_for(name, config)
    async with app:
        most = MOST_LOCAL if _is_local(app.spine, target) else MOST_HOSTED
        found = await next_tokens(app.spine, target, prompt, chat=not raw, most=most, system=system)
    logprobs = [one.logprob for one in found]
    shares = drawn(logprobs, temperature=drawing.temperature, top_k=drawing.top_k, top_p=drawing.top_p)
    mass = math.fsum(one.probability for one in found)
    shown: dict[str, Any] = {
        "temperature": drawing.temperature,
        "top_k": drawing.top_k,
        "top_p": drawing.top_p,
        "known": len(found),
        "known_share": min(1.0, mass),
        "drawn_from": sum(share > 0 for share in shares),
        "entropy_bits": entropy_bits([one.probability for one in found]),
        "drawn_entropy_bits": entropy_bits(shares),
        "tokens": [
            {"token": one.token, "id": one.id, "probability": one.probability, "drawn": share}
            for one, share in list(zip(found, shares, strict=True))[: drawing.top]
        ],
    }
    return shown, "\n".join(_lines(shown, drawing))


def _lines(shown: dict[str, Any], drawing: Drawing) -> list[str]:
    so_far, rows = 0.0, []
    for one in shown["tokens"]:
        so_far += one["probability"]
        bar = "█" * round(BAR * one["probability"])
        row = (f"{100 * one['probability']:.2f} %", f"{100 * min(1, so_far):.1f} %", f"{100 * one['drawn']:.2f} %")
        name = marked(one["token"]) or f"(special {one['id']})"  # the engine gives such tokens no text
        rows.append((name, *row, bar))
    return [
        *table(("next token", "the model's", "together", "drawn", ""), rows),
        "",
        f"known are the {shown['known']} most probable tokens, {100 * shown['known_share']:.1f} % of the whole; "
        f"undecided by {shown['entropy_bits']:.2f} bits over these",
        f"drawn with {drawing}: from {plural(shown['drawn_from'], 'token')}, {shown['drawn_entropy_bits']:.2f} bits "
        "(cut first, then temperature, as llama.cpp does it)",
    ]


def _is_local(spine: Spine, target: str) -> bool:
    found = spine.targets.get(target)
    return isinstance(found, LiveDeployment) and found.config.dialect == "local"
