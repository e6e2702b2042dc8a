"""A configuration in which the prompts of a context are allowed, and have room for their answers.

Prompts and settings belong to a deployment, per kind; so does the room. Whatever else a deployment puts around a
request stays: what is measured is what is served.
"""

from __future__ import annotations

from msgspec import structs

from assay.catalog.load import Catalog
from assay.config.schema import Config, Deployment, Settings
from assay.evals.context.prompt import kind_of
from assay.evals.context.tasks import TASKS
from assay.inference.reach import below
from assay.inference.spine import Spine

__all__ = ["ANSWER_TOKENS", "THINKING_TOKENS", "room_of", "with_room"]

ANSWER_TOKENS = 32
THINKING_TOKENS = 2048
"""Room for the answer of a model that thinks before it answers."""
_THINK = ("always", "effort", "budget")


def with_room(config: Config, catalog: Catalog, answer_tokens: int | None = None) -> Config:
    """The configuration in which every deployment answers the kinds of `prompt.kind_of`, in so many tokens.

    Args:
        config: as it is in the file.
        catalog: says which models think.
        answer_tokens: of every answer; default: `ANSWER_TOKENS`, and `THINKING_TOKENS` of models that think.
    """
    deployments = {
        name: _roomy(one, answer_tokens or (THINKING_TOKENS if _thinks(one, catalog) else ANSWER_TOKENS))
        for name, one in config.deployments.items()
    }
    return structs.replace(config, deployments=deployments)


def room_of(spine: Spine, target: str) -> int:
    """Tokens of an answer at most, over all deployments below a target of `with_room`.

    Raises:
        ConfigError: there is no such target.
    """
    kind = kind_of(TASKS[0])
    return max(live.prompt(kind).sampling.max_tokens or ANSWER_TOKENS for live in below(spine, target))


def _thinks(one: Deployment, catalog: Catalog) -> bool:
    model = catalog.get(one.model)
    return model is not None and model.reasoning in _THINK


def _roomy(one: Deployment, answer_tokens: int) -> Deployment:
    ours = {kind_of(task): Settings(max_tokens=answer_tokens) for task in TASKS}
    allowed = one.only_kinds if one.only_kinds is None else (*one.only_kinds, *ours)
    return structs.replace(one, kinds={**one.kinds, **ours}, only_kinds=allowed)
