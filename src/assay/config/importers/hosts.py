"""Where another gateway's names of providers lead here: to a host of the table, or through LiteLLM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

__all__ = ["LITELLM_HOSTS", "PORTKEY_HOSTS", "TENSORZERO_HOSTS", "maker_of", "placed", "through_litellm"]

LITELLM_HOSTS: dict[str, str] = {
    "anthropic": "anthropic", "azure": "azure", "baseten": "baseten", "cerebras": "cerebras", "chutes": "chutes",
    "dashscope": "dashscope", "databricks": "databricks", "deepinfra": "deepinfra", "deepseek": "deepseek",
    "fireworks_ai": "fireworks", "friendliai": "friendli", "gemini": "gemini", "github": "github-models",
    "groq": "groq", "hosted_vllm": "vllm", "hyperbolic": "hyperbolic", "inception": "inception",
    "litellm_proxy": "litellm-proxy", "llamafile": "llamafile", "lm_studio": "lmstudio", "meta_llama": "meta",
    "minimax": "minimax", "mistral": "mistral", "moonshot": "moonshot", "nebius": "nebius", "novita": "novita",
    "nvidia_nim": "nvidia", "ollama": "ollama", "ollama_chat": "ollama", "openai": "openai",
    "openrouter": "openrouter", "ovhcloud": "ovhcloud", "perplexity": "perplexity", "poe": "poe",
    "sambanova": "sambanova", "scaleway": "scaleway", "snowflake": "snowflake", "text-completion-openai": "openai",
    "together_ai": "together", "veniceai": "venice", "vercel_ai_gateway": "vercel", "wandb": "wandb", "xai": "xai",
    "xinference": "xinference", "zai": "zai",
}  # fmt: skip
"""LiteLLM's prefix of a model -> host. Other prefixes go through LiteLLM itself."""

PORTKEY_HOSTS: dict[str, str] = {
    "ai21": "ai21", "anthropic": "anthropic", "azure-openai": "azure", "cerebras": "cerebras", "cortex": "snowflake",
    "dashscope": "dashscope", "deepinfra": "deepinfra", "deepseek": "deepseek", "featherless-ai": "featherless",
    "fireworks-ai": "fireworks", "github": "github-models", "google": "gemini", "groq": "groq",
    "hyperbolic": "hyperbolic", "iointelligence": "io-net", "mistral-ai": "mistral", "moonshot": "moonshot",
    "nebius": "nebius", "novita-ai": "novita", "ollama": "ollama", "openai": "openai", "openrouter": "openrouter",
    "ovhcloud": "ovhcloud", "perplexity-ai": "perplexity", "sambanova": "sambanova", "siliconflow": "siliconflow",
    "together-ai": "together", "upstage": "upstage", "x-ai": "xai", "z-ai": "zai", "zhipu": "zhipuai",
}  # fmt: skip
"""Portkey's `provider` -> host."""

TENSORZERO_HOSTS: dict[str, str] = {
    "anthropic": "anthropic", "azure": "azure", "deepseek": "deepseek", "fireworks": "fireworks",
    "google_ai_studio_gemini": "gemini", "groq": "groq", "hyperbolic": "hyperbolic", "mistral": "mistral",
    "openai": "openai", "openrouter": "openrouter", "sglang": "sglang", "tgi": "tgi", "together": "together",
    "vllm": "vllm", "xai": "xai",
}  # fmt: skip
"""TensorZero's `type` of a provider -> host."""

_LITELLM_PREFIX = {
    "aws_bedrock": "bedrock", "aws_sagemaker": "sagemaker", "azure-ai": "azure_ai", "bedrock": "bedrock",
    "cohere": "cohere_chat", "gcp_vertex_anthropic": "vertex_ai", "gcp_vertex_gemini": "vertex_ai",
    "vertex-ai": "vertex_ai",
}  # fmt: skip
_MAKERS = (
    (re.compile(r"^(gpt-|chatgpt-|o\d(-|$)|text-embedding-|davinci-|babbage-)"), "openai"),
    (re.compile(r"^claude-"), "anthropic"),
    (re.compile(r"^gemini-"), "gemini"),
)
_ENDS: dict[str, str] = {"anthropic": "/v1", "gemini": "/v1beta", "azure": "/openai/v1", "ollama": "/v1"}
"""What an address of these ends with here, where the peer adds it itself."""


def maker_of(model: str) -> str | None:
    """The host of the maker of a model that is named without a provider, where the name tells."""
    return next((host for pattern, host in _MAKERS if pattern.match(model)), None)


def placed(host: str, model: str, base_url: str | None = None) -> dict[str, Any]:
    """The keys of a deployment at a host.

    Args:
        host: key in the table of hosts.
        model: what the host calls it.
        base_url: where the peer's file says that it is; an address of one's own that speaks OpenAI's format is not
            OpenAI's host.
    """
    keys: dict[str, Any] = {"model": model if "/" in model else f"{host}/{model}", "upstream_model": model}
    if base_url is None:
        return {**keys, "host": host}
    if host == "openai" and urlsplit(base_url).hostname != "api.openai.com":
        return {**keys, "dialect": "openai", "base_url": base_url.rstrip("/")}
    return {**keys, "host": host, "base_url": _whole(base_url, _ENDS.get(host, ""))}


def through_litellm(provider: str, model: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keys of a deployment that LiteLLM reaches; `provider` is the peer's name for it."""
    name = f"{_LITELLM_PREFIX.get(provider, provider)}/{model}" if provider else model
    return {"model": name, "dialect": "litellm", "upstream_model": name, **(options or {})}


def _whole(base_url: str, end: str) -> str:
    url = urlsplit(base_url.rstrip("/"))
    path = url.path if not end or url.path.endswith(end) else url.path + end
    return urlunsplit(url._replace(path=path))
