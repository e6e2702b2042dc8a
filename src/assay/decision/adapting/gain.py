"""What adapting has brought: the adapted prompt beside the configured one, on all held-out samples of a kind.

The decision stops as soon as a verdict is certain, so that its own figures stand on different numbers of samples. Here
both answer every one, and the difference is paired.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from assay.decision.adapting.adaptation import Adaptation, Gain, KindAdaptation
from assay.errors import ProviderError, WeightsError
from assay.evals.figures.scorecard import compare
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Samples, Suite, shuffled

__all__ = ["with_gains"]


async def with_gains(
    runner: Runner, suite: Suite, adaptations: Sequence[Adaptation], seed: int
) -> tuple[Adaptation, ...]:
    """The adaptations with what held-out samples say of each kind that was won.

    Args:
        runner: that the decision used: what it asked is not asked again.
        suite: the held-out part.
        adaptations: of one call.
        seed: of the order.

    Raises:
        BudgetExceeded, ConfigError, LedgerError: as `Runner.evaluate`.
    """
    return tuple([await _whole(runner, suite, one, seed) for one in adaptations])


async def _whole(runner: Runner, suite: Suite, adaptation: Adaptation, seed: int) -> Adaptation:
    if adaptation.adapted is None:
        return adaptation
    adapted, plain = await runner.open(adaptation.adapted), await runner.open(adaptation.candidate)
    kinds = []
    for kind in adaptation.kinds:
        if kind.won is None or kind.kind not in suite.kinds:
            kinds.append(kind)
            continue
        samples = suite.of(kind.kind)
        await _complete(runner, (plain, adapted), samples, seed)
        kinds.append(msgspec.structs.replace(kind, gain=_gain(kind, adapted, plain, samples)))
    return msgspec.structs.replace(adaptation, kinds=tuple(kinds))


async def _complete(runner: Runner, runs: Sequence[Run], samples: Samples, seed: int) -> None:
    for run in runs:
        try:
            await runner.evaluate(run, shuffled(samples, seed))
        except (ProviderError, WeightsError):  # the samples that both have stand; the decision tells what failed
            return


def _gain(kind: KindAdaptation, adapted: Run, plain: Run, samples: Samples) -> Gain | None:
    real = samples.deciding()
    both = [one for one in real.ids if adapted.has_value(one) and plain.has_value(one)]
    if not both:
        return None
    passed = [sum((run.results[one].value or 0.0) >= 1.0 for one in both) for run in (adapted, plain)]
    dev = next((one.passed / one.scored for one in kind.tried if one.name == kind.won and one.scored), None)
    return Gain(
        adapted=passed[0],
        configured=passed[1],
        comparison=compare(adapted, plain, real),
        optimism=dev - passed[0] / len(both) if dev is not None else None,
    )
