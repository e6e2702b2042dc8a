"""Two real models on this machine: in memory side by side or in turns, and calling tools over several turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing

import pytest

from assay.catalog.load import builtin
from assay.catalog.located import weights_of
from assay.config.schema import Deployment
from assay.errors import NoMemory, Timeout, WeightsError
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.types import Folder, Message, Request, Response, Sampling, Text, Tool, ToolChoice, ToolResult
from assay.weights.store import Store

pytestmark = pytest.mark.local

SMALL, STRONGER = "huggingfacetb/smollm2-135m-instruct", "qwen/qwen2.5-coder-0.5b-instruct"
STOCK = Tool(
    name="stock",
    description="How many pieces of a part a shop has.",
    parameters={
        "type": "object",
        "properties": {"part": {"type": "string", "maxLength": 12}, "shop": {"enum": ["north", "south"]}},
        "required": ["part", "shop"],
    },
)
HI = Request(messages=(Message.of("user", "Say hello."),), sampling=Sampling(max_tokens=4))
MakeSpine = Callable[..., Spine]


def is_here(model: str) -> bool:
    """Whether the weights are in a package or in the store."""
    try:
        return weights_of(Deployment(model=model, dialect="local"), builtin().get(model), Store()) is not None
    except WeightsError:
        return False


needs_stronger = pytest.mark.skipif(not is_here(STRONGER), reason=f"weights missing: assay pull {STRONGER}")


def config(memory_gib: float, other: str = SMALL, load_timeout_s: float = 60) -> str:
    """Two deployments that need an engine each; the second has a larger context."""
    deployments = "".join(
        f'[deployments.{name}]\nmodel = "{model}"\ndialect = "local"\n'
        f"engine = {{ context_tokens = {tokens}, slots = 1 }}\n"
        for name, model, tokens in (("one", SMALL, 1024), ("other", other, 2048))
    )
    return f"[local]\nmemory_gib = {memory_gib}\nload_timeout_s = {load_timeout_s}\n{deployments}"


async def ask(spine: Spine, target: str, request: Request = HI, trace: Trace | None = None) -> Response:
    """The whole answer."""
    folder = Folder()
    async with aclosing(spine.generate(request, target, trace or Trace(), Options(use_cache=False))) as events:
        async for event in events:
            folder.add(event)
    return folder.response()


def states(spine: Spine) -> list[str]:
    """What the two engines are doing."""
    return [engine.state for engine in spine.engines()]


async def test_engines_that_fit_stay_loaded_side_by_side(make_spine: MakeSpine) -> None:
    """Both answer, each loads once, and the measured memory of both is within the budget."""
    spine = make_spine(config(2.0))
    assert states(spine) == ["unloaded", "unloaded"]
    for _ in range(2):
        await asyncio.gather(ask(spine, "one"), ask(spine, "other"))
    assert states(spine) == ["running", "running"]
    assert sum(engine.measured_bytes or 0 for engine in spine.engines()) < 2.0 * 2**30


@pytest.mark.parametrize("other", [SMALL, pytest.param(STRONGER, marks=needs_stronger)])
async def test_engines_that_do_not_fit_take_turns(make_spine: MakeSpine, other: str) -> None:
    """Each request is answered although only one engine fits; who had to wait for a load can see how long."""
    spine = make_spine(config(0.28 if other == SMALL else 0.75, other))
    for target in ("one", "other", "one"):
        trace = Trace()
        assert (await ask(spine, target, trace=trace)).usage is not None
        assert trace.records[0].load_s is not None
        assert states(spine).count("running") == 1
    answers = await asyncio.gather(*(ask(spine, target) for target in ("one", "other") * 3))
    assert all(answer.usage is not None for answer in answers)


async def test_a_wait_for_memory_ends_and_is_told(make_spine: MakeSpine) -> None:
    """The memory is held by a long answer: a limit or a deadline cuts the wait, and each says what it waited for."""
    spine = make_spine(config(0.28, load_timeout_s=8))
    messages = (Message.of("user", "Write a long story."),)
    story = Request(messages=messages, sampling=Sampling(max_tokens=600), stream=True)  # else it is held until whole
    async with aclosing(spine.generate(story, "other", Trace(), Options(use_cache=False))) as events:
        async for _ in events:
            break
        hurried = Request(messages=HI.messages, sampling=HI.sampling, deadline_s=0.3)
        with pytest.raises(Timeout, match=r"after 0\.\d+ s while it waited for 0\.\d\d GiB of memory to load Smol"):
            await ask(spine, "one", hurried)
        assert states(spine) == ["unloaded", "running"]
        with pytest.raises(NoMemory, match=r"waited 8\.\d s for .* are held by SmolLM2.* \(0\.\d\d GiB, 1 request\)"):
            await ask(spine, "one")
    assert (await ask(spine, "one")).usage is not None


@pytest.mark.parametrize("model", [SMALL, pytest.param(STRONGER, marks=needs_stronger)])
async def test_tools_over_several_turns(make_spine: MakeSpine, model: str) -> None:
    """A call that is required has the schema's form; its result goes back, and the next answer has a form as well."""
    spine = make_spine(config(2.0, model))
    turns = (Message.of("user", "Does the south shop have part BX-114?"),)
    sampling = Sampling(max_tokens=160)
    first = Request(messages=turns, tools=(STOCK,), tool_choice=ToolChoice(mode="required"), sampling=sampling)
    called = await ask(spine, "other", first)
    assert called.finish is not None
    assert called.finish.kind == "tool_calls"
    for call in called.tool_calls:
        arguments = json.loads(call.arguments)
        assert set(arguments) == {"part", "shop"}
        assert arguments["shop"] in ("north", "south")
    results = [
        Message(role="tool", parts=(ToolResult(call_id=call.id, parts=(Text(text="4 pieces"),)),))
        for call in called.tool_calls
    ]
    turns = (*turns, Message(role="assistant", parts=called.parts), *results)
    answer = await ask(spine, "other", Request(messages=turns, tools=(STOCK,), sampling=sampling))
    assert answer.text or answer.tool_calls
    again = await ask(spine, "other", Request(messages=turns, tools=(STOCK,), sampling=sampling))
    assert again.parts == answer.parts
    plain = Request(messages=turns, tools=(STOCK,), tool_choice=ToolChoice(mode="none"), sampling=sampling)
    assert not (await ask(spine, "other", plain)).tool_calls
