"""The schema of `assay.toml`. Units stand in key names; a key that is not here is an error.

Paths are relative to the file and are resolved on loading (`assay.config.load`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from assay.config.alert import Alerts
from assay.config.budget import BudgetUsd, Limit
from assay.config.cached import Cached
from assay.config.comparing import Audit
from assay.config.grid import Grid
from assay.config.guard import Guard, Guards
from assay.config.table import Section
from assay.config.watch import Watch

_HUGE = 1e12  # no price, limit or time is larger; keeps out the `inf` that TOML has
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[float, Meta(ge=0, le=_HUGE)]
Seconds = Annotated[float, Meta(gt=0, le=_HUGE)]
Usd = Annotated[float, Meta(ge=0, le=_HUGE)]
Keep = Literal["off", "hashed", "full"]
"""What is kept of a request and its answer: nothing, a digest of the request, or both whole without credentials."""
Share = Annotated[float, Meta(ge=0, le=1)]
LicenceTerm = Literal["attribution", "naming", "use_policy", "share_alike", "user_cap"]
"""A duty that a licence of weights may bring, as `assay models --licences` shows it."""


class Price(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens.

    Attributes:
        input: tokens of the request that are not cached.
        output: tokens of the answer, reasoning included.
        cached_input: tokens read from the provider's cache; without it the cost of an answer with such tokens is its
            bound.
        cache_write: tokens written to the provider's cache; likewise.
    """

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None


