"""Portkey's configs as an assay.toml."""

from __future__ import annotations

import json
from typing import Any

import pytest
from importing import Imported, imported


def portkey(**config: Any) -> Imported:
    """What comes of a config in `prod.conf`."""
    return imported("portkey", json.dumps(config))


def leaf(model: str, provider: str = "openai", **more: Any) -> dict[str, Any]:
    """A target."""
    return {"provider": provider, "override_params": {"model": model}, **more}


def test_a_single_target_is_a_deployment_called_after_the_file() -> None:
    """Provider, model, settings and limits; milliseconds become seconds."""
    made = portkey(**leaf("gpt-4o-mini"), retry={"attempts": 4}, request_timeout=2500)
    one = made.config.deployments["prod"]
    assert (one.host, one.upstream_model, one.retries, one.total_timeout_s) == ("openai", "gpt-4o-mini", 4, 2.5)
    assert made.draft.leftovers == []


def test_a_load_balance_is_a_split_without_a_second_try() -> None:
    """Portkey asks nobody else either."""
    made = portkey(strategy={"mode": "loadbalance"}, targets=[leaf("a", weight=0.7), leaf("b", "groq", weight=0.3)])
    assert made.config.routes["prod"].policy == {"kind": "split", "weights": {"prod-1": 0.7, "prod-2": 0.3}}


def test_strategies_nest_and_inner_targets_inherit() -> None:
    """A fallback over a split; retries of the whole hold for each, unless a target has its own."""
    made = portkey(
        strategy={"mode": "fallback"}, retry={"attempts": 2},
        targets=[
            {
                "name": "pool", "strategy": {"mode": "loadbalance"},
                "targets": [leaf("a"), leaf("b", retry={"attempts": 0})],
            },
            leaf("claude", "anthropic"),
        ],
    )  # fmt: skip
    assert made.config.routes["prod"].candidates == ("prod-pool", "prod-2")
    assert made.config.routes["prod-pool"].candidates == ("prod-pool-1", "prod-pool-2")
    assert [one.retries for one in made.config.deployments.values()] == [2, 0, 2]


def test_conditions_are_told_and_the_default_is_asked() -> None:
    """A rule on metadata has no counterpart: the default target comes first."""
    made = portkey(
        strategy={
            "mode": "conditional", "default": "small",
            "conditions": [{"query": {"metadata.user_plan": {"$eq": "paid"}}, "then": "big"}],
        },
        targets=[leaf("b", name="big"), leaf("s", name="small")],
    )  # fmt: skip
    assert made.config.routes["prod"].candidates == ("prod-small", "prod-big")
    assert made.config.routes["prod"].policy == {"kind": "fixed"}
    assert "metadata.user_plan" in made.draft.leftovers[0].value


def test_a_condition_on_the_model_is_a_route_of_that_name() -> None:
    """Clients that call `fastest` get its target, as they did; the others the default."""
    made = portkey(
        strategy={
            "mode": "conditional", "default": "b",
            "conditions": [{"query": {"params.model": {"$eq": "fastest"}}, "then": "a"}],
        },
        targets=[leaf("z"), leaf("x", name="a"), leaf("y", name="b")],
    )  # fmt: skip
    assert made.config.routes["fastest"].candidates == ("prod-a",)
    assert made.config.routes["prod"].candidates == ("prod-b", "prod-1", "prod-a")
    assert made.draft.leftovers == []


def test_parameters_of_the_whole_hold_for_each_target() -> None:
    """A target's own ones win."""
    made = portkey(
        strategy={"mode": "fallback"}, override_params={"temperature": 0.5, "model": "m"},
        targets=[{"provider": "groq"}, leaf("n")],
    )  # fmt: skip
    assert [one.upstream_model for one in made.config.deployments.values()] == ["m", "n"]
    assert {one.settings.temperature for one in made.config.deployments.values()} == {0.5}
    assert made.draft.leftovers == []


def test_two_spellings_of_one_key_are_told() -> None:
    """The first is read; the second is not lost without a word."""
    made = portkey(**leaf("m"), request_timeout=1000, requestTimeout=2000)
    assert made.config.deployments["prod"].total_timeout_s == 1
    assert list(made.left) == ["requestTimeout"]


def test_camel_case_is_read_too() -> None:
    """Both spellings are Portkey's own."""
    made = portkey(provider="openai", overrideParams={"model": "m"}, requestTimeout=1000, customHost="http://h:1/v1")
    one = made.config.deployments["prod"]
    assert (one.dialect, one.base_url, one.total_timeout_s) == ("openai", "http://h:1/v1", 1)


@pytest.mark.parametrize(
    ("target", "keys"),
    [
        (leaf("m", "mistral-ai"), {"host": "mistral"}),
        (leaf("m", "bedrock"), {"dialect": "litellm", "upstream_model": "bedrock/m"}),
        (
            {"provider": "azure-openai", "resourceName": "res", "deploymentId": "d"},
            {"base_url": "https://res.openai.azure.com/openai/v1", "upstream_model": "d"},
        ),
        ({"virtual_key": "vk", "override_params": {"model": "claude-x"}}, {"host": "anthropic"}),
        ({"virtual_key": "vk", "override_params": {"model": "m"}}, {"base_url": "https://provider.invalid/v1"}),
        ({"provider": "@stored", "override_params": {"model": "@stored/m"}}, {"upstream_model": "m"}),
        ({"provider": "groq"}, {"host": "groq", "upstream_model": "name-the-model"}),
    ],
)
def test_where_a_target_is_reached(target: dict[str, Any], keys: dict[str, object]) -> None:
    """By its host where it is known; what is stored with Portkey leads nowhere until somebody says it."""
    made = portkey(**target)
    assert {key: getattr(made.config.deployments["prod"], key) for key in keys} == keys


def test_keys_are_never_copied() -> None:
    """Neither a provider's own nor the name of one that Portkey holds."""
    made = portkey(**leaf("m", api_key="sk-literal-123"), virtual_key="openai-vk-9")
    assert made.config.deployments["prod"].api_key_env == "OPENAI_API_KEY"
    assert "sk-literal" not in made.said
    assert "vk-9" not in made.said
    assert set(made.left) == {"api_key", "virtual_key"}


@pytest.mark.parametrize(
    "more",
    [
        {"cache": {"mode": "simple"}}, {"input_guardrails": ["g"]}, {"forward_headers": ["a"]}, {"something": 1},
        {"retry": {"on_status_codes": [429]}}, {"retry": {"use_retry_after_header": False}},
        {"override_params": {"model": "m", "logit_bias": {"1": 1}}}, {"strategy": {"mode": "fallback"}},
        {"request_timeout": "soon"}, {"targets": 3}, {"targets": [1]},
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_listed(more: dict[str, Any]) -> None:
    """With its place and a reason."""
    made = portkey(**{**leaf("m"), **more})
    assert len(made.left) == 1
    assert all(made.left.values())
