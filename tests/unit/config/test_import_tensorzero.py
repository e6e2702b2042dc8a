"""TensorZero's tensorzero.toml as an assay.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from importing import imported

MODELS = """
[models.big]
routing = ["second", "first"]
providers.first = { type = "openai", model_name = "gpt-4o", api_key_location = "env::MINE" }
providers.second = { type = "azure", deployment_id = "d", endpoint = "https://r.openai.azure.com" }
[models.own]
routing = ["vllm"]
[models.own.providers.vllm]
type = "vllm"
model_name = "llama"
api_base = "http://127.0.0.1:8000/v1"
api_key_location = "none"
"""
VARIANT = MODELS + "[functions.f]\nvariants.v = { model = 'own', "


def test_a_model_is_asked_at_its_providers_in_order() -> None:
    """Several providers are a fallback under the model's name, one is a deployment of that name."""
    made = imported("tensorzero", MODELS)
    assert made.config.routes["big"].candidates == ("big-second", "big-first")
    first, second, own = (made.config.deployments[name] for name in ("big-first", "big-second", "own"))
    assert (first.host, first.upstream_model, first.api_key_env) == ("openai", "gpt-4o", "MINE")
    assert (second.base_url, second.upstream_model) == ("https://r.openai.azure.com/openai/v1", "d")
    assert (own.host, own.base_url, own.api_key_env) == ("vllm", "http://127.0.0.1:8000/v1", None)
    assert made.draft.leftovers == []


def test_a_function_is_a_route_of_its_kind_over_its_variants(tmp_path: Path) -> None:
    """Weights, prompts without variables, settings, schema and retries; requests count as the function's kind."""
    (tmp_path / "system.txt").write_text("You sort tickets.")
    (tmp_path / "out.json").write_text('{"type": "object"}')
    made = imported(
        "tensorzero",
        MODELS
        + """
[functions.triage]
type = "json"
output_schema = "out.json"
[functions.triage.variants.a]
type = "chat_completion"
model = "own"
weight = 0.9
system_template = "system.txt"
temperature = 0.5
stop_sequences = ["END"]
retries = { num_retries = 4 }
timeouts = { non_streaming.total_ms = 3000, streaming.ttft_ms = 500 }
[functions.triage.variants.b]
model = "groq::llama"
weight = 0.1
""",
        tmp_path,
    )
    route = made.config.routes["triage"]
    assert route.kind == "triage"
    assert route.policy == {
        "kind": "split", "weights": {"triage-a": 0.9, "triage-b": 0.1}, "on_failure": "next",
    }  # fmt: skip
    one = made.config.deployments["triage-a"]
    assert (one.retries, one.total_timeout_s, one.first_token_timeout_s) == (4, 3, 0.5)
    assert one.settings.system_file == str(tmp_path / "system.txt")
    assert one.settings.schema_file == str(tmp_path / "out.json")
    assert (one.settings.temperature, one.settings.stop) == (0.5, ("END",))
    assert made.config.deployments["triage-b"].host == "groq"
    assert made.draft.leftovers == []
    assert "NAME instead of tensorzero::function_name::NAME" in made.draft.notes[0]


def test_a_variant_of_a_model_with_several_providers_is_a_route_of_its_own() -> None:
    """Its settings hold at each provider."""
    made = imported("tensorzero", MODELS + '[functions.f]\nvariants.v = { model = "big", temperature = 1 }\n')
    assert made.config.routes["f-v"].candidates == ("f-v-second", "f-v-first")
    assert made.config.deployments["f-v-first"].settings.temperature == 1
    assert made.config.routes["f"].candidates == ("f-v",)


@pytest.mark.parametrize(
    ("variants", "experiment", "candidates", "weights"),
    [
        ("a b", "", ("f-a", "f-b"), {"f-a": 1, "f-b": 1}),
        ("a=2 b=1 c", "", ("f-split", "f-c"), None),
        ("a=2 b", "", ("f-a", "f-b"), None),
        ("a b c", 'type = "static"\ncandidate_variants = { b = 1.0, c = 3.0 }', ("f-b", "f-c"), {"f-b": 1, "f-c": 3}),
        ("a b", 'candidate_variants = ["b"]\nfallback_variants = ["a"]', ("f-b", "f-a"), None),
        ("a b c", 'candidate_variants = ["a", "b"]\nfallback_variants = ["c"]', ("f-split", "f-c"), None),
    ],
)
def test_variants_are_dealt_by_their_weights(
    variants: str, experiment: str, candidates: tuple[str, ...], weights: dict[str, float] | None
) -> None:
    """Equally without any; those without one, or named as fallbacks, when the others have failed."""
    text = MODELS + "[functions.f]\n"
    for variant in variants.split():
        name, _, weight = variant.partition("=")
        text += f'variants.{name} = {{ model = "own"{", weight = " + weight if weight else ""} }}\n'
    made = imported("tensorzero", text + (f"[functions.f.experimentation]\n{experiment}\n" if experiment else ""))
    assert made.config.routes["f"].candidates == candidates
    assert made.config.routes["f"].policy.get("weights") == weights
    assert made.draft.leftovers == []


