"""A real model on this machine as a judge: the engine holds it to the form of a verdict, which can then be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.evals.graders.grading import grade
from assay.evals.graders.judges import Judges
from assay.evals.suites.suite import Sample
from assay.inference.spine import Options, Spine
from assay.ledger.store import SqliteLedger
from assay.types import Finish, Label, Message, Response, Text

pytestmark = pytest.mark.local

CONFIG = """
[deployments.judge]
model = "huggingfacetb/smollm2-135m-instruct"
dialect = "local"
engine = { context_tokens = 1024, slots = 1 }
"""


@pytest.mark.parametrize("scale", ["pass-fail", "1-5"])
async def test_a_verdict_of_a_real_model(make_spine: Callable[..., Spine], ledger: SqliteLedger, scale: str) -> None:
    """Reasons and a verdict in one JSON object, at the first try; what it says is another matter (see the audit)."""
    spec = {"grader": "judge", "model": "judge", "rubric": "Passes if it is a number.", "scale": scale}
    sample = Sample(
        id="s", kind="k", messages=(Message.of("user", "How many wheels has a bicycle?"),), target="2",
        graders=(spec,), split="heldout", label=Label.PRIVATE_ONLY,
    )  # fmt: skip
    said = Response(parts=(Text(text="2"),), finish=Finish(kind="stop", native="stop"))
    found = await grade(sample, said, judges=Judges(make_spine(CONFIG), Options(seed=0)))
    (score,) = found.scores
    assert score.value in (0.0, 1.0), score.explanation
    assert score.explanation
    assert (score.measure is None) == (scale == "pass-fail")
    assert len(await ledger.attempts()) == 1
