"""LiteLLM's config.yaml as an assay.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from importing import imported

from assay.config.importers.peers import draft_of
from assay.errors import ConfigError

TWO = """
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/FIRST_KEY, weight: 3}
  - model_name: chat
    litellm_params: {model: groq/llama-3.3-70b-versatile, weight: 1}
"""


def one(parameters: str, more: str = "") -> str:
    """A configuration of one model, `m`."""
    return f"model_list: [{{model_name: m, litellm_params: {{{parameters}}}, {more}}}]"


def test_a_model_becomes_a_deployment_at_its_host() -> None:
    """Host, name there, key, settings, limits and price, under the name that clients call."""
    made = imported(
        "litellm",
        """
model_list:
  - model_name: smart
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_key: os.environ/CLAUDE_KEY
      temperature: 0
      max_tokens: 512
      timeout: 30
      stream_timeout: 12
      num_retries: 5
      max_parallel_requests: 3
      extra_headers: {x-team: a}
    model_info: {input_cost_per_token: 0.000003, output_cost_per_token: 0.000015}
""",
    )
    found = made.config.deployments["smart"]
    assert (found.host, found.upstream_model, found.api_key_env) == ("anthropic", "claude-sonnet-4-5", "CLAUDE_KEY")
    assert (found.settings.temperature, found.settings.max_tokens) == (0, 512)
    assert (found.total_timeout_s, found.idle_timeout_s, found.retries, found.concurrency) == (30, 12, 5, 3)
    assert found.headers == {"x-team": "a"}
    assert found.price_usd_per_mtok is not None
    assert (found.price_usd_per_mtok.input, found.price_usd_per_mtok.output) == (3, 15)
    assert made.draft.leftovers == []


def test_models_of_one_name_are_a_split_that_goes_on_after_a_failure() -> None:
    """Clients call the same name; the weights are LiteLLM's."""
    made = imported("litellm", TWO)
    route = made.config.routes["chat"]
    assert route.candidates == ("chat-1", "chat-2")
    assert route.policy == {"kind": "split", "weights": {"chat-1": 3, "chat-2": 1}, "on_failure": "next"}


def test_fallbacks_in_a_ring_do_not_lead_back() -> None:
    """Each name falls back to the other's own models, so that no route contains itself."""
    text = TWO + "  - model_name: other\n    litellm_params: {model: mistral/small}\n"
    made = imported("litellm", text + "litellm_settings: {fallbacks: [{chat: [other]}, {other: [chat, gone]}]}")
    assert made.config.routes["chat"].candidates == ("chat-own", "other-1")
    assert made.config.routes["other"].candidates == ("other-1", "chat-own")
    assert made.config.routes["chat"].policy == {"kind": "fallback"}
    assert "name of an entry" in made.left["litellm_settings.fallbacks[1].other"]


def test_orders_are_asked_one_after_another() -> None:
    """Those with the lowest `order` first, equal ones by weight."""
    entry = "  - model_name: m\n    litellm_params: {{model: xai/grok-{0}, order: {1}}}\n"
    made = imported("litellm", "model_list:\n" + entry.format(1, 2) + entry.format(2, 1) + entry.format(3, 2))
    assert made.config.routes["m"].candidates == ("m-2", "m-order-2")
    assert made.config.routes["m-order-2"].candidates == ("m-1", "m-3")


def test_an_alias_is_a_route() -> None:
    """Its name leads to the same models; an alias of nothing is told."""
    made = imported("litellm", TWO + "router_settings: {model_group_alias: {gpt: chat, bad: gone}}")
    assert made.config.routes["gpt"].candidates == ("chat",)
    assert list(made.left) == ["router_settings.model_group_alias.bad"]


def test_settings_for_all_are_those_of_each_deployment() -> None:
    """Retries, timeout and cool-down of the router; the proxy's key and budget; what an entry says itself wins."""
    made = imported(
        "litellm",
        TWO
        + "router_settings: {num_retries: 3, timeout: 40, allowed_fails: 2, cooldown_time: 15}\n"
        + "general_settings: {master_key: os.environ/MASTER, max_request_size_mb: 2}\n"
        + "litellm_settings: {max_budget: 50, budget_duration: 30d}\n",
    )
    found = made.config.deployments["chat-2"]
    assert (found.retries, found.total_timeout_s) == (3, 40)
    assert (found.breaker.failures, found.breaker.window_s, found.breaker.open_s) == (3, 60, 15)
    assert (made.config.serve.api_key_env, made.config.serve.max_body_bytes) == ("MASTER", 2 * 1024 * 1024)
    assert made.config.constraints.usd_per_month == 50
    assert made.draft.leftovers == []


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ("model: gpt-4o", {"host": "openai", "upstream_model": "gpt-4o"}),
        ("model: claude-haiku", {"host": "anthropic"}),
        ("model: azure/mine, api_base: 'https://r.openai.azure.com/'", {"base_url": "https://r.openai.azure.com/openai/v1"}),
        ("model: azure/mine", {"base_url": "https://azure-resource.invalid/v1/openai/v1"}),
        ("model: openai/x, api_base: 'http://10.0.0.1/v1/'", {"host": None, "dialect": "openai", "base_url": "http://10.0.0.1/v1"}),
        ("model: ollama/q, api_base: 'http://localhost:11434'", {"host": "ollama", "base_url": "http://localhost:11434/v1"}),
        ("model: openrouter/meta/llama", {"host": "openrouter", "upstream_model": "meta/llama"}),
        ("model: x, custom_llm_provider: together_ai", {"host": "together"}),
        ("model: text-completion-openai/babbage-002", {"host": "openai", "dialect": "completions"}),
        ("model: bedrock/a.b", {"host": None, "dialect": "litellm", "upstream_model": "bedrock/a.b"}),
        ("model: nobody", {"dialect": "litellm", "upstream_model": "nobody"}),
    ],
)  # fmt: skip
def test_where_a_model_is_reached(parameters: str, keys: dict[str, object]) -> None:
    """Providers of the table by their host, addresses of one's own as they are, the long tail through LiteLLM."""
    made = imported("litellm", one(parameters))
    assert {key: getattr(made.config.deployments["m"], key) for key in keys} == keys


