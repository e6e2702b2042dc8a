"""Whatever a peer's file holds: the result loads, nothing crashes, nothing is lost, no key is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import imported

from assay.catalog.load import builtin
from assay.cli.import_ import PEERS as OFFERED
from assay.config.importers.draft import shown
from assay.config.importers.hosts import LITELLM_HOSTS, PORTKEY_HOSTS, TENSORZERO_HOSTS
from assay.config.importers.peers import PEERS
from assay.inference.build import make_route

WORDS = st.sampled_from((
    "openai", "azure", "groq/llama", "gpt-4o", "bedrock/x", "m", "p", "f", "v", "chat_completion", "openai::gpt-4o",
    "fallback", "loadbalance", "conditional", "single", "os.environ/X", "env::X", "none", "http://127.0.0.1:1/v1",
    "http://[", "30d", "127.0.0.1:80", "*", "@p/m", "", "\u2028",
))  # fmt: skip
LEAVES = st.one_of(WORDS, st.booleans(), st.integers(-3, 10**13), st.floats(-1, 1e13), st.text(max_size=4))


def tables(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Tables with some of these keys, and anything under each."""
    values = st.recursive(LEAVES, lambda one: st.lists(one, max_size=2) | st.dictionaries(WORDS, one, max_size=2))
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values))


PARAMETERS = tables(
    "model", "api_base", "api_key", "rpm", "timeout", "weight", "order", "num_retries", "extra_headers", "stop", "seed",
    "input_cost_per_token", "output_cost_per_token", "max_parallel_requests", "organization", "custom_llm_provider",
)  # fmt: skip
TARGET = tables(
    "strategy", "provider", "override_params", "overrideParams", "weight", "retry", "cache", "custom_host", "name",
    "request_timeout", "api_key", "virtual_key", "resource_name", "deployment_id",
)  # fmt: skip
PROVIDER = tables("type", "model_name", "api_base", "endpoint", "api_key_location", "timeouts")
VARIANT = tables("type", "model", "weight", "system_template", "timeouts", "retries", "temperature", "stop_sequences")
FILES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "litellm": st.fixed_dictionaries({
        "model_list": st.lists(st.fixed_dictionaries({"model_name": LEAVES, "litellm_params": PARAMETERS}), max_size=3),
        "router_settings": tables("fallbacks", "model_group_alias", "num_retries", "timeout", "allowed_fails"),
        "general_settings": tables("master_key", "max_request_size_mb"),
        "litellm_settings": tables("max_budget", "budget_duration", "request_timeout", "default_fallbacks"),
    }),
    "portkey": st.recursive(
        TARGET,
        lambda inner: st.fixed_dictionaries({
            "strategy": tables("mode", "conditions", "default"), "targets": st.lists(inner | LEAVES, max_size=3),
        }),
        max_leaves=3,
    ),
    "tensorzero": st.fixed_dictionaries({
        "models": st.dictionaries(WORDS, st.fixed_dictionaries({
            "routing": LEAVES | st.lists(WORDS, max_size=2), "providers": st.dictionaries(WORDS, PROVIDER, max_size=2),
        }), max_size=2),
        "functions": st.dictionaries(WORDS, st.fixed_dictionaries({
            "variants": st.dictionaries(WORDS, VARIANT, max_size=2),
            "experimentation": tables("type", "candidate_variants", "fallback_variants"),
        }), max_size=2),
        "gateway": tables("bind_address"),
    }),
}  # fmt: skip


@pytest.mark.parametrize("peer", PEERS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_result_always_loads(peer: str, data: st.DataObject) -> None:
    """Any values under the peer's keys become a file that loads, with routes that lead somewhere."""
    root = data.draw(FILES[peer])
    made = imported(peer, tomli_w.dumps(root) if peer == "tensorzero" else json.dumps(root))
    known = {*made.config.deployments, *made.config.routes}
    assert all(set(route.candidates) <= known for route in made.config.routes.values())
    for name, route in made.config.routes.items():
        make_route(name, route)


@pytest.mark.parametrize("table", [LITELLM_HOSTS, PORTKEY_HOSTS, TENSORZERO_HOSTS])
def test_every_host_that_a_provider_leads_to_is_in_the_table(table: dict[str, str]) -> None:
    """A renamed host would make files that do not load."""
    assert set(table.values()) <= set(builtin().hosts)


def test_the_command_offers_every_peer() -> None:
    """The names are said twice, so that `--help` need not import the readers."""
    assert tuple(PEERS) == OFFERED


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("a.api_key", "abc", '"(not shown)"'),
        ("a.max_tokens", "abc", '"abc"'),
        ("a.api_key", "os.environ/KEY", '"os.environ/KEY"'),
        ("a.url", "redis://me:pw@host/0", '"redis://(not shown)@host/0"'),
        ("a.note", "use sk-abcdefgh1234 for it", '"use (not shown) for it"'),
        ("a", {"password": "p", "deep": [{"token": "t"}], "n": 1}, None),
        ("a.model", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", '"us.anthropic.claude-sonnet-4-5-20250929-v1:0"'),
    ],
)
def test_what_looks_like_a_key_is_not_shown(path: str, value: object, text: str | None) -> None:
    """By its name or by its form, however deep; names of models and variables are."""
    wanted = text or '{"password": "(not shown)", "deep": [{"token": "(not shown)"}], "n": 1}'
    assert shown(path, value) == wanted
