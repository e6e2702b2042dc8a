"""Hard constraints: which deployments may serve a request at all, and why the others may not.

Each rule is a pure function of the deployment, what the catalogue knows of its model, the request and the limits;
it gives a reason or `None`. What is unknown passes a rule about abilities and fails a rule about permission
(`assay.envelope.permission`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from assay.catalog.model import Model
from assay.config.schema import Constraints, Deployment
from assay.envelope.candidate import Candidate
from assay.envelope.permission import impermissible
from assay.types import Audio, Image, Label, Part, Request, Text, ToolResult, Video

__all__ = ["inability", "lacks_key", "removals", "standing", "stays", "unfit"]

_MODALITIES: tuple[tuple[type[Part], str], ...] = ((Image, "image"), (Audio, "audio"), (Video, "video"))


def removals(
    candidate: Candidate,
    request: Request,
    constraints: Constraints,
    *,
    environ: Mapping[str, str] = os.environ,
) -> str | None:
    """The first constraint that the deployment breaks, as a reason to show; `None` if it may be called.

    Args:
        candidate: the deployment, and what is known of it.
        request: with its effective label.
        constraints: the limits.
        environ: where keys are looked up: whether one is set, never what it is.
    """
    return standing(candidate, request.label, constraints) or unfit(candidate, request, environ)


def standing(candidate: Candidate, label: Label, constraints: Constraints) -> str | None:
    """Why the deployment may be sent no request of this label, whatever it asks. Changes with days and hours only."""
    return _privacy(candidate.deployment, label, constraints) or impermissible(candidate, constraints)


def unfit(candidate: Candidate, request: Request, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why the deployment is none for what a request asks, whatever its label; see `removals`."""
    deployment = candidate.deployment
    kinds = deployment.only_kinds  # a request that names none is its caller's own choice
    if kinds is not None and request.kind is not None and request.kind not in kinds:
        return f"deployments.{candidate.name}.only_kinds does not name {request.kind}"
    if candidate.model is not None or request.output is not None:  # else nothing is known, or asked, of its abilities
        unable = inability(deployment, candidate.model, request)
        if unable is not None:
            return unable
    if deployment.api_key_env is not None and lacks_key(deployment, environ):
        return f"no key in ${deployment.api_key_env}"
    return None


def _privacy(deployment: Deployment, label: Label, constraints: Constraints) -> str | None:
    if deployment.is_private or not stays(label, constraints):
        return None
    if label is Label.UNLABELLED:
        return 'the request has no privacy label (unlabelled_data = "private-only") and the deployment is not private'
    return "the request is private-only and the deployment is not private"


def stays(label: Label, constraints: Constraints) -> bool:
    """Whether what has this label may go to private deployments only; so does a label that nobody knows."""
    return label is not Label.PUBLIC and not (label is Label.UNLABELLED and constraints.unlabelled_data == "any")


def inability(deployment: Deployment, model: Model | None, request: Request) -> str | None:
    """What the request holds that this model cannot handle; `None` if nothing is known of that kind."""
    if request.output is not None and request.output.kind == "grammar" and deployment.dialect != "local":
        return "only a local engine can be limited to a grammar"
    if model is None:
        return None
    if model.input is not None:
        others: list[Part] = []
        for message in request.messages:
            for part in message.parts:
                if type(part) is not Text:
                    others.extend(part.parts if isinstance(part, ToolResult) else (part,))
        for kind, modality in _MODALITIES if others else ():
            if modality not in model.input and any(isinstance(part, kind) for part in others):
                return f"{model.id} takes no {modality} input"
    wants_tools = bool(request.tools) and (request.tool_choice is None or request.tool_choice.mode != "none")
    if wants_tools and model.tools is False and not _tells_tools(deployment):
        return f"{model.id} does not call tools"
    return None


def _tells_tools(deployment: Deployment) -> bool:
    """Whether any model can call tools here: they are told in the prompt, and a schema limits the answer."""
    return deployment.dialect == "local" and deployment.quirks.get("tools", "schema") == "schema"


def lacks_key(deployment: Deployment, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the variable that should hold the key of the deployment's host is missing or blank."""
    name = deployment.api_key_env
    return name is not None and not environ.get(name, "").strip() and not deployment.runs_here
