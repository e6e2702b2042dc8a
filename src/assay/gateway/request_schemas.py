"""JSON schemas of the requests that the gateway's formats take, for its OpenAPI description.

They say what is needed and of which type it is, and no more: what a provider adds tomorrow passes today. A format that
is not here (a plug-in's) is described as an object that names a model.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _field(kind: str | list[str], description: str, **more: Any) -> Schema:
    """A field that may be left out, or be null, which says the same."""
    kinds = [kind] if isinstance(kind, str) else kind
    return {"type": [*kinds, "null"], "description": description, **more}


def _object(required: tuple[str, ...], properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": ["model", *required], "properties": {"model": MODEL, **properties}}


MODEL: Schema = {"type": "string", "minLength": 1, "description": "Name of a deployment or route: see /v1/models."}
_STREAM = _field("boolean", "Whether to send the answer as server-sent events while it is made.")
_TEMPERATURE = _field("number", "0 takes the most probable token each time.", minimum=0)
_TOP_P = _field("number", "Draw from the fewest tokens that have this share of the probability.", minimum=0, maximum=1)
_TOOLS = _field("array", "Functions that the model may call.", items={"type": "object"})
_METADATA = _field("object", "Passed on where the upstream takes it.")
_MESSAGES: Schema = {
    "type": "array",
    "description": "The turns so far, oldest first.",
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {"role": {"type": "string"}, "content": {"type": ["string", "array", "null"]}},
    },
}
_OPENAI_SAMPLING: dict[str, Schema] = {
    "max_tokens": _field("integer", "Longest answer, in tokens.", minimum=1),
    "temperature": _TEMPERATURE,
    "top_p": _TOP_P,
    "stop": _field(["string", "array"], "Texts that end the answer."),
    "seed": _field("integer", "Of the drawing, where the upstream takes one."),
    "n": _field("integer", "How many answers.", minimum=1),
    "presence_penalty": _field("number", "Fewer repetitions, by presence."),
    "frequency_penalty": _field("number", "Fewer repetitions, by count."),
    "logit_bias": _field("object", "Raises or lowers single tokens."),
    "user": _field("string", "Whom the request is for."),
    "stream": _STREAM,
    "stream_options": _field("object", "`include_usage`: tell the tokens at the end of a stream."),
}
_ANTHROPIC_TURNS: dict[str, Schema] = {
    "messages": _MESSAGES,
    "system": _field(["string", "array"], "Instruction put first."),
    "tools": _TOOLS,
    "tool_choice": _field("object", "Whether and which tools must be called."),
    "thinking": _field("object", "How long the model may think."),
}

SCHEMAS: dict[str, Schema] = {
    "openai": _object(
        ("messages",),
        {
            "messages": _MESSAGES,
            **_OPENAI_SAMPLING,
            "max_completion_tokens": _field("integer", "Longest answer, reasoning included.", minimum=1),
            "tools": _TOOLS,
            "tool_choice": _field(["string", "object"], "Whether and which tools must be called."),
            "parallel_tool_calls": _field("boolean", "Whether several calls may stand in one answer."),
            "response_format": _field("object", "What form the answer must have."),
            "reasoning_effort": _field("string", "How long a reasoning model thinks."),
            "logprobs": _field("boolean", "Whether to tell the tokens' log-probabilities."),
            "top_logprobs": _field("integer", "Of how many other tokens.", minimum=0),
            "metadata": _METADATA,
        },
    ),
    "completions": _object(
        ("prompt",),
        {
            "prompt": {"type": ["string", "array"], "description": "The text to be continued."},
            **_OPENAI_SAMPLING,
            "suffix": _field("string", "What comes after the continuation."),
        },
    ),
    "openai-responses": _object(
        ("input",),
        {
            "input": {"type": ["string", "array"], "description": "A text, or items: messages, calls, results."},
            "instructions": _field("string", "Instruction put first."),
            "max_output_tokens": _field("integer", "Longest answer, reasoning included.", minimum=1),
            "temperature": _TEMPERATURE,
            "top_p": _TOP_P,
            "tools": _TOOLS,
            "tool_choice": _field(["string", "object"], "Whether and which tools must be called."),
            "parallel_tool_calls": _field("boolean", "Whether several calls may stand in one answer."),
            "reasoning": _field("object", "`effort`: how long a reasoning model thinks."),
            "text": _field("object", "`format`: what form the answer must have."),
            "metadata": _METADATA,
            "stream": _STREAM,
        },
    ),
    "anthropic": _object(
        ("max_tokens", "messages"),
        {
            "max_tokens": {"type": "integer", "minimum": 1, "description": "Longest answer, in tokens."},
            **_ANTHROPIC_TURNS,
            "temperature": _TEMPERATURE,
            "top_p": _TOP_P,
            "top_k": _field("integer", "Draw from so many most probable tokens."),
            "stop_sequences": _field("array", "Texts that end the answer.", items={"type": "string"}),
            "metadata": _METADATA,
            "stream": _STREAM,
        },
    ),
    "anthropic-count": _object(("messages",), _ANTHROPIC_TURNS),
    "embeddings": _object(
        ("input",),
        {
            "input": {"type": ["string", "array"], "description": "A text, several, or lists of token numbers."},
            "dimensions": _field("integer", "Length of the vectors; default: the model's own.", minimum=1),
            "encoding_format": _field("string", "`float` or `base64`."),
            "user": _field("string", "Whom the request is for."),
        },
    ),
}

TITLES = {
    "openai": "OpenAI chat completions",
    "anthropic": "Anthropic messages",
    "anthropic-count": "Anthropic messages: the tokens are counted",
    "openai-responses": "OpenAI responses",
    "completions": "OpenAI completions: a text is continued",
    "embeddings": "OpenAI embeddings",
}
"""What each format is, in the order in which people look for them."""
EXAMPLES: dict[str, Schema] = {
    "openai": {"messages": [{"role": "user", "content": "Say hello."}]},
    "completions": {"prompt": "Once upon a time", "max_tokens": 16},
    "openai-responses": {"input": "Say hello."},
    "anthropic": {"max_tokens": 256, "messages": [{"role": "user", "content": "Say hello."}]},
    "anthropic-count": {"messages": [{"role": "user", "content": "Say hello."}]},
    "embeddings": {"input": "Say hello."},
}


def schema(dialect: str) -> Schema:
    """The schema of a format's requests."""
    return SCHEMAS.get(dialect) or _object((), {})
