"""What the tests of graders share: answers, and samples that they are given to."""

from __future__ import annotations

from typing import Any

from assay.evals.suites.suite import Sample
from assay.types import Finish, Label, Message, Response, Text


def answer(text: str) -> Response:
    """A complete answer."""
    return Response(parts=(Text(text=text),) if text else (), finish=Finish(kind="stop", native="stop"))


def sample(*graders: dict[str, Any], target: object = None, text: str = "How long may I bring back a bag?") -> Sample:
    """A sample with these graders."""
    return Sample(
        id="s", kind="k", messages=(Message.of("user", text),), target=target, graders=graders, split="heldout",
        label=Label.UNLABELLED,
    )  # fmt: skip
