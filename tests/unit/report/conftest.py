"""Views of invented decisions, and a project on disk with a decision in its ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from invented import large, small, view_of

from assay.config.load import Loaded, parse
from assay.decision.choose import Choosing
from assay.decision.decision import Decision
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import read_suite
from assay.inference.spine import Spine
from assay.ledger.rows import DecisionRow
from assay.ledger.store import SqliteLedger
from assay.report.page import fragment, page
from assay.report.view import DecisionView


@pytest.fixture(scope="session")
def small_view() -> DecisionView:
    """The view of `small`: `small` and `leaky` are owned, `frontier` is rented."""
    return view_of(small(), lambda place: place < 2)


@pytest.fixture(scope="session")
def large_view() -> DecisionView:
    """The view of a decision with more kinds than a page unfolds."""
    return view_of(large(kinds=11))


@pytest.fixture(scope="session")
def small_page(small_view: DecisionView) -> str:
    """The page of `small`."""
    return page(small_view)


@pytest.fixture(scope="session")
def small_fragment(small_view: DecisionView) -> str:
    """`small` for a notebook."""
    return fragment(small_view)


@pytest.fixture(scope="session")
def large_page(large_view: DecisionView) -> str:
    """The page of `large`."""
    return page(large_view)


class Project:
    """A folder with `assay.toml`, a suite and scripted models, and what was decided there."""

    def __init__(self, folder: Path, ledger: SqliteLedger, make_spine: Callable[..., Spine]) -> None:
        self.folder = folder
        self.ledger = ledger
        self.toml = '[decide]\nsuite = "suite"\nbar = 0.5\n[ledger]\nurl = "sqlite:///ledger.db"\n'
        self.scripts: dict[str, Any] = {}
        self._make = make_spine

    def model(self, name: str, answers: Mapping[str, str], default: str = "yes") -> None:
        """A scripted model: input -> answer."""
        rules = [{"match": f"^{text}$", "answer": answer} for text, answer in answers.items()]
        self.scripts[f"{name}.json"] = {"rules": rules, "default": default}
        price = len(self.scripts)
        self.toml += f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\n'
        self.toml += f"retries = 0\nprice_usd_per_mtok = {{ input = {price}, output = {price} }}\n"
        self.toml += "settings = { max_tokens = 8 }\n"

    def suite(self, kinds: Mapping[str, list[dict[str, Any]]], **options: str) -> None:
        """Write the suite: kind -> its samples; `options` are TOML lines of a kind instead of an exact grader."""
        place = self.folder / "suite"
        place.mkdir(exist_ok=True)
        toml = 'name = "desk"\nversion = "1"\n'
        for name, samples in kinds.items():
            toml += f'[kinds."{name}"]\nsamples = "{name}.jsonl"\n'
            toml += options.get(name, 'graders = [{ check = "exact" }]') + "\n"
            (place / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
        (place / "suite.toml").write_text(toml)

    @property
    def loaded(self) -> Loaded:
        """The configuration, as read from its file."""
        path = self.folder / "assay.toml"
        path.write_text(self.toml)
        return Loaded(parse(self.toml.encode(), path), path, "c" * 64)

    async def choose(self, **options: Any) -> Decision:
        """Decide, in full, and keep the decision."""
        suite = read_suite(self.folder / "suite")
        spine = self._make(self.toml, self.scripts)
        runner = Runner(spine, suite, config_digest="c" * 64, concurrency=1)
        names = tuple(spine.targets)
        for name in names:
            await runner.evaluate(await runner.open(name), suite.samples)
        choosing = Choosing(spine, suite, names, runner, bar=0.5, seed=0, config_digest="c" * 64, **options)
        made = await choosing.choose()
        await self.ledger.add_decision(
            DecisionRow(id=made.id, created_at=made.created_at, suite=made.suite, body=msgspec.json.encode(made))
        )
        return made


@pytest.fixture
def project(tmp_path: Path, ledger: SqliteLedger, make_spine: Callable[..., Spine]) -> Project:
    """A project in a folder of its own."""
    return Project(tmp_path, ledger, make_spine)
