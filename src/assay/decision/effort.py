"""What each candidate writes for an answer, and what more of it bought: test-time compute beside larger models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from assay.decision.decision import KindDecision
from assay.evals.figures.more_tokens import more_tokens
from assay.evals.runs.run import Run
from assay.evals.runs.tokens import RunTokens
from assay.evals.suites.suite import Samples
from assay.inference.reach import below
from assay.inference.spine import Spine

__all__ = ["models_of", "with_tokens"]


def models_of(spine: Spine, names: Iterable[str]) -> dict[str, str]:
    """Target -> the one model that it is a configuration of; targets of several models are left out.

    Raises:
        ConfigError: there is no such target.
    """
    found = {name: {live.config.model for live in below(spine, name)} for name in names}
    return {name: models.pop() for name, models in found.items() if len(models) == 1}


async def with_tokens(
    spine: Spine,
    decided: Sequence[tuple[KindDecision, Samples]],
    runs: Mapping[str, Run],
    models: Mapping[str, str],
) -> tuple[KindDecision, ...]:
    """Kinds with the tokens of each candidate's answers, as the ledger has them.

    Args:
        spine: whose ledger it is.
        decided: each kind with the samples that decide it.
        runs: candidate -> its run.
        models: see `models_of`.
    """
    took = {name: await RunTokens.read(spine.ledger, run.row.id) for name, run in runs.items()}
    return tuple(_told(kind, samples, runs, models, took) for kind, samples in decided)


def _told(
    kind: KindDecision,
    samples: Samples,
    runs: Mapping[str, Run],
    models: Mapping[str, str],
    took: Mapping[str, RunTokens],
) -> KindDecision:
    tokens = {name: one.of(samples) for name, one in took.items()}
    return msgspec.structs.replace(
        kind,
        candidates=tuple(msgspec.structs.replace(one, tokens=tokens.get(one.name)) for one in kind.candidates),
        more_tokens=more_tokens(models, runs, tokens, samples),
    )
