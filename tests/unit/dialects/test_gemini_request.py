"""Requests to Gemini: settings, tools, formats, paths."""

import json
from typing import Any

import pytest

from assay.dialects import anthropic_request
from assay.dialects.gemini import Gemini
from assay.errors import RequestError
from assay.types import (
    Message,
    Native,
    OutputFormat,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)  # fmt: skip

SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/s"}}, "$defs": {"s": {"type": "string"}}}
TOOL = Tool(name="f", description="d", parameters=SCHEMA)
USER = (Message.of("user", "hi"),)


def sent(
    model: str = "gemini-2.5-flash", quirks: dict[str, Any] | None = None, stream: bool = False, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for a request with these fields, and what is emulated."""
    request = Request(**{"messages": USER, **fields})
    wire = Gemini().write_request(request, model=model, stream=stream, quirks=quirks or {})
    return json.loads(wire.body), wire.emulated


def config(model: str = "gemini-2.5-flash", quirks: dict[str, Any] | None = None, **sampling: Any) -> Any:
    """The `generationConfig` for these settings, and what is emulated."""
    body, emulated = sent(model, quirks, sampling=Sampling(**sampling))
    return body.get("generationConfig"), emulated


def path(model: str, **more: Any) -> str:
    """The path for a model."""
    request = Request(messages=USER, **{key: value for key, value in more.items() if key != "stream"})
    return Gemini().write_request(request, model=model, stream=more.get("stream", False), quirks={}).path


def test_paths() -> None:
    """Each form of request has its method; a stream asks for server-sent events."""
    assert path("gemini-2.5-pro") == "/models/gemini-2.5-pro:generateContent"
    assert path("models/gemini-2.5-pro", stream=True) == "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    assert path("tunedModels/mine") == "/tunedModels/mine:generateContent"
    assert path("m", form="count") == "/models/m:countTokens"
    assert path("m", form="embedding", inputs=("a",)) == "/models/m:batchEmbedContents"


@pytest.mark.parametrize(
    "model", ["../../x", "a/b", "m:generateContent?key=1#", "..", "m\r\nx: y", "a b", "models/../x"]
)
def test_no_path_by_a_model_name(model: str) -> None:
    """A model's name is one segment of the path, whatever is in it."""
    collection, name = path(model).rsplit(":", 1)[0].removeprefix("/").split("/")
    assert collection == "models"
    assert not set(name) & set("/?#: \r\n")
    assert path(model).endswith(":generateContent")


def test_key_and_raw_bytes() -> None:
    """The key goes into Google's header; no client's bytes are passed as they are."""
    assert Gemini().auth("k") == {"x-goog-api-key": "k"}
    assert not Gemini.takes_raw
    with pytest.raises(RequestError):
        Gemini().pass_request(Native(dialect="openai", raw=b"{}"), model="m", quirks={})


def test_sampling() -> None:
    """Each setting has its member."""
    assert config(
        max_tokens=5, temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b"), n=2, presence_penalty=0.1,
        frequency_penalty=-0.2, seed=7, logprobs=True, top_logprobs=3,
    ) == ({
        "maxOutputTokens": 5, "temperature": 0.5, "topP": 0.9, "topK": 40, "stopSequences": ["a", "b"],
        "candidateCount": 2, "presencePenalty": 0.1, "frequencyPenalty": -0.2, "seed": 7, "responseLogprobs": True,
        "logprobs": 3,
    }, ())  # fmt: skip


def test_neutral_values_are_left_out() -> None:
    """What asks for nothing is not written, and not noted; zero as temperature asks for something."""
    neutral = {"n": 1, "presence_penalty": 0.0, "frequency_penalty": 0, "logprobs": False, "logit_bias": {}}
    assert config(**neutral) == (None, ())
    assert config(temperature=0) == ({"temperature": 0}, ())


@pytest.mark.parametrize(("sampling", "field", "words"), [
    ({"logit_bias": {"5": 1.0}}, "logit_bias", "single token"),
    ({"temperature": 2.5}, "temperature", "from 0 to 2"),
    ({"stop": ("a", "b", "c", "d", "e", "f")}, "stop", "at most 5"),
    ({"reasoning_effort": "huge"}, "reasoning_effort", "must be one of"),
])  # fmt: skip
def test_settings_that_are_refused(sampling: dict[str, Any], field: str, words: str) -> None:
    """What Gemini cannot be told is refused by its name, with the reason."""
    with pytest.raises(RequestError, match=words) as caught:
        config(**sampling)
    assert caught.value.field == field
    assert str(caught.value).startswith(field)


def test_a_large_seed_is_left_out() -> None:
    """Repeating is best effort: a seed of more than 32 bits is left out and noted."""
    assert config(seed=1 << 40) == (None, ("seed",))


def test_what_an_operator_leaves_out() -> None:
    """A host's quirks may have a setting left out on purpose, or refused."""
    assert config(quirks={"ignore": ["presence_penalty"], "capabilities": {"presence_penalty": "reject"}},
                  presence_penalty=1.0) == (None, ("presence_penalty",))  # fmt: skip
    with pytest.raises(RequestError, match="top_k"):
        config(quirks={"capabilities": {"top_k": "reject"}}, top_k=5)


@pytest.mark.parametrize(("model", "effort", "want", "noted"), [
    ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}, False),
    ("gemini-2.5-flash", "high", {"thinkingBudget": 24576, "includeThoughts": True}, False),
    ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}, True),
    ("gemini-2.5-flash", "none", {"thinkingBudget": 0}, False),
    ("gemini-2.5-pro", "none", {"thinkingBudget": 128}, True),
    ("gemini-flash-latest", "medium", {"thinkingBudget": 8192, "includeThoughts": True}, False),
    ("gemini-3-pro-preview", "low", {"thinkingLevel": "low", "includeThoughts": True}, False),
    ("gemini-3-pro-preview", "none", {"thinkingLevel": "low"}, True),
    ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}, False),
    ("gemini-3-flash-preview", "none", {"thinkingLevel": "minimal"}, True),
    ("gemini-2.0-flash", "high", None, True),
    ("gemini-2.0-flash", "none", None, False),
    ("gemma-3-27b-it", "high", None, True),
])  # fmt: skip
def test_effort(model: str, effort: str, want: dict[str, Any] | None, noted: bool) -> None:
    """Effort is said as each generation takes it, with the thoughts shown; the nearest that there is, is noted."""
    found, emulated = config(model, reasoning_effort=effort)
    assert found == (None if want is None else {"thinkingConfig": want})
    assert emulated == (("reasoning_effort",) if noted else ())


