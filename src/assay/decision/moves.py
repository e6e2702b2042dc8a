"""What is left to do when no candidate passes: the moves, from the nearest to the farthest."""

from __future__ import annotations

from assay.catalog.load import builtin
from assay.decision.decision import CandidateResult, Status
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import below
from assay.inference.spine import Spine


def next_moves(spine: Spine, results: tuple[CandidateResult, ...], *, stays: bool = False) -> tuple[str, ...]:
    """Concrete moves for a kind that nothing passes.

    Args:
        spine: what is configured.
        results: of the candidates that were looked at.
        stays: some of the work may not leave, so that renting is no move.
    """
    tried = [one for one in results if one.passed + one.failed]
    moves: list[str] = []
    if tried:
        best = max(tried, key=lambda one: (one.passed / (one.passed + one.failed), one.passed))
        scored = best.passed + best.failed
        moves.append(
            f"another configuration: {best.name} came closest ({best.passed} of {scored} asked); "
            "change its prompt, examples or grammar for this kind (`assay choose --adapt` searches on dev)"
        )
        if best.passed and isinstance(spine.targets[best.name], LiveDeployment):
            moves.append(
                f"more time for an answer: a vote or best-of over {best.name}, or a longer thinking budget where the "
                "model thinks, as candidates (a grid in assay.toml)"
            )
    larger = _larger_open_model(spine, results)
    if larger is not None:
        moves.append(f"a larger open model: {larger}")
    moves += [f"{one.name}: not proven here ({one.reason})" for one in results if one.status is Status.UNPROVEN]
    if stays:
        moves.append("a larger model on a server of your own (private = true): some of this work may not leave")
    elif not any(_is_hosted(spine, one.name) for one in results):
        moves.append("a hosted model: add a deployment with base_url and api_key_env")
    if tried and any(one.passed for one in tried):
        moves.append("split the work: give the samples that some candidate passes a kind of their own")
    moves.append("tuning: worth trying with some hundreds of good examples of this kind and nothing else left")
    return tuple(moves)


def _is_hosted(spine: Spine, name: str) -> bool:
    return any(not live.config.runs_here for live in below(spine, name))


def _larger_open_model(spine: Spine, results: tuple[CandidateResult, ...]) -> str | None:
    """The smallest open-weight model of the catalogue above those tried, with a licence that is allowed.

    One whose weights can be pulled comes first, then one that was taught to answer.
    """
    targets = [spine.targets[one.name] for one in results]
    models = [target.model for target in targets if isinstance(target, LiveDeployment) and target.model is not None]
    sizes = [model.parameters for model in models if model.ecosystem == "open-weight" and model.parameters]
    licences = spine.constraints.licences
    found = [
        model
        for model in builtin().models
        if model.ecosystem == "open-weight"
        and model.parameters is not None
        and model.parameters > max(sizes, default=0)
        and (licences is None or model.licence in licences)
    ]
    if not found:
        return None
    model = min(found, key=lambda one: (not one.weights, one.variant == "base", one.parameters or 0))
    facts = f"{(model.parameters or 0) / 1e6:,.0f} M parameters, licence {model.licence or 'unknown'}"
    return f"{model.id} ({facts}{f'; assay pull {model.id}' if model.weights else ''})"
