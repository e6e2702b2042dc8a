"""Worlds in which the truth is known: scripted candidates, priced so that their order is known."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.decision.choose import Choosing
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.spine import Spine
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import ScriptedProvider
from assay.types import Event

Table = Mapping[str, Sequence[str]]


class World:
    """Builds a suite and scripted candidates from a table of outcomes.

    Outcomes of a candidate are one character a sample: `+` right, `-` wrong, `?` a fault (unscored).
    """

    def __init__(self, folder: Path, make_spine: Callable[..., Spine]) -> None:
        self.folder = folder
        self.calls: list[str] = []
        self._make = make_spine

    def suite(self, kinds: Mapping[str, int], made_up: Mapping[str, int] | None = None, **options: str) -> Suite:
        """A suite of so many samples a kind, the last so many of them `made_up`; `options` are more lines of a kind."""
        place = self.folder / "suite"
        place.mkdir(exist_ok=True)
        toml = 'name = "world"\nversion = "1"\n'
        for kind, count in kinds.items():
            toml += f'[kinds.{kind}]\nsamples = "{kind}.jsonl"\ngraders = [{{ check = "exact" }}]\n'
            toml += options.get(kind, "") + "\n"
            lines = [{"id": f"{kind}{n:03d}", "input": f"{kind} {n}.", "target": "yes"} for n in range(count)]
            real = count - (made_up or {}).get(kind, 0)
            lines = [line | ({"synthetic": True} if n >= real else {}) for n, line in enumerate(lines)]
            (place / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (place / "suite.toml").write_text(toml)
        return read_suite(place)

    def spine(self, outcomes: Mapping[str, Mapping[str, str]], extra: str = "", **more: str) -> Spine:
        """Candidates by name, cheapest first, each with its outcomes by kind; `more` are lines of a deployment."""
        toml, scripts = "", {}
        for price, (name, kinds) in enumerate(outcomes.items(), start=1):
            rules: list[dict[str, Any]] = []
            for kind, row in kinds.items():
                for number, outcome in enumerate(row):
                    rule: dict[str, Any] = {"match": rf"^{kind} {number}\.$"}
                    rules.append(rule | ({"error": "Overloaded"} if outcome == "?" else {"answer": _SAID[outcome]}))
            scripts[f"{name}.json"] = {"rules": rules, "default": "yes"}
            toml += f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\n'
            toml += f"retries = 0\nprice_usd_per_mtok = {{ input = {price}, output = {price} }}\n"
            toml += "settings = { max_tokens = 8 }\n" + more.get(name, "") + "\n"
        return self._make(toml + extra, scripts)

    def choosing(self, spine: Spine, suite: Suite, *candidates: str, seed: int = 0, **options: Any) -> Choosing:
        """A call of `choose`, one sample at a time unless told otherwise."""
        names = candidates or tuple(spine.targets)
        concurrency = options.pop("concurrency", 1)
        runner = Runner(spine, suite, seed=seed, concurrency=concurrency)
        return Choosing(spine, suite, names, runner, bar=options.pop("bar", 0.8), seed=seed, **options)


_SAID = {"+": "yes", "-": "no"}


@pytest.fixture
def world(tmp_path: Path, make_spine: Callable[..., Spine], monkeypatch: pytest.MonkeyPatch) -> World:
    """A world; its `calls` are the texts that reached any model."""
    made = World(tmp_path, make_spine)
    stream = ScriptedProvider.stream

    async def counting(self: ScriptedProvider, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        made.calls.append(attempt.request.messages[-1].text)
        async for event in stream(self, attempt, meter):
            yield event

    monkeypatch.setattr(ScriptedProvider, "stream", counting)
    return made


@pytest.fixture
def make_world() -> type[World]:
    """The class itself, for tests that need many worlds."""
    return World
