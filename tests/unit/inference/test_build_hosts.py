"""Deployments at hosts of the table, as the builder makes them: what is sent, where to, at what price."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.catalog.load import builtin
from assay.config.schema import Constraints, Deployment
from assay.dialects.capability import check_quirks
from assay.envelope.permission import impermissible
from assay.errors import ConfigError, RequestError
from assay.inference.build import Builder
from assay.inference.deployment import LiveDeployment
from assay.providers.provider import Attempted
from assay.types import Message, Request, Sampling

HELLO = Request(messages=(Message.of("user", "hello"),), stream=True)


def built(**said: Any) -> LiveDeployment:
    """A deployment, ready to be called."""
    return Builder(builtin()).deployment("d", msgspec.convert({"model": "acme/large", **said}, Deployment))


def body(live: LiveDeployment, request: Request = HELLO) -> dict[str, Any]:
    """What would be sent."""
    wire = live.provider.preview(Attempted(request, stream=request.stream))
    return {"url": wire.url, **msgspec.json.decode(wire.body)}


def test_quirks_of_the_host_shape_what_is_sent() -> None:
    """Mistral is asked for a stream without `stream_options`, a seed or a limit goes by its name at the host."""
    sent = body(built(host="mistral"))
    assert (sent["url"], sent["model"]) == ("https://api.mistral.ai/v1/chat/completions", "large")
    assert "stream_options" not in sent
    seeded = body(built(host="mistral"), msgspec.structs.replace(HELLO, sampling=Sampling(seed=3)))
    assert (seeded["random_seed"], "seed" in seeded) == (3, False)
    limited = msgspec.structs.replace(HELLO, sampling=Sampling(max_tokens=9))
    assert body(built(host="openai"), limited)["max_completion_tokens"] == 9


def test_what_a_host_does_not_take_is_refused_by_name() -> None:
    """A field that the host would ignore is an error, unless the deployment says otherwise."""
    biased = msgspec.structs.replace(HELLO, sampling=Sampling(logit_bias={"1": 2.0}))
    with pytest.raises(RequestError, match="logit_bias"):
        body(built(host="cerebras"), biased)
    overruled = built(host="cerebras", quirks={"capabilities": {"logit_bias": "keep"}})
    assert body(overruled, biased)["logit_bias"] == {"1": 2.0}


async def test_a_pin_freezes_what_the_host_came_to() -> None:
    """Address and quirks are facts of the deployment, so that a changed table is told."""
    facts = await built(host="mistral").facts()
    assert facts["base_url"] == "https://api.mistral.ai/v1"
    assert "stream_options" in facts["quirks"]


def test_a_price_is_that_of_the_named_host() -> None:
    """The maker's list price says nothing of another host's."""
    known = built(model="anthropic/claude-sonnet-4-5", host="anthropic")
    assert known.price.price is not None
    assert built(model="anthropic/claude-sonnet-4-5", host="groq").price.price is None


def test_a_hosts_promises_hold_at_its_own_address_only() -> None:
    """Elsewhere its quirks shape what is sent, and neither data policy nor name is lent to whoever is there."""
    limits = Constraints(hosts=("openai",), max_retention_days=90)
    there, elsewhere = built(host="openai"), built(host="openai", base_url="https://acme.example/v1")
    assert impermissible(there.candidate, limits) is None
    assert "which is not openai's own" in str(impermissible(elsewhere.candidate, limits))
    assert elsewhere.config.quirks == there.config.quirks
    kept = impermissible(elsewhere.candidate, Constraints(max_retention_days=90))
    assert "keeps inputs is unknown (max_retention_days)" in str(kept)


def test_litellm_is_built_without_a_host() -> None:
    """Missing or not, the deployment is there and says what it needs when it is called."""
    live = built(dialect="litellm", model="bedrock/x")
    assert live.dialect is None
    assert live.missing is None or "assay[litellm]" in str(live.missing)


def test_the_limit_that_messages_demand_is_the_models() -> None:
    """Trap 15: without a limit Anthropic is told the longest answer of the model; a quirk of the deployment wins."""
    known = {"model": "anthropic/claude-sonnet-4-5", "host": "anthropic"}
    sent = body(built(**known))
    assert (sent["url"], sent["max_tokens"]) == ("https://api.anthropic.com/v1/messages", 64000)
    assert body(built(**known, quirks={"default_max_tokens": 500}))["max_tokens"] == 500


def test_every_quirk_in_the_table_of_hosts_is_understood() -> None:
    """A host's own quirks pass the check that a deployment's have to pass."""
    for host in builtin().hosts.values():
        check_quirks(host.quirks)


def test_a_plugins_format_has_quirks_of_its_own() -> None:
    """Only names that nobody announced are mistakes."""
    check_quirks({"flavour": "odd"}, own=("flavour",))
    with pytest.raises(ConfigError, match="unknown 'flavour'"):
        check_quirks({"flavour": "odd"})
