"""Judges that are scripted: a rule's pattern is looked for in what the judge is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.evals.graders.judges import Judges
from assay.inference.spine import Options, Spine

TOML = """
[deployments.judge]
model = "acme/judge"
dialect = "scripted"
script = "judge.json"
private = true

[deployments.small]
model = "acme/small"
dialect = "scripted"
script = "small.json"
private = false

[deployments.twin]
model = "acme/judge"
dialect = "scripted"
script = "small.json"
private = false

[routes.secret]
candidates = ["small"]
label = "private-only"

[routes.house]
candidates = ["judge"]
label = "private-only"
"""


@pytest.fixture
def judging(make_spine: Callable[..., Spine]) -> Callable[..., Judges]:
    """The way to a judge that answers by rules, first match first; `judged` names whose answer is graded."""

    def make(
        *rules: dict[str, Any], default: str = "", judged: str | tuple[str, ...] = (), seed: int | None = 0
    ) -> Judges:
        small = {"rules": [], "default": "14 days."}
        spine = make_spine(TOML, {"judge.json": {"rules": list(rules), "default": default}, "small.json": small})
        return Judges(spine, Options(use_cache=True, seed=0), "run", "s", judged)

    return make
