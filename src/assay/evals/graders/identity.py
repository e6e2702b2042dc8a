"""What decides a grader's scores, as a digest: a changed judge is another judge, and makes another run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from assay.evals.graders.grader import Grader
from assay.evals.graders.grading import graders_of
from assay.evals.graders.judges import KIND
from assay.evals.suites.suite import Samples, Suite
from assay.inference.identity import target_digest
from assay.inference.spine import Spine

__all__ = ["grader_digest", "judges_digest", "run_digest"]


async def grader_digest(spine: Spine, grader: Grader) -> str:
    """sha256 (hex) of a grader's settings (its rubric, our words around it) and of every model that it asks.

    Raises:
        ConfigError: it asks a model that there is not.
        AssayError: a model cannot be identified.
    """
    models = {model: await target_digest(spine, model, (KIND,)) for model in grader.models}
    facts = {"grader": grader.name, "settings": grader.settings, "models": models}
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


async def run_digest(spine: Spine, target: str, suite: Suite) -> str:
    """What names a run beside its suite: the target's digest, and that of everything that is asked to grade it.

    Raises:
        ConfigError: there is no such target, or a grader asks a model that there is not.
        AssayError: the target, or a model that grades it, cannot be identified.
    """
    digest = await target_digest(spine, target, suite.kinds)
    graded = await judges_digest(spine, suite.samples, suite.kinds)
    return f"{digest}+judges:{graded[:16]}" if graded else digest


async def judges_digest(spine: Spine, samples: Samples, kinds: Iterable[str]) -> str:
    """sha256 (hex) of everything that is asked to grade some samples of these kinds; empty where nothing is.

    Raises:
        ConfigError: a grader asks a model that there is not.
        AssayError: a model cannot be identified.
    """
    graders = [grader for _, grader in graders_of(samples)]
    if not graders:
        return ""
    judges = sorted([await grader_digest(spine, grader) for grader in graders])
    others = sorted({name for grader in graders for name in grader.opponents})
    opponents = [await target_digest(spine, name, kinds) for name in others]
    return hashlib.sha256(msgspec.json.encode([judges, opponents])).hexdigest()