@pytest.mark.parametrize(
    "value",
    [
        "os.environ/NOT_SET_HERE",
        "not an address",
        "http://[",
        "ftp://h",
        "${BASE}",
        "http://u:pw@h/v1",
        "http://h/v1?key=abc",
        "sk-abcdef",
    ],
)
def test_an_address_that_cannot_be_written_leads_nowhere(value: str) -> None:
    """Never to the provider's own host, which was not meant."""
    made = imported("litellm", one(f"model: groq/x, api_base: '{value}'"))
    base_url = made.config.deployments["m"].base_url
    assert base_url is not None
    assert ".invalid/" in base_url
    assert "pw@" not in made.said
    assert "abc" not in made.said
    assert list(made.left) == ["model_list[0].litellm_params.api_base"]


def test_an_address_in_a_variable_is_written_out_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variable holds now, and a note that it was so."""
    monkeypatch.setenv("VLLM_BASE", "http://10.0.0.2:8000/v1")
    made = imported(
        "litellm",
        one("model: hosted_vllm/x, api_base: os.environ/VLLM_BASE"),
    )
    assert made.config.deployments["m"].base_url == "http://10.0.0.2:8000/v1"
    assert "VLLM_BASE" in made.draft.notes[0]


def test_keys_are_never_copied() -> None:
    """A literal key becomes the name of a variable, equal keys the same one; nothing that is shown holds found."""
    secrets = ["sk-openai-0123456789", "hunter2", "lf-pass", "pw-of-db", "Bearer abc.def"]
    made = imported(
        "litellm",
        f"""
model_list:
  - model_name: a
    litellm_params: {{model: openai/x, api_key: {secrets[0]}, extra_headers: {{Authorization: "{secrets[4]}"}}}}
  - {{model_name: b, litellm_params: {{model: openai/y, api_key: {secrets[0]}}}}}
  - {{model_name: c, litellm_params: {{model: openai/z, api_key: sk-other-0123456789}}}}
router_settings: {{redis_password: {secrets[1]}}}
environment_variables: {{LANGFUSE_SECRET: {secrets[2]}}}
general_settings: {{database_url: "postgresql://user:{secrets[3]}@db/llm", master_key: sk-master-1}}
""",
    )
    assert [each.api_key_env for each in made.config.deployments.values()] == ["OPENAI_API_KEY"] * 2 + [
        "OPENAI_API_KEY_2"
    ]
    assert made.config.serve.api_key_env == "ASSAY_API_KEY"
    assert not [secret for secret in (*secrets, "sk-master-1", "sk-other") if secret in made.said]
    assert "put it into the variable OPENAI_API_KEY" in made.left["model_list[0].litellm_params.api_key"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("router_settings: {routing_strategy: least-busy}", "router_settings.routing_strategy"),
        ("router_settings: {context_window_fallbacks: [{a: [b]}]}", "router_settings.context_window_fallbacks"),
        ("litellm_settings: {drop_params: true}", "litellm_settings.drop_params"),
        ("litellm_settings: {max_budget: 5, budget_duration: 1d}", "litellm_settings.max_budget"),
        ("litellm_settings: {cache: true}", "litellm_settings.cache"),
        ("guardrails: [{a: 1}]", "guardrails"),
        ("something_new: 1", "something_new"),
        ("model_list: [{model_name: 'openai/*', litellm_params: {model: 'openai/*'}}]", "model_list[0]"),
        ("model_list: [{model_name: a}]", "model_list[0]"),
        ("model_list: [3]", "model_list[0]"),
        (one("model: groq/x, rpm: 3"), "model_list[0].litellm_params.rpm"),
        (one("model: groq/x, timeout: soon"), "model_list[0].litellm_params.timeout"),
        (one("model: groq/x, zzz: {b: 1}"), "model_list[0].litellm_params.zzz"),
        (one("model: groq/x", "model_info: {id: 7}"), "model_list[0].model_info.id"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_listed(text: str, place: str) -> None:
    """With its place and a reason; unknown keys too."""
    made = imported("litellm", text)
    assert list(made.left) == [place]
    assert made.left[place]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not valid YAML"),
        ("a: 1\nb: 2\na: 3", "the key 'a' is there twice"),
        ("- 1", "must hold a table, not list"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: &a [*a]", "nested too deeply, or holds itself"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)), "values"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, message: str) -> None:
    """With what is wrong; YAML's anchors cannot fill the memory, its tags cannot run anything."""
    with pytest.raises(ConfigError, match=message):
        draft_of("litellm", text.encode(), Path("c.yaml"), Path())