@pytest.mark.parametrize(("model", "thinking", "want", "noted"), [
    ("gemini-2.5-flash", {"type": "enabled", "budget_tokens": 5000},
     {"thinkingBudget": 5000, "includeThoughts": True}, False),
    ("gemini-2.5-flash", {"type": "enabled", "budget_tokens": 30000},
     {"thinkingBudget": 24576, "includeThoughts": True}, True),
    ("gemini-2.5-pro", {"type": "enabled", "budget_tokens": 30000},
     {"thinkingBudget": 30000, "includeThoughts": True}, False),
    ("gemini-3-pro-preview", {"type": "enabled", "budget_tokens": 5000},
     {"thinkingLevel": "medium", "includeThoughts": True}, False),
    ("gemini-2.5-flash", {"type": "disabled"}, {"thinkingBudget": 0}, False),
    ("gemini-3-pro-preview", {"type": "adaptive"}, {"includeThoughts": True}, False),
    ("gemini-2.0-flash", {"type": "disabled"}, None, False),
    ("gemini-2.0-flash", {"type": "adaptive"}, None, True),
])  # fmt: skip
def test_thinking_of_a_messages_client(
    model: str, thinking: dict[str, Any], want: dict[str, Any] | None, noted: bool
) -> None:
    """What a Messages client says of thinking is told as exactly as the model can be told."""
    client = {"model": "m", "max_tokens": 9000, "thinking": thinking, "messages": [{"role": "user", "content": "hi"}]}
    request = anthropic_request.read_request(json.dumps(client).encode())
    wire = Gemini().write_request(request, model=model, stream=False, quirks={})
    assert json.loads(wire.body)["generationConfig"].get("thinkingConfig") == want
    assert wire.emulated == (("reasoning_effort",) if noted else ())


