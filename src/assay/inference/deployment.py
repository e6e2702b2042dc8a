"""A deployment at run time: config, catalogue facts, price, prompts, and the provider that reaches it."""

from __future__ import annotations

import hashlib
import math
import time
from calendar import timegm
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice, length_of, price_now
from assay.catalog.use import NO_TERMS, Terms
from assay.config.schema import Deployment, Settings
from assay.dialects.answer_limit import put_limit, says_limit, takes_limit
from assay.dialects.dialect import Outbound
from assay.envelope.candidate import Candidate
from assay.envelope.overflow import context_of
from assay.errors import AssayError
from assay.inference.breaker import Breaker
from assay.inference.gate import Gate
from assay.inference.prompt import NOTHING, Prompt, compile_prompt, merge
from assay.providers.http import HttpProvider
from assay.providers.provider import Attempted, Provider
from assay.types import Request

if TYPE_CHECKING:
    from assay.providers.batch_host import BatchHost


@dataclass(slots=True)
class LiveDeployment:
    """One way to call a model, ready to be called.

    Attributes:
        config: never exchanged, since what hangs on it is found out once; another config is another deployment.
        dialect: of an upstream that speaks one; None for engines in our own hands.
        model: catalogue entry; None when the catalogue does not know it.
        missing: why it cannot be called from here, if that is known already (no weights, say).
        terms: what is known of its licence and host.
        is_private, runs_here: as its config has it.
        takes_limit: its host is told of limits of an answer's length.
        is_bare: nothing is put around its requests, of whatever kind.
        is_timed: its attempts have limits of time of their own.
        flat_price: where no time and no length changes it: what tokens cost; None = `price_for` knows.
        context_tokens: that it has at most; None = nobody knows.
        candidate: what the hard constraints look at.
        breaker: keeps calls from a host that fails again and again.
        gate: limits the requests in flight.
    """

    name: str
    config: Deployment
    provider: Provider
    model: Model | None = None
    dialect: Outbound | None = None
    missing: AssayError | None = None
    terms: Terms = NO_TERMS
    is_private: bool = field(init=False)
    runs_here: bool = field(init=False)
    takes_limit: bool = field(init=False)
    is_bare: bool = field(init=False)
    is_timed: bool = field(init=False)
    flat_price: CatalogPrice | None = field(init=False, default=None)
    context_tokens: int | None = field(init=False)
    candidate: Candidate = field(init=False)
    breaker: Breaker = field(init=False)
    gate: Gate = field(init=False)
    _prompts: dict[str | None, Prompt] = field(init=False, default_factory=dict)
    _identity: dict[str, str] | None = field(init=False, default=None)
    _fingerprint: tuple[dict[str, str] | None, Deployment, str] | None = field(init=False, default=None)
    _price: CatalogPrice | None = field(init=False, default=None)
    _prices: dict[int, CatalogPrice] = field(init=False, default_factory=dict)
    _priced_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        config = self.config
        self.is_private, self.runs_here = config.is_private, config.runs_here
        self.takes_limit = takes_limit(config.quirks)
        self.is_bare = config.settings == Settings() and not config.kinds
        self.is_timed = config.total_timeout_s is not None or config.first_token_timeout_s is not None
        self.context_tokens = context_of(config, self.model)
        self.candidate = Candidate(self.name, config, self.model, self.terms, lambda: self.price.price)
        self.breaker = Breaker(config.breaker)
        self.gate = Gate(config.concurrency)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is at another address than its host's own: then nobody has promised anything about data."""
        return self.config.host is not None and self.terms.host is None and not self.is_private

    def prompt(self, kind: str | None) -> Prompt:
        """The prompt and settings for a kind.

        Raises:
            ConfigError: one of its files cannot be read.
        """
        known = kind if kind in self.config.kinds else None
        prompt = self._prompts.get(known)
        if prompt is None:
            special = self.config.kinds.get(known) if known is not None else None
            settings = merge(self.config.settings, special) if special is not None else self.config.settings
            prompt = self._prompts[known] = compile_prompt(settings)
        return prompt

    def continues(self, request: Request) -> bool:
        """Whether it is known to go on with an answer whose beginning it is given.

        A completion is nothing else, and the local engine takes up a begun turn of a chat, unless it is held to a form
        of tool calls. Of a host, the model must be known to do so (catalogue: `prefill`), and its format, or its
        quirks, must be able to say it.
        """
        dialect, quirks, prompt = self.config.dialect, self.config.quirks, self.prompt(request.kind)
        if prompt.output is not None or prompt.sampling.limits_thinking:
            return False
        form = "completion" if prompt.style == "text" else request.form
        if form == "completion":
            return dialect in ("completions", "local")
        if form != "chat":
            return False
        if dialect == "local":
            return not request.tools
        told = quirks.get("prefill_field") or (quirks.get("capabilities") or {}).get("prefill") == "keep"
        return (dialect == "anthropic" or bool(told)) and self.model is not None and self.model.prefill is True

    def may_pass_through(self, request: Request) -> bool:
        """Whether the client's own bytes may go upstream: same dialect, and nothing to apply."""
        native, dialect = request.native, self.dialect
        return (
            native is not None
            and dialect is not None
            and native.dialect in dialect.takes_raw
            and (self.is_bare or request.form == "embedding" or self.prompt(request.kind) == NOTHING)
        )

    def attempted(self, request: Request, *, untouched: bool) -> Attempted:
        """A request as the provider gets it: prompt and settings applied, or the client's bytes as they are.

        Args:
            request: as the client, or a policy, said it.
            untouched: no policy has changed it, so that the client's bytes may pass.

        Raises:
            ConfigError: a file of the prompt cannot be read.
            BadRequest: the prompt cannot be applied to it.
        """
        passing = untouched and self.may_pass_through(request)
        if passing and request.form != "embedding":  # its prompt is empty
            return Attempted(request, request.native, request.stream)
        return Attempted(
            request=self.prompt(request.kind).apply(request),
            raw=request.native if passing else None,
            stream=request.stream,
        )

    def limited(self, attempted: Attempted, max_tokens: int) -> Attempted:
        """With a limit of the answer's length, where neither the request nor the settings name one.

        Args:
            attempted: what the provider gets.
            max_tokens: of the answer at most; the model's own limit counts where it is lower.
        """
        request, raw = attempted.request, attempted.raw
        if says_limit(request) or not self.takes_limit:
            return attempted
        if self.model is not None and self.model.max_output_tokens is not None:
            max_tokens = min(max_tokens, self.model.max_output_tokens)
        if raw is not None and (raw := put_limit(raw, max_tokens, self.config.quirks)) is None:
            return attempted
        sampling = msgspec.structs.replace(request.sampling, max_tokens=max_tokens)
        return msgspec.structs.replace(attempted, request=msgspec.structs.replace(request, sampling=sampling), raw=raw)

    @property
    def batches(self) -> BatchHost | None:
        """The batch endpoints of its host; None = its format has none."""
        from assay.dialects.batches.forms import form_of  # here: most runs have no batches
        from assay.providers.batch_host import BatchHost

        form = form_of(self.config.dialect)
        if form is None or not isinstance(self.provider, HttpProvider):
            return None
        return BatchHost(self.provider, form)

    @property
    def one_at_a_time(self) -> bool:
        """Whether it answers one request after another, so that asking more at once only makes them wait."""
        return self.config.is_exact

    @property
    def price(self) -> CatalogPrice:
        """What tokens cost, and the dearest rate that may apply."""
        return self.price_for(None)

    def price_for(self, input_tokens: int | None) -> CatalogPrice:
        """As `price`, of calls with at most so many input tokens: long ones are dearer at some hosts."""
        price = self._price
        if price is None or (self._priced_until < math.inf and time.time() >= self._priced_until):
            price = self._price = self._listed()
            self._prices, self._priced_until = {}, _end_of(price)
            self.flat_price = price if self._priced_until == math.inf and not price.by_length else None
        if input_tokens is None or not price.by_length:
            return price
        length = length_of(input_tokens)
        if length is None or self.model is None or length >= (self.model.context_tokens or length + 1):
            return price
        known = self._prices.get(length)
        if known is None:
            known = self._prices[length] = price_now(self.model, host=self.config.host, length=length)
        return known

    def _listed(self) -> CatalogPrice:
        own = self.config.price_usd_per_mtok
        if own is not None:
            return CatalogPrice(own, own, source="assay.toml")
        if self.model is None or self.runs_here:
            return CatalogPrice(None, None, source="none")
        return price_now(self.model, host=self.config.host)

    async def facts(self, *, fresh: bool = False) -> dict[str, str]:
        """What decides an answer apart from request and prompt, in a form that a person can compare.

        Args:
            fresh: read weights anew instead of trusting a digest remembered by file time.

        Raises:
            AssayError: the provider cannot identify itself (its weights are missing, say).
        """
        if self._identity is None or fresh:
            self._identity = await self.provider.identity(fresh=fresh)
        config = self.config
        facts = {"model": config.model, "dialect": config.dialect, **self._identity}
        if config.upstream_model is not None:
            facts["upstream_model"] = config.upstream_model
        if config.base_url is not None:
            facts["base_url"] = config.base_url
        if config.quirks:
            facts["quirks"] = msgspec.json.encode(config.quirks, order="sorted").decode()
        if config.dialect == "local":
            facts["context_tokens"] = str(config.engine.context_tokens)
        return facts

    async def fingerprint(self) -> str:
        """sha256 (hex) of `facts`."""
        known = self._fingerprint
        if known is not None and known[0] is self._identity and known[1] is self.config:
            return known[2]
        digest = hashlib.sha256(msgspec.json.encode(await self.facts(), order="sorted")).hexdigest()
        self._fingerprint = (self._identity, self.config, digest)
        return digest


def _end_of(price: CatalogPrice) -> float:
    """Until when a price of now need not be looked up again, in seconds since 1970.

    Where hours differ that is the next minute: it takes milliseconds, and no hour begins within one.
    """
    if price.by_hour:
        return (time.time() // 60 + 1) * 60
    return timegm(price.until.timetuple()) if price.until is not None else math.inf
