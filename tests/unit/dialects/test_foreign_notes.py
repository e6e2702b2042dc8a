"""What of a request another format cannot be told is told the client: nothing is left out in silence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses

ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "done"},
]


@pytest.mark.parametrize("place", range(len(ITEMS)))
@pytest.mark.parametrize("upstream", [OpenAIChat(), Anthropic()], ids=["chat", "messages"])
def test_what_is_left_of_an_item_is_noted(place: int, upstream: OpenAIChat | Anthropic) -> None:
    """A field of an item of the Responses that has no place elsewhere is named; the item's own names are none."""
    items = [{**item, "odd": 1, "status": "completed"} if n == place else item for n, item in enumerate(ITEMS)]
    request = Responses().read_request(msgspec.json.encode({"model": "m", "input": items}))
    written = upstream.write_request(request, model="m", stream=False, quirks={"default_max_tokens": 9})
    assert written.emulated == ("odd",)


@pytest.mark.parametrize(("kind", "noted"), [("disabled", ("thinking",)), ("adaptive", ())])
@pytest.mark.parametrize("upstream", [OpenAIChat(), Responses()], ids=["chat", "responses"])
def test_thinking_that_is_not_wanted_is_noted(
    upstream: OpenAIChat | Responses, kind: str, noted: tuple[str, ...]
) -> None:
    """A host that is told an effort only may think all the same; to leave it to the model says nothing."""
    turns = [{"role": "user", "content": "hi"}]
    body = {"model": "m", "max_tokens": 9, "messages": turns, "thinking": {"type": kind}}
    request = Anthropic().read_request(msgspec.json.encode(body))
    assert upstream.write_request(request, model="m", stream=False, quirks={}).emulated == noted


def test_the_description_of_a_schema_reaches_anthropic() -> None:
    """It stands in the schema there, which has one of its own or takes this one."""
    for own, told in ((None, "what it is for"), ("its own", "its own")):
        schema = {"type": "object", **({"description": own} if own else {})}
        form = {"type": "json_schema", "json_schema": {"name": "n", "description": "what it is for", "schema": schema}}
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "response_format": form}
        request = OpenAIChat().read_request(msgspec.json.encode(body))
        written = Anthropic().write_request(request, model="claude-sonnet-4-5", stream=False, quirks={})
        assert msgspec.json.decode(written.body)["output_config"]["format"]["schema"]["description"] == told
