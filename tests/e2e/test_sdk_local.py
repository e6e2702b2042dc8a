"""The official SDKs against `assay serve` before a real model on this machine: text, tools, JSON, errors, counting."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import openai
import pytest
from recorded import serving

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
CONFIG = """
[deployments.small]
model = "huggingfacetb/smollm2-135m-instruct"
dialect = "local"

[routes.support]
candidates = ["small"]
"""
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}
QUESTION = "Say a word about the city of Oslo."


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running gateway before the small model."""
    with serving(tmp_path_factory.mktemp("local"), CONFIG) as address:
        yield address


@pytest.fixture(scope="module")
def openai_client(url: str) -> Iterator[openai.OpenAI]:
    """The SDK, with nothing changed but its base URL."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(url: str) -> Iterator[anthropic.Anthropic]:
    """The SDK, with nothing changed but its base URL."""
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, timeout=120) as client:
        yield client


class TestChat:
    """`openai`, chat completions."""

    def test_text_is_the_same_whole_and_streamed(self, openai_client: openai.OpenAI) -> None:
        """One question, asked both ways, has one answer, with tokens counted alike."""
        asked = {"model": "support", "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 24}
        whole = openai_client.chat.completions.create(**asked)
        chunks = list(
            openai_client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        )
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert whole.choices[0].message.content == text != ""
        assert chunks[-1].usage is not None
        assert whole.usage is not None
        assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 24
        assert len(chunks) > 5

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_tool_is_called(self, openai_client: openai.OpenAI, stream: bool) -> None:
        """A forced tool is called with arguments that follow its schema."""
        tool = {"type": "function", "function": {"name": "look", "description": "weather", "parameters": SCHEMA}}
        asked = {
            "model": "small",
            "messages": [{"role": "user", "content": "Weather in Oslo?"}],
            "tools": [tool],
            "tool_choice": "required",
            "max_tokens": 60,
        }
        if stream:
            with openai_client.chat.completions.stream(**asked) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = openai_client.chat.completions.create(**asked).choices[0].message
        assert message.tool_calls
        assert set(json.loads(message.tool_calls[0].function.arguments)) == {"city"}

    def test_json_follows_its_schema(self, openai_client: openai.OpenAI) -> None:
        """A schema is kept by the engine's grammar."""
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
        answer = openai_client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": QUESTION}], response_format=form, max_tokens=60
        )
        assert set(json.loads(answer.choices[0].message.content or "")) == {"city"}

    def test_models_are_listed(self, openai_client: openai.OpenAI) -> None:
        """Deployments and routes, one by one, too."""
        assert {model.id for model in openai_client.models.list()} >= {"small", "support"}
        assert openai_client.models.retrieve("support").id == "support"

    def test_what_cannot_be_done_names_the_field(self, openai_client: openai.OpenAI) -> None:
        """Several answers at once, an image, an unknown model: each is refused by name."""
        ask = openai_client.chat.completions.create
        with pytest.raises(openai.BadRequestError) as several:
            ask(model="small", messages=[{"role": "user", "content": "x"}], n=2)
        assert several.value.param == "n"
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        with pytest.raises(openai.BadRequestError, match="image"):
            ask(model="small", messages=[{"role": "user", "content": [image]}])
        with pytest.raises(openai.NotFoundError, match="did you mean 'small'"):
            ask(model="smal", messages=[{"role": "user", "content": "x"}])


