"""A host whose model can be swapped behind its name, and days that pass when they are told to."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.config.watch import Watch
from assay.decision.watching import borders
from assay.decision.watching.standing import Standing
from assay.decision.watching.watch import Watching
from assay.errors import Overloaded
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.providers.provider import Attempted, Meter, Wire
from assay.types import Begin, Event, Finish, Finished, Logprobs, TextDelta, Usage, UsageReport

DAY_S = 86_400.0
CONFIG = """
[deployments.frontier]
model = "x/frontier"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
retries = 0
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 8 }

[deployments.own]
model = "x/own"
dialect = "scripted"
script = "own.json"
"""


class Host:
    """Answers by a function of the prompt.

    Attributes:
        model: what it says; swap it, and nothing on our side tells.
        gap: between the logarithms of the two best tokens of an answer to a prompt; None = it tells none.
        garbled: what it tells of them cannot be read.
        down: it answers nothing.
        asked: the prompts.
    """

    def __init__(self, model: Callable[[str], str]) -> None:
        self.model = model
        self.gap: Callable[[str], float] | None = None
        self.garbled = False
        self.down = False
        self.asked: list[str] = []

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        prompt = attempt.request.messages[-1].text
        self.asked.append(prompt)
        meter.sent_bytes = len(prompt)
        if self.down:
            raise Overloaded("the host is down", status=503)
        yield Begin(id="1", model="x")
        yield TextDelta(text=self.model(prompt))
        if self.gap is not None and attempt.request.sampling.logprobs:
            best: list[Any] = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.5 - self.gap(prompt)}]
            best = ["?"] if self.garbled else best
            yield Logprobs(data={"content": [{"token": "a", "logprob": -0.5, "top_logprobs": best}]})
        yield Finished(finish=Finish(kind="stop"))
        yield UsageReport(usage=Usage(input=10, output=2, cached=0))

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`."""
        return Wire("test:", b"")

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """Hosts prove nothing."""
        return {}

    async def close(self) -> None:
        """Nothing is open."""


class Site:
    """A watched deployment: its host, a suite of ten samples, and a clock."""

    def __init__(self, folder: Path, spine: Spine) -> None:
        self.folder = folder
        self.spine = spine
        self.now = 1_800_000_000.0
        self.settings = Watch(canaries_per_day=10, borders=5)
        self.suite: Suite | None = suite(folder, 10)
        self.work: dict[str, str] = {}
        self.host = Host(right)
        live = spine.targets["frontier"]
        assert isinstance(live, LiveDeployment)
        live.provider = self.host

    def watching(self, **options: Any) -> Watching:
        """As the command makes it."""
        return Watching(
            self.spine,
            self.settings,
            self.folder / "watch.json",
            self.suite,
            self.work,
            clock=lambda: self.now,
            **options,
        )

    async def round(self, **options: Any) -> Standing:
        """One round."""
        return await self.watching(**options).round("frontier")

    async def days(self, count: int) -> Standing:
        """A round on each of so many days; gives the last."""
        for _ in range(count):
            self.now += DAY_S
            last = await self.round()
        return last

    def set(self, **settings: Any) -> None:
        """Other settings."""
        self.settings = msgspec.structs.replace(self.settings, **settings)


def right(prompt: str) -> str:
    """A model that knows the samples, and has one answer to all else."""
    return "yes" if prompt.startswith("words ") else "red"


def suite(folder: Path, count: int, label: str = "") -> Suite:
    """So many samples, one of another kind for each three."""
    place = folder / "suite"
    place.mkdir(exist_ok=True)
    toml = 'name = "desk"\nversion = "1"\n'
    for kind, part in (("words", range(count * 3 // 4)), ("names", range(count * 3 // 4, count))):
        toml += f'[kinds.{kind}]\nsamples = "{kind}.jsonl"\ngraders = [{{ check = "exact" }}]\n{label}\n'
        lines = [{"id": f"s{n}", "input": f"words {n}.", "target": "yes"} for n in part]
        (place / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (place / "suite.toml").write_text(toml)
    return read_suite(place)


@pytest.fixture
def site(tmp_path: Path, make_spine: Callable[..., Spine], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site of its own, that looks for border inputs among fewer prompts."""
    monkeypatch.setattr(borders, "POOL", 40)
    return Site(tmp_path, make_spine(CONFIG, {"own.json": {"default": "yes"}}))


@pytest.fixture
def make_suite(tmp_path: Path) -> Callable[..., Suite]:
    """Writes a suite anew."""
    return lambda count, label="": suite(tmp_path, count, label)
