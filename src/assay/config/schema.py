"""The schema of `assay.toml`. Units stand in key names; a key that is not here is an error.

Paths are relative to the file and are resolved on loading (`assay.config.load`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Usd = Annotated[float, Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of the file."""


class Price(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None


class Example(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One few-shot example: what a user would say, and the answer wanted."""

    user: str
    assistant: str


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prompt and parameters that a deployment adds to every request of a kind.

    A request's own parameters win over these; these win over the provider's defaults.

    Attributes:
        system, system_file: instruction put first.
        template, template_file: what the user's last message becomes; `{input}` stands for it.
        examples, examples_file: few-shot turns put between instruction and input (JSONL of user, assistant).
        style: `chat` sends turns; `text` writes everything as one text for a base model.
        schema_file: JSON schema that the answer is limited to.
        grammar_file: GBNF grammar that the answer is limited to (local engine only).
        choices: the answer is exactly one of these (local engine: a grammar).
    """

    system: str | None = None
    system_file: str | None = None
    template: str | None = None
    template_file: str | None = None
    examples: tuple[Example, ...] | None = None
    examples_file: str | None = None
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


class Engine(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the local engine runs. Deployments with equal weights and engine share one process.

    Attributes:
        context_tokens: context of each slot.
        slots: requests served at the same time.
        threads: `None` = decided at the start from the load of the machine.
        idle_s: seconds without a request after which the engine is stopped.
    """

    context_tokens: Positive = 2048
    slots: Positive = 4
    threads: Positive | None = None
    idle_s: Seconds = 600.0


class Deployment(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to call a model.

    Attributes:
        model: id in the catalogue.
        dialect: `openai`, `completions`, `local`, `scripted`, or one that a plug-in registers.
        base_url: default: the provider's own.
        api_key_env: name of the environment variable that holds the key.
        upstream_model: what the host calls the model; default: from the catalogue, else the id's last part.
        private: data sent here stays under the team's control. Default: true for `local` and `scripted`.
        price_usd_per_mtok: default: from the catalogue.
        usd_per_hour: what the device of a local engine costs; without it USD is unknown and seconds count.
        weights: file of a local model; default: where the catalogue says.
        script: file of rules of a `scripted` model.
        settings: for every kind; `kinds` refines them per kind.
        concurrency: requests in flight at the same time.
        retries: further tries after a fault that may heal.
    """

    model: str
    dialect: str
    base_url: str | None = None
    api_key_env: str | None = None
    upstream_model: str | None = None
    private: bool | None = None
    price_usd_per_mtok: Price | None = None
    usd_per_hour: Usd | None = None
    weights: str | None = None
    script: str | None = None
    engine: Engine = Engine()
    settings: Settings = Settings()
    kinds: dict[str, Settings] = {}
    headers: dict[str, str] = {}
    quirks: dict[str, Any] = {}
    concurrency: Positive = 8
    retries: Annotated[int, Meta(ge=0)] = 2
    connect_timeout_s: Seconds = 10.0
    idle_timeout_s: Seconds = 120.0

    @property
    def is_private(self) -> bool:
        """Whether private-only data may be sent here: declared, or because it never leaves this machine."""
        return self.private if self.private is not None else self.dialect in ("local", "scripted")


class Route(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name that clients call.

    Attributes:
        candidates: deployments or other routes, in order of preference.
        policy: `{ kind = "fallback", ... }`; the other keys are the policy's own.
        kind: the kind of requests that name none.
        label: the privacy label of every request; a request may raise it, never lower it.
        deadline_s: default deadline of a request.
    """

    candidates: tuple[str, ...]
    policy: dict[str, Any] = msgspec.field(default_factory=lambda: {"kind": "fallback"})
    kind: str | None = None
    label: Literal["public", "unlabelled", "private-only"] | None = None
    deadline_s: Seconds | None = None


class Constraints(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The envelope: hard limits on what may be called.

    Attributes:
        sensitive_data: `private-only`: requests labelled so go to private deployments only.
        unlabelled_data: what becomes of requests without a label.
        licences: licence ids that open weights may have; `None` = any.
        usd_per_month: hard budget for everything in this ledger, per calendar month (UTC).
        p95_latency_s: a candidate whose measured 95th percentile is above it is not chosen.
        unknown_price: what to do with a deployment whose price nobody knows while a budget is set.
    """

    sensitive_data: Literal["private-only"] = "private-only"
    unlabelled_data: Literal["any", "private-only"] = "any"
    licences: tuple[str, ...] | None = None
    usd_per_month: Usd | None = None
    p95_latency_s: Seconds | None = None
    unknown_price: Literal["refuse", "allow"] = "refuse"


class Ledger(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where records are kept, and how durable a row is before an answer counts as given."""

    url: str = "sqlite:///assay.db"
    durability: Literal["commit", "fsync", "relaxed"] = "commit"


class Serve(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The gateway."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    default_kind: str | None = None
    max_body_bytes: Positive = 32 * 1024 * 1024


class Decide(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Defaults of `assay choose`, `assay pin` and `assay check`.

    Attributes:
        suite: folder of the suite.
        candidates: deployments or routes to choose from; default: all deployments.
        split: decide on this part of the samples; default: all. Prompts written on `dev` are judged on `heldout`.
        bar: share of samples to pass, for kinds whose suite names none.
        tolerated_regression: how much lower a re-proved pin may score.
    """

    suite: str | None = None
    candidates: tuple[str, ...] | None = None
    split: Literal["dev", "heldout"] | None = None
    bar: Annotated[float, Meta(gt=0, le=1)] = 0.8
    tolerated_regression: Annotated[float, Meta(ge=0, le=1)] = 0.05


class Config(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole file."""

    deployments: dict[str, Deployment] = {}
    routes: dict[str, Route] = {}
    constraints: Constraints = Constraints()
    ledger: Ledger = Ledger()
    serve: Serve = Serve()
    decide: Decide = Decide()
    catalog_files: tuple[str, ...] = ()