class TestResponses:
    """`openai`, Responses."""

    def test_text_is_the_same_whole_and_streamed(self, openai_client: openai.OpenAI) -> None:
        """One question, asked both ways, has one answer, and the stream's end is the whole answer."""
        asked = {"model": "support", "input": QUESTION, "max_output_tokens": 24, "store": False}
        whole = openai_client.responses.create(**asked)
        events = list(openai_client.responses.create(**asked, stream=True))
        deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert events[-1].type == "response.incomplete"  # the SDK's own helper knows complete answers only
        final = events[-1].response
        assert whole.output_text == final.output_text == deltas != ""
        assert whole.usage is not None
        assert final.usage is not None
        assert whole.usage.output_tokens == final.usage.output_tokens == 24
        assert whole.status == final.status == "incomplete"

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_tool_is_called_and_its_result_taken(self, openai_client: openai.OpenAI, stream: bool) -> None:
        """A call, and the turn after it with the tool's answer."""
        tool = {"type": "function", "name": "look", "description": "weather", "parameters": SCHEMA, "strict": False}
        first = {"role": "user", "content": "Weather in Oslo?"}
        asked = {"model": "small", "tools": [tool], "max_output_tokens": 60, "store": False}
        if stream:
            with openai_client.responses.stream(input=[first], tool_choice="required", **asked) as events:
                answer = events.get_final_response()
        else:
            answer = openai_client.responses.create(input=[first], tool_choice="required", **asked)
        [call] = [item for item in answer.output if item.type == "function_call"]
        assert set(json.loads(call.arguments)) == {"city"}
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain, 7 degrees"}
        sent_back = {key: getattr(call, key) for key in ("type", "call_id", "name", "arguments")}
        after = openai_client.responses.create(input=[first, sent_back, result], tool_choice="none", **asked)
        assert after.output_text


class TestMessages:
    """`anthropic`, Messages."""

    def test_text_is_the_same_whole_and_streamed(self, anthropic_client: anthropic.Anthropic) -> None:
        """One question, asked both ways, has one answer."""
        asked = {"model": "support", "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 24}
        whole = anthropic_client.messages.create(**asked)
        with anthropic_client.messages.stream(**asked) as events:
            text = "".join(events.text_stream)
            final = events.get_final_message()
        assert whole.content[0].type == "text"
        assert whole.content[0].text == text != ""
        assert whole.stop_reason == final.stop_reason == "max_tokens"
        assert whole.usage.output_tokens == final.usage.output_tokens == 24

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_tool_is_called_and_its_result_taken(self, anthropic_client: anthropic.Anthropic, stream: bool) -> None:
        """A call, and the turn after it with the tool's answer."""
        tool = {"name": "look", "description": "weather", "input_schema": SCHEMA}
        turns = [{"role": "user", "content": "Weather in Oslo?"}]
        asked = {"model": "small", "max_tokens": 60, "tools": [tool], "tool_choice": {"type": "any"}}
        if stream:
            with anthropic_client.messages.stream(messages=turns, **asked) as events:
                answer = events.get_final_message()
        else:
            answer = anthropic_client.messages.create(messages=turns, **asked)
        [call] = [block for block in answer.content if block.type == "tool_use"]
        assert answer.stop_reason == "tool_use"
        assert set(call.input) == {"city"}
        turns.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]}
        )
        turns.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "rain, 7 degrees"}]}
        )
        after = anthropic_client.messages.create(
            model="small", max_tokens=30, messages=turns, tools=[tool], tool_choice={"type": "none"}
        )
        assert after.content[0].type == "text"

    def test_tokens_are_counted_as_they_will_be_used(self, anthropic_client: anthropic.Anthropic) -> None:
        """The count is what the answer reports as its input."""
        asked = {"model": "small", "messages": [{"role": "user", "content": QUESTION}]}
        counted = anthropic_client.messages.count_tokens(**asked)
        answer = anthropic_client.messages.create(**asked, max_tokens=1)
        used = answer.usage
        written, read = used.cache_creation_input_tokens or 0, used.cache_read_input_tokens or 0
        assert counted.input_tokens == used.input_tokens + written + read

    def test_errors_are_anthropics(self, anthropic_client: anthropic.Anthropic) -> None:
        """An unknown model and an image to a model that sees none."""
        with pytest.raises(anthropic.NotFoundError, match="did you mean 'small'"):
            anthropic_client.messages.create(model="smal", max_tokens=5, messages=[{"role": "user", "content": "x"}])
        source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
        with pytest.raises(anthropic.BadRequestError, match="image"):
            anthropic_client.messages.create(
                model="small",
                max_tokens=5,
                messages=[{"role": "user", "content": [{"type": "image", "source": source}]}],
            )
