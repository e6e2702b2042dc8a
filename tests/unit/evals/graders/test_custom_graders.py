"""Graders of other packages, and docs/graders.md, whose examples are run."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graders_shared import answer, sample

from assay import plugins
from assay.errors import SuiteError
from assay.evals.graders import grading
from assay.evals.graders.grading import check_graders, grade, models_of
from assay.evals.graders.judges import Judges
from assay.evals.graders.registry import make_grader

PAGE = (Path(__file__).parents[4] / "docs" / "graders.md").read_text("utf-8")
Install = Callable[..., None]


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with one module and entry points on the path, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(distribution: str, module: str, source: str, groups: dict[str, dict[str, str]]) -> None:
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in at.items()) for group, at in groups.items()
        ]
        (folder / "entry_points.txt").write_text("\n".join(lines))
        (tmp_path / f"{module}.py").write_text(source)
        sys.modules.pop(module, None)
        forget()

    before = set(sys.modules)
    forget()
    yield make
    monkeypatch.undo()
    forget()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def forget() -> None:
    """Look for distributions anew."""
    importlib.invalidate_caches()
    plugins._registered.cache_clear()
    plugins.load.cache_clear()
    grading._grader_of.cache_clear()


@pytest.fixture
def acme(install: Install) -> None:
    """The package of the page."""
    project = tomllib.loads(blocks("ini")[0])
    install("acme-grading", "acme_grading", "\n\n".join(blocks("python")), project["project"]["entry-points"])


def test_every_table_of_the_page_can_be_used(acme: None, tmp_path: Path) -> None:
    """Each example is a list of graders whose options are right."""
    (tmp_path / "tone.md").write_text("Be kind.")
    found = [
        make_grader({**spec, **({"rubric_file": str(tmp_path / "tone.md")} if "rubric_file" in spec else {})})
        for block in blocks("toml")
        for spec in tomllib.loads(block)["graders"]
    ]
    assert len(found) == 9


async def test_the_graders_of_the_page_work(acme: None, judging: Callable[..., Judges]) -> None:
    """A check and a grader of a package give scores, their models are known, and what they cost is added up."""
    specs = tomllib.loads(blocks("toml")[-1])["graders"]
    specs[1]["model"] = "judge"
    one = sample(*specs, target="Two brakes, please!")
    check_graders((one,))
    assert models_of([one]) == ("judge",)
    judges = judging({"match": "Zwei Bremsen", "answer": "Two brakes, please!"}, default="What?")
    assert (await grade(one, answer("Zwei Bremsen, bitte!!"), judges=judges)).value == 1.0
    assert judges.usd is None
    lost = await grade(one, answer("Drei Bremsen!!"), judges=judges)
    assert (lost.value, lost.scores[1].explanation) == (0.0, "it means 'What?'")
    assert [score.value for score in (await grade(one, answer("Zwei"), judges=judges)).scores] == [0.0, None]


BROKEN = """
from assay.evals.graders.grader import Grader, Score

class Broken(Grader):
    name = "broken"
    async def grade(self, sample, request, response, judges):
        return 1 / 0

class Odd(Grader):
    name = "odd"
    def __init__(self, value):
        self.value = float(value)
    async def grade(self, sample, request, response, judges):
        return Score(grader=self.name, value=self.value)

class BrokenCheck:
    name = "cracked"
    def check(self, answer, target, request):
        raise KeyError("lost")

class NoGrader:
    name = "none"
"""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"grader": "broken"}, "grader 'broken' of acme-broken failed: ZeroDivisionError: division by zero"),
        ({"check": "cracked"}, "check 'cracked' of acme-broken failed: KeyError: 'lost'"),
    ],
)
async def test_a_broken_one_leaves_samples_unscored(install: Install, spec: dict[str, Any], said: str) -> None:
    """It is no model's fault, and its distribution is named; beside it a certain failure still counts."""
    points = {
        "assay.graders": {"broken": "acme_broken:Broken", "none": "acme_broken:NoGrader"},
        "assay.checks": {"cracked": "acme_broken:BrokenCheck"},
    }
    install("acme-broken", "acme_broken", BROKEN, points)
    check_graders((sample(spec, target="x"),))
    found = await grade(sample(spec, target="x"), answer("x"))
    assert (found.value, found.unscored) == (None, said)
    both = {"grader": "ensemble", "rule": "all", "graders": [{"check": "exact"}, spec]}
    assert (await grade(sample(both, target="x"), answer("y"))).value == 0.0
    assert said in ((await grade(sample(both, target="x"), answer("x"))).unscored or "")
    with pytest.raises(SuiteError, match=r"of acme-broken cannot be made: TypeError"):
        check_graders((sample({**spec, "least": 1}),))
    with pytest.raises(SuiteError, match="'none' of acme-broken is no grader: it lacks grade, accepts"):
        check_graders((sample({"grader": "none"}),))


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "5"])
async def test_a_value_that_is_none_leaves_samples_unscored(install: Install, value: str) -> None:
    """What lies outside of 0 to 1 is no value: it passes nothing, alone or beside others, and breaks no figure."""
    install("acme-broken", "acme_broken", BROKEN, {"assay.graders": {"odd": "acme_broken:Odd"}})
    odd, right = {"grader": "odd", "value": value}, {"check": "exact"}
    for specs in (
        (odd,),
        (odd, right),
        (right, odd),
        ({"grader": "ensemble", "rule": "all", "graders": [right, odd]},),
    ):
        found = await grade(sample(*specs, target="x"), answer("x"))
        assert found.value is None
        assert f"grader 'odd' of acme-broken failed: ValueError: a value lies between 0 and 1, not {float(value)}" in (
            found.unscored or ""
        )
