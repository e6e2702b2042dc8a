"""What one attempt may cost at most, which is held before it is sent.

Of the input no more tokens are counted by a host than the request has bytes, media and what the host writes around it
apart (`assay.envelope.media`); of the answer no more than its limit. Each at the dearest rate that may apply.
"""

from __future__ import annotations

from typing import Any

import msgspec

from assay.catalog.prices import CatalogPrice
from assay.config.schema import Constraints, Price
from assay.envelope.cost import bound_usd, cost_usd
from assay.envelope.media import Unseen, unseen
from assay.errors import ConstraintError
from assay.inference.deployment import LiveDeployment
from assay.ledger.budgets import MOST_USD
from assay.numerals import told_usd
from assay.providers.provider import Attempted
from assay.types import Audio, Document, Image, Part, Request, Text, Tool, ToolResult, Unknown, Usage, Video

__all__ = ["FREE", "Bound", "bounded", "check_bound", "reserve", "works_there"]

_ELSEWHERE = ("previous_response_id", "conversation", "prompt", "cachedContent", "context_management")
"""Fields by which a host reads what is not in the request."""
_WORKING = ("web_search_options", "container", "mcp_servers")
"""Fields that have the host work by itself."""
_TELLING = frozenset({*_ELSEWHERE, *_WORKING, "service_tier", "speed", "max_tokens"})
"""All fields without a place of their own that a bound hangs on, but for those of completions."""
_CLIENTS = ("function", "custom", "local_shell", "apply_patch", "computer", "bash", "text_editor", "memory")
"""How the types of tools begin that a host knows and its client runs."""
_NAMED = ("item_reference", "container_upload", "image", "input_image", "input_file")
"""Parts that name what a host has; those that bring it are no `Unknown`."""
_USUAL_TIERS = (None, "auto", "default", "standard", "standard_only", "on_demand", "flex", "batch")
"""Words for tiers that cost the plain price or less."""
_LEAST_ANSWER, _BEYOND = 16, 1
"""Hosts that take shorter limits as 16 tokens, and some count one token more than the limit."""
_MOST = (1 << 64) - 1
"""The largest number of a field that nobody has read which money can be reckoned with."""
_HOUR_WRITE = 2.0
"""A cache that is kept for an hour costs so many times the input to write (Anthropic): the dearest of all makers."""
_SLOWEST_BYTES_S = {"wav": 1_600, "mp3": 500}
"""Sound takes so many bytes a second at least: telephone codecs in WAV, half of the lowest rate of MP3."""
_BASE64 = 3 / 4
_CACHE = b'"cache_control"'
_HELPS = {
    "max_tokens": "ask with a max_tokens, or give one to the route or to the deployment's settings",
    "price": "give the deployment a price_usd_per_mtok",
}
"""What makes known what is missing, where anybody can."""


class Bound(msgspec.Struct, frozen=True):
    """An upper bound.

    Attributes:
        usd: of the cost; None = nobody knows one.
        missing: then: what is not known.
        output_tokens: of all answers together.
        price: the rates it was reckoned with.
        works_there: its host is asked to work with tools of its own; see `works_there`.
    """

    usd: float | None
    missing: str | None = None
    output_tokens: int = 0
    price: Price | None = None
    works_there: bool = False

    def after(self, usage: Usage | None) -> float | None:
        """The bound when a host has told the input, as some do before the answer: never more than before.

        An input of 0 is none: hosts that know it only in the end begin with one.
        """
        if self.usd is None or self.price is None or usage is None or not usage.input:
            return self.usd
        told = msgspec.structs.replace(usage, output=self.output_tokens, cached=0, cache_write=0)
        usd = cost_usd(_dearest(self.price), told)
        return self.usd if usd is None else min(self.usd, usd)


FREE = Bound(0.0)


def reserve(live: LiveDeployment, constraints: Constraints, attempted: Attempted, *, budgeted: bool) -> Bound:
    """The bound that is held for an attempt; `budgeted`: a budget or a purse pays for it.

    Raises:
        ConstraintError: see `check_bound`.
    """
    bound = bounded(live, attempted)
    check_bound(live, constraints, bound, budgeted=budgeted)
    return bound


