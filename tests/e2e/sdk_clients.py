"""The official SDKs as clients: each asks in its own words; what it understood is read by the independent reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import anthropic
import openai
from recorded import Canonical, canon

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
QUESTION = "What is the weather in Oslo and in Bergen?"


class Failure(NamedTuple):
    """What an SDK raised."""

    status: int
    message: str
    kind: str


Answer = Canonical | Failure


def _completed(make: Callable[[], Canonical], base: type[Exception]) -> Answer:
    try:
        return make()
    except base as error:
        status = getattr(error, "status_code", 0)
        return Failure(status, str(error), type(error).__name__)


def _told(value: Any) -> dict[str, Any]:
    return value.model_dump(mode="json", warnings=False)


# --------------------------------------------------------------------------------------- chat completions


def chat(url: str, model: str, feature: str, *, stream: bool) -> Answer:
    """`openai`, chat completions."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="no key", max_retries=0, timeout=60)
    content: Any = QUESTION
    more: dict[str, Any] = {}
    if feature == "image":
        url_part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        content = [{"type": "text", "text": "What is this?"}, url_part]
    if feature in ("tools", "parallel"):
        more["tools"] = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
    if feature == "json_schema":
        more["response_format"] = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    if feature == "thinking":
        more["reasoning_effort"] = "low"
    asked = {"model": model, "messages": [{"role": "user", "content": content}], "max_completion_tokens": 4000, **more}

    def whole() -> Canonical:
        raw = _told(client.chat.completions.create(**asked))
        return canon().chat(raw) | {"raw": raw}

    def streamed() -> Canonical:
        asked_stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        raw = [_told(chunk) for chunk in asked_stream]
        return canon().chat_stream(raw) | {"raw": raw}

    with client:
        return _completed(streamed if stream else whole, openai.APIError)


# ---------------------------------------------------------------------------------------------- responses


def responses(url: str, model: str, feature: str, *, stream: bool) -> Answer:
    """`openai`, Responses."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="no key", max_retries=0, timeout=60)
    content: Any = QUESTION
    more: dict[str, Any] = {}
    if feature == "image":
        part = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
        content = [{"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, part]}]
    if feature in ("tools", "parallel"):
        more["tools"] = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    if feature == "json_schema":
        more["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}
    if feature == "thinking":
        more["reasoning"] = {"effort": "low"}
    asked = {"model": model, "input": content, "max_output_tokens": 4000, "store": False, **more}

    def whole() -> Canonical:
        raw = _told(client.responses.create(**asked))
        return canon().responses(raw) | {"raw": raw}

    def streamed() -> Canonical:
        with client.responses.stream(**asked) as events:
            for event in events:
                if event.type in ("response.completed", "response.incomplete"):
                    ended = _told(event.response)
        return canon().responses(ended) | {"raw": ended}

    with client:
        return _completed(streamed if stream else whole, openai.APIError)


# ----------------------------------------------------------------------------------------------- messages


def messages(url: str, model: str, feature: str, *, stream: bool) -> Answer:
    """`anthropic`, Messages."""
    client = anthropic.Anthropic(base_url=url, api_key="no key", max_retries=0, timeout=60)
    content: Any = QUESTION
    more: dict[str, Any] = {}
    if feature == "image":
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    if feature in ("tools", "parallel"):
        more["tools"] = [{"name": "look", "input_schema": SCHEMA}]
    if feature == "json_schema":
        more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if feature == "thinking":
        more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    asked = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 4000, **more}

    def whole() -> Canonical:
        raw = _told(client.messages.create(**asked))
        return canon().anthropic(raw) | {"raw": raw}

    def streamed() -> Canonical:
        with client.messages.stream(**asked) as events:
            raw = _told(events.get_final_message())
        return canon().anthropic(raw) | {"raw": raw}

    with client:
        return _completed(streamed if stream else whole, anthropic.APIError)


CLIENTS = {"chat": chat, "responses": responses, "messages": messages}
