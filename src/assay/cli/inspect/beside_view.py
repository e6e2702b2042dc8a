"""One prompt before several models: what a base, an instruct and a reasoning model each make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.app import App, open_for
from assay.cli.figures import cut, printable
from assay.inference.asking import Asking
from assay.numerals import plural
from assay.types import Message, Reasoning, Request, Sampling, Text

__all__ = ["beside_text"]

SHOWN_CHARS = 600


async def beside_text(
    names: Sequence[str], prompt: str, raw: bool, system: str | None, max_tokens: int, config: str | None
) -> tuple[list[dict[str, Any]], str]:
    """Their answers, JSON-able, and as text. One that cannot answer says why; the others still do."""
    rows = [await _one(name, prompt, raw, system, max_tokens, config) for name in names]
    return rows, "\n\n".join(_block(row) for row in rows)


async def _one(
    name: str, prompt: str, raw: bool, system: str | None, max_tokens: int, config: str | None
) -> dict[str, Any]:
    app, target = open_for(name, config)
    async with app:
        variant, template = _known(app, target)
        chat = not raw and template
        sampling = Sampling(max_tokens=max_tokens, temperature=0.0)
        if chat:
            told = () if system is None else (Message(role="system", parts=(Text(text=system),)),)
            messages = (*told, Message(role="user", parts=(Text(text=prompt),)))
            request = Request(model=target, messages=messages, sampling=sampling)
        else:
            request = Request(model=target, form="completion", prompt=prompt, sampling=sampling)
        asking = Asking(app.spine, request, target)
        await asking.finish()
    response, call = asking.response, asking.call
    return {
        "name": name,
        "variant": variant,
        "asked": "chat" if chat else "text",
        "reasoning": "".join(part.text for part in response.parts if isinstance(part, Reasoning)),
        "answer": call.text,
        "finish": call.finish,
        "output_tokens": call.output_tokens,
        "error": call.error,
    }


def _known(app: App, target: str) -> tuple[str | None, bool]:
    """The variant, as far as the catalogue knows it, and whether it is asked as in a chat: a base model is not."""
    deployment = app.loaded.config.deployments.get(target)
    model = app.catalog.get(deployment.model) if deployment is not None else None
    variant = model.variant if model is not None else None
    return variant, variant != "base"


def _block(row: dict[str, Any]) -> str:
    how = "the bare text, to be continued" if row["asked"] == "text" else "a user's message in its template"
    head = f"== {row['name']} ({row['variant'] or 'variant unknown'}); given {how}"
    if row["error"] is not None:
        return f"{head}\n{printable(row['error'])}"
    lines = [head]
    if row["reasoning"]:
        lines.append(f"[thinks] {cut(row['reasoning'], SHOWN_CHARS)}")
    lines.append(printable(row["answer"]) or "(nothing)")
    ended = {"length": "cut at --max-tokens", "stop": "ended by itself"}.get(row["finish"], row["finish"])
    lines.append(f"[{plural(row['output_tokens'], 'token')}, {ended}]")
    return "\n".join(lines)