def check_bound(live: LiveDeployment, constraints: Constraints, bound: Bound, *, budgeted: bool) -> None:
    """Make sure that a call can be booked, and that there is a bound where somebody set one to what he pays.

    Args:
        live: whom it asks.
        constraints: what an unknown price means.
        bound: of `bounded`.
        budgeted: a budget or a purse pays for it.

    Raises:
        ConstraintError: nothing bounds what this call may cost, or it is more than one may cost.
    """
    if bound.usd is not None and bound.usd > MOST_USD:
        raise ConstraintError(
            f"{live.name}: this call may cost {told_usd(bound.usd)}, and none may cost more than {told_usd(MOST_USD)}; "
            "ask for a shorter answer (max_tokens), or see whether the deployment's price is meant"
        )
    if not budgeted:
        return
    refused = bound.missing is not None and constraints.unknown_price == "refuse"
    if refused and live.config.dialect != "scripted":
        helps = _HELPS.get(bound.missing or "", "such calls have no bound")
        raise ConstraintError(
            f"{live.name}: a budget is set and the {bound.missing} of this call is not known; {helps}; "
            'constraints.unknown_price = "allow" sends such calls all the same'
        )


def bounded(live: LiveDeployment, attempted: Attempted) -> Bound:
    """What an attempt may cost at most."""
    asked = attempted.request
    if live.config.dialect == "local":
        return Bound(None)  # paid in seconds of the team's own device, not billed
    if asked.form == "count":
        return FREE  # no provider charges for counting
    told = bool(asked.extra) and not _TELLING.isdisjoint(asked.extra)  # what has none of these is as if it had nothing
    answer = _answer_tokens(live, asked, told=told)
    working = works_there(asked) if told or asked.tools else False
    if answer is None:
        return Bound(None, "max_tokens", works_there=working)
    if working:
        return Bound(None, "work of the host's own tools", answer, works_there=True)
    raw = attempted.raw
    body = raw.raw if raw is not None else msgspec.json.encode(msgspec.structs.replace(asked, native=None))
    size, beyond = _input(live, asked, len(body), told=told)
    if beyond is None:
        return Bound(None, "context of the model, and so the input", answer)
    listed = live.flat_price
    if listed is None:
        listed = live.price_for(size + beyond)
    price = _rates(listed, asked) if told else listed.bound
    if price is None:
        return Bound(None, "price" if listed.bound is None else "price of the service tier", answer)
    own = live.config.price_usd_per_mtok is not None
    if own and price.cache_write is None and _asks_to_cache(asked, body):
        price = msgspec.structs.replace(price, cache_write=price.input * _HOUR_WRITE)
    return Bound(bound_usd(price, size, answer, beyond), None, answer, price)


def _rates(listed: CatalogPrice, asked: Request) -> Price | None:
    """The dearest rates that may apply; None = there is no price, or none of the tier that is asked for."""
    for word in (asked.extra.get("service_tier"), asked.extra.get("speed")):
        if word not in _USUAL_TIERS:
            tier = listed.tiers.get(word) if isinstance(word, str) else None
            return tier.bound if tier is not None else None
    return listed.bound


def _asks_to_cache(asked: Request, body: bytes) -> bool:
    """Whether tokens may be written to a cache because somebody said so; long texts are not searched for it."""
    if asked.tools or (asked.extra and "cache_control" in asked.extra):
        return _CACHE in body
    for message in asked.messages:
        for part in message.parts:
            if type(part) is not Text or part.extra:
                return _CACHE in body
    return False


def _dearest(price: Price) -> Price:
    rate = max(price.input, price.cached_input or 0.0, price.cache_write or 0.0)
    return Price(input=rate, output=price.output)


# ---------------------------------------------------------------------------------------------- input


def works_there(asked: Request) -> bool:
    """Whether a host is asked to work by itself, with tools whose use has a price that no byte tells."""
    if asked.form == "completion":
        return False
    named = bool(asked.extra) and any(asked.extra.get(key) is not None for key in _WORKING)
    return named or any(map(_runs_there, asked.tools))


def _runs_there(tool: Tool) -> bool:
    if tool.native is None:
        return False
    kind = tool.native.get("type")
    return not (isinstance(kind, str) and kind.startswith(_CLIENTS)) or "environment" in tool.native