def test_quirks_overrule_the_name() -> None:
    """A host may say how its models are told, whatever their names; an unknown word is an error."""
    found, _ = config("mine", {"thinking": "level"}, reasoning_effort="low")
    assert found == {"thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True}}
    with pytest.raises(RequestError, match="thinking = 'much'"):
        config(quirks={"thinking": "much"}, reasoning_effort="low")


def test_output_formats() -> None:
    """Trap 16: a schema goes as a JSON schema with its name and description; some JSON is only a media type."""
    named = OutputFormat(kind="json_schema", name="n", description="d", schema=SCHEMA, strict=True)
    want = {"title": "n", "description": "d", **SCHEMA}
    assert sent(output=named)[0]["generationConfig"] == {
        "responseMimeType": "application/json", "responseJsonSchema": want,
    }  # fmt: skip
    assert sent(output=OutputFormat(kind="json"))[0]["generationConfig"] == {"responseMimeType": "application/json"}
    assert "generationConfig" not in sent(output=OutputFormat(kind="text"))[0]
    with pytest.raises(RequestError, match="grammar"):
        sent(output=OutputFormat(kind="grammar", grammar="root ::= x"))


def test_schemas_of_older_models() -> None:
    """Trap 16: before 2.0 there is Google's subset only; what it cannot say is noted, not dropped silently."""
    output = OutputFormat(kind="json_schema", schema={**SCHEMA, "not": {}})
    body, emulated = sent("gemini-1.5-pro", output=output)
    assert body["generationConfig"]["responseSchema"] == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert emulated == ("json_schema.strict",)
    body, emulated = sent(quirks={"schema_dialect": "openapi"}, tools=(TOOL,))
    declared = body["tools"][0]["functionDeclarations"][0]
    assert declared["parameters"] == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert emulated == ()


def test_tools() -> None:
    """Functions are declared with their JSON schema; one without parameters has none; a promise is noted."""
    tools = (TOOL, Tool(name="g", parameters={}, strict=True))
    body, emulated = sent(tools=tools)
    assert body["tools"] == [{"functionDeclarations": [
        {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}, {"name": "g"},
    ]}]  # fmt: skip
    assert emulated == ("tools.strict",)
    empty = Tool(name="g", parameters={"type": "object", "properties": {}})
    assert sent("gemini-1.5-pro", tools=(empty,))[0]["tools"] == [{"functionDeclarations": [{"name": "g"}]}]


@pytest.mark.parametrize(("choice", "want"), [
    (ToolChoice(mode="auto"), {"mode": "AUTO"}),
    (ToolChoice(mode="none"), {"mode": "NONE"}),
    (ToolChoice(mode="required"), {"mode": "ANY"}),
    (ToolChoice(mode="required", names=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    (ToolChoice(mode="required", names=("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
])  # fmt: skip
def test_tool_choice(choice: ToolChoice, want: dict[str, Any]) -> None:
    """Trap 12: each choice has its mode, names included."""
    body, emulated = sent(tools=(TOOL, Tool(name="g")), tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": want}
    assert emulated == ()


def test_some_tools_at_will() -> None:
    """Names can be given for forced calls only: with auto the others are not shown, and that is noted."""
    body, emulated = sent(tools=(TOOL, Tool(name="g")), tool_choice=ToolChoice(mode="auto", names=("g",)))
    assert body["tools"] == [{"functionDeclarations": [{"name": "g"}]}]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}
    assert emulated == ("tool_choice.allowed",)


def test_a_required_call_without_functions() -> None:
    """Nothing can be called where nothing is offered."""
    with pytest.raises(RequestError, match="no function to call"):
        sent(tool_choice=ToolChoice(mode="required"))
    assert "toolConfig" not in sent(tool_choice=ToolChoice(mode="none"))[0]


def test_one_call_at_a_time_is_noted() -> None:
    """Trap 12: there is no counterpart of parallel_tool_calls = false; it is noted, and nothing fails."""
    assert sent(tools=(TOOL,), parallel_tool_calls=False)[1] == ("parallel_tool_calls",)
    assert sent(tools=(TOOL,), parallel_tool_calls=True)[1] == ()
    assert sent(parallel_tool_calls=False)[1] == ()


def test_googles_own_tools() -> None:
    """Google's tools go in their own words, said in either form; another provider's are refused."""
    search = Tool(name="google_search", native={"type": "google_search", "google_search": {"x": 1}})
    code = Tool(name="code", native={"codeExecution": {}})
    body, _ = sent(tools=(TOOL, search, code))
    assert body["tools"][1:] == [{"googleSearch": {"x": 1}}, {"codeExecution": {}}]
    with pytest.raises(RequestError, match=r"tools\[0\]"):
        sent(tools=(Tool(name="web_search", native={"type": "web_search_20250305"}),))


def test_what_an_operator_adds() -> None:
    """Gemini's own words are added, inside `generationConfig` too; what the request says wins."""
    extra = {"safetySettings": [1], "generationConfig": {"temperature": 1, "mediaResolution": "LOW"}}
    body, _ = sent(extra=extra, sampling=Sampling(temperature=0.5))
    assert body["safetySettings"] == [1]
    assert body["generationConfig"] == {"temperature": 0.5, "mediaResolution": "LOW"}


def test_words_of_another_format() -> None:
    """A client's hint is left out and noted; a field that changes the answer is refused by its name."""
    assert sent(origin="openai", extra={"user": "u"})[1] == ("user",)
    with pytest.raises(RequestError, match="web_search_options"):
        sent(origin="openai", extra={"web_search_options": {}})


def test_count() -> None:
    """Tokens are counted of the whole request, instructions and tools included; Vertex has another form."""
    messages = (Message.of("system", "s"), *USER)
    body, _ = sent(form="count", messages=messages, tools=(TOOL,), sampling=Sampling(temperature=1))
    inner = body["generateContentRequest"]
    assert inner["model"] == "models/gemini-2.5-flash"
    assert inner["systemInstruction"] == {"parts": [{"text": "s"}]}
    assert inner["tools"]
    flat, _ = sent(quirks={"count_form": "flat"}, form="count", messages=messages, tools=(TOOL,),
                   tool_choice=ToolChoice(mode="none"))  # fmt: skip
    assert flat.keys() == {"contents", "systemInstruction", "tools"}


def test_embeddings() -> None:
    """Each input is a request of its own, with the length of the vectors; token numbers are refused."""
    body, _ = sent("e", form="embedding", inputs=("a", "b"), dimensions=8, messages=())
    assert body["requests"] == [
        {"model": "models/e", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8} for text in "ab"
    ]
    with pytest.raises(RequestError, match=r"input\[0\]"):
        sent("e", form="embedding", inputs=((1, 2),), messages=())


@pytest.mark.parametrize("fields", [{"form": "completion", "prompt": "p"}, {"prompt": "p"}])
def test_raw_completions_are_refused(fields: dict[str, Any]) -> None:
    """A raw prompt is no conversation."""
    with pytest.raises(RequestError, match="prompt"):
        sent(**fields)
