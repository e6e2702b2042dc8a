"""`assay choose --again`: a decision made again on its old evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import emit, note, run
from assay.cli.recovery import show_recovered

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.again import Again
    from assay.decision.changed import Standing
    from assay.decision.decision import Decision
    from assay.decision.question import Question

__all__ = ["choose_again", "given", "make_again"]


def given(said: Mapping[str, Any]) -> dict[str, Any]:
    """The options that stand on the command line, without those that have their default."""
    source, here = click.get_current_context().get_parameter_source, click.core.ParameterSource.COMMANDLINE
    return {name: value for name, value in said.items() if source(name) is here}


def choose_again(
    decision_id: str, said: Mapping[str, Any], concurrency: int, config: str | None, as_json: bool
) -> Decision:
    """Make a decision again and print what came of it; the decision that stands now.

    Args:
        decision_id: how its id begins; empty = the newest.
        said: options that win over what was asked then.
        concurrency: samples in flight at once.
        config: which assay.toml.
        as_json: how it is printed.
    """
    from assay.decision.again import again_json, again_text

    found = run(_again(decision_id, said, concurrency, config), continues=True)
    emit(again_json(found), as_json, again_text(found))
    return found.stands


async def _again(decision_id: str, said: Mapping[str, Any], concurrency: int, config: str | None) -> Again:
    from assay.app import open_app

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        return await make_again(app, decision_id, said, concurrency=concurrency)


async def make_again(
    app: App, decision_id: str = "", said: Mapping[str, Any] | None = None, *, concurrency: int = 8
) -> Again:
    """Make a decision again; where nothing has changed nobody is asked, and it stands.

    Args:
        app: the configuration as it is now.
        decision_id: how its id begins; empty = the newest.
        said: fields of a `Question` that win over what was asked then.
        concurrency: samples in flight at once.

    Raises:
        DecisionError: there is no such decision, or none of the candidates that it named is configured any more.
    """
    from msgspec import structs

    from assay.cli.deciding import decide
    from assay.cli.explain import find_decision
    from assay.decision.adapting.restored import restore
    from assay.decision.again import Again, effects, question_of, standing_of
    from assay.decision.changed import changes

    before = await find_decision(app.ledger, decision_id or None)
    restore(app.spine, before.adaptations)
    question = structs.replace(question_of(before), **(said or {}))
    possible = _possible(app, question)
    standing = standing_of(before)
    changed = changes(standing, await _now(app, question, possible)) if standing is not None else None
    if changed == ():
        return Again(of=before, changes=(), decision=None, pinned=_pinned(app, before))
    after = await decide(app, possible, adaptations=before.adaptations, concurrency=concurrency, again_of=before.id)
    found = effects(before, after, changed or ())
    return Again(of=before, changes=changed, decision=after, effects=found, pinned=_pinned(app, after))


def _possible(app: App, question: Question) -> Question:
    """The question without candidates that are configured no longer; that they are gone is told as a change."""
    from msgspec import structs

    from assay.errors import DecisionError

    known = {*app.spine.targets, *app.loaded.config.grids}
    left = tuple(name for name in question.targets if name in known)
    if question.targets and not left:
        names = ", ".join(question.targets)
        raise DecisionError(f"none of its candidates is configured any more ({names}); name others with --model")
    return structs.replace(question, targets=left)


async def _now(app: App, question: Question, possible: Question) -> Standing:
    """What the decision would rest on now."""
    from assay.cli.material import material
    from assay.decision.changed import Standing
    from assay.decision.survey import bases, ground_of

    found = material(app, possible)
    ground = await ground_of(
        app.spine, found.suite, split=found.split, bar=app.loaded.config.decide.bar, tolerance=found.tolerance,
        error=found.error,
    )  # fmt: skip
    basis = await bases(app.spine, found.names, tuple(found.suite.kinds))
    return Standing(question=question, basis=basis, ground=ground)


def _pinned(app: App, stands: Decision) -> str | None:
    """The decision that the lock rests on, where it is another one; a lock that cannot be read is told."""
    from assay.decision.lock import read_lock
    from assay.errors import DecisionError

    if not app.lock_path.exists():
        return None
    try:
        pinned = read_lock(app.lock_path).decision
    except DecisionError as error:  # what was asked and decided is printed all the same
        note(f"assay: {error}")
        return None
    return pinned if pinned != stands.id else None