def _input(live: LiveDeployment, asked: Request, size: int, *, told: bool) -> tuple[int, int | None]:
    """Bytes that stand for a token each, and tokens that none stands for; None = nobody knows how many.

    Bytes of media whose tokens are limited stand for none.
    """
    if live.runs_here:
        return size, 0
    known = unseen(live.config.model, live.config.host)
    beyond = (known.tools if asked.tools else known.plain) if asked.form == "chat" else 0
    context = live.model.context_tokens if live.model is not None else None
    unknown = told and asked.form != "completion" and any(
        asked.extra.get(key) is not None for key in _ELSEWHERE
    )  # fmt: skip
    media = 0
    for message in asked.messages:
        for part in message.parts:
            if type(part) is Text:
                continue
            tokens, taken = _part(part, known)
            size -= taken
            unknown, media = unknown or tokens is None, media + (tokens or 0)
    if unknown:
        return size, None if context is None else beyond + context
    return size, beyond + (media if context is None else min(media, context))


def _part(part: Part, known: Unseen) -> tuple[int | None, int]:
    """Tokens of a part that no byte stands for, at most (None = unknown), and its bytes that stand for none."""
    match part:
        case Image():
            if known.image is not None:
                return known.image, len(part.data or "")
            return None, len(part.data or "")
        case Audio():
            slowest = _SLOWEST_BYTES_S.get(part.format)
            if known.audio_per_s is None or slowest is None:
                return 0, 0  # what it is sent in has more bytes than tokens
            seconds = len(part.data) * _BASE64 / slowest + 1
            return int(seconds * known.audio_per_s) + 1, len(part.data)
        case Video():
            return None, len(part.data or "")
        case Document():
            if part.data is not None and (part.media_type or "").startswith("text/"):
                return 0, 0
            return None, len(part.data or "")  # pages are packed, and read as pictures too
        case ToolResult():
            inner = [_part(one, known) for one in part.parts if not isinstance(one, Text)]
            tokens = [one for one, _ in inner]
            known_all = [one for one in tokens if one is not None]
            return (sum(known_all) if len(known_all) == len(tokens) else None), sum(taken for _, taken in inner)
        case Unknown():
            return (None if part.raw.get("type") in _NAMED else 0), 0
    return 0, 0


# --------------------------------------------------------------------------------------------- answer


def _answer_tokens(live: LiveDeployment, asked: Request, *, told: bool) -> int | None:
    """Tokens of all answers together, at most; None = nobody limits them."""
    if asked.form == "embedding":
        return 0
    model = live.model
    longest = model.max_output_tokens if model is not None else None
    limit: object = None
    if live.takes_limit:
        limit = _limit(asked) if told else asked.sampling.max_tokens
    answers = asked.sampling.n or 1
    if asked.form == "completion":
        answers = _drawn(asked, answers)
    if not isinstance(limit, int) or limit > _MOST:
        return longest * answers if longest is not None else None
    if live.runs_here:
        return limit * answers
    limit = max(limit, _LEAST_ANSWER) + _BEYOND
    if unseen(live.config.model, live.config.host).thinks_beyond and (model is None or model.reasoning != "none"):
        thought = longest or (model.context_tokens if model is not None else None)
        if thought is None:
            return None
        limit += thought
    return limit * answers


def _limit(asked: Request) -> int | None:
    """Tokens of an answer at most: of two limits, one of which a host may not know, the larger."""
    said = asked.extra.get("max_tokens")  # beside `max_completion_tokens`
    limits = [limit for limit in (asked.sampling.max_tokens, said) if isinstance(limit, int) and limit <= _MOST]
    return max(limits, default=None)


def _drawn(asked: Request, answers: int) -> int:
    """How many answers to a completion are written: `best_of` to each prompt, some of which nobody sees."""
    drawn: Any = asked.extra.get("best_of")
    prompts: Any = asked.extra.get("prompt")
    if isinstance(drawn, int) and drawn <= _MOST:
        answers = max(answers, drawn)
    if isinstance(prompts, list) and prompts and isinstance(prompts[0], str | list):  # else the numbers of one
        answers *= len(prompts)
    return answers