def test_the_responses_api_and_a_price_are_carried_over() -> None:
    """The format of the provider, and what its tokens cost."""
    text = """
[models.m]
routing = ["o"]
[models.m.providers.o]
type = "openai"
model_name = "gpt-5"
api_type = "responses"
[[models.m.providers.o.cost]]
pointer = "/usage/prompt_tokens"
cost_per_million = 0.5
[[models.m.providers.o.cost]]
pointer = "/usage/completion_tokens"
cost_per_million = 2.0
"""
    one = imported("tensorzero", text).config.deployments["m"]
    assert (one.dialect, one.host) == ("openai-responses", "openai")
    assert one.price_usd_per_mtok is not None
    assert (one.price_usd_per_mtok.input, one.price_usd_per_mtok.output) == (0.5, 2.0)
    made = imported("tensorzero", text.replace("/usage/completion_tokens", "/usage/searches"))
    assert list(made.left) == ["models.m.providers.o.cost"]


def test_a_template_with_variables_is_told(tmp_path: Path) -> None:
    """A prompt is a whole text here; a half-filled one would be a wrong prompt."""
    (tmp_path / "system.minijinja").write_text("Speak {{ language }}.")
    variant = '[functions.f]\nvariants.v = { model = "own", system_template = "system.minijinja" }\n'
    made = imported("tensorzero", MODELS + variant, tmp_path)
    assert made.config.deployments["f-v"].settings.system_file is None
    assert list(made.left) == ["functions.f.variants.v.system_template"]


def test_one_name_for_two_things_is_told() -> None:
    """A model and a function may be called alike there, and not here."""
    made = imported("tensorzero", MODELS + '[functions.own]\nvariants.v = { model = "own" }\n')
    assert made.config.routes["own-2"].candidates == ("own-v",)
    assert "clients call 'own-2'" in made.left["own"]


def test_the_gateways_address_is_the_servers() -> None:
    """Host and port; what else the gateway does is listed."""
    made = imported("tensorzero", '[gateway]\nbind_address = "127.0.0.1:3000"\ndebug = true\n')
    assert (made.config.serve.host, made.config.serve.port) == ("127.0.0.1", 3000)
    assert list(made.left) == ["gateway.debug"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[gateway]\nbind_address = "nowhere"', "gateway.bind_address"),
        ("[metrics.m]\ntype = 'boolean'", "metrics"),
        ("[tools.t]\ndescription = 'd'", "tools"),
        ("[rate_limiting]\nenabled = true", "rate_limiting"),
        ("[new_thing]\na = 1", "new_thing"),
        (VARIANT + "json_mode = 'on' }", "functions.f.variants.v.json_mode"),
        (VARIANT + "system_template = 'gone' }", "functions.f.variants.v.system_template"),
        (MODELS.replace('["vllm"]', '["vllm", "gone"]'), "models.own.routing"),
        (MODELS.replace('"env::MINE"', '"dynamic::k"'), "models.big.providers.first.api_key_location"),
        (MODELS.replace('"http://127.0.0.1:8000/v1"', '"env::BASE"'), "models.own.providers.vllm.api_base"),
        (MODELS.replace('"second", "first"', '"second"'), "models.big.providers.first"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_listed(text: str, place: str) -> None:
    """With its place and a reason."""
    made = imported("tensorzero", text)
    assert list(made.left) == [place]
    assert made.left[place]


def test_a_model_nobody_can_reach_is_not_made_up() -> None:
    """A provider of an unknown type is told, and so are the model and the variant that need it."""
    text = (
        '[models.m]\nrouting = ["d"]\nproviders.d = { type = "dummy" }\n[functions.f]\nvariants.v = { model = "m" }\n'
    )
    made = imported("tensorzero", text)
    assert not made.config.deployments
    assert list(made.left) == ["models.m.providers.d", "models.m", "functions.f.variants.v.model", "functions.f"]