class ExampleCall(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tool call in a few-shot example.

    Attributes:
        name: the tool.
        arguments: what it is called with.
    """

    name: str
    arguments: dict[str, Any] = {}


class Example(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One few-shot example.

    Attributes:
        user: what a user would say; the template is applied to it.
        assistant: the answer wanted.
        calls: the tool calls wanted, instead of or after `assistant`: an array of `{ name, arguments }`; style `chat`.
    """

    user: str
    assistant: str | None = None
    calls: tuple[ExampleCall, ...] = ()

    def __post_init__(self) -> None:
        if self.assistant is None and not self.calls:
            raise ValueError("an example needs `assistant` or `calls`")


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prompt and parameters that a deployment adds to every request of a kind.

    A request's own parameters win over these; these win over the provider's defaults.

    Attributes:
        system: instruction put first.
        system_file: file with the instruction, instead of `system`.
        template: what the user's last message becomes; `{input}` stands for it.
        template_file: file with the template, instead of `template`.
        examples: few-shot turns put between instruction and input: an array of `{ user, assistant }`.
        examples_file: file of JSON lines with `user`, and `assistant` or `calls`, instead of `examples`.
        max_examples: only so many of the examples, the first ones.
        style: `chat` sends turns; `text` writes everything as one text for a base model.
        schema_file: JSON schema that the answer is limited to.
        grammar_file: GBNF grammar that the answer is limited to (local engine only).
        choices: the answer is exactly one of these (local engine: a grammar).
        temperature: 0 takes the most probable token each time.
        top_p: draw from the fewest tokens that have this share of the probability.
        max_tokens: longest answer; also what the bound of its cost is reckoned with.
        stop: texts that end the answer.
        seed: of the drawing, where the host or engine takes one.
        reasoning_effort: how long a reasoning model thinks: `minimal`, `low`, `medium`, `high`, as its host calls it.
        reasoning_tokens: how many tokens it may think, instead of `reasoning_effort`; 0 = it does not. Hosts that take
            no such number are told the nearest effort.
    """

    system: str | None = None
    system_file: str | None = None
    template: str | None = None
    template_file: str | None = None
    examples: tuple[Example, ...] | None = None
    examples_file: str | None = None
    max_examples: Annotated[int, Meta(ge=0)] | None = None
    style: Literal["chat", "text"] | None = None
    schema_file: str | None = None
    grammar_file: str | None = None
    choices: tuple[str, ...] | None = None
    temperature: NonNegative | None = None
    top_p: NonNegative | None = None
    max_tokens: Positive | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    reasoning_tokens: Annotated[int, Meta(ge=0)] | None = None


class Engine(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the local engine runs. Deployments with equal weights and engine share one process.

    Attributes:
        context_tokens: context of each slot.
        slots: requests served at the same time.
        threads: of the processor; default: as many as are idle when it starts.
        idle_s: seconds without a request after which the engine is stopped.
    """

    context_tokens: Positive = 2048
    slots: Positive = 4
    threads: Positive | None = None
    idle_s: Seconds = 600.0


class Breaker(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a deployment that fails is left alone for a while.

    Attributes:
        failures: so many faults of its host in a row open it: calls then fail at once, or go to another candidate.
        window_s: they count when they came within this time.
        open_s: how long it stays open; then one call tries.
    """

    failures: Positive = 5
    window_s: Seconds = 30.0
    open_s: Seconds = 20.0


ENGINES = ("local", "scripted")
"""Dialects of engines in our own hands."""
WITHOUT_HOST = (*ENGINES, "litellm")
"""Dialects that need no address of a host."""


class Deployment(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to call a model.

    Attributes:
        like: another deployment, whose keys hold here too, those of its tables one by one; what stands here wins.
        model: id in the catalogue.
        dialect: `openai`, `openai-responses`, `anthropic`, `gemini`, `completions`, `local`, `scripted`, `litellm`, or
            one that a plug-in registers; default: what its host speaks.
        host: a provider or server of the table that `assay models --hosts` shows: its address, format, variable of the
            key and quirks hold where the deployment says nothing else. No host is private by itself, not even a server
            on this machine: say `private = true`. At another `base_url` than the host's own, nothing that the host
            promises holds, and `constraints.hosts` does not know it.
        base_url: where the host's API begins, `https://host/v1`; default: the host's own.
        api_key_env: name of the environment variable that holds the key; default: the host's usual one.
        upstream_model: what the host calls the model; default: from the catalogue, else the id's last part, or all of
            it where the host's names have the maker in front.
        private: data sent here stays under the team's control. Default: true for `local` and `scripted`.
        price_usd_per_mtok: what its tokens cost; default: from the catalogue.
        batch_discount: share of the price that is saved where answers may come later, in batches: 0.5 is half; default:
            the host's. Where nobody knows it, such answers count at the full price, as a bound.
        usd_per_hour: what the device of a local engine costs; without it USD is unknown and seconds count.
        weights: file of a local model; default: where the catalogue says.
        script: file of rules of a `scripted` model.
        settings: prompt and parameters for every kind.
        concurrency: requests in flight at the same time.
        retries: further tries after a fault that may heal.
        engine: how the local engine runs.
        kinds: settings for one kind each, by its name; they win over `settings`.
        only_kinds: a candidate for these kinds of work only; default: for all.
        headers: sent with every request to the host, by name; `host`, `content-length` and what else belongs to the
            connection are not to be set.
        quirks: what this host does differently: `max_tokens_field`, `top_k`, `stream_options`, `developer_role`,
            `grammar`; others as its dialect understands them. Local engines: `exact`, `tools`.
        connect_timeout_s: longest wait for a connection.
        idle_timeout_s: longest silence inside an answer.
        first_token_timeout_s: longest wait of one attempt for the first piece of its answer, for a local engine after
            it has loaded; default: none.
        total_timeout_s: longest time of one attempt; default: none but the request's own deadline.
        breaker: when it is left alone because its host fails.
        transport: `http1` is strict about what a host answers; `aiohttp` reads some hosts that it refuses. Neither uses
            a proxy that the environment names.
        ca_file: PEM file of the only authorities that may vouch for the host; default: the system's, or those of the
            variable `SSL_CERT_FILE`.
    """

    like: str | None = None
    model: str
    dialect: str = ""
    host: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    upstream_model: str | None = None
    private: bool | None = None
    price_usd_per_mtok: Price | None = None
    batch_discount: Share | None = None
    usd_per_hour: Usd | None = None
    weights: str | None = None
    script: str | None = None
    engine: Engine = Engine()
    settings: Settings = Settings()
    kinds: dict[str, Settings] = {}
    only_kinds: tuple[str, ...] | None = None
    headers: dict[str, str] = {}
    quirks: dict[str, Any] = {}
    concurrency: Positive = 8
    retries: Annotated[int, Meta(ge=0)] = 2
    connect_timeout_s: Seconds = 10.0
    idle_timeout_s: Seconds = 120.0
    first_token_timeout_s: Seconds | None = None
    total_timeout_s: Seconds | None = None
    breaker: Breaker = Breaker()
    transport: Literal["http1", "aiohttp"] = "http1"
    ca_file: str | None = None

    @property
    def is_private(self) -> bool:
        """Whether private-only data may be sent here: declared, or because it never leaves this machine."""
        return self.private if self.private is not None else self.runs_here

    @property
    def runs_here(self) -> bool:
        """Whether it is an engine in our own hands: nothing is sent anywhere."""
        return self.dialect in ENGINES

    @property
    def has_host(self) -> bool:
        """Whether it is reached at an address that it names itself, or that the table of hosts may tell."""
        return self.dialect not in WITHOUT_HOST

    @property
    def is_exact(self) -> bool:
        """Whether a local engine answers one request after another, so that equal requests get equal answers."""
        return self.dialect == "local" and self.quirks.get("exact", True) is True


class Local(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The engines on this machine, together.

    Attributes:
        memory_gib: what all of them may hold at the same time, weights and contexts; the longest unused ones make
            room. Default: half of the machine's memory, or of the container's limit.
        load_timeout_s: longest wait for memory, and longest start of an engine.
    """

    memory_gib: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    load_timeout_s: Seconds = 120.0


class Route(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name that clients call.

    Attributes:
        candidates: deployments or other routes, in order of preference.
        policy: `{ kind = "fallback", ... }`; the other keys are the policy's own.
        kind: the kind of requests that name none.
        label: the privacy label of every request; a request may raise it, never lower it.
        deadline_s: default deadline of a request.
        continue_cut: an answer that breaks off in mid-stream is continued by a model that is known to do so.
        max_tokens: longest answer where neither the request nor the deployment's settings name one. Budgets hold what
            an answer may cost at most: with a limit that suits the work they hold little.
        bodies: what the ledger keeps of its requests and answers; default: as `serve.bodies` says.
        redact_personal_data: take personal data out of what is kept; default: as `serve.redact_personal_data` says.
        cache: identical requests are answered from what was answered before; default: they are not.
        guards: who looks at what is asked and answered.
        audit: a share of its requests is answered by another one too, to compare.
    """

    candidates: tuple[str, ...]
    policy: dict[str, Any] = msgspec.field(default_factory=lambda: {"kind": "fallback"})
    kind: Annotated[str, Meta(min_length=1)] | None = None
    label: Literal["public", "unlabelled", "private-only"] | None = None
    deadline_s: Seconds | None = None
    continue_cut: bool = True
    max_tokens: Positive | None = None
    bodies: Keep | None = None
    redact_personal_data: bool | None = None
    audit: Audit | None = None
    cache: Cached | None = None
    guards: Guards = Guards()


class Constraints(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The envelope: hard limits on what may be called.

    Attributes:
        sensitive_data: `private-only`: requests labelled so go to private deployments only.
        unlabelled_data: where requests without a label may go; `private-only` treats them as sensitive.
        licences: licence ids that open weights may have; default: any.
        usd_per_month: hard budget for everything in this ledger, per calendar month (UTC).
        budget_wait_s: how long a request waits at most while only what running requests may cost stands in its way.
        p95_latency_s: a candidate whose measured 95th percentile is above it is not chosen.
        unknown_price: what to do with a deployment whose price nobody knows while a budget or a highest price is set;
            `allow` calls it without holding money.
        commercial: the work is a company's: weights whose licence does not plainly allow that are out, unless
            `licences` names it: then somebody has read it.
        monthly_users: people who use what is built, in a month; licences with a lower cap are out, unless named.
        region: where the licensee is (`eu`, `us`); licences that grant nothing there are out.
        trains_on_outputs: answers will train other models; licences and hosts that forbid it are out.
        forbidden_terms: terms of licences that the team does not take on itself.
        openness: how open it must be at least; `open-recipe` needs code or recipe, `open-source` the data as well.
        hosts: those that may be rented from, by their key; default: any. Private deployments need none.
        inputs_may_train: false: hosts that may learn from what they are sent are out, those with an objection to be
            made (`opt-out`) too.
        max_retention_days: hosts that may keep inputs or answers for longer are out; 0 = they keep nothing.
        data_regions: hosts that cannot keep data in one of these regions (`eu`, `us`) are out.
        days_to_retirement: models that their maker may retire within so many days are out; 0 = only retired ones. Of
            `2027-02` the first day counts.
        input_usd_per_mtok: highest price of a million input tokens.
        output_usd_per_mtok: highest price of a million output tokens.
    """

    sensitive_data: Literal["private-only"] = "private-only"
    unlabelled_data: Literal["any", "private-only"] = "any"
    licences: tuple[str, ...] | None = None
    usd_per_month: BudgetUsd | None = None
    budget_wait_s: NonNegative = 30.0
    p95_latency_s: Seconds | None = None
    unknown_price: Literal["refuse", "allow"] = "refuse"
    commercial: bool | None = None
    monthly_users: Positive | None = None
    region: Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$")] | None = None
    trains_on_outputs: bool = False
    forbidden_terms: tuple[LicenceTerm, ...] = ()
    openness: Literal["open-weight", "open-recipe", "open-source"] | None = None
    hosts: tuple[str, ...] | None = None
    inputs_may_train: bool = True
    max_retention_days: NonNegative | None = None
    data_regions: tuple[str, ...] | None = None
    days_to_retirement: Annotated[int, Meta(ge=0)] | None = None
    input_usd_per_mtok: Usd | None = None
    output_usd_per_mtok: Usd | None = None


class Ledger(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where records are kept, and how durable a row is before an answer counts as given.

    Attributes:
        url: `sqlite:///FILE`, relative to this file; `sqlite:////FILE` is absolute.
        durability: `commit` survives `kill -9`, `fsync` also power loss; `relaxed` flushes what nobody waits for
            within 100 ms.
    """

    url: str = "sqlite:///assay.db"
    durability: Literal["commit", "fsync", "relaxed"] = "commit"


class Serve(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The gateway.

    Attributes:
        host: address to listen on; the default is this machine only.
        port: 0 = any free one.
        default_kind: what requests to the pinned route count as that name no kind, or one that is not proven; default:
            they are refused.
        api_key_env: name of the environment variable that holds the key which clients must show, as
            `authorization: Bearer KEY` or `x-api-key: KEY`; default: none is asked for.
        allow_no_key: listen on an address that other machines reach without asking for a key.
        max_body_bytes: a longer request is refused; of a compressed one, its size when unpacked.
        header_timeout_s: longest time for the head of a request.
        body_timeout_s: longest time for the body of a request.
        idle_timeout_s: how long a connection may stay open without a request.
        write_timeout_s: longest time for which a client may take nothing of an answer that waits for it.
        max_connections: more clients at the same time are told 503; idle connections make room first. Never more than
            the limit on open files allows.
        drain_s: how long new requests are still taken after a signal to stop, while `/readyz` says 503.
        grace_s: how long requests in flight may take after that; streams then end with an error event.
        bodies: what the ledger keeps of what clients ask and get: `off`, `hashed` (a digest of the request, to count
            equal ones), or `full`, from which suites can be made. Keys, tokens and passwords are taken out always.
        redact_personal_data: take out personal data too, as far as it has a form: mail addresses, telephone, card,
            account and identity numbers. A filter, and no promise.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    default_kind: str | None = None
    api_key_env: str | None = None
    allow_no_key: bool = False
    max_body_bytes: Positive = 32 * 1024 * 1024
    header_timeout_s: Seconds = 10.0
    body_timeout_s: Seconds = 60.0
    idle_timeout_s: Seconds = 75.0
    write_timeout_s: Seconds = 60.0
    max_connections: Positive = 10_000
    drain_s: NonNegative = 0.0
    grace_s: NonNegative = 5.0
    bodies: Keep = "off"
    redact_personal_data: bool = False


class Bodies(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of requests and answers where `serve.bodies` or a route says so.

    Attributes:
        keep_days: what is older is deleted, and the words of feedback on it.
        max_bytes: a longer request or answer is not kept, only that there was one.
        secrets_env: names of environment variables whose values are taken out wherever they stand, beside those of all
            keys that this file names.
        canaries: texts that were planted to see where data goes; they are taken out too.
    """

    keep_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    max_bytes: Positive = 256 * 1024
    secrets_env: tuple[str, ...] = ()
    canaries: tuple[Annotated[str, Meta(min_length=6)], ...] = ()


class Decide(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Defaults of `assay choose`, `assay pin` and `assay check`.

    Attributes:
        suite: folder of the suite.
        candidates: deployments, routes or grids to choose from; default: all deployments and members of grids.
        split: decide on this part of the samples; default: all. Prompts written on `dev` are judged on `heldout`.
        bar: share of samples to pass, for kinds whose suite names none.
        tolerance: whoever misses the bar by no more, as a share, may be chosen.
        error: how probable a wrong choice may be, per kind: candidates are asked until that is reached; 0 = until all
            is certain.
        tolerated_regression: how much lower a re-proved pin may score.
    """

    suite: str | None = None
    candidates: tuple[str, ...] | None = None
    split: Literal["dev", "heldout"] | None = None
    bar: Annotated[float, Meta(gt=0, le=1)] = 0.8
    tolerance: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    error: Annotated[float, Meta(ge=0, lt=0.5)] = 0.05
    tolerated_regression: Annotated[float, Meta(ge=0, le=1)] = 0.05

    def part(self, said: str | None) -> Literal["dev", "heldout"] | None:
        """The part of the samples that counts where somebody has said `dev`, `heldout` or `all`; None = all count."""
        chosen = said if said is not None else self.split
        return None if chosen not in ("dev", "heldout") else chosen  # type: ignore[return-value]  # one of the two


class Config(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole file.

    Attributes:
        deployments: ways to call a model, by name.
        routes: names that clients call, by name.
        grids: configurations side by side, by a name for all of them.
        constraints: the envelope.
        budgets: hard limits on what teams and routes spend, by name.
        guards: who looks at what is asked and answered, by name; routes name them.
        ledger: where records are kept.
        serve: the gateway.
        bodies: what is kept of requests and answers.
        local: the engines on this machine, together.
        decide: defaults of the decision's commands.
        watch: what is asked of hosted deployments day after day.
        alerts: what a webhook is told.
        catalog_files: further files of the catalogue, with models of your own.
    """

    deployments: dict[str, Deployment] = {}
    routes: dict[str, Route] = {}
    grids: dict[str, Grid] = {}
    constraints: Constraints = Constraints()
    budgets: dict[str, Limit] = {}
    guards: dict[str, Guard] = {}
    ledger: Ledger = Ledger()
    serve: Serve = Serve()
    bodies: Bodies = Bodies()
    local: Local = Local()
    decide: Decide = Decide()
    watch: Watch = Watch()
    alerts: Alerts = Alerts()
    catalog_files: tuple[str, ...] = ()

    def members(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names of deployments, routes and grids, with the members in place of each grid; each name once."""
        return tuple(
            dict.fromkeys(
                one
                for name in names
                for one in ([each.name for each in self.grids[name].members] if name in self.grids else (name,))
            )
        )
